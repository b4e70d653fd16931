"""A disk that is full or cannot be written while agents work, and two orchestrators on one run."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess

import pytest
from chaos_facts import facts, harm
from chaos_plans import plan_of
from chaos_project import LONG, Project, send, until

WAITS = """
limits: {parallel: 2}
tasks:
  goes_on: {run: [sh, waits.sh, goes_on.txt], outputs: {text: goes_on.txt}}
  breaks: {run: [sh, breaks.sh], outputs: {text: broken}}
  next: {needs: [breaks], run: [sh, agent.sh, "0", next.txt], outputs: {text: next.txt}}
"""
COUNTED = 'echo "${ORCH_TASK_DIR##*/}" >>"$CHAOS_LOG/starts"\n'
# Goes on for a while after the disk is broken: whoever ends it then is seen.
WAITING = """
touch begun
while [ ! -e broken ]; do sleep 0.01; done
sleep 0.5
echo done >"$1"
"""
FIRST = '[ "$ORCH_ATTEMPT" = 1 ]'
DISKS = {
    "full": ("cat /dev/zero >small/fill 2>/dev/null", "No space left on device"),
    "read-only": (
        "mount --bind small/runs small/runs && mount -o remount,bind,ro small/runs",
        "Read-only file system",
    ),
}
BROKEN = [
    (m, h) for m in ("-n0", "-n2") for h in DISKS if LONG or (m, h) in {("-n0", "full"), ("-n2", "read-only")}
]


def may_mount() -> bool:
    if shutil.which("unshare") is None:
        return False
    words = ["unshare", "-m", "sh", "-c", "mount -t tmpfs -o size=64k none /mnt"]
    return subprocess.run(words, capture_output=True, check=False).returncode == 0


@pytest.mark.skipif(not may_mount(), reason="no right to mount a small file system")
@pytest.mark.parametrize(("mode", "how"), BROKEN)
def test_when_the_run_cannot_be_recorded_nothing_new_starts_what_runs_goes_on_and_a_later_session_ends_it(
    project, tmp_path, mode: str, how: str
):
    command, said = DISKS[how]
    one: Project = project(WAITS)
    (one.root / "waits.sh").write_text(COUNTED + WAITING)
    (one.root / "breaks.sh").write_text(
        f"{COUNTED}while [ ! -e begun ]; do sleep 0.01; done\n{FIRST} && {{ {command}; }}\necho x >broken\n"
    )
    (one.root / "small").mkdir()
    shell = f"""
mount -t tmpfs -o size=2m none small && mkdir small/runs || exit 99
"$@" --orch-dir small/runs >{tmp_path}/first.txt 2>&1; echo $? >{tmp_path}/status
ls -R small/runs/p-*/latest/acts >{tmp_path}/acts
cat goes_on.txt >{tmp_path}/went_on; rm -f small/fill; umount small/runs 2>/dev/null
"$@" --orch-dir small/runs --orch-resume >{tmp_path}/second.txt 2>&1; echo $? >>{tmp_path}/status
"""
    words = ["unshare", "-m", "sh", "-c", shell, "sh", *one.words(mode)]

    subprocess.run(words, cwd=one.root, env=one.environment({}), timeout=28, check=True)

    first, second = (tmp_path / "first.txt").read_text(), (tmp_path / "second.txt").read_text()
    statuses = (tmp_path / "status").read_text().split()
    assert statuses[0] in {"1", "2"}, first
    assert said in first
    assert "Traceback" not in first
    assert (tmp_path / "went_on").read_text() == "done\n"
    assert "next.i1" not in (tmp_path / "acts").read_text()
    assert statuses[1] == "0", second
    assert (one.root / "goes_on.txt").read_text() == "done\n"
    assert sum(a.startswith("next") for a in one.started()) == 1
    assert len(set(one.started())) == len(
        one.started()
    )  # what left no exit status was done again, as another act


# Three that end while nothing can be written, and others behind them; from 20 on a supervisor starts them.
FILLED = """
limits: {{parallel: 3}}
tasks:
  fills: {{run: [sh, fills.sh], outputs: {{text: fills.txt}}}}
  one: {{run: [sh, ends.sh, one.txt], outputs: {{text: one.txt}}}}
  two: {{run: [sh, ends.sh, two.txt], outputs: {{text: two.txt}}, gate: {{checks: [{{run: [test, -s, two.txt]}}]}}}}
{others}
"""
OTHER = '  t{n}: {{run: [sh, agent.sh, "0", t{n}.txt], outputs: {{text: t{n}.txt}}}}'
FILLS = f"""
{FIRST} && while [ ! -e begun.one.txt ] || [ ! -e begun.two.txt ]; do sleep 0.01; done
{FIRST} && cat /dev/zero >small/fill 2>/dev/null
echo fills >fills.txt
touch broken
"""
ENDS = 'touch "begun.$1"\nwhile [ ! -e broken ]; do sleep 0.01; done\necho "$1" >"$1"\n'


@pytest.mark.skipif(not may_mount(), reason="no right to mount a small file system")
@pytest.mark.parametrize(("mode", "others"), [("-n0", 2), ("-n3", 2), ("-n0", 20)])
def test_what_ends_on_a_full_disk_is_not_lost_and_every_agent_is_started_once(
    project, tmp_path, mode: str, others: int
):
    plan = FILLED.format(others="\n".join(OTHER.format(n=n) for n in range(others)))
    one: Project = project(plan)
    (one.root / "fills.sh").write_text(COUNTED + FILLS)
    (one.root / "ends.sh").write_text(COUNTED + ENDS)
    (one.root / "small").mkdir()
    shell = f"""
