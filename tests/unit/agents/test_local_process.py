import json
import os
import signal
import stat
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from local_acts import acts_in

from orchharness.agents import proc
from orchharness.agents.local import LocalProcess, NeverBegan
from orchharness.agents.start import ended_at, start, status_of
from orchharness.agents.supervised import SUPERVISION
from orchharness.cli.alive import Life, agent_of
from orchharness.core.acts import Finished, Handle, Lost, Running, Unknown
from orchharness.errors import OrchError
from orchharness.run.handles import spawned_at

HERE = Path(__file__).parents[3]


def in_another_process(code, handle):
    """What a Python process of its own prints, given the handle as `handle`."""
    start = (
        "import json, sys\n"
        "from orchharness.agents.local import LocalProcess\n"
        "from orchharness.core.acts import *\n"
        "handle = Handle(**json.loads(sys.argv[1]))\n"
    )
    text = json.dumps({"kind": handle.kind, "data": dict(handle.data)})
    done = subprocess.run(
        [sys.executable, "-c", start + code, text],
        capture_output=True,
        text=True,
        check=True,
        timeout=20,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    return done.stdout.strip()


def children():
    return Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()


# ---- starting and ending -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("script", "status", "detail"),
    [
        ("exit 0", 0, ""),
        ("exit 3", 3, "exit 3"),
        ("kill -KILL $$", 137, "killed by SIGKILL"),
        ("kill -SEGV $$", 139, "killed by SIGSEGV"),
        ("exit 255", 255, "exit 255"),
    ],
)
def test_the_exit_status_is_what_the_command_ended_with(acts, script, status, detail):
    result = acts.wait(acts.spawn("sh", "-c", script))

    assert result == Finished(ok=status == 0, exit=status, detail=detail, answer=result.answer)


def test_what_it_prints_is_in_the_files_of_its_folder_and_only_the_owner_reads_them(acts):
    handle = acts.spawn("sh", "-c", "echo out; echo err >&2")
    result = acts.wait(handle)

    folder = Path(handle.data["folder"])
    assert (folder / "stdout.log").read_text() == "out\n"
    assert (folder / "stderr.log").read_text() == "err\n"
    assert {stat.S_IMODE((folder / name).stat().st_mode) for name in ("stdout.log", "handle.json")} == {0o600}
    assert result.answer == "out\n"


def test_stdin_is_empty_and_no_other_descriptor_reaches_it(acts):
    reader, writer = os.pipe()
    os.set_inheritable(writer, True)  # noqa: FBT003
    try:
        result = acts.wait(acts.spawn("sh", "-c", "cat; ls /proc/self/fd"))
    finally:
        os.close(reader)
        os.close(writer)

    assert result.answer.split() == ["0", "1", "2", "3"]  # 3 is the listing itself


def test_signals_that_the_caller_ignores_are_not_ignored_by_the_act(acts):
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        result = acts.wait(acts.spawn("sh", "-c", "kill -INT $$; echo still here"))
    finally:
        signal.signal(signal.SIGINT, before)

    assert result.detail == "killed by SIGINT"


def test_it_works_in_its_directory_with_words_kept_whole(acts, tmp_path):
    (tmp_path / "a b").mkdir()
    result = acts.wait(
        acts.spawn(
            "sh", "-c", 'pwd; printf "%s|" "$@"', "sh", "x y", "", "$HOME", "*", cwd=str(tmp_path / "a b")
        )
    )

    assert result.answer == f"{tmp_path / 'a b'}\nx y||$HOME|*|"


def test_it_leads_a_session_of_its_own_and_is_told_where_it_works(acts, tmp_path):
    (tmp_path / "here").mkdir()
    code = "import os; print(os.getsid(0) == os.getpgrp(), os.environ['PWD'])"
    result = acts.wait(acts.python(code, cwd=f"{tmp_path}/./here"))

    assert result.answer == f"True {tmp_path}/here\n"


