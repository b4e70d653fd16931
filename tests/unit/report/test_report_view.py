"""The view: what a journal says, in numbers and words."""

import dataclasses
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from report_builder import T0, Run, evaluation, feat_005, gate, out, plan_of, task, wide

from orchharness.core.plan import Combine, Critic, Edge
from orchharness.report import build
from orchharness.report.history import read
from orchharness.report.packing import CHAR


def view_of(run: Run, now: float = 1000.0, **more):
    return build(run.plan, run.records, now=T0 + now, **more)


def fact(view, name):
    return next(f for f in view.facts if f.name == name)


def row(view, item):
    return next(r for r in (*view.tasks, *view.gates) if r.id == item)


@pytest.fixture(scope="module")
def passed():
    return build(*feat_005(), now=T0 + 99999)


@pytest.fixture(scope="module")
def failed():
    return build(*feat_005(fail=True), now=T0 + 99999)


def test_a_passed_run_says_so(passed):
    assert passed.state == "passed"
    assert passed.verdict == "All of it passed: 10 tasks and 7 gates."
    assert passed.causes == ()
    assert passed.unfinished == ""
    assert passed.task_counts == (("passed", 10),)


def test_the_critical_path_is_walked_back_over_needs_gates_and_iterations(passed):
    assert passed.critical == (
        "TASK-419.i1.a1",
        "G-PHASE0.checks.i1.a1",
        "TASK-420.i1.a1",
        "EN-028.i1.a1",
        "G-028.ps-critic.i1.a1",
        "EN-029.i1.a1",
        "G-029.ps-critic.i1.a1",
        "EN-029.i2.a1",
        "G-029.ps-critic.i2.a1",
        "EN-029.i3.a1",
        "G-029.ps-critic.i3.a1",
        "EN-030.i1.a1",
        "G-030.ps-critic.i1.a1",
    )


def test_the_sequential_sum_is_that_of_all_acts():
    run = Run(plan_of([task("A"), task("B", "other"), task("C", needs=("A", "B"))]))
    run.start(0, "A")
    run.start(0, "B")
    run.end(10, "A", 10)
    run.end(30, "B", 30)
    run.start(30, "C")
    run.end(50, "C", 20)
    run.finish(50, "passed")
    view = view_of(run)

    assert fact(view, "Wall time").value == "50.0 s"
    assert (fact(view, "One after another").value, fact(view, "One after another").note) == (
        "1 min",
        "this run: 1.2 times faster",
    )
    assert (fact(view, "Critical path").value, fact(view, "Critical path").note) == (
        "50.0 s",
        "100% of the wall time",
    )
    assert (fact(view, "Acts").value, fact(view, "Acts").note) == ("3", "2 at once at most")
    assert view.critical == ("B.i1.a1", "C.i1.a1")


def test_a_critical_path_goes_through_a_gate_without_acts():
    tasks = [task("A", gate="G-A"), task("B", needs=("G-ALL",))]
    gates = [
        gate("G-A", of=("A",), needs=("A",), owner="A"),
        gate("G-ALL", of_gates=("G-A",), needs=("G-A",), aggregate=Combine.MEAN),
    ]
    run = Run(plan_of(tasks, gates))
    run.start(0, "A")
    run.end(5, "A", 5)
    run.judge(5, "G-A", "checks")
    run.judged(
        6,
        "G-A",
        "checks",
        1,
        then=[("G-A", "passed", {"iteration": 1}), ("G-ALL", "passed", {"score": "0.99", "iteration": 1})],
    )
    run.start(6, "B")
    run.end(9, "B", 3)
    run.finish(9, "passed")
    view = view_of(run)

    assert view.critical == ("A.i1.a1", "G-A.checks.i1.a1", "B.i1.a1")
    bars = [bar for lane in view.timeline.lanes for bar in lane.bars]
    assert [b.kind for b in bars if b.label == "G-ALL"] == ["verdict"]


def test_scores_of_a_gate_come_from_its_transitions(passed):
    g027 = row(passed, "G-027")

    assert g027.scores == ("0.850", "0.922")
    assert [(r.iteration, r.state, r.score) for r in g027.rounds] == [
        (1, "refining", "0.850"),
        (2, "passed", "0.922"),
    ]
    assert g027.threshold == "0.90"
    assert g027.warnings == ("ps-critic states a total of 0.88; the engine computed 0.850",)
    assert g027.open


