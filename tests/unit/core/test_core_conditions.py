"""`when`: what an expression may hold, when it is evaluated, and what follows from it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from build import ALL_DONE, NONE_FAILED, ONE_SUCCESS, Done, Drive, Said, failed, gate, options, plan, task
from test_core_resuming import Session, over

from orchharness.core import events as ev
from orchharness.core.conditions import Values, evaluate
from orchharness.core.definition import changes, definition_of
from orchharness.core.expressions import MOST, Read, parse
from orchharness.core.past import replay
from orchharness.core.weighing import weigh
from orchharness.errors import ConditionError, ImpossibleTransitionError, JournalError

CONTENT = {"n": 3, "list": [1, 2], "ok": True, "deep": {"a-b": "text"}, "none": None}
VALUES = Values(
    variables={"level": "strict"},
    content=lambda name: CONTENT,
    status=lambda item: "passed",
    score=lambda item: None if item == "none" else 0.93,
    verdict=lambda item: "waived",
)


# ---- expressions ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("true", True),
        ("False", False),
        ("vars.level == 'strict'", True),
        ("vars['level'] != 'strict'", False),
        ("status('A') == 'passed' and verdict('G') in ['passed', 'waived']", True),
        ("status('A') == 'failed' or score('G') >= 0.93", True),
        ("not (0.9 <= score('G') < 0.93)", True),
        ("score('none') is none", True),
        ("score('G') is not null", True),
        ("inputs.x.json.ok", True),
        ("inputs['x'].json['deep']['a-b'] == 'text'", True),
        ("'ex' in inputs.x.json.deep['a-b']", True),
        ("inputs.x.json.list[-1] == 2 and 3 not in inputs.x.json.list", True),
        ("len(inputs.x.json.list) * 2 - 1 == inputs.x.json.n", True),
        ("-inputs.x.json.n % 2 == 1 and inputs.x.json.n / 2 == 1.5", True),
        ("int('7') + float('0.5') > 7", True),
        ("(inputs.x.json.n == 3) == true", True),
        ("(not inputs.x.json.ok) == false", True),
        ("1 < 2 < 2", False),
    ],
)
def test_an_expression_compares_what_is_known(text, holds):
    assert evaluate(parse(text), VALUES) is holds


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("inputs.x.json.n", "inputs.x.json.n is a number, not true or false: compare it"),
        ("inputs.x.json.deep", "inputs.x.json.deep is a mapping, not true or false: compare it"),
        ("inputs.x.json.list", "inputs.x.json.list is a list, not true or false: compare it"),
        ("not inputs.x.json.none", "inputs.x.json.none is none, not true or false: compare it"),
        ("inputs.x.json.lost == 1", "inputs.x.json has no 'lost'"),
        ("inputs.x.json.list[2] == 1", "inputs.x.json.list has no 2"),
        ("inputs.x.json.list.a == 1", "inputs.x.json.list is a list and has no 'a'"),
        ("inputs.x.json.n.a == 1", "inputs.x.json.n is a number and has no 'a'"),
        ("score('none') > 0.9", "these cannot be compared so: score('none') is none, 0.9 is a number"),
        (
            "vars.level > inputs.x.json.ok",
            "these cannot be compared so: vars.level is a text, inputs.x.json.ok is true",
        ),
        ("vars.level * 9 == 1", "vars.level is a text, not a number"),
        ("inputs.x.json.ok + 1 == 2", "inputs.x.json.ok is true, not a number"),
        ("1 / (score('G') - score('G')) > 1", "float division by zero"),
        ("int('x') == 1", "invalid literal for int() with base 10: 'x'"),
        ("len(score('G')) == 1", "object of type 'float' has no len()"),
    ],
)
def test_what_cannot_be_told_is_an_error_with_its_reason(text, why):
    with pytest.raises(ConditionError) as caught:
        evaluate(parse(text), VALUES)

    assert str(caught.value) == why


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (" ", "it is empty"),
        ("1" * (MOST + 1), "longer than 1000 characters"),
        ("{{ vars.x }} == 1", "without braces"),
        ("inputs.x.json.l | length > 1", "write len(…) for '| length'"),
        ("!true", "write 'not' for '!'"),
        ("true || false", "write 'or' for '||'"),
        ("steps.build.x == 1", "'steps.build' is unknown here: write status('build')"),
        ("verdict(G) == 'passed'", "write verdict('G')"),
        ("status('A') == 'running'", "nothing ends as 'running'"),
        ("verdict('G') == 'lost'", "nothing ends as 'lost'"),
        ("status('A') is 'passed'", "write '==' for 'is'"),
        ("true is not 1", "write '==' for 'is'"),
        ("-" * 50 + "1 == 1", "nested too deeply"),
        ("+".join("1" * 400) + " == 1", "nested too deeply"),
        ("(" * 300 + "1" + ")" * 300, "is no expression"),
        ("1 +", "is no expression"),
        ("'\\x'", "is no expression"),
        ("b'x' == 1", "more than a condition can hold"),
        ("2 ** 9 == 1", "more than a condition can hold"),
        ("(lambda: 1) == 1", "more than a condition can hold"),
        ("f'{vars}' == 1", "more than a condition can hold"),
        ("other == 1", "unknown name 'other'"),
        ("other.name == 1", "unknown name 'other' in 'other.name'"),
        ("(1).real == 1 and other", "unknown name 'other'"),
        ("status('A', 'B') == 'passed'", "status takes one id in quotes: write status('ID')"),
        ("score(1) > 1", "score takes one id in quotes: write score('G')"),
        ("failure()", "write status('ID') == 'failed'"),
        ("max(1, 2) == 2", "unknown function 'max'"),
        ("vars[0] == 1", "write vars.NAME"),
        ("vars.a.b == 1", "vars.a is a text and has no parts"),
        ("inputs.x == 1", "write inputs.x.json"),
        ("inputs.x.json[vars.a] == 1", "stands a key in quotes"),
        ("inputs.x.json[-vars.a] == 1", "stands a key in quotes"),
        ("score('G')", "score('G') is a number, not true or false: compare it, score('G') >= 0.9"),
        ("true and status('G')", "status('G') is a state, not true or false"),
        ("vars.x or true", "vars.x is a text, not true or false: compare it, vars.x == 'true'"),
        ("not 'x'", "'x' is a text, not true or false: compare it"),
        ("[1]", "[1] is a list"),
        ("null", "null is none, not true or false"),
        ("1 + 1", "1 + 1 is a number"),
    ],
)
def test_what_is_no_condition_is_told_what_to_write(text, why):
    with pytest.raises(ConditionError) as caught:
        parse(text)

    assert why in str(caught.value)


def test_an_expression_says_what_it_reads():
    reads = parse("vars.a == inputs.b.json.c and score('G') > 1 and score('G') < 2").reads

    assert reads == (Read("vars", "a"), Read("inputs", "b"), Read("score", "G"))


# ---- what follows --------------------------------------------------------------------------------


def test_a_task_whose_condition_holds_starts(drive):
    run = drive(task("A"), task("B", "A", when="status('A') == 'passed'")).play()

    assert run.states() == {"A": "passed", "B": "passed"}


def test_a_task_whose_condition_is_false_is_skipped_with_the_expression_as_reason(drive):
    run = drive(task("A"), task("B", "A", when="status('A') == 'failed'"), task("C", "B")).play()

    assert run.acts == ["A.i1.a1"]
    assert run.reason("B") == "when: status('A') == 'failed' is false"
    assert run.reason("C") == "B skipped (when: status('A') == 'failed' is false)"
    assert run.run.state == "passed"


def test_a_skip_by_a_condition_is_neither_success_nor_failure(drive):
    run = drive(
        task("A"),
        task("no", when="false"),
        task("all", "no", "A"),
        task("none", "no", "A", trigger_rule=NONE_FAILED),
        task("one", "no", "A", trigger_rule=ONE_SUCCESS),
        task("only", "no", trigger_rule=ONE_SUCCESS),
        task("done", "no", trigger_rule=ALL_DONE),
    ).play()

    assert [i for i, s in run.states().items() if s == "skipped"] == ["no", "all", "only"]


def test_all_conditions_must_hold_and_the_first_that_does_not_is_the_reason(drive):
    run = drive(task("A", when=["true", "1 > 2", "false"]), task("B", when=["true", "1 < 2"])).play()

    assert run.reason("A") == "when: 1 > 2 is false"
    assert run.state("B") == "passed"


def test_a_condition_is_not_asked_for_what_the_trigger_rule_stops(drive):
    run = drive(task("A"), task("B", "A", when="1 / 0 == 1"), script={"A": failed()}).play()

    assert run.reason("B") == "A failed"
    assert not [e for e in run.events if isinstance(e, ev.ConditionEvaluated)]


def test_a_clean_up_looks_at_what_failed(drive):
    mend = task("mend", "A", trigger_rule=ALL_DONE, when="status('A') == 'failed'")
    run = drive(task("A"), mend, script={"A": failed()}).play()

    assert run.state("mend") == "passed"


def test_a_condition_that_cannot_be_evaluated_fails_the_task(drive):
    run = drive(
        task("A"), task("B", reads={"x": "A.out"}, when="inputs.x.json.lost == 1"), task("C", "B")
    ).play()

    assert run.state("B") == "failed"
    assert run.reason("B") == "when: inputs.x.json.lost == 1: inputs.x.json has no 'lost'"
    assert run.reason("C") == "B failed"
    assert run.acts_of("B") == []
    assert run.run.state == "failed"


def test_a_condition_that_cannot_be_evaluated_may_be_allowed_to_fail(drive):
    run = drive(task("A", when="1 / 0 == 1", allow_failure=True), task("B", "A")).play()

    assert run.states() == {"A": "failed", "B": "passed"}
    assert run.run.state == "passed"


def test_a_condition_reads_the_score_and_the_verdict_of_a_gate(drive):
    low, high = "score('G') < 0.95", "score('G') >= 0.95"
    items = [task("A"), gate("G", own="A"), task("low", "A", when=low), task("high", "A", when=high)]
    run = drive(
        *items, task("B", "A", when="verdict('G') == 'passed'"), script={"G": Said(score=0.93)}
    ).play()

    assert {i: run.state(i) for i in ("low", "high", "B")} == {
        "low": "passed",
        "high": "skipped",
        "B": "passed",
    }


@pytest.mark.parametrize(("seconds", "moment"), [(25, ("running", "passed")), (32, ("passed", "judging"))])
def test_while_a_gate_judges_again_it_stands_as_it_was_decided(drive, seconds, moment):
    """A wider gate has A refined; B looks at A and its gate meanwhile."""
    see = "status('A') == 'passed' and verdict('G') == 'passed' and score('G') == 0.95"
    wide = [{"severity": "major", "task": "A", "what": "x"}]
    run = drive(
        task("A"),
        gate("G", own="A"),
        gate("W", "A", max_iterations=2),
        task("slow"),
        task("B", "A", "slow", when=see),
        script={
            "G": Said(score=0.95),
            "W": [Said(score=0.1, findings=tuple(wide)), Said()],
            "slow": Done(seconds=seconds),
        },
    ).play(seconds)

    assert (run.state("A"), run.state("G")) == moment
    assert run.state("B") == "running"
    run.play()


def test_a_question_is_asked_only_where_the_condition_holds(drive):
    run = drive(task("A", ask="Well?", when="true"), task("B", ask="Well?", when="false")).play()

    assert [q.item for q in run.run.questions] == ["A"]
    run.answer("A").play()
    assert run.states() == {"A": "passed", "B": "skipped"}


def test_a_condition_is_evaluated_once_and_not_before_it_is_asked_for():
    run = Drive(plan(task("A"), task("B", "A", when="true"))).run
    told = ev.ConditionEvaluated(at=0.0, task="B", name="B.when", holds=True)

    with pytest.raises(ImpossibleTransitionError, match="its 'when' is not to be evaluated now"):
        run.apply(told)


def test_a_run_is_not_over_while_a_condition_is_to_be_evaluated():
    run = Drive(plan(task("A", when="true"))).run

    assert not run.over
    assert run.weighing == {"A": "A.when"}


def test_what_a_person_leaves_out_is_not_weighed_any_more():
    ask = gate(
        "ask", over=(), critics=(), human=True, question="?", options=options("pass", "skip", skip=["B"])
    )
    whole = plan(task("A"), replace(ask, of=("A",)), task("B", "A", when="true"))
    run = Drive(whole)
    run.limit = 1
    for instruction in run.run.decide(run.now, 1):
        run._carry_out(instruction)
    run.apply(run._ends[0][2])
    assert run.run.weighing
    run.answer("ask", "skip")

    assert run.run.weighing == {}
    assert run.state("B") == "skipped"


def test_what_is_revoked_is_not_weighed_any_more():
    whole = plan(task("A"), gate("W", "A", max_iterations=2), task("B", "A", when="true"))
    run = Drive(whole, {"W": Said(score=0.1), "A.i2.a1": failed()})
    run.weigh = lambda task: None
    while not run.run.over and run.state("B") == "waiting":
        for instruction in run.run.decide(run.now, 8):
            run._carry_out(instruction)
        run.now = run._ends[0][0]
        run._happen()

    assert run.reason("B") == "A failed"
    assert run.run.weighing == {}


def test_what_nobody_knows_of_inputs_is_taken_to_hold():
    whole = plan(task("A"), task("B", reads={"x": "A.out"}, when=["inputs.x.json.n > 9", "true"]))
    run = Drive(whole)
    for instruction in run.run.decide(run.now, 8):
        run._carry_out(instruction)
    run.apply(run._ends[0][2])

    assert weigh(run.run, "B", run.now).holds


# ---- resuming ------------------------------------------------------------------------------------

JUDGED = plan(task("A"), gate("G", own="A"), task("B", "A", when="score('G') > 0.92"), task("C", "B"))


def test_a_condition_that_was_evaluated_counts_when_the_run_goes_on():
    first = Drive(JUDGED, {"G": Said(score=0.91)}).play()
    again = Session.after(first.events, JUDGED)

    assert again.found.dropped == {}
    assert again.state("B") == "skipped"
    assert again.found.reasons["B"] == "skipped: when: score('G') > 0.92 is false"
    assert again.play().starts() == []


def test_a_condition_is_evaluated_again_when_what_it_looks_at_is_another():
    first = Drive(JUDGED, {"G": Said(score=0.91)}).play()
    again = Session.after(over(first), JUDGED, void={"G.i1.critic.a1": "the rubric changed"}).play()

    assert again.found.dropped["B.when"] == "G is done again"
    assert again.states() == {"A": "passed", "G": "passed", "B": "passed", "C": "passed"}
    assert [e.name for e in again.events if isinstance(e, ev.ConditionEvaluated)] == ["B.when", "B.when.r2"]
    assert replay(JUDGED, again.events).settled == again.run.settled


def test_a_condition_whose_input_holds_other_bytes_is_evaluated_again():
    whole = plan(task("A"), task("B", reads={"x": "A.out"}, when="inputs.x.json.n == 1"))
    first = Drive(whole)
    first.contents = {"x": {"n": 2}}
    first.play()
    events = [
        replace(e, read={"inputs.x": [{"item": "A", "path": "A.out", "sha256": "other"}]})
        if isinstance(e, ev.ConditionEvaluated)
        else e
        for e in first.events
    ]
    again = Session.after(events, whole)
    again.contents = {"x": {"n": 1}}

    assert again.found.dropped == {"B.when": "what its 'when' looks at is another now"}
    assert again.play().state("B") == "passed"


def test_an_edited_condition_is_evaluated_again():
    before, after = (
        plan(task("A", when=text), vars={"x": "1", "y": "2"}) for text in ("false", "vars.x == '1'")
    )
    found = definition_of(after)

    assert found["A"]["variable 'x'"] == "1"
    assert "variable 'y'" not in found["A"]
    assert changes(definition_of(before), found) == {"A": "when, variable 'x' changed"}


def test_an_evaluated_condition_is_the_same_after_it_was_written_and_read():
    first = Drive(JUDGED).play()
    (event,) = [e for e in first.events if isinstance(e, ev.ConditionEvaluated)]

    assert event.read == {"G": ["passed", "1.00"]}
    assert ev.from_record(ev.to_record(event)) == event
    with pytest.raises(JournalError):
        ev.from_record({"event": "ConditionEvaluated", "at": 0.0})


def test_of_a_failure_and_a_skip_by_a_condition_the_failure_is_the_reason(drive):
    run = drive(
        task("no", when="false"),
        task("bad"),
        task("B", "no", "bad"),
        task("C", "B", trigger_rule=NONE_FAILED),
        script={"bad": failed()},
    ).play()

    assert run.reason("B") == "bad failed"
    assert run.reason("C") == "bad failed"
