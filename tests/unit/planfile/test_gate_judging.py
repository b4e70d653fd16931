"""The words for how often critics judge, in which order, and when refining is over: read, and refused with a place."""

from __future__ import annotations

from decimal import Decimal

import pytest

from orchharness.core.plan import Plateau, Refine, Session

HEAD = """\
orchharness: 1
critics:
  judge: {run: [python, tests/judge.py], criteria: {c: 1}}
  later: {run: x, after: judge}
tasks:
"""


def gate(words: str, head: str = HEAD) -> str:
    return head + f"  a: {{run: x, gate: {{critics: [judge], {words}}}}}\n"


def test_how_often_critics_judge_is_read(read):
    made = read(gate("samples: 3, confirm_on_fail: 2")).gates["G-a"]

    assert (made.samples, made.confirm_on_fail) == (3, 2)


def test_defaults_apply_to_gates_over_tasks_only(read):
    text = (
        "orchharness: 1\n"
        "defaults: {gate: {critics: [judge], samples: 3, plateau: {gain: 0.1}}}\n"
        "critics: {judge: {run: x, criteria: {c: 1}}}\n"
        "tasks: {a: {run: x, gate: true}, b: {run: x, gate: {plateau: off, samples: 1}}}\n"
        "gates: {all: {of: [G-a, G-b]}}\n"
    )
    gates = read(text).gates

    assert (gates["G-a"].samples, gates["G-a"].plateau) == (3, Plateau(gain=Decimal("0.1"), rounds=2))
    assert (gates["G-b"].samples, gates["G-b"].plateau) == (1, None)
    assert (gates["all"].samples, gates["all"].plateau) == (1, None)


def test_a_plateau_is_read_exactly(read):
    made = read(gate("plateau: {gain: 0.025, rounds: 1}")).gates["G-a"]

    assert made.plateau == Plateau(gain=Decimal("0.025"), rounds=1)


def test_a_plateau_that_is_never_seen_is_a_warning(read):
    made = read(gate("plateau: {gain: 0.02, rounds: 2}"))

    assert [w.partition(": ")[2] for w in made.warnings] == [
        "gate 'G-a': a plateau of 2 rounds is seen after iteration 3, and max_iterations is 3: "
        "write at least 4, or fewer rounds"
    ]


def test_the_order_among_critics_is_read(read):
    made = read(HEAD + "  a: {run: x, gate: {critics: [later, judge]}}\n")

    assert made.critics["later"].after == ("judge",)


def test_a_critic_that_comes_after_others_may_read_what_they_said_in_its_prompt(read):
    text = (
        "orchharness: 1\n"
        "agents: {m: {kind: plain}}\n"
        "critics: {a: {run: x}, b: {agent: m, prompt: '{{ evaluations.a.score }}', after: [a]}}\n"
        "tasks: {t: {run: x, gate: {critics: [a, b]}}}\n"
    )

    assert read(text).critics["b"].prompt == "{{ evaluations.a.score }}"


MENDER = """\
orchharness: 1
agents: {m: {kind: plain}, model: {kind: claude}}
critics: {judge: {run: x, criteria: {c: 1}}}
tasks:
  a: {run: x, outputs: {text: docs/a.md, log: {from: stdout}}, gate: {critics: [judge], refine: %s}}
"""


def test_a_mender_is_read_with_the_outputs_it_may_change(read):
    made = read(MENDER % "{agent: m, prompt: 'Mend {{ outputs.text }}.', writes: docs/, timeout: 5m}")
    mender = made.gates["G-a"].mender

    assert (mender.id, mender.kind, mender.writes, mender.timeout) == (
        "G-a.mender",
        "plain",
        ("docs/**",),
        300,
    )
    assert [(o.name, o.path) for o in mender.outputs] == [("a.text", "docs/a.md")]
    assert made.worker("G-a.mender") is mender


def test_a_mender_may_write_all_files_that_are_judged_unless_it_says_less(read):
    mender = read(MENDER % "{run: [fix, '{{ outputs.a_text }}']}").gates["G-a"].mender

    assert mender.writes == ("docs/a.md",)