def test_a_command_that_tells_its_whole_group_to_end_still_has_an_exit_status(acts):
    result = acts.wait(acts.spawn("sh", "-c", "kill -TERM 0; exit 0"))

    assert (result.ok, result.exit, result.detail) == (False, 143, "killed by SIGTERM")


def test_a_background_child_ends_with_the_act(acts, line_from):
    path, read = line_from
    handle = acts.spawn("sh", "-c", f"sleep 600 & echo $! >{path}")
    child = int(read())
    acts.wait(handle)

    assert LocalProcess.sweep(acts.keys) == []
    assert (found := proc.look(child)) is None or not found.alive


def test_a_background_child_ends_as_well_when_another_process_sees_the_end(acts, line_from):
    path, read = line_from
    handle = acts.spawn("sh", "-c", f"sleep 600 & echo $! >{path}")
    read()
    acts.wait_for_leader(handle)
    with suppress(ChildProcessError):  # a supervisor does it by itself
        os.waitpid(acts.pid(handle), 0)  # as init does for an orphan

    assert in_another_process("print(LocalProcess.poll(handle).exit)", handle) == "0"
    assert LocalProcess.sweep(acts.keys) == []


def test_no_zombie_is_left_after_the_end_or_a_cancel(acts):
    before = children()
    acts.wait(acts.spawn("true"))
    assert LocalProcess.cancel(acts.spawn("sleep", "600"))

    assert children() == before


def test_it_can_be_polled_again_after_its_end(acts):
    handle = acts.spawn("sh", "-c", "exit 3")
    first = acts.wait(handle)

    assert LocalProcess.poll(handle) == first
    assert LocalProcess.wake(handle) is None
    assert LocalProcess.cancel(handle)


# ---- what cannot be started --------------------------------------------------------------------------------


def test_what_cannot_be_started_is_said_before_anything_is_spawned(acts, tmp_path):
    (tmp_path / "data").write_text("x")
    (tmp_path / "folder").mkdir()
    cases = {
        ("no-such-program",): "command not found: 'no-such-program'",
        ("./data",): "command is not executable: './data'",
        ("./folder",): "command is a directory: './folder'",
        (str(tmp_path / "gone"),): f"command not found: {str(tmp_path / 'gone')!r}",
        (): "T-5.i1.a1: there is no command to execute",
        ("",): "T-6.i1.a1: there is no command to execute",
    }
    said = {}
    for argv in cases:
        request = acts.request(argv)
        with pytest.raises(OrchError) as caught:
            acts.start(request)
        said[argv] = str(caught.value)
        assert list(Path(request.folder).iterdir()) == []

    assert said == cases


def test_a_working_directory_that_is_not_there_is_said(acts, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OrchError) as gone:
        acts.spawn("true", cwd=str(tmp_path / "gone"))
    with pytest.raises(OrchError) as file:
        acts.spawn("true", cwd=str(tmp_path / "file"))

    assert str(gone.value) == f"the working directory {str(tmp_path / 'gone')!r} does not exist"
    assert str(file.value) == f"{str(tmp_path / 'file')!r} is no directory"


def test_a_command_line_that_is_too_long_says_how_long_and_what_to_do(acts):
    with pytest.raises(OrchError) as caught:
        acts.spawn("true", "x" * 3_000_000)

    assert str(caught.value).startswith("the command line of 'true' and its environment are 30")
    assert "pass long text in a file" in str(caught.value)


def test_a_word_with_a_null_byte_is_an_error_not_a_bug(acts):
    with pytest.raises(OrchError, match="command 'true' cannot be started: embedded null byte"):
        acts.spawn("true", "a\0b")


def test_a_program_that_the_system_does_not_take_ends_as_in_a_shell(acts, tmp_path):
    texts = {"plain": "echo by the shell: $1\n", "bad": "#!/no/such/interpreter\n"}
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    plain = acts.wait(acts.spawn("./plain", "word"))
    bad = acts.spawn("./bad")

    assert (plain.exit, plain.answer) == (0, "by the shell: word\n")
    assert acts.wait(bad).exit == 127
    assert "bad: " in Path(bad.data["folder"], "stderr.log").read_text()


