"""The scripted agent and critic: what a script makes them do, without a session."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import orchharness.testing
from orchharness import CriticRequest, Evaluation, Finished, OrchError, SpawnRequest
from orchharness.errors import PlanError
from orchharness.planfile import read_plan
from orchharness.plugins import PluginHost
from orchharness.testing import scripted
from orchharness.testing.options import Agent, Critic


class Done(NamedTuple):
    returncode: int
    stdout: str


@pytest.fixture
def agent(tmp_path: Path) -> Callable[..., Done]:
    """Runs the agent's program with these rules, as an act that has the output `a`."""

    def run(*rules: dict[str, Any], options: dict[str, Any] | None = None, **facts: str) -> Done:
        script = Agent.model_validate({"script": list(rules), **(options or {})}).model_dump(mode="json")
        path = tmp_path / "script.json"
        path.write_text(json.dumps({"act": "EN-027.i1.a1", **script}))
        (tmp_path / "work").mkdir(exist_ok=True)
        env = {
            "ORCH_TASK": "EN-027",
            "ORCH_TASK_DIR": str(tmp_path),
            "ORCH_PLAN_DIR": str(tmp_path),
            "ORCH_RESULT": str(tmp_path / "result.json"),
            "ORCH_OUTPUT_A": str(tmp_path / "work/a.md"),
            scripted.STARTS: str(tmp_path / "starts"),
            **facts,
        }
        words = [sys.executable, "-I", "-S", scripted.__file__, str(path)]
        # a file, as in a session: a pipe would not end before what was left behind
        with (tmp_path / "out").open("w+b") as out:
            done = subprocess.run(words, cwd=tmp_path / "work", env=env, stdout=out, timeout=20, check=False)
        return Done(done.returncode, (tmp_path / "out").read_text(errors="replace"))

    return run


@pytest.fixture
def starts(tmp_path: Path) -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """What was noted; what was left behind is ended with the test."""

    def read() -> list[dict[str, Any]]:
        return [json.loads(line) for line in (tmp_path / "starts").read_text().splitlines()]

    yield read
    for entry in read() if (tmp_path / "starts").exists() else ():
        if entry["what"] != "start":
            os.kill(entry["pid"], signal.SIGKILL)


# ---- the agent -------------------------------------------------------------------------------------------


def test_without_a_rule_that_fits_the_agent_does_well(agent, tmp_path: Path):
    done = agent({"task": "another", "do": "exit"})

    assert done.returncode == 0
    assert (tmp_path / "work/a.md").read_text() == "a of EN-027 iteration 1 attempt 1\n"
    assert done.stdout == "EN-027 iteration 1 attempt 1: done\n"


def test_what_it_writes_differs_between_iterations_and_attempts(agent, tmp_path: Path):
    texts = set()
    for facts in ({}, {"ORCH_ITERATION": "2"}, {"ORCH_ATTEMPT": "2"}):
        agent(**facts)
        texts.add((tmp_path / "work/a.md").read_text())

    assert len(texts) == 3


def test_of_a_glob_it_writes_one_file_that_matches(agent, tmp_path: Path):
    agent(ORCH_OUTPUT_A=str(tmp_path / "work/agents/**/p-*.md"))

    assert [p.relative_to(tmp_path).as_posix() for p in (tmp_path / "work").rglob("*.md")] == [
        "work/agents/made/p-made.md"
    ]


@pytest.mark.parametrize(
    ("pattern", "made"),
    [
        ("one-a.md", "one-a.md"),
        ("one-*.md", "one-made.md"),
        ("pages/[id].md", "pages/[id].md"),
        ("pages/[ab]-*.md", "pages/a-made.md"),
    ],
)
def test_only_the_declared_part_of_a_path_is_a_pattern(agent, tmp_path: Path, pattern: str, made: str):
    place = tmp_path / "worktrees/long[a*]"
    place.mkdir(parents=True)
    agent(ORCH_OUTPUT_A=str(place / pattern))

    assert [p.relative_to(place).as_posix() for p in tmp_path.rglob("*.md")] == [made]


@pytest.mark.parametrize(
    ("facts", "status"),
    [
        ({}, 11),
        ({"ORCH_ITERATION": "2"}, 12),
        ({"ORCH_ITERATION": "3"}, 12),
        ({"ORCH_ITERATION": "3", "ORCH_ATTEMPT": "2"}, 12),
        ({"ORCH_ITERATION": "4", "ORCH_ATTEMPT": "2"}, 13),
        ({"ORCH_ITERATION": "4", "ORCH_TASK": "EN-028"}, 14),
        ({"ORCH_ITERATION": "4", "ORCH_TASK": "EN-029"}, 0),
    ],
)
def test_the_first_rule_that_fits_says_what_is_done(agent, facts: dict[str, str], status: int):
    rules = (
        {"task": "EN-027", "iteration": 1, "do": {"exit": 11}},
        {"iteration": [2, 3], "do": {"exit": 12}},
        {"attempt": 2, "do": {"exit": 13}},
        {"task": ["EN-028", "EN-030"], "do": {"exit": 14}},
    )

    assert agent(*rules, **facts).returncode == status


