"""Runs of plans in sessions of their own, and what a receiver of OTLP has of them."""

import os
import re
import signal
from collections import Counter
from pathlib import Path

import pytest
from orchharness_otel import facts
from otel_receiver import Receiver, attributes, tree

from orchharness.cli import main
from orchharness.testing import run_plan, start_plan

CONFTEST = "from orchharness.testing import *\n"
GUIDE = """\
orchharness: 1
agents:
  writer: {kind: scripted, script: [{task: index, attempt: 1, do: [write, {exit: 3}]}]}
critics:
  editor: {kind: scripted, criteria: {clarity: 0.5, accuracy: 0.5}, scores: [0.6, 0.95]}
defaults: {retry: {attempts: 2}}
tasks:
  guide: {agent: writer, prompt: a secret wish, outputs: {text: guide.md}, gate: {critics: [editor]}}
  index: {agent: writer, inputs: {from: guide.text}, outputs: {text: index.md}}
  count: {run: [python, -c, "print('a secret answer')"]}
gates:
  G-END: {of: [G-guide], aggregate: min}
"""
ONE = "orchharness: 1\ntasks: {one: {run: [python, -c, pass]}}\n"
TWO = """\
orchharness: 1
agents: {writer: {kind: scripted, script: [{task: second, do: [{wait: WAIT}, write]}]}}
tasks:
  first: {agent: writer, outputs: {text: first.md}}
  second: {agent: writer, needs: [first], outputs: {text: second.md}}
"""
CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def receiver():
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    folder = tmp_path / "plans"
    folder.mkdir()
    (folder / "conftest.py").write_text(CONFTEST)
    return folder


def write(project, text, name="guide"):
    path = project / f"{name}.plan.yaml"
    path.write_text(text)
    return path


def sent_to(receiver, **more):
    return {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint, **more}


def acts_of(guide):
    """The spans by the name of their act, else by their own."""
    return {attributes(span).get("orchharness.act", span.name): span for span in guide[1].spans}


def results(span):
    found = [attributes(event) for event in span.events if event.name == "gen_ai.evaluation.result"]
    return [
        (
            a["gen_ai.evaluation.name"],
            a.get("gen_ai.evaluation.score.value"),
            a.get("gen_ai.evaluation.score.label"),
        )
        for a in found
    ]


@pytest.fixture(scope="module")
def guide(tmp_path_factory):
    """A run of the plan, and the spans and resources that came of it."""
    folder = tmp_path_factory.mktemp("guide")
    (folder / "conftest.py").write_text(CONFTEST)
    with Receiver() as receiver:
        env = sent_to(receiver, XDG_STATE_HOME=str(folder / "state"))
        played = run_plan(write(folder, GUIDE), folder, env=env, timeout=28)
    assert played.outcomes == {"passed": 5}
    assert "did not arrive" not in played.text
    return played, receiver


def test_a_run_is_one_trace_of_items_and_acts(guide):
    _, receiver = guide
    ((root, items),) = tree(receiver.spans)

    acts = {name: Counter(act for act, _ in below) for name, below in items}
    assert root == "invoke_workflow guide"
    assert acts == {
        "task guide": {"invoke_agent writer": 2},  # written, and refined
        "gate G-guide": {"judge editor": 2},
        "task index": {"invoke_agent writer": 2},  # crashed, and tried again
        "task count": {"run count": 1},
        "gate G-END": {},
    }
    assert len({span.trace_id for span in receiver.spans}) == 1
    assert set(receiver.paths) == {"/v1/traces"}
    assert {r["service.name"] for r in receiver.resources} == {"orchharness"}


def test_gates_say_their_verdicts_and_critics_their_scores(guide):
    by_act = acts_of(guide)

    assert results(by_act["gate G-guide"]) == [("G-guide", 0.6, "refining"), ("G-guide", 0.95, "passed")]
    assert results(by_act["gate G-END"]) == [("G-END", 0.95, "passed")]
    assert results(by_act["G-guide.i1.editor.a1"]) == [("clarity", 0.6, None), ("accuracy", 0.6, None)]


def test_an_act_that_failed_says_why_and_the_next_attempt_what_it_read(guide):
    by_act = acts_of(guide)
    crashed, again = by_act["index.i1.a1"], by_act["index.i1.a2"]

    assert (crashed.status.code, again.status.code) == (2, 0)
    assert attributes(crashed)["error.type"] == "exit"
    assert attributes(crashed)["process.exit.code"] == 3
    assert attributes(again)["orchharness.attempt"] == 2
    assert [link.span_id for link in again.links] == [by_act["task guide"].span_id]


