"""Budgets: what counts, what a reached one stops, and what goes on beside it."""

from __future__ import annotations

from decimal import Decimal

import pytest
from build import FOREGROUND, START, Done, Drive, Said, critic, failed, gate, plan, task

from orchharness.core import events as ev
from orchharness.core.acts import Outcome
from orchharness.core.budget import tally
from orchharness.core.definition import changes, definition_of
from orchharness.core.orchestrator import Orchestrator
from orchharness.core.past import past_of, replay
from orchharness.core.plan import Agent, Budget, Option, Recovery, Retry, Then
from orchharness.core.resuming import resume
from orchharness.core.terms import terms_from, terms_of, without_budgets

MODEL = {"bot": Agent(id="bot", kind="model", is_model=True), "tool": Agent(id="tool", kind="command")}
DEAR = Done(usage={"usd": 3, "input_tokens": 900, "output_tokens": 100})
LOW, HIGH = Said(score=0.5), Said(score=0.95)


def usd(amount: str) -> Budget:
    return Budget(usd=Decimal(amount))


def spawns(count: int) -> Budget:
    return Budget(spawns=count)


def chain(count: int, **more):
    return [task(f"T{n}", *([f"T{n - 1}"] if n else []), **more) for n in range(count)]


def again(played: Drive, whole, at: float = 50_000.0):
    """The run as a later session with that plan begins it; `decide` is what it starts first."""
    past = past_of(played.events)
    found = resume(whole, [*whole.tasks, *whole.gates], past)
    resumed = ev.RunResumed(
        at=at, digest="0", selected=found.run.selected, dropped=found.dropped, again=found.again
    )
    found.run.apply(resumed)
    return found, resumed


# ---- what is reached -----------------------------------------------------------------------------


def test_nothing_new_starts_once_the_money_of_the_run_is_spent(drive):
    played = drive(*chain(5), script={f"T{n}": DEAR for n in range(5)}, budget=usd("6")).play()

    assert played.acts == ["T0.i1.a1", "T1.i1.a1"]
    assert played.run.over
    assert played.run.state == "paused"
    assert played.state("T2") == "ready"
    assert played.reason("T2") == "budget of the run reached: 6.00 of 6 USD"
    assert played.run.parked == {"T2": "budget of the run reached: 6.00 of 6 USD"}


def test_what_runs_finishes_when_a_budget_is_reached_and_is_counted(drive):
    items = [task("A"), task("B"), task("C", "A")]
    played = drive(
        *items, script={"A": DEAR, "B": Done(seconds=99, usage={"usd": 0.5})}, budget=usd("3")
    ).play()

    assert played.states() == {"A": "passed", "B": "passed", "C": "ready"}
    assert played.run.spent(played.now)[0].text == "3.50 of 3 USD"


def test_tokens_read_and_written_are_summed(drive):
    played = drive(*chain(3), script=lambda _: DEAR, budget=Budget(tokens=2000)).play()

    assert played.acts == ["T0.i1.a1", "T1.i1.a1"]
    assert played.reason("T2") == "budget of the run reached: 2,000 of 2,000 tokens"


def test_a_sum_is_exact(drive):
    played = drive(*chain(5), script=lambda _: Done(usage={"usd": 0.1}), budget=usd("0.3")).play()

    assert len(played.acts) == 3


def test_a_run_that_spends_exactly_what_it_may_passes(drive):
    played = drive(*chain(2), script=lambda _: DEAR, budget=Budget(usd=Decimal(6), spawns=2)).play()

    assert played.run.state == "passed"
    assert "reached" in played.run.spent(played.now)[0].reached


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_no_more_acts_start_than_a_budget_of_spawns_says(drive, count):
    played = drive(*(task(n) for n in "ABCDEF"), budget=spawns(count)).play()

    assert len(played.acts) == count
    assert played.run.state == "paused"


