"""What users of such tools report most: completed work that is not, gates without a verdict, hangs, dead judges."""
# ruff: noqa: N802 - C1 to C8 are the names of what is reported

from __future__ import annotations

import pytest

CHAIN = """
agents: {{author: {{kind: scripted, script: [{{task: work, do: {do}}}]}}}}
critics: {{judge: {{kind: scripted, criteria: {{c: 1}}, script: [{{do: {judge}}}]}}}}
tasks:
  work: {{agent: author, outputs: {{a: a.md}}, gate: {{critics: [judge]}}}}
  next: {{agent: author, needs: [work]}}
"""


MODEL = """
from orchharness import Kind, LocalProcess, hookimpl


@hookimpl
def orchharness_agent_kinds():
    return [Kind(name="silent", is_model=True)]


@hookimpl
def orchharness_spawn(request):
    return LocalProcess.spawn(request, ("echo", "done"))


@hookimpl
def orchharness_poll(handle):
    return LocalProcess.poll(handle)


@hookimpl
def orchharness_cancel(handle):
    return LocalProcess.cancel(handle)
"""


def chain(do: str = "write", judge: str = "{score: 1}") -> str:
    return CHAIN.format(do=do, judge=judge)


@pytest.mark.parametrize(
    "do",
    [
        "lie",
        "{garbage: empty}",
        "{write: {b.md: text}}",
        "{exit: 0}",
        "[write, exit]",
        "[write, signal]",
        "[write, {signal: SEGV}]",
        '[write, {result: \'{"status": "succ\'}]',
    ],
)
def test_C1_work_that_is_dead_or_empty_is_not_completed(play, do):
    """'Completed' that is not: dead, empty or unmerged work counted as done."""
    play.plan(chain(do))

    played = play.run()

    assert played.outcomes == {"failed": 1, "skipped": 2}
    assert played.status == pytest.ExitCode.TESTS_FAILED
    assert not played.starts("next")


@pytest.mark.parametrize("garbage", ["binary", "json", "truncated"])
def test_C1_garbage_is_not_the_document_that_was_asked_for(play, garbage):
    pytest.importorskip("jsonschema")
    play.file("schema.json", '{"type": "object"}')
    play.plan(chain(f"{{garbage: {garbage}}}").replace("a: a.md", "a: {path: a.md, schema: schema.json}"))

    played = play.run()

    assert played.outcomes == {"failed": 1, "skipped": 2}
    assert "output 'a' (a.md): " in played.text


@pytest.mark.parametrize(
    "judge",
    [
        "{answer: APPROVED}",
        "{answer: ''}",
        "{exit: 0}",
        "{evaluation: {criteria: {}, passed: true}}",
        "{score: {d: 1.0}}",
        "{score: 1.01}",
        "{score: .nan}",
        "{score: great}",
        "{evaluation: {findings: all is well}}",
    ],
)
def test_C2_a_gate_is_not_granted_by_a_judge_that_does_not_judge(play, judge):
    """Gates skipped, or granted by the model itself."""
    play.plan(chain(judge=judge))

    played = play.run()

    assert played.outcomes == {"passed": 1, "error": 1, "skipped": 1}
    assert played.states()["G-work"] == "error"
    assert not played.starts("next")


def test_C2_a_gate_cannot_be_left_out_by_choosing_what_comes_after_it(play):
    play.plan(chain(judge="{score: 0}"))

    played = play.run("-k", "next")

    assert played.outcomes["skipped"] == 1
    assert "pulled in what they need: work, G-work" in played.text
    assert not played.starts("next")


@pytest.mark.parametrize("deaf", ["", "{ignore: [TERM, INT, HUP]}, "])
def test_C4_an_agent_that_hangs_is_ended_also_when_it_does_not_want_to(play, deaf):
    """Hangs without a timeout."""
    play.plan(chain(f"[{deaf}hang]").replace("tasks:", "defaults: {timeout: 1s}\ntasks:"))

    played = play.run()

    assert played.outcomes == {"failed": 1, "skipped": 2}
    assert "timed out after 1 s" in played.text
    assert played.journal("TaskFinished")[0]["outcome"] == "timeout"


def test_C4_no_progress_is_told_apart_from_slow_work(play):
    play.plan(
        """
        limits: {parallel: 4}
        defaults: {idle_timeout: 1s}
        agents: {author: {kind: scripted, script: [{task: silent, do: hang}, {task: slow, do: [{slow: 2}, write]}]}}
        tasks:
          silent: {agent: author}
          slow: {agent: author, outputs: {a: a.md}}
        """
    )

    played = play.run()

    assert played.states() == {"silent": "failed", "slow": "passed"}
    assert "no sign of life for 1 s" in played.text


