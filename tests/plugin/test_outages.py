"""Sessions whose agents meet a rate limit or a refused key: what is started, what is told, and how it goes on."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import pytest
import yaml
from xdist_sessions import wait_for

from orchharness.cli import main
from orchharness.testing import Played, Session, start_plan

HEAD = "orchharness: 1\nlimits: {{parallel: {parallel}, outage: {outage}}}\n"
QUIET = ("-p", "no:cacheprovider", "-p", "no:hypothesispytest")
BOTH = pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["n0", "n2"])


@pytest.fixture
def begin(tmp_path: Path):
    sessions: list[Session] = []

    def begin(text: str, *words: str, parallel: int = 2, outage: str = "6h") -> Session:
        folder = tmp_path / "plans"
        folder.mkdir(exist_ok=True)
        (folder / "conftest.py").write_text("from orchharness.testing import *\n")
        file = folder / "a.plan.yaml"
        file.write_text(HEAD.format(parallel=parallel, outage=outage) + text)
        sessions.append(start_plan(file, tmp_path, *QUIET, *words))
        return sessions[-1]

    yield begin
    for session in sessions:
        session.close()


def spans(played: Played) -> dict[str, tuple[float, float]]:
    """Act -> when it was started and when its end was known."""
    found: dict[str, Any] = {}
    for entry in played.journal():
        if entry["event"] in {"TaskStarted", "JudgementStarted"}:
            found[entry["act"]] = (entry["at"], float("inf"))
        elif entry["event"] in {"TaskFinished", "JudgementFinished"}:
            found[entry["act"]] = (found[entry["act"]][0], entry["at"])
    return found


ONCE = """
agents:
  author: {kind: scripted, script: {task: [one, two], attempt: 1, do: {limited: 1}}}
tasks:
  one: {agent: author, outputs: {text: one.txt}}
  two: {agent: author, outputs: {text: two.txt}}
  three: {agent: author, outputs: {text: three.txt}}
"""


@BOTH
def test_a_limited_run_waits_and_passes_and_starts_nothing_meanwhile(begin, workers):
    played = begin(ONCE, *workers).wait(28)
    acts = spans(played)
    pause = max(acts["one.i1.a1"][1], acts["two.i1.a1"][1])
    first = min(begun for act, (begun, _) in acts.items() if not act.endswith("a1") or "three" in act)

    assert played.outcomes == {"passed": 3}
    assert [len(played.starts(name)) for name in ("one", "two", "three")] == [2, 2, 1]
    assert first >= pause + 1.0
    assert played.text.count("parked: scripted takes no work until ") == 1
    assert played.text.count("goes on: scripted takes work again") == 1
    assert "RETRY" not in played.text


@BOTH
def test_a_limit_for_ever_ends_with_the_patience(begin, workers):
    text = """
agents: {author: {kind: scripted, script: {do: limited}}}
tasks:
  one: {agent: author, outputs: {text: one.txt}}
  two: {agent: author, outputs: {text: two.txt}, needs: [one]}
  free: {run: [sh, -c, "echo x > free.txt"], outputs: {text: free.txt}}
"""
    played = begin(text, *workers, outage="2s").wait(28)

    assert played.status == 1
    assert played.states() == {"one": "failed", "two": "skipped", "free": "passed"}
    assert "rate limit for 2s: 429" in played.text
    assert len(played.starts("one")) == 1
    assert [e["engine"] for e in played.journal("PatienceEnded")] == ["scripted"]


@BOTH
def test_a_condition_that_the_end_of_the_patience_lets_be_asked_is_asked(begin, workers):
    text = """
agents: {author: {kind: scripted, script: {do: limited}}}
tasks:
  one: {agent: author, outputs: {text: one.txt}}
  tidy: {run: [sh, -c, "echo x > tidy.txt"], needs: [one], trigger_rule: all_done, when: "status('one') == 'failed'",
    outputs: {text: tidy.txt}}
"""
    played = begin(text, *workers, outage="2s").wait(28)

    assert played.status == 1
    assert played.states() == {"one": "failed", "tidy": "passed"}


def test_a_burst_of_five_makes_one_pause_and_kills_nothing(begin):
    tasks = "".join(f"  t{n}: {{agent: author, outputs: {{text: t{n}.txt}}}}\n" for n in range(5))
    text = "agents: {author: {kind: scripted, script: {attempt: 1, do: [{sleep: 1}, {limited: 1}]}}}\n"
    played = begin(f"{text}tasks:\n{tasks}", parallel=5).wait(28)
    acts = spans(played)
    again = sorted(acts[f"t{n}.i1.a2"] for n in range(5))

    assert played.outcomes == {"passed": 5}
    assert played.text.count("parked: ") == 1
    assert len(played.starts()) == 10
    assert again[1][0] >= again[0][1]  # one went first


@BOTH
def test_a_refused_agent_is_asked_once_and_its_other_tasks_fail_at_once(begin, workers):
    text = """