def test_criteria_show_their_weights_and_every_iteration(passed):
    criteria = row(passed, "G-027").criteria

    assert [(c.name, c.weight, c.scores) for c in criteria][:2] == [
        ("completeness", "0.25", ("0.70", "0.92")),
        ("accuracy", "0.25", ("0.95", "0.95")),
    ]
    assert criteria[0].why.startswith("All nine agent files")


def test_findings_are_sorted_by_severity_and_the_last_iteration_comes_first(passed, failed):
    assert [f.severity for f in row(passed, "G-027").findings] == ["major", "major", "minor"]
    assert [f.iteration for f in row(failed, "G-029").findings] == [3, 2, 1]


def test_points_below_the_threshold_are_drawn_below_its_line(passed):
    chart = row(passed, "G-027").chart

    assert [p.reached for p in chart.points] == [False, True]
    assert chart.points[0].y > chart.threshold_y > chart.points[1].y
    assert chart.title == "Scores of G-027: i1 0.850, i2 0.922; threshold 0.90"
    assert all(0 < p.x < chart.width and 0 < p.y < chart.height for p in chart.points)


def test_a_gate_of_checks_only_has_no_chart_and_no_threshold(passed):
    assert row(passed, "G-PHASE0").chart is None
    assert row(passed, "G-PHASE0").threshold == ""
    assert row(passed, "G-PHASE0").judges == "1 check"


def test_a_failed_run_names_its_root_cause_and_what_was_not_run(failed):
    (cause,) = failed.causes

    assert (cause.id, cause.state, cause.reason) == (
        "G-029",
        "failed",
        "0.883 < 0.90, and no iteration is left",
    )
    assert cause.finding == "PLAYBOOK.md:41: No path for the reader who only wants to run the skill once"
    assert failed.verdict == "13 of 17 passed (10 tasks and 7 gates); 1 failed, 3 skipped."
    assert [(b.id, b.state, b.cause) for b in failed.blocked] == [
        ("EN-030", "skipped", "G-029"),
        ("G-030", "skipped", "G-029"),
        ("G-FINAL", "skipped", "G-029"),
    ]


def test_the_cause_is_looked_for_in_the_plan_where_no_reason_names_it():
    run = Run(plan_of([task("A"), task("B", needs=("A",)), task("C", needs=("B",))]))
    run.start(0, "A")
    run.end(1, "A", 1, outcome="exit", state="failed", exit=2, detail="exit status 2")
    run.finish(1, "failed")
    view = view_of(run)

    assert [(b.id, b.reason, b.cause) for b in view.blocked] == [
        ("B", "waits for A", "A"),
        ("C", "waits for A", "A"),
    ]
    assert view.causes[0].reason == "exit status 2"


def test_an_unfinished_run_is_shown_up_to_now():
    plan, records = feat_005(until=3000)
    view = build(plan, records, now=T0 + 3400)

    assert view.state == "running"
    assert (
        view.unfinished
        == "This run has no end in its journal: it is still going on, or was killed. Last record 6 min 40 s before this report."
    )
    assert fact(view, "Wall time").note == "so far"
    live = [bar for lane in view.timeline.lanes for bar in lane.bars if bar.running]
    assert len(live) == 2
    assert all("still running" in bar.title for bar in live)


def test_a_run_killed_long_ago_is_not_squashed():
    plan, records = feat_005(until=3000)
    view = build(plan, records, now=T0 + 30 * 86400)

    assert view.unfinished.endswith("The picture is cut off some time after it.")
    assert max(bar.width for lane in view.timeline.lanes for bar in lane.bars) > 150


@pytest.mark.parametrize("end", [0, 1, 2, 3, 5, 8, 13, 21, 34])
def test_every_beginning_of_a_journal_can_be_shown(end):
    plan, records = feat_005()
    view = build(plan, records[:end], now=T0 + 99999)

    assert view.state == "running"
    assert view.unfinished


