"""Orchestration files: what of them is in the plan, and what is said of the rest."""

from __future__ import annotations

from decimal import Decimal

import import_samples as samples

from orchharness.core.plan import Mode
from orchharness.importing import About


def needs(plan, name):
    return set(plan.tasks[name].needs)


def everything_before(plan, name):
    found, pending = set(), [name]
    while pending:
        for need in plan.tasks[pending.pop()].needs:
            for member in plan.groups.get(need, (need,)):
                if member not in found:
                    found.add(member)
                    pending += [member] if member in plan.tasks else []
    return found


def test_phases_of_several_pipelines_are_tracks_that_wait_for_the_barrier(imported):
    plan, notes, _ = imported(samples.SIDE_BY_SIDE)

    assert [t.id for p in plan.phases for t in p.tracks] == [
        "left-phase-1",
        "left-phase-2",
        "right-phase-1",
        "right-phase-2",
    ]
    assert {"pick-left", "boil-right"} <= everything_before(plan, "dry-left")
    assert plan.parallel == 2
    assert not notes[About.CONTRADICTION]


def test_placeholders_in_paths_are_filled_and_unsafe_paths_are_told(imported):
    plan, notes, made = imported(samples.SIDE_BY_SIDE)

    assert [o.path for o in plan.tasks["pick-left"].outputs] == ["out/tea-20260101-001/left/picked.md"]
    assert plan.tasks["boil-right"].outputs == plan.tasks["pour-right"].outputs == ()
    unsafe = "artifact: not a plain path below the workspace, so it stands in the prompt"
    assert notes[About.LEFT][unsafe] == (26, 30)
    assert "/etc/boiled.md" in made.plan


def test_what_another_task_makes_is_an_input_and_the_rest_is_in_the_prompt(imported):
    plan, _, _ = imported(samples.SIDE_BY_SIDE)
    (read,) = plan.tasks["dry-left"].inputs

    assert [(s.item, s.output) for s in read.sources] == [("pick-left", "picked")]
    assert plan.tasks["dry-left"].prompt == "Dryer\n\nReads:\n- weather\n"


def test_the_order_of_the_queue_orders_the_tasks(imported):
    plan, _, _ = imported(samples.SIDE_BY_SIDE)

    assert "dry-left" in needs(plan, "pour-right")


def test_a_finished_queue_group_with_unfinished_tasks_is_told_and_stops_nothing(imported):
    _, notes, made = imported(samples.SIDE_BY_SIDE)

    assert made.plan is not None
    assert notes[About.STATE] == {
        "queue '1' is 'complete', but task 'boil-right' in it is 'pending'": (26, 36),
    }


def test_a_gate_named_by_a_phase_and_described_elsewhere_is_one_gate(imported):
    plan, notes, _ = imported(samples.GATED)
    gate = plan.gates["QG-0"]

    assert [phase.id for phase in plan.phases] == ["phase-0", "phase-1"]
    assert gate.of == ("t-1", "t-2")
    assert (gate.threshold, gate.max_iterations) == (Decimal("0.92"), 3)
    assert plan.critics["ps-critic"].criteria == {"completeness": Decimal("0.5"), "accuracy": Decimal("0.5")}
    assert notes[About.STATE] == {
        "gate 'QG-0' is 'passed' with 0.9, below its 0.92": (16,),
        "'t-2': completed_at is before started_at": (9,),
    }


def test_sequential_groups_run_in_order_and_efforts_are_estimates(imported):
    plan, _, _ = imported(samples.GATED)

    assert needs(plan, "t-2") == {"t-1"}
    assert plan.tasks["t-1"].estimate == 5400
    assert [o.path for o in plan.tasks["t-3"].outputs] == ["docs/text.md"]


def test_sequential_groups_of_groups_follow_one_another(imported):
    plan, _, _ = imported(
        "phases:\n- id: p\n  parallel: false\n  enablers:\n  - {id: E-1, tasks: [{id: a}]}\n  - {id: E-2, tasks: [{id: b}]}\n"
    )

    assert "a" in everything_before(plan, "b")


def test_lanes_in_a_markdown_block_are_phases_and_tracks(imported):
    plan, notes, _ = imported(samples.LANES, name="decision.md")

    assert [(p.id, p.mode, [t.id for t in p.tracks]) for p in plan.phases] == [
        ("phase_0", Mode.FOREGROUND, ["phase_0"]),
        ("side-by-side", Mode.BACKGROUND, ["track_a", "track_b"]),
    ]
    assert notes[About.LEFT] == {
        "another document or block of the file": (8,),
        "'orchestrator_protocol' with all below it": (26,),
        "critic 'ps-critic': no gate says what it judges": (),
    }


def test_every_key_that_is_not_used_is_listed_once_with_its_lines(imported):
    _, notes, _ = imported(
        "phases:\n- {id: a, colour: red, tasks: [{id: t, colour: blue, status: done}]}\nshape: round\n"
    )

    assert notes[About.LEFT] == {
        "'colour'": (2,),
        "'shape'": (3,),
        "'status': a plan holds no state and no record": (2,),
    }


def test_each_word_for_a_dependency_is_one(imported):
    words = (
        "blocked_by",
        "depends_on",
        "dependencies",
        "needs",
        "requires",
        "after",
        "prerequisites",
        "waits_for",
    )
    for word in words:
        plan, _, _ = imported(f"tasks:\n  a: {{description: one}}\n  b: {{description: two, {word}: a}}\n")

        assert needs(plan, "b") == {"a"}, word


def test_blocks_is_a_dependency_the_other_way_round(imported):
    plan, _, _ = imported("tasks:\n  a: {description: one, blocks: [b]}\n  b: {description: two}\n")

    assert needs(plan, "b") == {"a"}


def test_a_gate_that_asks_a_person_stays_shut_until_somebody_fills_it_in(imported):
    plan, notes, _ = imported(
        "phases:\n- {id: p, gate: The owner approves it., tasks: [{id: t}]}\n- {id: q, tasks: [{id: u}]}\n"
    )

    assert plan.gates["G-p"].critics == ("person",)
    assert "not filled in yet" in plan.critics["person"].command.argv[-1]
    assert "say in 'critics' who judges: person" in notes[About.TODO]


def test_an_edge_between_pipelines_carries_its_artifact(imported):
    plan, _, _ = imported(
        "tracks:\n"
        "  a: {tasks: [{id: t, artifact: x.md}]}\n"
        "  b: {tasks: [{id: u}, {id: v, after: u}]}\n"
        "cross_pollination:\n"
        "- {id: CP-1, from: t, to: b, artifact_path: x.md}\n"
    )
    (edge,) = plan.edges

    assert (edge.id, edge.source, edge.targets, edge.artifacts) == ("CP-1", "t", ("u",), ("x",))


def test_tasks_that_write_one_file_in_no_order_take_turns(imported):
    plan, notes, _ = imported(
        "tasks: [{id: a, output: x.md}, {id: b, output: x.md}, {id: c, output: y.md}]\n"
    )

    assert plan.tasks["a"].resources == plan.tasks["b"].resources == {"x-md": 1}
    assert plan.tasks["c"].resources == {}
    assert "a, b write 'x.md' in no order: they take turns (resources)" in notes[About.CARRIED]


def test_ids_that_are_none_are_renamed_and_it_is_said(imported):
    plan, notes, _ = imported("tasks: [{id: 'größe 1', needs: 7}, {id: 7}]\n")

    assert list(plan.tasks) == ["groe-1", "task-7"]
    assert notes[About.RENAMED]["numbers are no ids: task-N is what was N"] == (1,)