agents:
  author: {kind: scripted, script: {task: one, do: {refused: 401 no such key}}}
  editor: {kind: scripted}
tasks:
  one: {agent: author, outputs: {text: one.txt}, retry: {attempts: 3}}
  two: {agent: author, outputs: {text: two.txt}, needs: [three]}
  three: {agent: editor, outputs: {text: three.txt}}
  four: {run: [sh, -c, "echo x > four.txt"], outputs: {text: four.txt}}
"""
    played = begin(text, *workers, parallel=1).wait(28)

    assert played.states() == {"one": "failed", "two": "failed", "three": "passed", "four": "passed"}
    assert len(played.starts("one")) == 1
    assert played.starts("two") == []
    assert "not started: agent 'author' was refused: 401 no such key, see one" in played.text


@pytest.mark.parametrize("judge", ["agent: reader, prompt: Judge it.", "kind: scripted, script: *limits"])
def test_a_judge_that_is_limited_is_asked_again(begin, judge):
    text = f"""
x-limits: &limits [{{attempt: 1, do: {{limited: 1}}}}, {{do: [{{say: '{{"criteria": {{"q": {{"score": 1.0}}}}}}'}}]}}]
agents: {{reader: {{kind: scripted, script: *limits}}}}
critics: {{c: {{{judge}, criteria: {{q: 1}}}}}}
tasks:
  one: {{run: [sh, -c, "echo x > one.txt"], outputs: {{text: one.txt}}, gate: {{id: G, critics: [c]}}}}
"""
    played = begin(text).wait(28)

    assert played.states() == {"one": "passed", "G": "passed"}, played.text
    assert [e["outcome"] for e in played.journal("JudgementFinished")] == ["limited", "success"]
    assert played.journal("JudgementFinished")[0]["retry_after"] == 1


def test_why_a_judge_was_refused_is_said_once(begin):
    text = """
agents: {reader: {kind: scripted, script: {do: {refused: 401 no judge key}}}}
critics: {c: {agent: reader, prompt: Judge it., criteria: {q: 1}}}
tasks:
  one: {run: [sh, -c, "echo x > one.txt"], outputs: {text: one.txt}, gate: {id: G, critics: [c]}}
"""
    played = begin(text).wait(28)

    (end,) = played.journal("JudgementFinished")
    assert (end["outcome"], end["detail"]) == ("refused", "401 no judge key")


def test_what_a_refused_agent_printed_is_told_also_where_the_reason_holds_the_same_letters(begin):
    text = """
agents: {author: {kind: scripted, script: {do: [{say: key}, {refused: 401 no key}]}}}
tasks: {one: {agent: author, outputs: {text: one.txt}}}
"""
    played = begin(text).wait(28)

    (end,) = played.journal("TaskFinished")
    assert end["detail"] == "401 no key\nkey"


def test_lines_that_the_reason_holds_are_told_once(begin):
    text = """
agents: {author: {kind: scripted, script: {do: [{say: "no key\\nask for one"}, {refused: "no key\\nask for one"}]}}}
tasks: {one: {agent: author, outputs: {text: one.txt}}}
"""
    played = begin(text).wait(28)

    (end,) = played.journal("TaskFinished")
    assert end["detail"] == "no key\nask for one"


LONG = """
agents: {author: {kind: scripted, script: {task: one, attempt: 1, do: {limited: WAIT}}}}
tasks:
  one: {agent: author, outputs: {text: one.txt}}
"""


def parked(session: Session) -> bool:
    return any(e.get("outcome") == "limited" for e in session.so_far.journal())


@BOTH
def test_ctrl_c_ends_a_pause_at_once(begin, workers):
    session = begin(LONG.replace("WAIT", "3000"), *workers)
    session.until_started("one")
    wait_for(lambda: "limited" in session.so_far.text or parked(session))
    session.process.send_signal(signal.SIGINT)
    played = session.wait(15)

    assert played.status == 2
    assert played.journal("RunFinished")[0]["state"] == "interrupted"


def test_a_resume_after_a_kill_in_the_pause_waits_for_what_is_left(begin, tmp_path: Path):
    session = begin(LONG.replace("WAIT", "4"))
    session.until_started("one")
    wait_for(lambda: parked(session))
    session.process.kill()
    session.process.wait()
    (limited,) = session.so_far.journal("TaskFinished")
    played = begin(LONG.replace("WAIT", "4"), "--orch-resume").wait(28)
    acts = spans(played)

    assert played.outcomes == {"passed": 1}
    assert [start["attempt"] for start in played.starts("one")] == [1, 2]
    assert limited["at"] + 4.0 <= acts["one.i1.a2"][0] < limited["at"] + 12.0


# ---- the work of a limited act -------------------------------------------------------------------

WROTE = """
agents:
  author:
    kind: scripted
    script: [{attempt: 1, do: [write, {limited: WAIT}]}, {attempt: 2, do: {limited: 1}}, {do: {sleep: REST}}]
tasks:
  one: {agent: author, outputs: {text: one.txt}}