def test_an_empty_journal_is_said():
    plan, _ = feat_005()
    view = build(plan, [], now=T0)

    assert view.unfinished == "The journal is empty: the run has not begun."
    assert view.timeline.lanes == ()


def test_a_run_of_nothing_is_said():
    run = Run(plan_of([]))
    run.finish(0, "passed")

    assert view_of(run).verdict == "Nothing was selected, so nothing was run."


def test_a_selection_is_said_and_the_rest_left_out():
    run = Run(plan_of([task("A"), task("B")]), selected=("A",))
    run.start(0, "A")
    run.end(1, "A", 1)
    run.finish(1, "passed")
    view = view_of(run)

    assert [t.id for t in view.tasks] == ["A"]
    assert view.notes == ("Only 1 of the plan's 2 items were selected.",)
    assert view.blocked == ()


def test_another_plan_than_the_one_that_ran_is_said():
    plan, records = feat_005()
    view = build(dataclasses.replace(plan, digest="0" * 64), records, now=T0 + 99999)

    assert "The plan given to this report is not the one that ran" in view.notes[0]


def test_a_resumed_run_is_not_over_at_its_first_end():
    run = Run(plan_of([task("A"), task("B")]))
    run.start(0, "A")
    run.end(1, "A", 1)
    run.finish(1, "interrupted", "Ctrl-C")
    run.start(5, "B")

    assert view_of(run, 6.0).state == "running"
    run.end(7, "B", 2)
    run.finish(7, "passed")
    assert view_of(run).state == "passed"


def test_an_act_that_was_asked_for_twice_is_one():
    run = Run(plan_of([task("A")]))
    run.start(0, "A")
    run.start(3, "A")
    run.end(4, "A", 4)
    run.finish(4, "passed")
    (act,) = read(run.plan, run.records, now=T0 + 9).acts

    assert (act.start - T0, act.end - T0) == (0, 4)


def test_retries_and_failed_acts_are_listed(passed):
    assert [(t.act, t.attempt, t.outcome, t.exit) for t in passed.troubles] == [
        ("TASK-423.i1.a1", 1, "exit", "1"),
        ("TASK-423.i1.a2", 2, "success", ""),
    ]
    assert "RateLimitError" in passed.troubles[0].detail


def test_artifacts_know_their_producer_their_readers_and_what_superseded_them(passed):
    versions = [a for a in passed.artifacts if a.path == "agents/ts-parser.md"]

    assert [(a.name, a.producer, a.iteration, a.superseded) for a in versions] == [
        ("EN-027.definitions", "EN-027", 1, True),
        ("EN-027.definitions", "EN-027", 2, False),
    ]
    assert [[(r.item, r.note, r.edge) for r in a.consumers] for a in versions] == [
        [("G-027", "i1", "")],
        [("G-027", "i2", ""), ("TASK-422", "i1", "CP-2")],
    ]
    assert versions[0].size == "3.3 kB"


def test_tasks_show_their_last_files_and_how_they_came(passed):
    task_422 = row(passed, "TASK-422")

    assert next((f.path, f.note) for f in task_422.inputs) == ("agents/ts-parser.md", "EN-027")
    assert [(f.path, f.note) for f in task_422.outputs] == [("agents/defaults.yaml", "created")]
    assert task_422.agent == "mender (command)"
    assert row(passed, "EN-029").iterations == 3


def test_what_happened_beside_the_items_is_a_warning():
    run = Run(plan_of([task("A")], warnings=("w from the plan",)))
    run.event(1, "HookFailed", hook="orchharness_update", plugin="slack", error="ValueError: no token")
    run.event(2, "GateInputsChanged", gates=["G-1"], paths=["/p/judge.py"])
    run.event(3, "StopRequested", reason="Ctrl-C", cancel=True, interrupted=True)
    run.event(4, "SomethingNew", value=1)
    run.finish(5, "interrupted")
    view = view_of(run, warnings=["journal.jsonl:9: the last record was cut off"])

    assert view.warnings == (
        "journal.jsonl:9: the last record was cut off",
        "w from the plan",
        "orchharness_update of plugin slack raised: ValueError: no token",
        "Files that judge G-1 changed while the run went on: /p/judge.py.",
        "Stopped at 2026-01-31 09:00:03 UTC: Ctrl-C (running acts were ended).",
    )