def test_critics_retries_and_refinements_count_as_spawns(drive):
    items = [task("A", attempts=2), gate("G", own="A")]
    script = {"A": [failed(), Done()], "G": [LOW, HIGH]}

    assert drive(*items, script=script, budget=spawns(5)).play().run.state == "passed"
    for count, state in ((1, "ready"), (2, "passed"), (3, "ready"), (4, "passed")):
        played = drive(*items, script=script, budget=spawns(count)).play()
        assert len(played.acts) == count
        assert (played.state("A"), played.run.state) == (state, "paused")


def test_checks_are_no_spawns_and_are_not_stopped_by_a_budget_of_them(drive):
    items = [task("A"), gate("G", own="A", checks=True, critics=())]

    assert drive(*items, budget=spawns(1)).play().run.state == "passed"
    assert drive(*items, script={"A": DEAR}, budget=usd("1")).play().state("G") == "ready"


def test_a_persons_answer_is_no_spawn(drive):
    played = drive(task("A"), task("Q", "A", ask="Which?"), budget=spawns(1)).play()

    assert played.run.state == "paused"
    assert played.answer("Q", note="this").play().run.state == "passed"


def test_a_question_beside_a_reached_budget_waits_too(drive):
    played = drive(task("A"), task("B", "A"), task("Q", ask="Which?"), budget=spawns(1)).play()

    assert played.run.questions
    assert played.run.parked
    assert played.run.state == "paused"


def test_wall_time_stops_what_is_ready_later(drive):
    played = drive(*chain(4), budget=Budget(wall=15)).play()

    assert played.acts == ["T0.i1.a1", "T1.i1.a1"]
    assert played.reason("T2") == "budget of the run reached: 20s of 15s"


def test_a_run_does_not_wait_for_a_retry_beyond_its_wall_time(drive):
    played = drive(task("A", attempts=2, backoff=3600), script={"A": failed()}, budget=Budget(wall=60)).play()

    assert played.now == START + 60
    assert played.run.state == "paused"
    assert played.reason("A") == "budget of the run reached: 1m of 1m"


def test_a_retry_that_is_due_before_the_wall_time_is_used_up_starts(drive):
    script = {"A": [failed(), Done()]}
    played = drive(task("A", attempts=2, backoff=30), script=script, budget=Budget(wall=60)).play()

    assert played.run.state == "passed"


def test_a_retry_that_waits_is_given_up_when_the_money_is_spent(drive):
    items = [task("A", attempts=2, backoff=3600), task("B")]
    script = {"A": failed(), "B": Done(seconds=50, usage={"usd": 9})}
    played = drive(*items, script=script, budget=usd("1")).play()

    assert played.now == START + 50
    assert played.state("A") == "ready"


def test_a_failure_beside_a_reached_budget_fails_the_run(drive):
    played = drive(task("A"), task("B", "A"), task("C"), script={"C": failed()}, budget=spawns(2)).play()

    assert played.run.state == "failed"


def test_without_a_budget_nothing_is_counted(drive):
    played = drive(*chain(2), script=lambda _: DEAR).play()

    assert played.run.spent(played.now) == ()
    assert terms_of(played.plan) is None


# ---- tracks and tasks ----------------------------------------------------------------------------


def test_a_track_whose_budget_is_reached_stops_and_others_go_on(drive):
    items = [*chain(3, track="dear"), task("A"), task("B", "A"), task("C", "B")]
    played = drive(*items, script=lambda _: DEAR, tracks={"dear": usd("3")}).play()

    assert played.acts_of("T0", "T1", "T2") == ["T0.i1.a1"]
    assert played.states() | {"T2": ""} == {
        "T0": "passed", "T1": "ready", "T2": "", "A": "passed", "B": "passed", "C": "passed"
    }  # fmt: skip
    assert played.reason("T1") == "budget of track 'dear' reached: 3.00 of 3 USD"