"""


@BOTH
def test_what_limited_acts_wrote_counts_as_work_of_the_next(begin, workers):
    played = begin(WROTE.replace("WAIT", "1").replace("REST", "0"), *workers).wait(28)
    (end,) = [e for e in played.journal("TaskFinished") if e["outcome"] == "success"]

    assert played.outcomes == {"passed": 1}, played.text
    assert [e["outcome"] for e in played.journal("TaskFinished")] == ["limited", "limited", "success"]
    assert end["outputs"]["text"][0]["how"] == "created"


def test_what_a_limited_act_wrote_counts_after_a_kill_in_the_pause(begin):
    text = WROTE.replace("WAIT", "3").replace("REST", "0")
    session = begin(text)
    session.until_started("one")
    wait_for(lambda: parked(session))
    session.process.kill()
    session.process.wait()
    played = begin(text, "--orch-resume").wait(28)

    assert played.outcomes == {"passed": 1}, played.text
    assert len(played.starts("one")) == 3


def test_what_a_limited_act_wrote_counts_for_one_that_is_found_again(begin):
    text = WROTE.replace("WAIT", "1").replace("REST", "3")
    session = begin(text)
    wait_for(lambda: len(session.so_far.starts("one")) == 3)
    session.process.kill()
    session.process.wait()
    played = begin(text, "--orch-resume").wait(28)

    assert "one re-attached" in played.text
    assert played.outcomes == {"passed": 1}, played.text
    assert len(played.starts("one")) == 3


def test_what_a_limited_act_wrote_counts_when_the_next_one_was_cancelled(begin):
    text = WROTE.replace("WAIT", "1").replace("REST", "3")
    session = begin(text)
    wait_for(lambda: len(session.so_far.starts("one")) == 3)
    session.process.send_signal(signal.SIGINT)
    session.wait(15)
    played = begin(text, "--orch-resume").wait(28)

    assert [e["outcome"] for e in played.journal("TaskFinished")][2:] == ["cancelled", "success"]
    assert played.outcomes == {"passed": 1}, played.text


LIMITED = """
tasks:
  one:
    run:
      - sh
      - -c
      - |
        test $ORCH_ATTEMPT = 1 || exit 0
        FIRST
        echo '{"status": "limited", "retry_after": 1}' > "$ORCH_RESULT"
        exit 1
    outputs: {text: one.txt}
"""


@pytest.mark.parametrize(
    "first",
    [
        ":",
        'echo "{}" > "$(dirname "$ORCH_RESULT")/snapshot.json"',
        'rm "$(dirname "$ORCH_RESULT")/snapshot.json"',
        'cd "$(dirname "$ORCH_RESULT")" && echo "{}" > x && rm snapshot.json && ln -s x snapshot.json',
        'cd "$(dirname "$ORCH_RESULT")" && ln -s "$OLDPWD/conftest.py" snapshot.part',
    ],
    ids=["nothing", "spoils", "removes", "links", "links the part"],
)
def test_a_file_that_was_there_before_all_attempts_is_no_work_of_them(begin, tmp_path: Path, first: str):
    (tmp_path / "plans").mkdir()
    (tmp_path / "plans/one.txt").write_text("old")
    played = begin(LIMITED.replace("FIRST", first)).wait(28)

    assert played.states() == {"one": "failed"}
    assert "one.txt): was not written by this act: it existed before and is untouched" in played.text
    assert "testing" in (tmp_path / "plans/conftest.py").read_text()


def test_a_limited_act_whose_next_one_failed_leaves_nothing_to_go_on_from(begin):
    text = """
agents:
  author:
    kind: scripted
    script: [{attempt: 1, do: [write, {limited: 1}]}, {attempt: 2, do: {exit: 3}}, {do: {sleep: 0}}]
tasks:
  one: {agent: author, outputs: {text: one.txt}, retry: {attempts: 2}}
"""
    played = begin(text).wait(28)

    assert [e["outcome"] for e in played.journal("TaskFinished")] == ["limited", "exit", "evidence"]
    assert played.states() == {"one": "failed"}


def test_status_and_the_state_file_say_who_takes_no_work_and_until_when(
    begin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    session = begin(LONG.replace("WAIT", "3000"))
    session.until_started("one")
    wait_for(lambda: parked(session))
    wait_for(lambda: "\nparked: " in (session.so_far.folder / "ORCHESTRATION.yaml").read_text())
    shown = yaml.safe_load((session.so_far.folder / "ORCHESTRATION.yaml").read_text())
    monkeypatch.chdir(tmp_path / "plans")
    assert main(["status", "--orch-dir", str(tmp_path / "runs")]) == 0
    lines = capsys.readouterr().out.splitlines()

    assert shown["parked"].startswith("scripted takes no work until ")
    assert shown["state"] == "running"
    assert "running" in lines[0]
    assert [x for x in lines if x.startswith("parked: scripted takes no work until ")]
    assert [x for x in lines if x.startswith("one") and "ready" in x]