def test_usage_is_summed_where_it_is_a_number(passed):
    assert (fact(passed, "Tokens").value, fact(passed, "Cost").value) == ("70,200", "$1.19")
    run = Run(plan_of([task("A")]))
    run.start(0, "A")
    run.end(1, "A", 1, usage={"input_tokens": "many", "output_tokens": -4, "usd": float("nan")})

    assert [f.name for f in view_of(run).facts] == [
        "Wall time",
        "One after another",
        "Critical path",
        "Acts",
        "Cost",
    ]
    assert fact(view_of(run), "Cost").value == "none told"


def test_arrows_go_from_the_producers_end_to_the_consumers_start(passed):
    bars = {b.label: b for lane in passed.timeline.lanes for b in lane.bars if b.label}
    arrow = next(a for a in passed.timeline.arrows if a.name == "CP-3")
    source, target = bars["TASK-420"], bars["EN-028"]

    assert arrow.path.startswith(f"M{source.x + source.width:.1f} {source.y + 6:.1f}C")
    assert arrow.path.endswith(f"{target.x - 1:.1f} {target.y + 6:.1f}")
    assert [a.name for a in passed.timeline.arrows if a.place] == ["CP-1", "CP-2", "CP-3"]


def test_an_edge_to_what_never_ran_has_no_arrow():
    run = Run(plan_of([task("A"), task("B", "other")], edges=(Edge(id="CP-1", source="A", targets=("B",)),)))
    run.start(0, "A")
    run.end(1, "A", 1)

    assert view_of(run).timeline.arrows == ()


def boxes(timeline):
    """Everything drawn that must not cover something else: bars, and texts with their estimated width."""
    found = []
    for lane in timeline.lanes:
        found.append((0, lane.y + 5, (len(lane.name) + len(lane.detail)) * CHAR + 8, lane.y + 19))
        for bar in lane.bars:
            found.append((bar.x, bar.y, bar.x + bar.width, bar.y + bar.height))
            if bar.label:
                left = bar.label_x - len(bar.label) * CHAR if bar.label_end else bar.label_x
                found.append((left, bar.y - 13, left + len(bar.label) * CHAR, bar.y - 2))
    found += [
        (x - w / 2, y - 8, x + w / 2, y + 8) for a in timeline.arrows if a.place for x, y, w in [a.place]
    ]
    return found


def overlaps(found):
    return [
        (a, b)
        for n, a in enumerate(found)
        for b in found[n + 1 :]
        if a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
    ]


@pytest.mark.parametrize("made", [{}, {"fail": True}, {"until": 3000}])
def test_nothing_in_the_picture_covers_anything_else(made):
    timeline = build(*feat_005(**made), now=T0 + 9000).timeline

    assert overlaps(boxes(timeline)) == []
    assert all(b[0] >= 0 and b[2] <= timeline.width and b[3] <= timeline.height for b in boxes(timeline))


@given(
    acts=st.lists(
        st.tuples(st.integers(0, 11), st.sampled_from("ab"), st.floats(0, 100), st.floats(0, 60)),
        min_size=1,
        max_size=25,
    )
)
@settings(deadline=None, max_examples=60)
def test_no_run_draws_one_bar_over_another(acts):
    names = {(number, track) for number, track, _, _ in acts}
    run = Run(plan_of([task(f"TASK-{t}{n}", f"track_{t}") for n, t in sorted(names)]))
    for count, (number, track, start, seconds) in enumerate(acts):
        run.start(start, f"TASK-{track}{number}", attempt=count + 1)
        run.end(start + seconds, f"TASK-{track}{number}", seconds, attempt=count + 1)
    run.finish(200, "passed")

    assert overlaps(boxes(view_of(run).timeline)) == []


def test_many_bars_are_thin_and_it_is_said():
    timeline = build(*wide(1600, gated=False), now=T0 + 99999).timeline

    assert timeline.thin
    assert timeline.notes == (
        "1,600 bars: drawn thin and without names; hold the pointer over one to see what it is.",
    )
    assert not any(bar.label for lane in timeline.lanes for bar in lane.bars)