# ---- finding the program, the environment ------------------------------------------------------------------


def test_the_program_is_looked_for_where_the_act_would_look(acts, tmp_path):
    tool = tmp_path / "bin" / "orch-test-tool"
    tool.parent.mkdir()
    tool.write_text("#!/bin/sh\necho found\n")
    tool.chmod(0o755)
    absolute = acts.wait(acts.spawn("orch-test-tool", env={"PATH": f"{tool.parent}:{os.environ['PATH']}"}))
    relative = acts.wait(acts.spawn("bin/orch-test-tool"))

    assert (absolute.answer, relative.answer) == ("found\n", "found\n")
    with pytest.raises(OrchError, match="command not found"):
        acts.spawn("orch-test-tool")


def test_variables_of_test_runs_and_outer_acts_do_not_reach_it_but_outer_markers_do(acts, monkeypatch):
    for name in [n for n in os.environ if n.startswith("ORCH_")]:
        monkeypatch.delenv(name)  # the tests themselves may be an act
    for name in ("PYTEST_ADDOPTS", "COV_CORE_SOURCE", "ORCH_TASK", "ORCH_ACT_0123456789abcdef", "OTHER"):
        monkeypatch.setenv(name, "1")
    answer = acts.wait(acts.spawn("env", env={"ORCH_TASK": "EN-027", "odd-name": "kept", "f": "x"})).answer
    env = dict(line.split("=", 1) for line in answer.splitlines())

    assert not [name for name in env if name.startswith(("PYTEST_", "COV_"))]
    assert {n: env[n] for n in ("ORCH_TASK", "OTHER", "odd-name", "f")} == {
        "ORCH_TASK": "EN-027",
        "OTHER": "1",
        "odd-name": "kept",
        "f": "x",
    }
    assert {n for n in env if n.startswith("ORCH_ACT_")} == {
        "ORCH_ACT_0123456789abcdef",
        f"ORCH_ACT_{acts.keys[0][:16]}",
    }


# ---- one act, one start ------------------------------------------------------------------------------------


def test_spawning_twice_gives_the_same_handle_and_starts_once(acts):
    request = acts.request(("sh", "-c", "echo started"))
    first = acts.start(request)
    second = acts.start(request)
    acts.wait(first)
    third = acts.start(request)

    assert first == second
    assert acts.stored(first) == acts.stored(third)
    assert acts.wait(third).answer == "started\n"


def test_a_folder_of_another_act_is_refused(acts):
    first = acts.request(("true",))
    acts.wait(acts.start(first))
    other = acts.request(("true",), folder=Path(first.folder))
    with pytest.raises(OrchError, match="belongs to another act"):
        acts.start(other)


@pytest.mark.parametrize("torn", [None, "", '{"kind": "comm'])
def test_an_act_whose_spawner_died_before_it_stored_the_handle_is_found(acts, torn):
    request = acts.request(("sleep", "600"))
    handle = acts.stored(acts.start(request))
    SUPERVISION.forget(request.key)
    while not (Path(request.folder) / "pid").exists():
        pass
    stored = Path(request.folder, "handle.json")
    stored.unlink()
    if torn is not None:
        stored.write_text(torn)
    again = acts.start(request)

    assert {**again.data, "supervisor": 0} == {**handle.data, "supervisor": 0}
    assert LocalProcess.cancel(again)


def test_an_act_that_ended_unseen_and_without_a_handle_is_not_started_again(acts):
    request = acts.request(("sh", "-c", "echo started; exit 3"))
    acts.wait(acts.start(request))
    Path(request.folder, "handle.json").unlink()
    again = acts.start(request)

    assert LocalProcess.poll(again) == Finished(ok=False, exit=3, detail="exit 3", answer="started\n")