def test_spans_have_the_times_of_the_journal(guide):
    played, by_act = guide[0], acts_of(guide)

    ended = played.journal("TaskFinished") + played.journal("JudgementFinished")
    assert len(ended) == 7
    for entry in ended:
        sent = by_act[entry["act"]]
        assert sent.start_time_unix_nano == pytest.approx(entry["started"] * 1e9, abs=1e3)
        assert sent.end_time_unix_nano == pytest.approx((entry["started"] + entry["seconds"]) * 1e9, abs=1e3)
    (first,), (last,) = played.journal("RunStarted"), played.journal("RunFinished")
    root = by_act["invoke_workflow guide"]
    assert root.start_time_unix_nano == pytest.approx(first["at"] * 1e9, abs=1e3)
    assert root.end_time_unix_nano == pytest.approx(last["at"] * 1e9, abs=1e3)
    assert attributes(root)["orchharness.items.passed"] == 5


def test_an_act_lies_within_its_task_or_gate_and_that_within_the_run(guide):
    spans = {span.span_id: span for span in guide[1].spans}

    held = [(span, spans[span.parent_span_id]) for span in spans.values() if span.parent_span_id]
    assert len(held) == 12
    for span, parent in held:
        assert parent.start_time_unix_nano <= span.start_time_unix_nano, span.name
        assert span.end_time_unix_nano <= parent.end_time_unix_nano, span.name


def test_nothing_that_was_asked_or_answered_is_sent(guide):
    played, receiver = guide
    text = "".join(map(str, receiver.spans))

    assert "writer" in text
    assert "secret" not in text
    assert str(played.runs) not in text


def test_all_that_is_sent_is_described(guide):
    sent = {
        re.sub(r"(orchharness\.items\.)\w+", r"\1STATE", k) for s in guide[1].spans for k in attributes(s)
    }
    sent |= {key for span in guide[1].spans for event in span.events for key in attributes(event)}
    sources = "".join(path.read_text() for path in Path(facts.__file__).parent.glob("*.py"))
    table = (Path(__file__).parents[1] / "README.md").read_text()
    described = set(re.findall(r"^\| `([a-zA-Z_.]+)` \|", table, re.MULTILINE))

    named = set(re.findall(r"""["']((?:gen_ai|process|error|orchharness)\.[a-z_.]+)["']""", sources))
    assert sent <= described
    assert named - {facts.RESULT, "orchharness.decision"} <= described
    assert {k for k in described if not k.startswith(("gen_ai.usage", "orchharness.items"))} <= named | sent


def test_with_a_worker_it_is_the_same_trace(project, tmp_path, receiver):
    text = "orchharness: 1\ntasks: {a: {run: [python, -c, pass]}, b: {run: [python, -c, pass], needs: [a]}}\n"
    played = run_plan(write(project, text), tmp_path, "-n", "1", env=sent_to(receiver), timeout=28)

    assert played.outcomes == {"passed": 2}
    assert tree(receiver.spans) == [
        ("invoke_workflow guide", [("task a", [("run a", [])]), ("task b", [("run b", [])])])
    ]


def test_a_run_whose_orchestrator_was_killed_goes_on_in_the_same_trace(project, tmp_path, receiver):
    path = write(project, TWO.replace("WAIT", str(tmp_path / "go")))
    env = sent_to(receiver, OTEL_BSP_SCHEDULE_DELAY="50")
    session = start_plan(path, tmp_path, env={**env, "TRACEPARENT": CALLER})
    try:
        session.until_started("second")
        (early,) = receiver.until(1)
    finally:
        os.kill(session.process.pid, signal.SIGKILL)
        session.process.wait()
    (tmp_path / "go").touch()

    played = run_plan(path, tmp_path, "--orch-resume", env=env, timeout=25)

    spans = acts_of((None, receiver))
    root = spans["invoke_workflow guide"]
    assert played.states() == {"first": "passed", "second": "passed"}
    assert len(receiver.spans) == len(spans) == 5  # nothing twice
    assert {span.trace_id.hex() for span in receiver.spans} == {CALLER.split("-")[1]}
    assert root.parent_span_id.hex() == CALLER.split("-")[2]
    assert spans["task first"].span_id == early.parent_span_id
    assert spans["task first"].parent_span_id == spans["task second"].parent_span_id == root.span_id
    assert spans["second.i1.a1"].parent_span_id == spans["task second"].span_id
    assert attributes(spans["second.i1.a1"])["orchharness.iteration"] == 1
    (first,) = played.journal("RunStarted")
    assert root.start_time_unix_nano == pytest.approx(first["at"] * 1e9, abs=1e3)
    assert attributes(root)["orchharness.session"] == 1


