"""Plans with agents of kind `acp`, in pytest sessions of their own."""

import json
import os
import signal
import sys
import time
from pathlib import Path

import pytest

from orchharness import LocalProcess
from orchharness.testing import run_plan, start_plan

FAKE = Path(__file__).with_name("fake_acp_agent.py")
PLAN = """
orchharness: 1
agents:
  author: {{kind: acp, command: {command}, call_timeout: 10}}
tasks:
  note:
    agent: author
    prompt: Write it.
    outputs: {{said: {{from: answer}}}}
    {more}
"""


@pytest.fixture
def begin(tmp_path):
    begun = []

    def start(file, *options):
        begun.append(start_plan(file, tmp_path, *options))
        return begun[-1]

    yield start
    for session in begun:
        session.close()


def project(tmp_path, script, more="", plan=PLAN):
    folder = tmp_path / "plans"
    folder.mkdir()
    path = folder / "script.json"
    path.write_text(json.dumps(script))
    file = folder / "a.plan.yaml"
    file.write_text(plan.format(command=json.dumps([sys.executable, str(FAKE), str(path)]), more=more))
    return file


def calls(file, method):
    lines = (file.parent / "log.jsonl").read_text().splitlines()
    return [m for m in map(json.loads, lines) if m.get("method") == method]


def until(condition, limit=20):
    end = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_an_orchestrator_that_is_killed_leaves_the_turn_alone_and_another_takes_its_result(tmp_path, begin):
    started, go = tmp_path / "started", tmp_path / "go"
    file = project(tmp_path, {"prompt": [{"write": [str(started), ""]}, {"until": str(go)}, {"say": "kept"}]})
    session = begin(file)
    until(started.exists)
    os.kill(session.process.pid, signal.SIGKILL)
    session.process.wait()
    journal = session.so_far.folder / "journal.jsonl"
    written = journal.stat().st_size
    resumed = begin(file, "--orch-resume")
    until(lambda: journal.stat().st_size > written)
    go.touch()
    played = resumed.wait(25)

    assert played.outcomes == {"passed": 1}, played.text
    assert len(calls(file, "session/prompt")) == 1
    (record,) = played.journal("TaskFinished")
    assert (record["outcome"], record["summary"]) == ("success", "kept")


def test_an_interrupt_ends_the_agent_and_what_it_started(tmp_path, begin):
    left = tmp_path / "left"
    session = begin(project(tmp_path, {"prompt": [{"fork": str(left)}, {"wait": None}]}))
    until(left.exists)
    session.process.send_signal(signal.SIGINT)
    session.process.wait(10)

    until(lambda: not Path(f"/proc/{left.read_text()}").exists(), 2)
    keys = [json.loads(p.read_bytes())["key"] for p in session.so_far.runs.rglob("acp.json")]
    assert len(keys) == 1
    assert LocalProcess.sweep(keys) == []


def test_a_time_limit_ends_the_turn_and_the_agent(tmp_path):
    played = run_plan(
        project(tmp_path, {"prompt": [{"hang": None}], "ignore": ["SIGTERM"]}, "timeout: 2s"), tmp_path
    )

    assert played.outcomes == {"failed": 1}
    (record,) = played.journal("TaskFinished")
    assert record["outcome"] == "timeout"
    keys = [json.loads(p.read_bytes())["key"] for p in played.runs.rglob("acp.json")]
    assert LocalProcess.sweep(keys) == []


@pytest.mark.parametrize("options", [(), ("-n", "1")])
def test_the_answer_is_the_output_and_the_usage_is_recorded(tmp_path, options):
    script = {"prompt": [{"say": "hello"}, {"usage": {"inputTokens": 5, "outputTokens": 3}}, {"cost": 0.5}]}
    played = run_plan(project(tmp_path, script), tmp_path, *options)

    assert played.outcomes == {"passed": 1}, played.text
    (record,) = played.journal("TaskFinished")
    assert record["usage"] == {"input_tokens": 5, "output_tokens": 3, "usd": 0.5}


def test_a_further_iteration_goes_on_with_the_session_and_gets_the_findings(tmp_path):
    more = "gate: {checks: [{file: {path: a.md, contains: final}}], max_iterations: 2}"
    turns = [[{"write": ["a.md", word]}, {"say": word}] for word in ("draft", "final")]
    script = {"loads": True, "prompts": turns}
    file = project(tmp_path, script, more)
    file.write_text(file.read_text().replace("outputs: {", "outputs: {doc: a.md, "))
    played = run_plan(file, tmp_path)

    assert played.outcomes == {"passed": 2}, played.text
    first, second = calls(file, "session/prompt")
    assert first["params"]["sessionId"] == second["params"]["sessionId"]
    assert len(calls(file, "session/load")) == 1
    assert "<findings>" in second["params"]["prompt"][0]["text"]


def test_a_denied_permission_fails_the_task_and_the_user_sees_what_would_allow_it(tmp_path):
    script = {"prompt": [{"ask": {"toolCallId": "1", "title": "make", "kind": "execute"}}]}
    played = run_plan(project(tmp_path, script), tmp_path)

    assert played.outcomes == {"failed": 1}
    assert "the agent was denied 'make' (execute)" in played.text
    assert "`permissions: {execute: allow}` in the agent's options would allow it" in played.text


JUDGED = """
orchharness: 1
agents:
  judge: {{kind: acp, command: {command}}}
critics:
  editor: {{agent: judge, prompt: Is it clear?, criteria: {{clear: 1}}}}
tasks:
  note:
    run: [sh, -c, "echo text > a.md"]
    outputs: {{doc: a.md}}
    gate: {{critics: [editor], threshold: 0.9}}
"""


def test_an_agent_can_judge(tmp_path):
    said = json.dumps({"criteria": {"clear": {"score": 0.95, "why": "short"}}, "findings": []})
    file = project(tmp_path, {"prompt": [{"say": "I read it."}, {"say": f"\n{said}"}]}, plan=JUDGED)
    played = run_plan(file, tmp_path)

    assert played.outcomes == {"passed": 2}, played.text
    assert "a.md" in json.dumps(calls(file, "session/prompt"))


@pytest.mark.parametrize(
    ("options", "place", "said"),
    [
        ("kind: acp", "4:", "command"),
        ("kind: acp, command: x, permission: allow", "4:", "permission"),
        ("kind: acp, command: x, permissions: {exec: allow}", "4:", "exec"),
        ("kind: acp, command: x, permissions: yes please", "4:", "permissions"),
        ("kind: acp, command: x, call_timeout: 0", "4:", "call_timeout"),
        ("kind: acp, command: []", "4:", "command"),
        ("kind: acp, command: 'say \"x'", "4:", "command"),
    ],
)
def test_a_wrong_option_is_refused_with_its_place(tmp_path, options, place, said):
    text = f"""
orchharness: 1
agents:
  author: {{{options}}}
tasks:
  note: {{agent: author, prompt: x, outputs: {{said: {{from: answer}}}}}}
"""
    file = tmp_path / "a.plan.yaml"
    file.write_text(text)
    played = run_plan(file, tmp_path)

    assert played.outcomes == {"error": 1}, played.text
    (line,) = [line for line in played.text.splitlines() if line.startswith("a.plan.yaml:4:")]
    assert said in line
