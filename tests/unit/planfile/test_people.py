"""Gates that ask a person, options, and tasks whose output is an answer."""

from __future__ import annotations

import pytest

from orchharness.core.plan import OnExhausted, OutputKind, Recovery, Then
from orchharness.errors import PlanError

HEAD = """\
orchharness: 1
vars: {who: {default: Ann}}
critics: {c: {run: x, criteria: {q: 1}}}
"""


def gates(read, text):
    return read(HEAD + text).gates


def ids(gate):
    return [(o.id, o.then) for o in gate.options]


def test_a_gate_of_a_person_has_approve_and_reject(read):
    gate = gates(
        read, "tasks: {a: {run: x, gate: {kind: human, question: 'Fine, {{ vars.who }}?', id: G}}}\n"
    )["G"]

    assert gate.human
    assert gate.question == "Fine, Ann?"
    assert ids(gate) == [("approve", Then.PASS), ("reject", Then.FAIL)]
    assert (gate.critics, gate.checks, gate.max_iterations) == ((), (), 1)


def test_a_gate_of_a_person_takes_nothing_from_the_defaults(read):
    gate = gates(
        read,
        "defaults: {gate: {critics: [c], on_exhausted: accept, max_iterations: 3}}\n"
        "tasks: {a: {run: x, gate: {kind: human, question: Fine?, id: G}}}\n",
    )["G"]

    assert (gate.critics, gate.on_exhausted, gate.max_iterations) == ((), OnExhausted.FAIL, 1)


def test_an_exhausted_gate_that_asks_has_options_of_its_own_accord(read):
    found = gates(
        read,
        "tasks: {a: {run: x, gate: {critics: [c], on_exhausted: ask, id: G}}}\n"
        "gates: {ALL: {of: [G], on_exhausted: ask}}\n",
    )

    assert ids(found["G"]) == [("accept", Then.PASS), ("retry", Then.RETRY), ("reject", Then.FAIL)]
    assert ids(found["ALL"]) == [("accept", Then.PASS), ("reject", Then.FAIL)]


def test_options_of_a_plan_replace_the_usual_ones(read):
    found = gates(
        read,
        "phases:\n"
        "  one:\n"
        "    tasks:\n"
        "      a: {run: x, gate: {critics: [c], on_exhausted: ask, id: G, question: What?, options: [\n"
        "        {id: go, label: Go on, then: pass}, {id: cut, then: {skip: [t, d]}},"
        " {id: hold, then: pause}]}}\n"
        "  two: {tracks: {t: {tasks: {b: {run: x, gate: {critics: [c]}}, c: {run: x}}, gate: {critics: [c]}},"
        " u: {tasks: {d: {run: x, gate: {critics: [c]}}, e: {run: x}}}}}\n",
    )
    go, cut, hold = found["G"].options

    assert (go.label, cut.label) == ("Go on", "cut")
    assert cut.skip == ("b", "G-b", "c", "G-t", "d", "G-d")
    assert (cut.then, hold.then) == (Then.SKIP, Then.PAUSE)


def test_a_gate_of_a_person_may_ask_about_anything(read):
    gate = gates(
        read,
        "phases: {p: {tasks: {a: {run: x}}, gates: {G: {kind: human, question: Go?, needs: [a]}}}}\n",
    )["G"]

    assert (gate.of, gate.of_gates, gate.needs) == ((), (), ("a",))


def test_a_gate_of_a_person_may_stand_over_gates_without_a_score(read):
    found = gates(
        read,
        "tasks: {a: {run: x, gate: {checks: [{run: x}], id: G}}}\n"
        "gates: {SHIP: {of: [G], kind: human, question: Ship?}}\n",
    )

    assert found["SHIP"].of_gates == ("G",)


def test_what_a_person_answers_is_the_output_of_a_task_that_asks(read):
    plan = read(
        HEAD + "tasks: {q: {ask: 'Which, {{ vars.who }}?'}, r: {ask: Why?, outputs: {why: {from: answer}}},"
        " s: {run: x, inputs: {q: q.answer, r: r.why}}}\n"
    )

    assert plan.tasks["q"].ask == "Which, Ann?"
    assert [(o.name, o.kind) for o in plan.tasks["q"].outputs] == [("answer", OutputKind.STDOUT)]
    assert [o.name for o in plan.tasks["r"].outputs] == ["why"]


def test_a_person_may_be_asked_about_an_act_that_cannot_be_found(read):
    assert read(HEAD + "tasks: {a: {run: x, recovery: ask}}\n").tasks["a"].recovery is Recovery.ASK


