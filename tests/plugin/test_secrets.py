"""Values that a plan passes through, and keys, are in nothing that is kept or shown."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from local_sessions import LIMIT, items, journal, plan, run, run_folder, wait_for
from xdist_sessions import session

SECRET = "tok-5f1c8a77e2"
KEY = "ghp_" + "aB3d" * 9
LEAK = """
import json, os, sys, time
from pathlib import Path
token, key = os.environ["TOKEN"], "ghp_" + "aB3d" * 9
print("used", token, key)
print("used", token, file=sys.stderr)
Path("out").mkdir(exist_ok=True)
Path("out", f"{token}.md").write_text(f"text {os.environ['ORCH_ITERATION']}")
said = {"summary": f"with {token}", "session": f"s-{token}", "usage": {"input_tokens": 1, "of": token}, "answer": token}
Path(os.environ["ORCH_RESULT"]).write_text(json.dumps(said))
Path("begun").touch()
while Path("wait").exists():
    time.sleep(0.02)
"""
LATE = """
import os, sys, time
from pathlib import Path
token = os.environ.get("TOKEN") or os.environ["REAL_TOKEN"].rpartition(" ")[2]
Path("begun").touch()
while Path("wait").exists():
    time.sleep(0.02)
print(f"late with {token}", file=sys.stderr)
print("x" * 1990, token, flush=True)
sys.exit(3)
"""
JUDGE = """
import json, os, sys
token, good = os.environ["REAL_TOKEN"], os.environ["ORCH_ITERATION"] == "2"
print(f"judged with {token}", file=sys.stderr)
finding = {"severity": "major", "task": "leak", "where": token, "what": f"uses {token}", "fix": f"not {token}"}
print(json.dumps({"criteria": {"c": {"score": int(good), "why": f"saw {token}"}}, "findings": [] if good else [finding]}))
"""
PLAN = """
critics: {judge: {run: [python, judge.py], criteria: {c: 1}}}
tasks:
  leak:
    run: [python, leak.py]
    env: {TOKEN: '${REAL_TOKEN}'}
    outputs: {o: "out/*.md", said: {from: stdout}}
    gate: {critics: [judge]}
  other: {run: [sh, -c, 'echo "the other saw $REAL_TOKEN" >&2; exit 3']}
  reads: {run: [sh, -c, 'cat "$ORCH_INPUT_O"'], inputs: {o: [leak.o]}, outputs: {copy: {from: stdout}}}