def test_a_tasks_budget_counts_its_iterations_and_those_who_judge_it(drive):
    items = [task("A", budget=spawns(3)), gate("G", own="A"), task("B")]
    played = drive(*items, script={"G": [LOW, LOW, HIGH]}).play()

    assert played.acts_of("A", "G") == ["A.i1.a1", "G.i1.critic.a1", "A.i2.a1"]
    assert played.states() == {"A": "passed", "G": "ready", "B": "passed"}
    assert played.reason("G") == "budget of task 'A' reached: 3 of 3 spawns"


def test_a_task_that_a_wider_gate_refines_draws_on_its_own_budget(drive):
    items = [task("A", budget=spawns(1)), task("B"), gate("G", "A", "B")]
    played = drive(*items, script={"G": [LOW, HIGH]}).play()

    assert played.states() == {"A": "ready", "B": "passed", "G": "refining"}
    assert played.run.state == "paused"


def test_the_first_budget_that_is_reached_stops(drive):
    items = [task("A", budget=spawns(9)), task("B", "A")]
    played = drive(*items, tracks={"t": spawns(1)}, budget=spawns(5)).play()

    assert played.reason("B") == "budget of track 't' reached: 1 of 1 spawns"


def test_wall_time_of_a_track_is_that_in_which_any_of_its_acts_runs(drive):
    items = [task("A", track="x"), task("B", track="x"), task("W", "A", "B"), task("C", "W", track="x")]
    items += [task("D", "C", track="x")]
    script = {"W": Done(seconds=500)}
    played = drive(*items, script=script, tracks={"x": Budget(wall=20)}).play()

    assert played.state("C") == "passed", "side by side counts once, and waiting for W does not"
    assert played.reason("D") == "budget of track 'x' reached: 20s of 20s"


def test_wall_time_of_a_track_is_reached_while_it_works(drive):
    items = [task("A", track="x"), task("B", track="x"), task("W"), task("C", "W", track="x")]
    script = {"A": Done(seconds=100), "B": Done(seconds=100), "W": Done(seconds=50)}
    played = drive(*items, script=script, tracks={"x": Budget(wall=40)}).play()

    assert played.states() == {"A": "passed", "B": "passed", "W": "passed", "C": "ready"}


def test_critics_that_no_spawn_is_left_for_leave_the_gate_ready(drive):
    critics = [critic("one"), critic("two")]
    items = [task("A"), gate("G", own="A", critics=("one", "two"))]
    played = drive(*items, critics=critics, budget=spawns(2)).play()

    assert played.acts == ["A.i1.a1", "G.i1.one.a1"]
    assert played.state("G") == "ready"
    assert played.reason("G") == "budget of the run reached: 2 of 2 spawns"


def test_a_gate_stays_judging_while_one_of_its_critics_works(drive):
    critics = [critic("one"), critic("two", retry=Retry(attempts=2))]
    items = [task("A"), gate("G", own="A", critics=("one", "two"))]
    script = {"G/one": Said(seconds=50), "G/two": Said(outcome=Outcome.EXIT, seconds=5)}
    played = drive(*items, critics=critics, script=script, budget=spawns(3)).play(20)

    assert played.state("G") == "judging"
    played.play()
    assert played.state("G") == "ready"


def test_a_gate_that_becomes_an_error_waits_for_no_budget(drive):
    items = [task("A"), gate("G", own="A")]
    played = drive(*items, budget=spawns(1)).at(50, ev.GateInputsChanged, gates=("G",), paths=("/r",)).play()

    assert played.state("G") == "error"
    assert played.run.parked == {}
    assert played.run.state == "failed"


def test_what_a_parked_task_holds_is_free_for_others(drive):
    db = {"resources": {"db": 1}}
    items = [task("A", budget=spawns(1), **db), gate("G", own="A"), task("B", **db)]
    played = drive(*items, resources={"db": 1}).play()

    assert played.states() == {"A": "passed", "G": "ready", "B": "passed"}


def test_a_foreground_task_that_is_parked_lets_the_rest_go_on(drive):
    items = [task("F", budget=spawns(1), mode=FOREGROUND), gate("G", own="F"), task("B")]
    played = drive(*items).play()

    assert played.states() == {"F": "passed", "G": "ready", "B": "passed"}