def test_actions_are_done_in_order(agent, tmp_path: Path):
    done = agent(
        {"do": ["write", {"append": {"a": "more\n"}}, {"say": "bye"}, {"exit": 4}, {"say": "not this"}]}
    )

    assert done.returncode == 4
    assert (tmp_path / "work/a.md").read_text().endswith("attempt 1\nmore\n")
    assert done.stdout.endswith("done\nbye\n")


def test_files_are_written_by_output_or_path(agent, tmp_path: Path):
    agent({"do": {"write": {"a": "one", "deep/b.md": "two"}}})

    assert (tmp_path / "work/a.md").read_text() == "one"
    assert (tmp_path / "work/deep/b.md").read_text() == "two"


@pytest.mark.parametrize("what", ["binary", "json", "truncated", "empty"])
def test_garbage_is_what_cannot_be_read(agent, tmp_path: Path, what: str):
    agent({"do": {"garbage": what}})

    content = (tmp_path / "work/a.md").read_bytes()
    assert (content == b"") == (what == "empty")
    with pytest.raises(ValueError, match=r"JSON|utf|Expecting|Unterminated|Illegal|double quotes"):
        json.loads(content)


def test_a_lie_claims_success_and_writes_nothing(agent, tmp_path: Path):
    done = agent({"do": "lie"})

    assert done.returncode == 0
    assert json.loads((tmp_path / "result.json").read_text())["status"] == "success"
    assert list((tmp_path / "work").iterdir()) == []


def test_its_own_score_is_left_wherever_one_could_be_looked_for(agent, tmp_path: Path):
    agent({"do": {"score": 1.0}})

    for path in (tmp_path / "work/evaluation.json", tmp_path / "evaluation.json", tmp_path / "result.json"):
        assert json.loads(path.read_text())["criteria"]["clarity"]["score"] == 1.0


@pytest.mark.parametrize(
    ("result", "text"), [({"status": "partial"}, '{"status": "partial"}'), ('{"sta', '{"sta')]
)
def test_a_result_is_left_as_it_is_given(agent, tmp_path: Path, result: Any, text: str):
    agent({"do": {"result": result}})

    assert (tmp_path / "result.json").read_text() == text


@pytest.mark.parametrize(("name", "number"), [("KILL", 9), ("SIGTERM", 15), ("segv", 11)])
def test_it_can_die_by_a_signal(agent, name: str, number: int):
    assert agent({"do": {"signal": name}}).returncode == -number


def test_a_signal_that_it_ignores_does_not_end_it(tmp_path: Path):
    rule = {
        "do": [{"ignore": ["TERM", "INT"]}, {"write": {"ready": "x"}}, {"wait": "go"}, {"say": "still here"}]
    }
    script = Agent.model_validate({"script": rule}).model_dump(mode="json")
    (tmp_path / "script.json").write_text(json.dumps({"act": "x", **script}))
    words = [sys.executable, "-I", "-S", scripted.__file__, "script.json"]
    process = subprocess.Popen(words, cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    try:
        while not (tmp_path / "ready").exists():
            assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGINT)
        (tmp_path / "go").touch()
        said, _ = process.communicate(timeout=20)
    finally:
        process.kill()

    assert said == "still here\n"
    assert process.returncode == 0


def test_each_start_is_one_line_and_no_other_start_is_lost(agent, starts):
    agent()
    agent(ORCH_ITERATION="2", ORCH_ATTEMPT="3")

    first, second = starts()
    assert first.pop("pid") != second.pop("pid")
    assert first.pop("born") <= second.pop("born")
    assert first == {"what": "start", "act": "EN-027.i1.a1", "task": "EN-027", "iteration": 1, "attempt": 1}
    assert (second["iteration"], second["attempt"]) == (2, 3)


def test_the_file_of_starts_stands_beside_the_plan_when_the_plan_names_it(agent, tmp_path: Path):
    agent(options={"starts": "noted.jsonl"})

    assert json.loads((tmp_path / "noted.jsonl").read_text())["what"] == "start"
    assert not (tmp_path / "starts").exists()