"""


@pytest.fixture(autouse=True)
def leaky(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REAL_TOKEN", SECRET)
    (pytester.path / "leak.py").write_text(LEAK)
    (pytester.path / "judge.py").write_text(JUDGE)


def holders(pytester: pytest.Pytester) -> list[str]:
    """What of the run holds it in its bytes or its name; the store and what it was taken from are work."""
    folder = run_folder(pytester)
    found = [p for p in folder.rglob("*") if (folder / "store") not in p.parents]
    return sorted(
        str(p.relative_to(folder))
        for p in found
        if SECRET in p.name
        or (p.is_file() and any(s.encode() in p.read_bytes() for s in (SECRET, KEY)) and not _is_copy(p))
    )


def _is_copy(path: Path) -> bool:
    return bool({"inputs", "gate"} & set(path.parts))


def decided(pytester: pytest.Pytester) -> dict[str, str]:
    return {item: facts["state"] for item, facts in items(pytester).items()}


@pytest.mark.parametrize("words", [[], ["-n2"]], ids=["n0", "n2"])
def test_a_value_that_is_passed_through_is_in_nothing_that_is_kept_or_shown(
    pytester: pytest.Pytester, words: list[str]
) -> None:
    plan(pytester, PLAN)

    result = session(pytester, "--junitxml=found.xml", "-rA", *words)

    assert decided(pytester) == {"leak": "passed", "G-leak": "passed", "other": "failed", "reads": "passed"}
    assert holders(pytester) == []
    for text in (result.stdout.str(), result.stderr.str(), (pytester.path / "found.xml").read_text()):
        assert SECRET not in text
        assert KEY not in text
    result.stdout.fnmatch_lines(["*the other saw [[]redacted]"])
    log = run_folder(pytester) / "acts/leak.i1.a1/stdout.log"
    assert log.read_text() == "used [redacted] [redacted]\n"
    assert log.stat().st_mode & 0o077 == 0
    assert journal(pytester)[0]["header"]["hidden"] == ["REAL_TOKEN"]


def test_the_work_itself_is_never_altered(pytester: pytest.Pytester) -> None:
    plan(pytester, PLAN)

    session(pytester)

    stored = [p.read_text() for p in (run_folder(pytester) / "store").rglob("*") if p.is_file()]
    assert f"used {SECRET} {KEY}\n" in stored
    assert (pytester.path / "out" / f"{SECRET}.md").read_text() == "text 2"


def test_after_a_kill_and_a_resume_nothing_holds_it_either(pytester: pytest.Pytester) -> None:
    plan(pytester, PLAN)
    (pytester.path / "wait").touch()
    words = (sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-k", "leak or reads", "a.plan.yaml")
    process = subprocess.Popen(words, cwd=pytester.path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for((pytester.path / "begun").exists)
    process.send_signal(signal.SIGKILL)
    process.wait(LIMIT)
    (pytester.path / "wait").unlink()

    result = session(pytester, "--orch-resume", "-rA", "-k", "leak or reads")

    assert decided(pytester)["reads"] == "passed"
    assert holders(pytester) == []
    assert SECRET not in result.stdout.str()
    stored = [p.read_text() for p in (run_folder(pytester) / "store").rglob("*") if p.is_file()]
    assert f"used {SECRET} {KEY}\n" in stored


ALONE = """
tasks:
  leak: {run: [python, leak.py], env: {TOKEN: '${REAL_TOKEN}'}, outputs: {o: "out/*.md", said: {from: stdout}}}