def test_a_run_that_paused_goes_on_with_the_same_ids_and_tells_only_what_is_new(project, tmp_path, receiver):
    text = """\
orchharness: 1
tasks:
  first: {run: [python, -c, pass]}
  second: {run: [python, -c, pass], needs: [G-ASK]}
gates: {G-ASK: {of: [first], kind: human, question: "Go on?"}}
"""
    path = write(project, text)
    paused = run_plan(path, tmp_path, env=sent_to(receiver), timeout=12)
    before = {span.name: span for span in receiver.spans}
    receiver.spans.clear()
    where = ["--root", str(project), "--orch-dir", str(paused.runs)]
    assert main(["decide", *where, paused.folder.name, "G-ASK", "approve", "--by", "A. Person"]) == 0
    played = run_plan(path, tmp_path, "--orch-resume", env=sent_to(receiver), timeout=12)

    after = {span.name: span for span in receiver.spans}
    root, gate = after["invoke_workflow guide"], after["gate G-ASK"]
    first = before["invoke_workflow guide"]
    assert (paused.status, played.status) == (7, 0)
    assert attributes(first)["orchharness.state"] == "paused"
    assert attributes(root)["orchharness.state"] == "passed"
    assert (root.trace_id, root.span_id) == (first.trace_id, first.span_id)
    assert root.start_time_unix_nano == first.start_time_unix_nano
    assert {"task first", "run first"} <= before.keys()
    assert sorted(after) == ["gate G-ASK", "invoke_workflow guide", "run second", "task second"]
    assert [attributes(e).get("orchharness.option") for e in gate.events] == ["approve", None]
    assert results(gate) == [("G-ASK", None, "passed")]
    assert "A. Person" not in "".join(map(str, receiver.spans))


def test_what_another_run_did_is_told_as_reused_and_without_acts(project, tmp_path, receiver):
    path = write(project, ONE)
    run_plan(path, tmp_path, env=sent_to(receiver), timeout=14)
    receiver.spans.clear()
    played = run_plan(path, tmp_path, "--orch-reuse", env=sent_to(receiver), timeout=14)

    assert played.states() == {"one": "passed"}
    assert tree(receiver.spans) == [("invoke_workflow guide", [("task one", [])])]
    assert [attributes(span).get("orchharness.reused") for span in receiver.spans] == [True, None]


def test_a_caller_whose_trace_is_not_sampled_gets_nothing(project, tmp_path, receiver):
    env = sent_to(receiver, TRACEPARENT=CALLER[:-1] + "0")
    played = run_plan(write(project, ONE), tmp_path, env=env, timeout=28)

    assert played.outcomes == {"passed": 1}
    assert "did not arrive" not in played.text
    assert receiver.spans == []


def test_what_is_not_supported_is_said_once_and_the_run_goes_on(project, tmp_path, receiver):
    env = sent_to(receiver, OTEL_EXPORTER_OTLP_PROTOCOL="grpc")
    played = run_plan(write(project, ONE), tmp_path, env=env, timeout=28)

    told = "OTEL_EXPORTER_OTLP_PROTOCOL='grpc' is not supported yet; write http/protobuf"
    assert played.outcomes == {"passed": 1}
    assert played.text.count(told) == 1
    assert receiver.spans == []


def test_two_plans_of_a_session_are_two_traces(project, tmp_path, receiver):
    write(project, ONE, "guide")
    write(project, ONE, "other")
    played = run_plan(project, tmp_path, env=sent_to(receiver), timeout=29)

    roots = [name for name, _ in tree(receiver.spans)]
    assert sorted(roots) == ["invoke_workflow guide", "invoke_workflow other"]
    assert len({span.trace_id for span in receiver.spans}) == 2
    assert played.outcomes == {"passed": 2}