mount -t tmpfs -o size=2m none small || exit 99
"$@" --orch-dir small/runs >{tmp_path}/first.txt 2>&1; echo $? >{tmp_path}/status
cp "$CHAOS_LOG/starts" {tmp_path}/starts; rm -f small/fill
"$@" --orch-dir small/runs --orch-resume >{tmp_path}/second.txt 2>&1; echo $? >>{tmp_path}/status
"""
    words = ["unshare", "-m", "sh", "-c", shell, "sh", *one.words(mode)]

    subprocess.run(words, cwd=one.root, env=one.environment({}), timeout=28, check=True)

    first, second = (tmp_path / "first.txt").read_text(), (tmp_path / "second.txt").read_text()
    statuses = (tmp_path / "status").read_text().split()
    assert statuses == ["2", "0"], first + second
    assert "No space left on device" in first
    assert "failed" not in first
    assert "was running and was ended" not in first
    assert "3 acts in " in first
    assert "--orch-resume" in first
    assert sorted((tmp_path / "starts").read_text().split()) == ["fills.i1.a1", "one.i1.a1", "two.i1.a1"]
    wanted = ["fills", "one", "two", *(f"t{n}" for n in range(others))]
    assert sorted(one.started()) == sorted(f"{name}.i1.a1" for name in wanted)


@pytest.mark.parametrize("shape", ["chain", "wide"])
def test_a_second_orchestrator_of_a_run_is_refused_with_the_pid_of_the_first(
    project, undisturbed, shape: str
):
    one, wanted = project(plan_of(shape, ("1.5", "0.01", "0.01", "0.01"))), undisturbed(shape)
    first = one.start()
    until(one.started, "the first agent")

    second = one.run("--orch-resume")

    assert second.status == pytest.ExitCode.TESTS_FAILED
    assert f"(pid {first.pid})" in second.text
    assert "wait until it is done" in second.text
    assert first.status == 0, first.text
    assert facts(one).starts == wanted.starts
    assert not (found := harm(one, wanted)), str(found)


def test_an_orchestrator_that_stands_still_is_still_the_owner(project, undisturbed):
    one, wanted = project(plan_of("chain", ("0.5", "0.01", "0.01", "0.01"))), undisturbed("chain")
    first = one.start()
    until(one.started, "the first agent")
    first.process.send_signal(signal.SIGSTOP)

    second = one.run("--orch-resume")
    first.process.send_signal(signal.SIGCONT)

    assert f"(pid {first.pid})" in second.text
    assert first.status == 0, first.text
    assert not (found := harm(one, wanted)), str(found)


def test_of_two_that_resume_at_once_one_does_and_one_is_refused(project, undisturbed):
    one, wanted = project(plan_of("full")), undisturbed("full")
    one.run(CHAOS_KILL_AFTER="7")

    both = [one.start("--orch-resume") for _ in range(2)]
    statuses = sorted(s.status for s in both)

    # The second may as well come when the first is through: then it has nothing to do.
    assert statuses in ([0, 1], [0, 0]), "\n".join(s.text for s in both)
    assert facts(one).starts == wanted.starts
    assert not (found := harm(one, wanted)), str(found)


KILLS_ITS_WORKERS = """
echo "${ORCH_TASK_DIR##*/}" >>"$CHAOS_LOG/starts"
[ "$ORCH_ATTEMPT" = 1 ] || exit 0
for round in 1 2 3 4 5 6; do touch "kill.$round"; while [ -e "kill.$round" ]; do sleep 0.01; done; done
sleep 60
"""


def test_an_act_that_takes_two_workers_with_it_is_failed_and_a_later_session_tries_it_again(project):
    one = project("tasks: {a: {run: [sh, deadly.sh]}, b: {needs: [a], run: ['true']}}\n")
    (one.root / "deadly.sh").write_text(KILLS_ITS_WORKERS)
    session = one.start("-n1")
    for number in (1, 2):
        flag = one.root / f"kill.{number}"
        until(flag.exists, f"the act's wish to kill a worker for the {number}. time")
        until(lambda: watches(session.workers()), "a worker that watches the act")
        for pid in session.workers():
            send(pid, signal.SIGKILL)
        flag.unlink()
    assert session.status == pytest.ExitCode.TESTS_FAILED
    assert "2 workers died while they executed it" in session.text
    assert not one.left()

    resumed = one.run("-n1", "--orch-resume")

    assert resumed.status == 0, resumed.text
    assert one.started() == ["a.i1.a1", "a.i1.a2"]


def test_workers_that_all_die_at_one_moment_are_not_taken_for_victims_of_their_act(project):
    one = project("tasks: {a: {run: [sh, waits.sh]}}\n")
    (one.root / "waits.sh").write_text(COUNTED + "while [ ! -e go ]; do sleep 0.01; done\n")
    session = one.start("-n2")
    until(one.started, "the agent")
    # The orchestrator hears of the first when the other is dead as well, and gives that one the act of the first.
    session.process.send_signal(signal.SIGSTOP)
    for pid in session.workers():
        send(pid, signal.SIGKILL)
    session.process.send_signal(signal.SIGCONT)
    until(
        lambda: session.text.count("replacing crashed worker") == 2 or session.over,
        "two others in their places",
    )
    (one.root / "go").touch()

    assert session.status == 0, session.text
    assert one.started() == ["a.i1.a1"]


def watches(workers: list[int]) -> bool:
    """Whether a worker watches an act: it has a descriptor of its process."""
    return any("pidfd" in link for pid in workers for link in links_of(pid))


def links_of(pid: int) -> list[str]:
    try:
        return [os.readlink(f"/proc/{pid}/fd/{name}") for name in os.listdir(f"/proc/{pid}/fd")]
    except OSError:
        return []