def test_what_needs_a_parked_item_waits(drive):
    items = [*chain(2, track="x"), task("B", "T1"), gate("G", "B")]
    played = drive(*items, tracks={"x": spawns(1)}).play()

    assert played.states() == {"T0": "passed", "T1": "ready", "B": "waiting", "G": "waiting"}


def test_a_person_may_leave_out_what_waits_behind_a_parked_item(drive):
    asks = {"human": True, "question": "Go?", "critics": (), "max_iterations": 1}
    skip = (Option(id="cut", label="cut", then=Then.SKIP, skip=("B",)),)
    items = [task("A"), gate("G", "A", options=skip, **asks), task("B", "G", "X"), task("X", track="x")]
    items += [task("Y", track="x")]
    played = drive(*items, tracks={"x": spawns(1)}, parallel=1).play().answer("G", "cut").play()

    assert played.state("B") == "skipped"
    assert played.run.state == "paused"


# ---- what is known -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "usage",
    [{}, {"usd": None}, {"usd": "3"}, {"usd": True}, {"usd": -1}, {"usd": float("nan")}, {"usd": 10**5000}],
)
def test_a_model_that_gives_no_figure_is_counted_as_unknown(drive, usage):
    items = [task("A", agent="bot"), task("B", agent="tool"), task("C", "A")]
    script = {"A": Done(usage=usage), "C": Done(usage={"usd": 0.25})}
    played = drive(*items, script=script, budget=usd("20"), agents=MODEL).play()

    (spent,) = played.run.spent(played.now)
    assert spent.text == "0.25 of 20 USD and 1 act of unknown cost"
    assert spent.to_record() == {
        "scope": "run", "reached": False, "usd": {"spent": 0.25, "of": 20.0, "unknown_acts": 1}
    }  # fmt: skip


def test_tokens_are_known_when_both_figures_are(drive):
    script = {"A": Done(usage={"output_tokens": 7, "usd": 1}), "B": Done(usage={})}
    items = [task("A", agent="bot"), task("B", agent="bot")]
    played = drive(*items, script=script, budget=Budget(tokens=1000), agents=MODEL).play()

    assert played.run.spent(played.now)[0].text == "7 of 1,000 tokens and 2 acts of unknown tokens"


def test_a_critic_is_a_model_when_its_kind_or_its_agent_is(drive):
    critics = [critic("one", is_model=True), critic("two", agent="bot"), critic("three", agent="tool")]
    items = [task("A"), gate("G", own="A", critics=("one", "two", "three"), checks=True)]
    played = drive(*items, critics=critics, budget=usd("9"), agents=MODEL).play()

    assert played.run.spent(played.now)[0].unknown == {"usd": 2}


def test_the_sums_say_what_is_limited_in_the_plans_words(drive):
    limit = Budget(usd=Decimal("20.50"), tokens=2_000_000, wall=8 * 3600, spawns=60)
    played = drive(task("A"), script={"A": Done(seconds=3725, usage={"usd": 0.0005})}, budget=limit).play()

    (spent,) = played.run.spent(played.now)
    assert spent.text == "0.0005 of 20.5 USD, 0 of 2,000,000 tokens, 1h2m of 8h, 1 of 60 spawns"
    assert spent.name == "budget of the run"
    assert spent.to_record()["wall"] == {"spent": 3725.0, "of": 28800.0}


def test_terms_and_limits_are_the_same_after_json():
    tracks = {"t": Budget(wall=2.5, tokens=3)}
    whole = plan(task("A", budget=usd("0.10")), task("Q", ask="?"), gate("G", own="A"), tracks=tracks)
    terms = terms_of(whole)

    assert terms is not None
    assert terms_from(terms.to_record()) == terms
    assert terms.scopes == {
        "A": ("track:main/t", "task:A"),
        "G": ("track:main/t", "task:A"),
        "Q": ("track:main/t",),
    }


