"""The queue by itself, and small questions about plans."""

from __future__ import annotations

import pytest
from build import gate, plan, task

from orchharness.core import graph
from orchharness.core.outages import Outages
from orchharness.core.plan import EMPTY, Retry, group_node, is_template, reads_of
from orchharness.core.scheduling import Scheduler, Ticket, backoff
from orchharness.errors import OrchError


def ticket(name: str, turn: int = 1, **more) -> Ticket:
    values = {"rank": 1, "tail": 0.0, "order": 0, "item": name, "track": ("p", "t")}
    return Ticket(name=name, turn=turn, **{**values, **more})


def taken(queue: Scheduler) -> list[str]:
    names = []
    while (found := queue.take()) is not None:
        queue.started(found, f"act-{found.name}", hold_track=False)
        names.append(found.name)
    return names


def test_refinement_and_judgements_go_before_new_tasks():
    queue = Scheduler({}, Outages(60.0))
    for one in (
        ticket("new", tail=-99.0),
        ticket("again", rank=0, turn=2),
        ticket("G", rank=0, turn=3, critic="c"),
    ):
        queue.offer(one)

    assert taken(queue) == ["G", "again", "new"]


def test_of_one_name_the_last_ticket_counts():
    queue = Scheduler({}, Outages(60.0))
    queue.offer(ticket("A", turn=1, order=1))
    queue.offer(ticket("A", turn=2, order=3))
    queue.offer(ticket("B", turn=3, order=2))

    assert taken(queue) == ["B", "A"]


def test_a_withdrawn_ticket_is_not_given_out_and_keeps_nobody_busy():
    queue = Scheduler({}, Outages(60.0))
    queue.offer(ticket("A"))
    queue.offer(ticket("B", turn=2), not_before=5)
    queue.withdraw("A")
    queue.withdraw("B")
    queue.withdraw("never offered")

    assert queue.take() is None
    assert queue.wake_at() is None
    assert queue.idle


def test_a_withdrawn_head_does_not_hide_what_stands_behind_it():
    queue = Scheduler({}, Outages(60.0))
    queue.offer(ticket("A", order=1))
    queue.offer(ticket("B", order=2, turn=2))
    queue.offer(ticket("C", order=3, turn=3, track=("p", "other")))
    queue.withdraw("A")

    assert taken(queue) == ["B", "C"]


def test_delayed_work_that_was_withdrawn_does_not_come_back():
    queue = Scheduler({}, Outages(60.0))
    queue.offer(ticket("A"), not_before=5)
    queue.offer(ticket("B", turn=2), not_before=9)
    queue.withdraw("A")
    queue.wake(7)

    assert queue.wake_at() == 9
    assert queue.take() is None

    queue.wake(9)

    assert taken(queue) == ["B"]


def test_work_behind_other_obstacles_is_found_past_blocked_lanes():
    queue = Scheduler({"db": 1, "gpu": 0}, Outages(60.0))
    queue.offer(ticket("first", resources={"db": 1}))
    assert taken(queue) == ["first"]
    queue.offer(ticket("A", turn=2, order=1, resources={"db": 1}))
    queue.offer(ticket("B", turn=3, order=2, resources={"gpu": 1}))
    queue.offer(ticket("C", turn=4, order=3))

    assert taken(queue) == ["C"]

    queue.offer(ticket("A2", turn=5, order=0, resources={"db": 1}))
    queue.withdraw("A")
    queue.ended("act-first")
    queue.release("first")

    assert taken(queue) == ["A2"]
    assert queue.waits("B")


def test_a_lane_whose_tickets_were_all_withdrawn_while_it_was_blocked_is_gone():
    queue = Scheduler({"db": 1}, Outages(60.0))
    queue.offer(ticket("first", resources={"db": 1}))
    queue.offer(ticket("A", turn=2, order=1, resources={"db": 1}))

    assert taken(queue) == ["first"]

    queue.withdraw("A")
    queue.ended("act-first")
    queue.release("first")

    assert queue.take() is None
    assert queue.idle


def test_what_is_left_of_work_that_ran_alone_is_not_lost():
    queue = Scheduler({}, Outages(60.0))
    queue.run_alone(frozenset({"F", "G"}))
    queue.offer(ticket("G/one", item="G", critic="one"))
    queue.offer(ticket("G/two", turn=2, item="G", critic="two"))
    queue.offer(ticket("A", turn=3))
    queue.withdraw("G/two")
    queue.release("F")

    assert sorted(taken(queue)) == ["A", "G/one"]