def test_a_foreground_phase_of_people_alone_is_warned_of(read):
    plan = read(
        HEAD + "phases: {p: {mode: foreground, tasks: {q: {ask: Why?}}}, w: {tasks: {a: {run: x}}}}\n"
    )

    assert plan.warnings == (
        "x.plan.yaml:4:10: phase 'p' is foreground and holds only what a person does: nothing runs meanwhile",
    )


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        (
            "tasks: {a: {run: x, gate: {kind: person, question: Go?}}}\n",
            ["4:34: kind: 'person' is not one of 'human'"],
        ),
        (
            "tasks: {a: {run: x, gate: {kind: human, checks: [{run: x}], threshold: 0.9}}}\n",
            [
                "4:21: gate 'G-a' asks nothing: write 'question: …'",
                "4:41: gate 'G-a' asks a person, so 'checks' has no place on it: let it need a gate that has it",
                "4:61: gate 'G-a' asks a person, so 'threshold' has no place on it: let it need a gate that has it",
            ],
        ),
        (
            "tasks: {a: {run: x, gate: {critics: [c], question: Go?, options: []}}}\n",
            [
                "4:42: 'question': gate 'G-a' asks nobody: write 'on_exhausted: ask', or 'kind: human'",
                "4:57: 'options': gate 'G-a' asks nobody: write 'on_exhausted: ask', or 'kind: human'",
            ],
        ),
        (
            "tasks: {a: {run: x}}\ngates: {G: {kind: human, question: Go?}}\n",
            ["5:9: gate 'G' asks about nothing: write 'of: [ids]', or 'needs: [ids]' for when it asks"],
        ),
        (
            "tasks: {a: {run: x, gate: {kind: human, question: Go?, options: [\n"
            "  {id: go, then: pas}, {id: GO, then: pass}, {id: go, then: fail}, {then: pass}, {id: x},\n"
            "  {id: y, then: {skip: [nobody]}}, {id: z, then: retry, skip: [a]}]}}}\n",
            [
                "5:18: options: then: 'pas' is not one of pass, fail, retry, pause, or {skip: [ids]}; did you mean 'pass'?",
                "5:46: options: 'go' is there twice",
                "5:68: options: 'id' is missing: write {id: …, label: …, then: pass|fail|retry|pause}",
                "5:82: options: 'then' is missing: write {id: …, label: …, then: pass|fail|retry|pause}",
                "6:25: options: unknown id 'nobody' (there are: 'a', 'G-a')",
                "6:57: unknown key 'skip' in an option: stands inside of 'then': {then: {skip: [ids]}}",
            ],
        ),
        (
            "tasks: {a: {run: x, gate: {kind: human, question: Go?, options: yes}}}\n",
            ["4:65: options: expected a list of {id, label, then}, found the text 'yes'"],
        ),
        (
            "tasks: {a: {run: x, gate: {critics: [c], id: G}}}\n"
            "gates: {H: {of: [G], kind: human, question: Go?, options: [{id: r, then: retry}]},\n"
            "  I: {needs: [G], kind: human, question: Go?, options: [{id: r, then: retry}]}}\n",
            [
                "5:74: options: then: gate 'H' over gates has nobody to do it again: choose another",
                "6:71: options: then: gate 'I' judges no task, so there is nobody to do it again: choose another",
            ],
        ),
        (
            "tasks: {a: {run: x, gate: {kind: human, question: Go?, id: G, options: [{id: s, then: {skip: [b]}}]}},\n"
            "  b: {run: x}}\n",
            [
                "4:95: skip: 'b' does not wait for gate 'G', so it may have run by then: name what comes after",
            ],
        ),
        (
            "tasks: {a: {ask: Why?, run: x, timeout: 5m, gate: {critics: [c]}, outputs: {f: out.md}}}\n",
            [
                "4:24: task 'a' asks a person, so 'run' has no place on it: leave it out",
                "4:32: task 'a' asks a person, so 'timeout' has no place on it: leave it out",
                "4:45: task 'a': nobody judges what a person answers: leave the gate out",
                "4:77: output 'f': a person's answer is no file: write {from: answer}",
            ],
        ),
        (
            "tasks: {a: {ask: ''}, b: {ask: [x]}, d: {ask: '{{ inputs.x }}'}}\n",
            [
                "4:18: ask: it asks nothing",
                "4:32: ask: expected a question, found a list",
                "4:47: ask: template: paths and thresholds see only vars.NAME and matrix.NAME, not 'inputs.x'",
            ],
        ),
    ],
)
def test_what_is_wrong_with_a_question_is_told_with_what_to_write(read, text, faults):
    with pytest.raises(PlanError) as error:
        read(HEAD + text)

    said = [str(p).splitlines()[0].partition(":")[2].strip() for p in error.value.problems]

    assert said == faults