@pytest.mark.parametrize("how", ["child", "session", "daemon"])
def test_a_process_that_is_left_behind_is_noted_before_the_agent_ends(agent, starts, how: str):
    agent({"do": {"fork": how}})

    start, left = starts()
    assert left["what"] == how
    assert (os.getsid(left["pid"]) == os.getsid(0)) == (how == "child")
    assert left["pid"] != start["pid"]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"script": {"do": "wrte"}}, "there is no action 'wrte' in one word: babble, exit, "),
        ({"script": {"do": {"wrte": {}}}}, "Extra inputs are not permitted"),
        (
            {"script": {"do": {"sleep": 1, "say": "x"}}},
            "an action has one key; write several actions as a list",
        ),
        ({"script": {"do": {}}}, "an action has one key"),
        ({"script": {"do": {"signal": "NO"}}}, "there is no signal 'NO'"),
        ({"script": {"do": {"exit": 256}}}, "less than or equal to 255"),
        ({"script": {"when": 2, "do": "write"}}, "Extra inputs are not permitted"),
        ({"script": {"iteration": 1}}, "Field required"),
    ],
)
def test_wrong_options_are_refused_with_their_place(tmp_path: Path, options: dict[str, Any], says: str):
    path = tmp_path / "p.plan.yaml"
    agents = json.dumps({"author": {"kind": "scripted", **options}})
    path.write_text(
        f"orchharness: 1\nagents:\n  {agents}\ntasks: {{t: {{agent: author, outputs: {{a: a.md}}}}}}\n"
    )
    host = PluginHost.load([orchharness.testing], entry_points=False)

    with pytest.raises(PlanError) as error:
        read_plan(
            path, root=tmp_path, kinds=host.kinds, critic_kinds=host.critic_kinds, variables={}, cwd=tmp_path
        )

    (problem,) = error.value.problems
    assert says in problem.message
    assert problem.location.line == 3
    assert "agent 'author' of kind 'scripted'" in problem.message


# ---- the plugin ------------------------------------------------------------------------------------------


def test_it_is_there_only_for_those_who_ask():
    assert "scripted" not in PluginHost.load().kinds
    assert "scripted" not in PluginHost.load().critic_kinds


def test_a_star_brings_the_hooks_and_nothing_else():
    names: dict[str, Any] = {}
    exec("from orchharness.testing import *", names)

    assert {n for n in names if not n.startswith("__")} == set(orchharness.testing.__all__)


def test_an_act_runs_through_the_hooks(tmp_path: Path):
    host = PluginHost.load([orchharness.testing], entry_points=False)
    options = Agent.model_validate({"script": {"do": {"exit": 3}}}).model_dump(mode="json")
    request = SpawnRequest(
        key="7" * 32, act="t.i1.a1", kind="scripted", folder=str(tmp_path), cwd=str(tmp_path), options=options
    )
    handle = host.spawn(request)
    while not isinstance(result := host.poll(handle), Finished):
        pass

    assert (result.ok, result.exit) == (False, 3)
    assert host.spawn(request) == handle
    assert host.cancel(handle)


# ---- the critic ------------------------------------------------------------------------------------------


@pytest.fixture
def judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Evaluation]:
    """The evaluation of a critic with these options, for an iteration."""
    monkeypatch.setenv("ORCH_GATE", "G-work")

    def judge(iteration: int = 1, **options: Any) -> Evaluation:
        monkeypatch.setenv("ORCH_ITERATION", str(iteration))
        monkeypatch.setenv(scripted.STARTS, str(tmp_path / "starts"))
        request = CriticRequest(
            key="8" * 32,
            act="G-work.i1.judge.a1",
            gate="G-work",
            critic="judge",
            kind="scripted",
            iteration=iteration,
            folder=str(tmp_path),
            cwd=str(tmp_path),
            workspace=str(tmp_path),
            criteria=("c", "d"),
            options=Critic.model_validate(options).model_dump(mode="json"),
        )
        return PluginHost.load([orchharness.testing], entry_points=False).critic(request)

    return judge


def test_without_a_script_everything_is_perfect(judged):
    assert judged().criteria == {"c": {"score": 1.0}, "d": {"score": 1.0}}


@pytest.mark.parametrize(("iteration", "score"), [(1, 0.5), (2, 0.9), (7, 0.9)])
def test_each_iteration_has_its_score_and_the_last_one_stays(judged, iteration: int, score: float):
    assert judged(iteration, scores=[0.5, 0.9]).criteria["c"] == {"score": score}


def test_a_score_for_each_criterion_is_given_as_it_is(judged):
    assert judged(scores=[{"c": 0.5, "x": {"score": "great", "why": "y"}}]).criteria == {
        "c": {"score": 0.5},
        "x": {"score": "great", "why": "y"},
    }


def test_rules_of_a_critic_say_scores_findings_and_totals(judged, starts):
    finding = {"severity": "major", "what": "no"}
    do = [{"score": 0.2}, {"findings": [finding]}, {"total": 0.99}, {"say": "hm"}]

    evaluation = judged(script={"gate": "G-work", "do": do})

    assert evaluation.criteria["d"] == {"score": 0.2}
    assert list(evaluation.findings) == [finding]
    assert evaluation.total == 0.99
    (start,) = starts()
    assert (start["critic"], start["gate"], start["act"]) == ("judge", "G-work", "G-work.i1.judge.a1")


def test_a_rule_for_another_gate_does_not_fit(judged):
    assert judged(script={"gate": "G-other", "do": {"score": 0.2}}).criteria["c"] == {"score": 1.0}


def test_an_evaluation_is_answered_as_it_is_given(judged):
    assert judged(script={"do": {"evaluation": {"criteria": {}, "passed": True}}}) == Evaluation(passed=True)


def test_a_text_instead_of_an_evaluation_breaks_the_promise_of_the_hook(judged):
    with pytest.raises(OrchError, match="orchharness_critic returned 'LGTM'"):
        judged(script={"do": {"answer": "LGTM"}})