def test_of_two_spawns_at_once_only_one_does_the_work_and_both_handles_tell_of_it(acts, line_from):
    path, read = line_from
    request = acts.request(("sh", "-c", f"echo started >{path}; read x <{path}.go; echo done"))
    os.mkfifo(f"{path}.go")
    first = LocalProcess.spawn(request, request.argv)
    assert read() == "started"
    Path(request.folder, "handle.json").unlink()
    claim = Path(request.folder, "pid")
    claim.rename(claim.with_name("hidden"))  # as if the first had not come so far when the second looked
    second = _spawn_when_claimed(request, claim)

    assert acts.pid(second) != acts.pid(first)
    acts.wait_for_leader(second)
    assert LocalProcess.poll(second) == Running()
    Path(f"{path}.go").write_text("go\n")
    acts.wait_for_leader(first)
    assert acts.wait(second) == acts.wait(first) == Finished(ok=True, exit=0, answer="done\n")


def _spawn_when_claimed(request, claim):
    import orchharness.agents.start as start

    found = start.find(request, "command")
    assert found is None
    claim.with_name("hidden").rename(claim)
    return start.start(request, request.argv, "command")


# ---- seen from other processes -----------------------------------------------------------------------------


def test_another_process_sees_it_run_and_sees_its_end(acts, tmp_path):
    os.mkfifo(tmp_path / "go")
    handle = acts.spawn("sh", "-c", f"read x <{tmp_path}/go; exit 4")

    assert in_another_process("print(LocalProcess.poll(handle))", handle) == "Running(life='')"
    (tmp_path / "go").write_text("go\n")
    acts.wait_for_leader(handle)
    assert in_another_process("print(LocalProcess.poll(handle).exit)", handle) == "4"
    assert acts.wait(handle).exit == 4


def test_another_process_can_cancel_it(acts):
    handle = acts.spawn("sh", "-c", "trap '' TERM; while :; do sleep 600; done")

    assert in_another_process("print(LocalProcess.cancel(handle, grace=0.1))", handle) == "True"
    assert LocalProcess.sweep(acts.keys) == []
    assert isinstance(acts.wait(handle), Finished | Lost)


def test_it_outlives_a_killed_spawner_and_the_next_one_reads_its_end(acts, tmp_path):
    os.mkfifo(tmp_path / "go")
    request = acts.request(("sh", "-c", f"read x <{tmp_path}/go; echo survived; exit 5"))
    code = (
        "import os, signal, sys\n"
        "from orchharness.agents.local import LocalProcess\n"
        "from orchharness.core.acts import SpawnRequest\n"
        "request = SpawnRequest(key=sys.argv[1], act='a', kind='command', folder=sys.argv[2], cwd=sys.argv[2])\n"
        "LocalProcess.spawn(request, sys.argv[3:])\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    spawner = subprocess.run(
        [sys.executable, "-c", code, request.key, request.folder, *request.argv],
        check=False,
        timeout=20,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    handle = acts.start(request)

    assert spawner.returncode == -signal.SIGKILL
    assert LocalProcess.poll(handle) == Running()
    (tmp_path / "go").write_text("go\n")
    assert acts.wait(handle) == Finished(ok=False, exit=5, detail="exit 5", answer="survived\n")


def test_a_leader_that_is_killed_makes_it_lost_and_what_it_started_is_ended(acts, line_from):
    path, read = line_from
    handle = acts.spawn("sh", "-c", f"echo up >{path}; sleep 600")
    read()
    os.kill(acts.pid(handle), signal.SIGKILL)
    acts.wait_for_leader(handle)

    lost = Lost("its process is gone and left no exit status")
    killed = Finished(ok=False, exit=137, detail="killed by SIGKILL")  # its supervisor is there to tell
    assert acts.wait(handle) == (killed if acts.supervised else lost)
    assert LocalProcess.cancel(handle)
    assert LocalProcess.sweep(acts.keys) == []


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"host": "elsewhere", "boot": "another"}, Unknown("it runs on 'elsewhere', out of sight from here")),
        ({"namespace": "pid:[1]"}, Unknown(f"it runs on {os.uname().nodename!r}, out of sight from here")),
        ({"boot": "another"}, Lost("the machine was restarted")),
        ({"host": "renamed"}, Running()),
        ({"start": 1}, Lost("its process is gone and left no exit status")),
    ],
)
def test_a_handle_of_another_place_or_time_is_never_taken_for_a_process_of_here(
    acts, line_from, change, expected
):
    path, read = line_from
    handle = acts.spawn("sh", "-c", f"echo up >{path}; exec sleep 600")
    read()
    handle = acts.stored(handle)
    other = Handle(kind="command", data={**handle.data, "marker": "ORCH_ACT_0=1", **change})

    assert LocalProcess.poll(other) == expected
    assert LocalProcess.poll(handle) == Running()
    assert LocalProcess.cancel(handle)