def test_what_began_to_run_alone_last_is_alone_first_and_the_other_after_it():
    queue = Scheduler({}, Outages(60.0))
    queue.run_alone(frozenset({"F", "G"}))
    queue.run_alone(frozenset({"H", "I"}))
    queue.offer(ticket("G/one", item="G", critic="one"))
    queue.offer(ticket("I/one", turn=2, item="I", critic="one"))
    queue.offer(ticket("A", turn=3))
    last = taken(queue)
    queue.ended("act-I/one")
    queue.release("H")
    first = taken(queue)
    queue.ended("act-G/one")
    queue.release("F")

    assert (last, first, taken(queue)) == (["I/one"], ["G/one"], ["A"])


def test_what_was_released_while_another_ran_alone_is_not_alone_after_it():
    queue = Scheduler({}, Outages(60.0))
    queue.run_alone(frozenset({"F", "G"}))
    queue.run_alone(frozenset({"H", "I"}))
    queue.offer(ticket("G/one", item="G", critic="one"))
    queue.offer(ticket("A", turn=2))
    queue.release("G")

    assert taken(queue) == []
    queue.release("I")
    assert sorted(taken(queue)) == ["A", "G/one"]


def test_a_better_ticket_in_the_same_lane_comes_first():
    queue = Scheduler({}, Outages(60.0))
    for turn, name in enumerate(["D", "C", "B", "A"]):
        queue.offer(ticket(name, turn=turn, order=10 - turn))

    assert taken(queue) == ["A", "B", "C", "D"]


@pytest.mark.parametrize(("attempt", "seconds"), [(1, 1.5), (2, 3.0), (5, 24.0), (5000, 1.5 * 2**32)])
def test_back_off_doubles_and_stays_a_number(attempt, seconds):
    assert backoff(Retry(backoff=1.5), attempt) == seconds


def test_the_rest_of_the_plan_counts_tasks_without_an_estimate_as_the_mean():
    whole = plan(task("A", estimate=10), task("B", "A", estimate=20), task("C", "B"), gate("G", "C"))
    waiting, missing = graph.dependents(whole, [*whole.tasks, *whole.gates])

    assert graph.tails(whole, waiting) == {"A": 45, "B": 35, "C": 15, "G": 0}
    assert missing == {"A": 0, "B": 1, "C": 1, "G": 1}


def test_without_any_estimate_a_task_counts_as_a_second():
    whole = plan(task("A"), task("B", "A"), task("C", "A"))
    waiting, _ = graph.dependents(whole, list(whole.tasks))

    assert graph.tails(whole, waiting) == {"A": 2, "B": 1, "C": 1}


def test_who_needs_a_gated_task_needs_its_gate():
    whole = plan(task("A"), gate("GA", own="A"), task("B", "A"), gate("G", "A", "B"))

    assert graph.needs_of(whole, "B") == ("GA",)
    assert graph.needs_of(whole, "G") == ("GA", "B")
    assert graph.needs_of(whole, "GA") == ("A",)


def test_items_that_wait_for_each_other_are_refused_and_named():
    whole = plan(task("A"), gate("GA", own="A", check_reads=["B.out"]), task("B", "A"), task("C"))
    waiting, _ = graph.dependents(whole, [*whole.tasks, *whole.gates])

    with pytest.raises(OrchError, match=r"these wait for each other \(.*\): A, B, GA; take one edge out"):
        graph.tails(whole, waiting)


def test_small_questions_about_a_plan():
    whole = plan(task("A"), gate("G", "A"), task("B", reads={"x": "A.out", "y": ["A.out", "G.evaluation"]}))

    assert whole.item("A") is whole.tasks["A"]
    assert whole.item("G") is whole.gates["G"]
    assert reads_of(whole.tasks["B"]) == ("A", "G")
    assert group_node("phase", "one") == "phase:one"
    assert [is_template(t) for t in ("a", "{{ a }}", "{% if a %}", "{# a #}")] == [False, True, True, True]
    with pytest.raises(KeyError):
        whole.item("X")


def test_the_empty_mapping_of_defaults_is_like_any_other():
    assert EMPTY == {}
    assert (repr(EMPTY), list(EMPTY), hash(EMPTY)) == ("{}", [], 0)
    with pytest.raises(KeyError):
        EMPTY["x"]