def test_a_plan_without_its_budgets_is_the_same_otherwise():
    bare = plan(task("A"), task("B"))
    dear = plan(task("A", budget=spawns(1)), task("B"), tracks={"t": usd("1")}, budget=spawns(2))

    assert without_budgets(dear) == bare
    assert without_budgets(bare) is bare


# ---- later sessions ------------------------------------------------------------------------------


def test_a_raised_budget_goes_on_and_nothing_is_done_again(drive):
    items = chain(4)
    played = drive(*items, script=lambda _: DEAR, budget=usd("6")).play()
    found, _ = again(played, plan(*items, budget=usd("20")))

    assert found.dropped == {}
    assert [s.act for s in found.run.decide(50_000, 9)] == ["T2.i1.a1"]
    assert found.run.spent(50_000)[0].text == "6.00 of 20 USD"


def test_a_budget_is_no_part_of_what_an_item_is():
    before, after = plan(task("A")), plan(task("A", budget=usd("1")), budget=usd("2"), tracks={"t": usd("3")})

    assert changes(definition_of(before), definition_of(after)) == {}


def test_a_budget_that_was_not_raised_is_reached_at_once(drive):
    items = chain(4)
    played = drive(*items, script=lambda _: DEAR, budget=usd("6")).play()
    found, _ = again(played, played.plan)

    assert found.run.over
    assert found.run.decide(50_000, 9) == []
    assert found.run.state == "paused"
    assert found.run.status("T2").reason == "budget of the run reached: 6.00 of 6 USD"


def test_a_budget_that_is_lower_than_what_was_spent_is_reached_at_once(drive):
    items = chain(4)
    played = drive(*items, script=lambda _: DEAR, budget=usd("6")).play()
    found, _ = again(played, plan(*items, budget=Budget(wall=1, spawns=1)))

    assert found.run.status("T2").reason == "budget of the run reached: 20s of 1s, 2 of 1 spawns"


def test_wall_time_is_that_of_the_sessions_and_not_between_them(drive):
    played = drive(*chain(4), budget=Budget(wall=15)).play()
    whole = plan(*chain(4), budget=Budget(wall=100))
    found, _ = again(played, whole)

    assert found.run.spent(50_000)[0].wall == 20
    assert found.run.spent(50_030)[0].wall == 50
    assert found.run.decide(50_090, 9) == []


def test_what_is_not_used_any_more_was_paid_all_the_same(drive):
    items = chain(2)
    played = drive(*items, script=lambda _: DEAR, budget=Budget(usd=Decimal(100), spawns=100)).play()
    other = plan(task("T0", outputs=("other",)), items[1], budget=Budget(usd=Decimal(100), spawns=100))
    past = past_of(played.events)
    found = resume(other, list(other.tasks), past, redo={"T0": "command changed"})
    found.run.apply(ev.RunResumed(at=9000, digest="0", selected=found.run.selected, dropped=found.dropped))

    assert found.run.spent(9000)[0].text == "6.00 of 100 USD, 2 of 100 spawns"


def test_an_act_that_nobody_heard_of_again_is_of_unknown_cost(drive):
    items = [task("A", agent="bot"), task("B", agent="bot")]
    more = {"agents": MODEL, "budget": usd("9")}
    played = drive(*items, **more, script={"A": Done(seconds=500), "B": DEAR}).play(20)
    whole = plan(task("B", agent="bot"), **more)
    found, resumed = again(played, whole)

    assert found.dropped == {"A.i1.a1": "it is not in the plan any more"}
    assert found.run.spent(50_000)[0].text == "3.00 of 9 USD and 1 act of unknown cost"
    assert replay(whole, [*played.events, resumed]).spent(50_000) == found.run.spent(50_000)