def test_many_tracks_become_a_lane_per_phase():
    run = Run(plan_of([task(f"T{n}", f"track_{n}") for n in range(80)]))
    for n in range(80):
        run.start(n, f"T{n}")
        run.end(n + 1, f"T{n}", 1)
    run.finish(81, "passed")
    timeline = view_of(run).timeline

    assert [lane.name for lane in timeline.lanes] == ["build"]
    assert "each lane is a phase" in timeline.notes[0]


def test_what_is_left_out_of_a_table_is_counted_and_failures_stay():
    plan, records = wide(3000, gated=False)
    records[-2]["then"] = [{"item": "T00000", "was": "passed", "state": "failed"}]
    view = build(plan, records, now=T0 + 99999)

    assert view.left_out["tasks"] == 500
    assert view.tasks[0].id == "T00000"
    assert view.tasks[-1].id == "T02999"


def test_a_critic_that_answers_nonsense_is_shown_as_far_as_it_goes():
    critic = Critic(id="c", kind="command", criteria={"clarity": Decimal(1)})
    run = Run(
        plan_of([task("A", gate="G-A")], [gate("G-A", of=("A",), critics=("c",))], critics={"c": critic})
    )
    run.judge(0, "G-A", "c")
    run.judged(
        1,
        "G-A",
        "c",
        1,
        evaluation={"criteria": {"clarity": "very"}, "findings": ["x", {"what": 3}, {"severity": []}]},
        artifacts=[1],
    )
    run.finish(1, "failed")
    g = row(view_of(run), "G-A")

    assert g.criteria[0].scores == ("very",)
    assert [f.what for f in g.findings] == ["3", ""]
    assert g.judged == ()


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8),
    lambda i: (
        st.lists(i, max_size=3)
        | st.dictionaries(
            st.sampled_from(["criteria", "findings", "score", "path", "sha256", "size", "what", "x"]),
            i,
            max_size=3,
        )
    ),
    max_leaves=10,
)


@given(values=st.lists(JSON, min_size=8, max_size=8))
@settings(deadline=None, max_examples=150)
def test_no_answer_of_an_agent_breaks_the_report(values):
    critic = Critic(id="c", kind="command", criteria={"criteria": Decimal(1)})
    run = Run(
        plan_of([task("A", gate="G-A")], [gate("G-A", of=("A",), critics=("c",))], critics={"c": critic})
    )
    run.start(0, "A")
    run.end(
        1,
        "A",
        1,
        outputs=values[0],
        inputs=values[1],
        summary=values[2],
        usage=values[3],
        detail=values[4],
        exit=values[5],
    )
    run.judge(1, "G-A", "c")
    run.judged(
        2,
        "G-A",
        "c",
        1,
        evaluation=values[6],
        artifacts=values[7],
        then=[("G-A", "failed", {"score": "n/a"})],
    )

    assert view_of(run).tasks[0].id == "A"


def test_outputs_of_two_versions_with_the_same_bytes_are_one_artifact():
    run = Run(plan_of([task("A")]))
    for iteration in (1, 2):
        run.start(iteration, "A", iteration)
        run.end(iteration + 1, "A", 1, iteration, outputs=out("doc", "a.md", "same", "rewritten"))
    run.finish(3, "passed")

    assert [(a.iteration, a.superseded) for a in view_of(run).artifacts] == [(1, False)]


def test_evaluations_of_a_failed_judge_are_not_shown():
    critic = Critic(id="c", kind="command", criteria={"clarity": Decimal(1)})
    run = Run(
        plan_of([task("A", gate="G-A")], [gate("G-A", of=("A",), critics=("c",))], critics={"c": critic})
    )
    run.judge(0, "G-A", "c")
    run.judged(
        1,
        "G-A",
        "c",
        1,
        outcome="timeout",
        evaluation=evaluation([1, 1, 1, 1, 1]),
        then=[("G-A", "error", {"reason": "c: timeout"})],
    )
    run.finish(1, "failed")
    g = row(view_of(run), "G-A")

    assert g.criteria[0].scores == ()
    assert view_of(run).causes[0].reason == "c: timeout"