def test_an_exit_file_decides_whatever_the_machine_says_and_an_empty_one_says_nothing(acts):
    handle = acts.spawn("true")
    acts.wait(handle)
    handle = acts.stored(handle)
    elsewhere = Handle(kind="command", data={**handle.data, "host": "elsewhere", "boot": "another"})

    assert LocalProcess.poll(elsewhere).exit == 0
    Path(handle.data["folder"], "exit").write_text("")
    assert isinstance(LocalProcess.poll(elsewhere), Unknown)
    assert LocalProcess.poll(handle) == Lost("its process is gone and left no exit status")


def test_cancelling_what_runs_elsewhere_says_that_it_may_be_left(acts):
    handle = acts.spawn("true")
    acts.wait(handle)
    handle = acts.stored(handle)

    assert not LocalProcess.cancel(Handle(kind="command", data={**handle.data, "host": "x", "boot": "y"}))
    assert LocalProcess.cancel(Handle(kind="command", data={**handle.data, "boot": "y"}))


# ---- a full disk -------------------------------------------------------------------------------------------

# A folder of that name is in the way of the status, as a full disk is.
NO_EXIT = 'mkdir "$D/exit"; exit 3'


def test_a_status_that_finds_no_room_stands_behind_the_pid(acts):
    handle = acts.spawn("sh", "-c", NO_EXIT, env={"D": str(acts.root / "act-1")})
    result = acts.wait(handle)
    handle = acts.stored(handle)

    folder = Path(handle.data["folder"])
    os.utime(folder / "handle.json", (1000000000, 1000000000))
    assert result == Finished(ok=False, exit=3, detail="exit 3", answer=result.answer)
    assert (folder / "pid").read_text() == f"{handle.data['pid']}\n3\n"
    assert in_another_process("print(LocalProcess.poll(handle).exit)", handle) == "3"
    assert ended_at(str(folder)) is not None
    assert spawned_at(str(folder)) == 1000000000
    assert agent_of(folder, handle.data["key"]).life is Life.ENDED


@pytest.mark.parametrize("text", ["", "12\n", "12\n3", "12\nx\n", "12\n3\n4\n"])
def test_a_pid_that_stands_alone_is_no_status(tmp_path, text):
    (tmp_path / "pid").write_text(text)

    assert status_of(str(tmp_path)) is None
    assert ended_at(str(tmp_path)) is None


def test_a_fifo_in_place_of_the_pid_stops_nobody(tmp_path):
    os.mkfifo(tmp_path / "pid")

    assert status_of(str(tmp_path)) is None


def test_an_act_whose_pid_found_no_room_never_began_and_is_started_later(tmp_path):
    with acts_in(tmp_path) as acts:
        request = acts.request(("touch", "began"))
        Path(
            request.folder, "pid"
        ).touch()  # as the shell leaves it that could make the file and not write to it
        handle = start(request, request.argv, "command")
        assert isinstance(acts.wait(handle), NeverBegan)
        assert not (tmp_path / "began").exists()

        again = acts.start(request)

        assert acts.wait(again).ok
        assert (tmp_path / "began").exists()