def test_an_act_that_is_found_again_counts_once_and_its_cost_when_it_ends(drive):
    whole = plan(task("A"), task("B", "A"), tracks={"t": Budget(wall=1000, usd=Decimal(5), spawns=9)})
    played = drive(whole, script={"A": Done(seconds=500)}).play(20)
    found, resumed = again(played, whole)
    end = ev.TaskFinished(
        at=50_100, task="A", act="A.i1.a1", outcome=Outcome.SUCCESS, started=1000, seconds=1, usage={"usd": 5}
    )
    found.run.apply(end)

    assert found.run.spent(60_000)[0].text == "5.00 of 5 USD, 1m40s of 16m40s, 1 of 9 spawns"
    assert found.run.over
    run = replay(whole, [*played.events, resumed, end])
    assert (run.spent(60_000), run.parked, run.state) == (found.run.spent(60_000), found.run.parked, "paused")


def test_what_another_run_did_costs_nothing(drive):
    whole = plan(*chain(2), budget=spawns(1))
    run = Orchestrator(whole)
    start = {"at": 1.0, "task": "T0", "iteration": 1, "attempt": 1, "act": "T0.i1.a1", "key": "k"}
    run.apply(ev.RunStarted(at=1.0, run="r", plan="p", digest="0", selected=run.selected))
    run.apply(ev.TaskStarted(**start, adopted=True))
    run.apply(
        ev.TaskFinished(at=1.0, task="T0", act="T0.i1.a1", outcome=Outcome.SUCCESS, started=1.0, seconds=0.0)
    )

    assert run.spent(1.0)[0].spawns == 0
    assert [s.act for s in run.decide(2.0, 9)] == ["T1.i1.a1"]


def test_sums_go_over_all_sessions_of_a_journal(drive):
    whole = plan(*chain(2), budget=Budget(wall=1000))
    played = drive(whole, script={"T0": Done(seconds=40)}).play(20)
    resumed = [ev.RunResumed(at=at, digest="0", selected=("T0", "T1")) for at in (5000.0, 9000.0)]
    end = ev.HookFailed(at=5030.0, hook="h", plugin="p", error="e")
    terms = terms_of(whole)
    assert terms is not None
    found = tally(terms, [*played.events, resumed[0], end, resumed[1]])

    assert found.spent(9001.0)[0].wall == 31


def test_a_lost_act_that_a_person_is_asked_about_draws_on_the_budget_again(drive):
    played = drive(task("A", recovery=Recovery.ASK), budget=spawns(1)).play(1)
    found, _ = again(played, played.plan)
    lost = {"act": "A.i1.a1", "outcome": Outcome.LOST, "started": 1000.0, "seconds": 1.0}
    found.run.apply(ev.TaskFinished(at=50_001, task="A", asks=True, **lost))
    found.run.apply(
        ev.DecisionTaken(at=50_002, item="A", question="A.q1", number=1, option="rerun", by="ann")
    )

    assert found.run.decide(50_003, 9) == []
    assert found.run.state == "paused"


def test_sums_of_a_journal_are_those_of_its_run(drive):
    items = [*chain(3, track="x"), task("B")]
    whole = plan(*items, tracks={"x": Budget(wall=100)}, budget=Budget(usd=Decimal(50), wall=90))
    played = drive(whole, script=lambda _: DEAR).play()
    terms = terms_of(whole)
    assert terms is not None

    assert tally(terms, played.events).spent(played.now) == played.run.spent(played.now)


def test_a_critic_that_a_budget_stops_between_two_judgements_lets_its_track_go(drive):
    whole = plan(
        task("A", budget=Budget(spawns=2)),
        gate("G", own="A", samples=2),
        task("C"),
        critics=[critic("critic", mode=FOREGROUND)],
        parallel=1,
    )
    played = drive(whole, script={"C": Done(seconds=50)}).play()

    assert played.state("C") == "passed"
    assert "G" in played.run.parked


def test_a_foreground_item_stays_alone_while_judgements_run_that_its_budget_still_allows(drive):
    whole = plan(
        task("A", mode=FOREGROUND, budget=Budget(spawns=2)),
        gate("G", own="A", samples=2),
        task("B"),
    )
    played = drive(whole).play()

    assert not played.overlap("G.i1.critic.a1", "B.i1.a1")
    assert played.state("B") == "passed"