"""


def left_running(pytester: pytest.Pytester, text: str = ALONE) -> None:
    """A session that was killed while its agent works; the agent waits for the file `wait` to go."""
    plan(pytester, text)
    (pytester.path / "wait").touch()
    words = (sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "a.plan.yaml")
    process = subprocess.Popen(words, cwd=pytester.path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for((pytester.path / "begun").exists)
    process.send_signal(signal.SIGKILL)
    process.wait(LIMIT)


def resumed(pytester: pytest.Pytester, *words: str) -> pytest.RunResult:
    """The session that goes on; the agent ends when it was found again."""
    argv = (sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--orch-resume", "-v", *words)
    process = subprocess.Popen(argv, cwd=pytester.path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    journal_ = run_folder(pytester) / "journal.jsonl"
    wait_for(lambda: b"RunResumed" in journal_.read_bytes())
    (pytester.path / "wait").unlink()
    out = process.communicate(timeout=LIMIT)[0].decode()
    return pytest.RunResult(process.returncode, out.splitlines(), [], 0)


@pytest.mark.parametrize("words", [[], ["-n2"]], ids=["n0", "n2"])
@pytest.mark.parametrize("kept", [True, False], ids=["kept", "lost"])
def test_an_act_that_runs_is_taken_back_without_the_variable_that_it_was_given(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, words: list[str], kept: bool
) -> None:
    left_running(pytester)
    monkeypatch.delenv("REAL_TOKEN")
    if not kept:  # its orchestrator died before
        (run_folder(pytester) / "acts/leak.i1.a1/handle.json").unlink()

    result = resumed(pytester, *words)

    assert decided(pytester)["leak"] == "passed"
    assert SECRET not in result.stdout.str()
    result.stdout.fnmatch_lines(["*leak re-attached: *"])
    result.stdout.no_fnmatch_line("*the environment has no*")


WITHIN = ALONE.replace("${REAL_TOKEN}", "Bearer {{ iteration }} ${REAL_TOKEN}").replace(
    "TOKEN:", "REAL_TOKEN:"
)


@pytest.mark.parametrize(
    ("text", "words", "value"),
    [(ALONE, [], None), (WITHIN, [], "tok-of-another-day"), (WITHIN, ["-n2"], None)],
    ids=["unset", "changed", "n2"],
)
def test_the_former_value_of_an_act_that_is_taken_back_is_hidden_too(
    pytester: pytest.Pytester,
    monkeypatch: pytest.MonkeyPatch,
    text: str,
    words: list[str],
    value: str | None,
) -> None:
    (pytester.path / "leak.py").write_text(LATE)
    left_running(pytester, text)
    change(monkeypatch, value)

    result = resumed(pytester, *words, "--orch-record=all", "--junitxml=found.xml")

    assert decided(pytester)["leak"] == "failed"
    shown = (result.stdout.str(), (pytester.path / "found.xml").read_text())
    assert all("late with" in text and "[redacted]" in text and SECRET not in text for text in shown)
    assert holders(pytester) == []
    recorded = [p for p in (pytester.path / "recordings").rglob("*") if p.is_file()]
    assert not [p for p in recorded if SECRET in p.read_text()]
    assert "cannot be redacted" not in result.stdout.str()


@pytest.mark.parametrize(
    ("value", "told"),
    [(SECRET, False), ("tok-of-another-day", True), (None, True)],
    ids=["same", "changed", "unset"],
)
def test_a_former_value_that_nobody_knows_any_more_is_told(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, value: str | None, *, told: bool
) -> None:
    left_running(pytester)
    (pytester.path / "wait").unlink()
    wait_for(lambda: list(run_folder(pytester).glob("acts/*/exit")))
    change(monkeypatch, value)

    result = session(pytester, "--orch-resume")

    assert decided(pytester)["leak"] == "passed"
    says = "warning: 'REAL_TOKEN' has another value than when the run was left" in result.stdout.str()
    assert says is told
    mark = journal(pytester)[0]["header"]["hidden_marks"]["REAL_TOKEN"]
    assert re.fullmatch("[0-9a-f]{16}:[0-9a-f]{4}", mark)


def change(monkeypatch: pytest.MonkeyPatch, value: str | None) -> None:
    if value is None:
        monkeypatch.delenv("REAL_TOKEN")
    else:
        monkeypatch.setenv("REAL_TOKEN", value)


def test_what_a_look_ahead_says_is_redacted(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(
        """
from orchharness import Handle, Kind, Preflight, hookimpl

@hookimpl
def orchharness_agent_kinds(): return [Kind(name="k")]
@hookimpl
def orchharness_preflight(request): return Preflight(fault=f"401 for {request.env['TOKEN']}")
@hookimpl
def orchharness_spawn(request): return Handle(kind="k", data={})
@hookimpl
def orchharness_poll(handle): return None
@hookimpl
def orchharness_cancel(handle): return True
"""
    )
    plan(pytester, "agents: {a: {kind: k}}\ntasks: {t: {agent: a, prompt: x, env: {TOKEN: '${REAL_TOKEN}'}}}")

    result = run(pytester)

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["a.plan.yaml:2: agent 'a' of kind 'k': 401 for [[]redacted]"])
    assert SECRET not in result.stdout.str()


def test_a_value_that_is_too_short_is_told_and_one_that_is_part_of_a_name_stays(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOOR_PIN", "1234")
    monkeypatch.setenv("STAGE", "publish")
    plan(
        pytester,
        "tasks: {publish-site: {run: [sh, -c, 'echo $PIN $STAGE; exit 1'], env: {PIN: '${DOOR_PIN}', STAGE: '${STAGE}', H: '${HOME}'}}}",
    )

    result = run(pytester)

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "1234 publish",
            "warning: the value of 'DOOR_PIN' has fewer than 6 characters: it cannot be redacted",
        ]
    )
    assert "hidden" not in journal(pytester)[0]["header"]