def test_C4_a_judge_and_a_check_that_hang_end_too(play):
    play.plan(
        """
        defaults: {timeout: 2s}
        agents: {author: {kind: scripted}}
        critics: {judge: {kind: scripted, criteria: {c: 1}, timeout: 1s, script: [{do: hang}]}}
        tasks:
          judged: {agent: author, outputs: {a: a.md}, gate: {critics: [judge]}}
          checked: {agent: author, outputs: {b: b.md}, gate: {checks: [{run: [sleep, '900'], timeout: 1s}], max_iterations: 1}}
        """
    )

    played = play.run()

    assert played.states() == {
        "judged": "passed",
        "checked": "passed",
        "G-judged": "error",
        "G-checked": "failed",
    }
    assert "timed out after 1 s" in played.text


def test_C4_an_agent_that_prints_without_end_is_ended(play):
    play.plan(chain("[write, babble]"))

    played = play.run()

    assert played.outcomes == {"failed": 1, "skipped": 2}
    (work,) = played.journal("TaskFinished")
    assert work["outcome"] == "error"
    assert (played.folder / "acts/work.i1.a1/stdout.log").stat().st_size < 110_000_000


@pytest.mark.parametrize(
    ("budget", "outcomes"),
    [
        ("{usd: 1}", {"passed": 1, "skipped": 2}),
        ("{tokens: 3000}", {"passed": 1, "skipped": 2}),
        ("{spawns: 4}", {"skipped": 3}),
    ],
    ids=["usd", "tokens", "spawns"],
)
def test_C5_refinement_that_never_ends_is_capped_by_the_budget(play, budget, outcomes):
    """Cost that nobody sees, and no cap on it: a judge that is never content keeps a dear agent at work."""
    dear = "[write, {result: {usage: {usd: 0.5, input_tokens: 1000, output_tokens: 500}}}]"
    text = chain(dear, "{score: 0.1}").replace("critics: [judge]", "critics: [judge], max_iterations: 500")
    play.plan(f"limits: {{budget: {budget}}}\n{text}")

    played = play.run()

    assert played.status == 7
    assert played.outcomes == outcomes
    assert [e["iteration"] for e in played.starts("work")] == [1, 2]
    assert not played.starts("next")
    assert "budget of the run: spent " in played.text
    assert " (reached)" in played.text
    assert "play.plan.yaml:7: paused: budget of the run reached: " in played.text


def test_C5_cost_that_an_agent_does_not_tell_is_said_to_be_unknown(play):
    play.file("conftest.py", MODEL)
    play.plan("""
        limits: {budget: {usd: 20}}
        agents: {bot: {kind: silent}}
        tasks: {work: {agent: bot, outputs: {a: {from: stdout}}}, free: {run: "true"}}
    """)

    played = play.run()

    assert played.outcomes == {"passed": 2}
    assert "budget of the run: spent 0.00 of 20 USD and 1 act of unknown cost" in played.text


def test_C5_what_an_agent_says_it_cost_is_recorded(play):
    play.plan(chain("[write, {result: {usage: {usd: 0.25, input_tokens: 900}}}]"))

    played = play.run()

    assert played.outcomes == {"passed": 3}
    assert played.journal("TaskFinished")[0]["usage"] == {"usd": 0.25, "input_tokens": 900}


LIMITED = """
limits: {{parallel: 1, outage: {patience}}}
agents: {{author: {{kind: scripted, script: [{{task: work, attempt: 1, do: {{limited: {seconds}}}}}]}}}}
tasks:
  work: {{agent: author, outputs: {{a: a.md}}, estimate: 1h}}
  other: {{agent: author, outputs: {{b: b.md}}}}
  free: {{run: [sh, -c, "echo x > free.md"], outputs: {{f: free.md}}}}
"""


def test_C6_one_rate_limit_does_not_end_the_run_and_nothing_is_fed_to_the_wall(play):
    """One rate limit kills the run, or everything that waits is fed to the wall."""
    play.plan(LIMITED.format(patience="1h", seconds=1.5))

    played = play.run()

    began = {e["act"]: e["at"] for e in played.journal("TaskStarted")}
    ended = {e["act"]: e["at"] for e in played.journal("TaskFinished")}
    assert played.outcomes == {"passed": 3}
    assert {task: len(played.starts(task)) for task in ("work", "other")} == {"work": 2, "other": 1}
    assert ended["free.i1.a1"] < began["work.i1.a2"]
    assert min(began["work.i1.a2"], began["other.i1.a1"]) >= ended["work.i1.a1"] + 1.5
    assert "RETRY" not in played.text