@pytest.mark.parametrize(
    ("words", "who", "session"),
    [
        ("all", Refine.ALL, Session.RESUME),
        ("resume", Refine.BLAMED, Session.RESUME),
        ("fresh", Refine.BLAMED, Session.FRESH),
        ("[all, fresh]", Refine.ALL, Session.FRESH),
        ("[{agent: m}, fresh]", Refine.BLAMED, Session.FRESH),
    ],
)
def test_who_refines_and_with_which_session_is_read(read, words, who, session):
    made = read(MENDER % words).gates["G-a"]

    assert (made.refine, made.session) == (who, session)
    assert (made.mender is not None) is ("agent" in words)


def test_a_judge_that_mends_what_it_judges_is_a_warning(read):
    text = MENDER.replace("judge: {run: x,", "judge: {agent: m, prompt: Judge.,") % "{agent: m}"

    assert (
        "critic 'judge' of gate 'G-a' is the agent 'm' itself, which mends for it" in read(text).warnings[0]
    )


def test_a_model_that_mends_without_a_prompt_is_a_warning(read):
    made = read(MENDER % "{agent: model}")

    assert "the mender of gate 'G-a' gives the model 'model' no prompt" in made.warnings[0]


WRONG = {
    "a refiner that there is not": (
        MENDER % "blame",
        [
            "5:97: refine: 'blame' is not blamed, all, resume, fresh, or a mender: {agent, prompt, writes}",
        ],
    ),
    "two who refine": (
        MENDER % "[all, fresh, blamed, resume]",
        [
            "5:110: refine: this says a second time who works on the findings: write one",
            "5:118: refine: this says a second time which session it is: write one",
        ],
    ),
    "a mender that does nothing": (
        MENDER % "{writes: [docs/a.md]}",
        ["5:97: refine: the mender of gate 'G-a' does nothing: write 'agent: NAME' or 'run: the command'"],
    ),
    "a mender that is two": (
        MENDER % "{run: x, agent: m}",
        ["5:106: refine: the mender of gate 'G-a' has 'run' and 'agent': write one of them"],
    ),
    "a mender that there is not": (
        MENDER % "{agent: n}",
        ["5:105: unknown agent 'n' (in 'agents': 'm', 'model')"],
    ),
    "a mender of other files": (
        MENDER % "{agent: m, writes: [src/a.py]}",
        [
            "5:116: refine: the mender of gate 'G-a' may write nothing that the gate judges (that is 'docs/a.md'): "
            "name it under 'writes'",
        ],
    ),
    "a mender with outputs": (
        MENDER % "{agent: m, outputs: {x: y}}",
        [
            "5:108: unknown key 'outputs' in a mender: write 'writes': what it writes are outputs of the tasks that the "
            "gate judges",
        ],
    ),
    "a mender that reads what there is not": (
        MENDER % "{agent: m, prompt: '{{ outputs.b }} {{ inputs.x }}'}",
        [
            "5:116: template: no 'b' in outputs (there: 'a_text', 'text')",
            "5:116: template: no 'x' in inputs (there: none)",
        ],
    ),
    "a mender of an isolated task": (
        "orchharness: 1\n"
        "tasks: {a: {run: x, workspace: scratch, outputs: {o: a.md}, gate: {checks: [{run: x}], refine: {run: x}}}}\n",
        [
            "2:96: refine: a mender of task 'a', which has a workspace of its own, is not supported yet: "
            "leave 'workspace: scratch' out",
        ],
    ),
    "a mender that writes what another task writes at the same time": (
        "orchharness: 1\n"
        "tasks:\n"
        "  a: {run: x, outputs: {o: a.md}, gate: {checks: [{run: x}], refine: {run: x, writes: [a.md, b.md]}}}\n"
        "  b: {run: x, outputs: {o: b.md}}\n",
        [
            "3:35: the mender of gate 'G-a' and task 'b' can run at once and both may write 'b.md': "
            "order them with 'needs', or narrow the 'writes' of the mender",
        ],
    ),
    "a mender that changes what its gate does not judge": (
        "orchharness: 1\n"
        "tasks:\n"
        "  b: {run: x, outputs: {o: b.md}}\n"
        "  a: {needs: [b], run: x, outputs: {o: a.md}, gate: {checks: [{run: x}], refine: {run: x, writes: '*.md'}}}\n",
        [
            "4:47: the mender of gate 'G-a' may write 'b.md' of task 'b', which the gate does not judge: "
            "name 'b' in its 'of', or narrow the mender's 'writes'",
        ],
    ),
    "a mender that may write its own judge": (
        "orchharness: 1\n"
        "critics: {j: {run: [python, tests/judge.py], criteria: {c: 1}}}\n"
        "tasks:\n"
        "  a: {run: x, outputs: {o: a.md}, gate: {critics: [j], refine: {run: x, writes: [a.md, tests/]}}}\n",
        [
            "4:35: the mender may write 'tests/judge.py', which critic 'j' of its gate 'G-a' uses: take the file out of "
            "its 'writes', or keep what judges outside of what it may write",
        ],
    ),
    "no judgement at all": (
        gate("samples: 0"),
        ["6:49: samples: 0 is out of range: at least 1, at most 100"],
    ),
    "half a judgement": (
        gate("confirm_on_fail: 1.5"),
        ["6:57: confirm_on_fail: expected a whole number, found the number 1.5"],
    ),
    "samples of checks": (
        HEAD + "  a: {run: x, gate: {checks: [{run: x}], samples: 3, plateau: {gain: 1}}}\n",
        [
            "6:42: 'samples' is about critics, and gate 'G-a' has checks only: leave it out",
            "6:54: 'plateau' is about critics, and gate 'G-a' has checks only: leave it out",
        ],
    ),
    "samples of gates": (
        gate("max_iterations: 1") + "gates: {all: {of: [G-a], confirm_on_fail: 1}}\n",
        [
            "7:26: 'confirm_on_fail' on a gate over gates: it only aggregates their scores; leave it out",
        ],
    ),
    "a plateau without a gain": (
        gate("plateau: {rounds: 2}"),
        ["6:49: plateau: 'gain' is missing: write {gain: 0.02, rounds: 2}, or off"],
    ),
    "a plateau that is a number": (
        gate("plateau: 0.02"),
        [
            "6:49: plateau: expected a mapping, found the number 0.02: write {gain: 0.02, rounds: 2}, or off",
        ],
    ),
    "a gain in percent": (
        gate("plateau: {gain: 2}"),
        [
            "6:56: plateau: 2 is not from 0 to 1: did you mean 0.02?",
        ],
    ),
    "an unknown key of a plateau": (
        gate("plateau: {gain: 0.02, round: 2}"),
        ["6:62: unknown key 'round' in plateau; did you mean 'rounds'?"],
    ),
    "after a critic that there is not": (
        "orchharness: 1\n"
        "critics: {judge: {run: x}, later: {run: x, after: [jugde]}}\n"
        "tasks: {a: {run: x, gate: {critics: [judge]}}}\n",
        [
            "2:52: critic 'later': after: unknown critic 'jugde'; did you mean 'judge'? (in 'critics': 'judge', 'later')"
        ],
    ),
    "critics after each other": (
        "orchharness: 1\n"
        "critics:\n"
        "  a: {run: x, after: [b]}\n"
        "  b: {run: x, after: [a]}\n"
        "tasks: {t: {run: x, gate: {critics: [a, b]}}}\n",
        [
            "3:22: critics wait for each other: a → b → a (each comes after the one before it): take one 'after' out",
        ],
    ),
    "a critic after itself": (
        "orchharness: 1\ncritics:\n  a: {run: x, after: a}\ntasks: {t: {run: x, gate: {critics: [a]}}}\n",
        [
            "3:22: critics wait for each other: a → a (each comes after the one before it): take one 'after' out",
        ],
    ),
    "after a critic of another gate": (
        HEAD + "  a: {run: x, gate: {critics: [later]}}\n",
        [
            "6:32: critic 'later' comes after 'judge', which does not judge for gate 'G-a': "
            "name 'judge' in its 'critics', too",
        ],
    ),
    "evaluations of nobody in a prompt": (
        "orchharness: 1\n"
        "agents: {m: {kind: plain}}\n"
        "critics: {b: {agent: m, prompt: '{{ evaluations }}'}}\n"
        "tasks: {t: {run: x, gate: {critics: [b]}}}\n",
        [
            "3:33: template: unknown name 'evaluations' (known here: vars, plan_dir, root, inputs, outputs, "
            "iteration, findings)",
        ],
    ),
}


@pytest.mark.parametrize("rule", WRONG)
def test_what_is_wrong_with_judging_is_told_at_its_place(rule, problems):
    text, expected = WRONG[rule]

    assert problems(text) == expected
