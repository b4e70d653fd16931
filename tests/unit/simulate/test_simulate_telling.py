"""A simulated run told as a day and as a report."""

from __future__ import annotations

import json

import pytest

from orchharness.report.render import render
from orchharness.report.view import build
from orchharness.simulate.assumptions import Between
from orchharness.simulate.day import clock, day
from orchharness.simulate.given import Given, premise
from orchharness.simulate.telling import records_of, tell

HOUR = 3600.0


def span(hours: float) -> Between:
    return Between(hours * HOUR, hours * HOUR)


@pytest.fixture(scope="module")
def first_day(feat_005):
    """Day 1 with the durations of the decision itself: phase 0 is through at 9, EN-027 takes 5 h, its judgement 0.5."""
    said = {"TASK-419": span(0), "EN-027": span(5), "TASK-420": span(6), "G-027": span(0.5)}
    told = tell(feat_005, premise(feat_005, Given(durations=list(said.items()))).assumed, 4, 0, 0)
    return day(feat_005, told, 9 * HOUR)


def at(lines: list[str], time: str) -> list[str]:
    """What happened at that time of the first day."""
    start = next(n for n, line in enumerate(lines) if line.startswith(time))
    rest = [n for n, line in enumerate(lines) if n > start and not line.startswith(" ")]
    return [line[5:].strip() for line in lines[start : rest[0]]]


def test_phase_0_runs_alone_and_then_all_that_is_ready_is_spawned_together(first_day):
    nine = at(first_day, "09:00")

    assert nine[0] == "spawn TASK-419 in the foreground: nothing else starts until it is decided"
    assert nine[-5:] == [
        "spawn together, in the background (4):",
        "EN-027 (has CP-1 (verdict) from TASK-419)",
        "TASK-420",
        "TASK-423",
        "TASK-421",
    ]
    assert nine.index("state updated: G-PHASE0 passed") < nine.index("spawn together, in the background (4):")


def test_en_027_is_polled_at_14_00_the_state_updated_and_its_critic_called_in_the_foreground(first_day):
    assert at(first_day, "14:00") == [
        "poll: EN-027 complete; read its outputs: definitions, tree",
        "state updated: EN-027 passed",
        "judge G-027: ps-critic in the foreground: track_a waits, other tracks go on",
    ]


def test_g_027_passes_and_task_422_is_spawned_with_what_cp_2_carries(first_day):
    assert at(first_day, "14:30") == [
        "state updated: G-027 passed",
        "CP-2 (definitions) is there for TASK-422",
        "unblocked: TASK-422",
        "spawn TASK-422 (has CP-2 (definitions) from EN-027) in the background",
    ]


def test_at_15_00_task_420_opens_cp_3_for_en_028(first_day):
    assert at(first_day, "15:00")[:3] == [
        "poll: TASK-420 complete; read its outputs: options, scripts, tree",
        "state updated: TASK-420 passed",
        "CP-3 (options) is there for EN-028",
    ]


def test_the_next_day_is_named_and_a_long_story_is_cut(first_day, feat_005):
    told = tell(feat_005, premise(feat_005, Given()).assumed, 1, 0, 0)

    assert first_day[-1].endswith("the run is over: passed")
    assert "day 2" in first_day
    assert day(feat_005, told, 0.0, 10)[-1].endswith("lines more; the report has all of it")
    assert len(day(feat_005, told, 0.0, 10)) == 11


def test_refinement_and_further_attempts_are_told(read):
    plan = read("""
        critics: {judge: {run: [cat, x], criteria: {q: 1}}}
        tasks:
          a: {run: "true", estimate: 1h, retry: {attempts: 2}, gate: {critics: [judge], max_iterations: 2}}
    """)
    held = premise(plan, Given(fails=[("G-a", 1.0)])).assumed
    told = "\n".join(day(plan, tell(plan, held, 1, 0, 0), 0.0))
    died = "\n".join(day(plan, tell(plan, premise(plan, Given(dies=[("a", 1.0)])).assumed, 1, 0, 0), 0.0))

    assert "state updated: G-a refining" in told
    assert "spawn a (iteration 2) in the background" in told
    assert "poll: a ended: the agent died (simulated)" in died
    assert "spawn a (attempt 2) in the background" in died


def test_a_clock_shows_seconds_only_where_there_are_some():
    assert [clock(s) for s in (0, 9 * HOUR, 86_400 + 61, 59.6)] == ["00:00", "09:00", "00:01:01", "00:01"]


@pytest.fixture(scope="module")
def page(feat_005):
    held = premise(feat_005, Given(fails=[("G-027", 0.9)]))
    told = tell(feat_005, held.assumed, 4, 0, 0)
    records = records_of(feat_005, told, 9 * HOUR, {"simulated": list(held.texts), "parallel": 4})
    return records, build(feat_005, json.loads(json.dumps(records)), now=0.0)


def test_the_report_is_marked_wherever_one_may_look(page):
    html = render(page[1])

    assert "<title>Simulated: Skill compliance" in html
    assert 'content="orchharness-simulated"' in html[:4096]
    assert html.count("Simulated: this is no run and no proof") == 1
    assert "Simulated: nothing of this took place" in html
    assert "a round of judgements fails with a probability of 0.9 (G-027)" in html
    assert "day 1, 09:00 to day " in html
    assert "it is no proof of anything" in html
    assert "Everything on this page comes from the run" not in html


def test_nothing_that_was_made_up_looks_like_evidence(page):
    records, view = page

    assert not any(key in record for record in records for key in ("outputs", "evaluation", "artifacts"))
    assert not any("score" in transition for record in records for transition in record.get("then", ()))
    assert view.artifacts == ()
    assert all(not gate.scores and not gate.judged for gate in view.gates)
    assert {r.reason for gate in view.gates for r in gate.rounds} == {"simulated, not judged"}


def test_a_real_run_is_not_marked(feat_005):
    records = [
        {
            "event": "RunStarted",
            "at": 1.0,
            "run": "r",
            "plan": "feat-005",
            "digest": "",
            "selected": [],
            "header": {},
        }
    ]

    page = render(build(feat_005, records, now=2.0))

    assert "imulated" not in page.partition("<style>")[0] + page.partition("</style>")[2]
