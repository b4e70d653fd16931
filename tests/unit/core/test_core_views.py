"""What watchers are shown cannot be changed by them."""

from __future__ import annotations

import pytest
from build import plan, task

from orchharness.core.acts import Outcome
from orchharness.core.events import TaskFinished
from orchharness.core.orchestrator import Orchestrator, RunView
from orchharness.core.views import read_only


def test_values_are_read_only_all_the_way_down():
    event = TaskFinished(
        at=1,
        task="A",
        act="A.i1.a1",
        outcome=Outcome.SUCCESS,
        started=0,
        seconds=1,
        outputs={"doc": [{"path": "x"}]},
    )
    shown = read_only(event)

    assert shown == TaskFinished(
        at=1,
        task="A",
        act="A.i1.a1",
        outcome=Outcome.SUCCESS,
        started=0,
        seconds=1,
        outputs={"doc": ({"path": "x"},)},
    )
    with pytest.raises(TypeError):
        shown.outputs["doc"][0]["path"] = "y"
    with pytest.raises(TypeError):
        shown.outputs["doc"] = ()
    assert event.outputs == {"doc": [{"path": "x"}]}


@pytest.mark.parametrize("value", [None, 1, "text", Outcome.SUCCESS, Outcome])
def test_values_without_parts_are_themselves(value):
    assert read_only(value) is value


def test_the_view_of_a_run_shows_a_plan_that_cannot_be_changed():
    view = RunView(Orchestrator(plan(task("A"))))

    assert view.plan is view.plan
    assert view.plan.tasks["A"] == task("A")
    with pytest.raises(TypeError):
        view.plan.tasks["B"] = task("B")
    with pytest.raises(AttributeError):
        view.status("A").state = "passed"
    assert [i.id for i in view.items()] == ["A"]