def test_C6_a_limit_that_outlasts_the_patience_is_gone_on_from_by_a_resume(play):
    play.plan(LIMITED.format(patience="1s", seconds=3))
    ended = play.run()
    play.plan(LIMITED.format(patience="1h", seconds=3))
    resumed = play.run_apart("--orch-resume")

    assert ended.outcomes == {"failed": 2, "passed": 1}
    assert ended.status == pytest.ExitCode.TESTS_FAILED
    assert "rate limit for 1s: 429" in ended.text
    assert resumed.outcomes == {"passed": 3}
    assert {task: len(resumed.starts(task)) for task in ("work", "other")} == {"work": 2, "other": 1}


# The second of three judgements is an outlier: once below the threshold, once above it.
NOISE = "[{{sample: 2, do: {{score: {odd}}}}}, {{do: {{score: {usual}}}}}]"


@pytest.mark.parametrize(
    ("odd", "usual", "state"), [(0.4, 0.93, "passed"), (1.0, 0.88, "failed"), (0.88, 0.9, "passed")]
)
def test_C7_one_odd_judgement_of_a_noisy_judge_decides_nothing(play, odd, usual, state):
    """A noisy judge at a threshold."""
    text = chain().replace("critics: [judge]", "critics: [judge], samples: 3, max_iterations: 1")
    play.plan(text.replace("[{do: {score: 1}}]", NOISE.format(odd=odd, usual=usual)))

    played = play.run()

    sign = "≥" if state == "passed" else "<"
    verdict = f"{usual:.2f} {sign} 0.90 (median of {usual:.2f}, {odd:.2f}, {usual:.2f})"
    assert played.states()["G-work"] == state
    assert verdict in [t.get("reason") for t in played.journal("JudgementFinished")[-1]["then"]]
    assert sorted(entry["sample"] for entry in played.starts("judge")) == [1, 2, 3]
    assert len(played.starts("work")) == 1


def test_C7_one_judgement_below_the_threshold_sends_nobody_back_to_work(play):
    text = chain().replace("critics: [judge]", "critics: [judge], confirm_on_fail: 2")
    play.plan(text.replace("[{do: {score: 1}}]", "[{sample: 1, do: {score: 0.89}}, {do: {score: 0.94}}]"))

    played = play.run()

    assert played.outcomes == {"passed": 3}
    assert sorted(entry["sample"] for entry in played.starts("judge")) == [1, 2, 3]
    assert len(played.starts("work")) == 1


def test_C7_work_that_did_not_change_is_not_judged_until_the_judge_says_yes(play):
    text = chain("{write: {a: the same}}").replace("script: [{do: {score: 1}}]", "scores: [0.89, 0.91]")
    play.plan(text)

    played = play.run()

    assert played.outcomes == {"passed": 1, "failed": 1, "skipped": 1}
    assert len(played.starts("judge")) == 1


@pytest.mark.parametrize("judge", ["{signal: SEGV}", "signal", "{exit: 3}", "{exit: 137}"])
def test_C8_a_dead_judge_is_neither_a_fail_nor_a_pass(play, judge):
    """A dead judge scored as a fail, or as a pass."""
    play.plan(chain(judge=judge))

    played = play.run()

    assert played.outcomes == {"passed": 1, "error": 1, "skipped": 1}
    assert played.history("G-work") == ["ready", "judging", "error"]
    assert len(played.starts("work")) == 1  # nobody was sent back to work for it


def test_C8_a_judge_that_dies_once_is_asked_again_where_the_plan_says_so(play):
    play.plan(
        """
        agents: {author: {kind: scripted}}
        critics: {judge: {kind: scripted, criteria: {c: 1}, retry: {attempts: 2}, script: [{attempt: 1, do: signal}]}}
        tasks: {work: {agent: author, outputs: {a: a.md}, gate: {critics: [judge]}}}
        """
    )

    played = play.run()

    assert played.outcomes == {"passed": 2}
    assert [(entry["iteration"], entry["attempt"]) for entry in played.starts("judge")] == [(1, 1), (1, 2)]
