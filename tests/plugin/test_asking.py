"""A run that needs a person: it ends paused, waits, or asks at the prompt; and goes on with what was decided."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from local_sessions import cases, end_group, items, journal, plan, run, run_folder, states, wait_for
from xdist_sessions import session

from orchharness.cli import main

REVIEWED = """
critics: {judge: {run: [sh, -c, 'echo "{\\"criteria\\": {\\"q\\": 0.5}}"'], criteria: {q: 1}}}
phases:
  one:
    tasks:
      draft:
        run: [sh, -c, "echo draft $ORCH_ITERATION > d.md; cat ${ORCH_FINDINGS:-/dev/null} >> told; echo >> spawns"]
        outputs: {doc: d.md}
        gate:
          {id: G, critics: [judge], max_iterations: 1, on_exhausted: ask, question: "Good enough?", options: [
          {id: accept, label: as it is, then: pass}, {id: again, then: retry}, {id: stop, then: fail},
          {id: cut, then: {skip: [extra]}}, {id: hold, then: pause}]}
      other: {run: [touch, other.ran]}
  two:
    tasks:
      extra: {run: [touch, extra.ran]}
      final: {run: [cp, d.md, f.md], outputs: {f: f.md}}
"""
ASKED = """
tasks:
  version: {ask: "Which version?"}
  release: {inputs: {v: version.answer}, run: [sh, -c, "cat $ORCH_INPUT_V > r.txt"], outputs: {r: r.txt}}
gates:
  G-SHIP: {of: [release], kind: human, question: "Ship it?"}
"""


@pytest.fixture
def decide(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """`orchharness decide` for the newest run of the project: exit status and what was said."""

    def call(*words: str) -> tuple[int, str]:
        monkeypatch.chdir(pytester.path)
        capsys.readouterr()
        status = main(["decide", "--root", str(pytester.path), "latest", *words])
        said = capsys.readouterr()
        return status, said.out + said.err

    return call


def properties(pytester: pytest.Pytester, name: str) -> dict[str | None, str | None]:
    (case,) = [c for c in ET.parse(pytester.path / "out.xml").iter("testcase") if c.get("name") == name]
    return {p.get("name"): p.get("value") for p in case.iter("property")}


def spawns(pytester: pytest.Pytester) -> int:
    return len((pytester.path / "spawns").read_text().splitlines())


@pytest.mark.parametrize("mode", [(), ("-n2",)], ids=["local", "xdist"])
def test_a_paused_run_says_what_is_asked_and_goes_on_with_the_answer(pytester, decide, mode):
    plan(pytester, REVIEWED)

    first = session(pytester, *mode)
    run_id = run_folder(pytester).name

    assert first.ret == 7
    first.stdout.fnmatch_lines(
        [
            "*G paused 0.50 (threshold 0.90)*",
            "G asks: Good enough? (0.50 < 0.90)",
            f"  orchharness decide {run_id} G accept --by NAME --note TEXT  # as it is",
            f"  orchharness decide {run_id} G again --by NAME  # again",
            "then: pytest a.plan.yaml --orch-resume",
        ]
    )
    assert states(pytester) == {
        "draft": "passed",
        "G": "paused",
        "other": "passed",
        "extra": "waiting",
        "final": "waiting",
    }
    assert decide("G", "accept", "--by", "Ann") == (
        1,
        "orchharness: 'accept' lets G through in spite of its judges: say why, with --note TEXT\n",
    )
    assert decide("G", "accept", "--by", "Ann", "--note", "fine") == (
        0,
        "G: accept, by Ann\ngoes on with: pytest a.plan.yaml --orch-resume\n",
    )
    again = session(pytester, *mode, "--orch-resume", "--junitxml=out.xml")
    assert again.ret == 0
    again.stdout.fnmatch_lines(
        [
            "  G a person's answer waits for it*",
            "WAIVED G accept by Ann: fine (score 0.50, threshold 0.90)*",
            "G waived 0.50 (threshold 0.90), accept by Ann on *: fine",
        ]
    )
    assert states(pytester)["final"] == "passed"
    assert spawns(pytester) == 1
    found = properties(pytester, "G")
    assert (found["state"], found["score"], found["threshold"]) == ("waived", "0.50", "0.90")
    assert (found["decision"], found["decided_by"], found["reason"]) == ("accept", "Ann", "fine")
    assert "UTC" in str(found["decided_at"])
    assert "accept by Ann" in (run_folder(pytester) / "report.html").read_text()


def test_work_is_done_again_with_what_the_person_said(pytester, decide):
    plan(pytester, REVIEWED)
    run(pytester)
    decide("G", "again", "--by", "Ann", "--note", "be bold")

    again = run(pytester, "--orch-resume")

    assert again.ret == 7
    assert spawns(pytester) == 2
    assert "be bold" in (pytester.path / "told").read_text()
    assert [q.name.rpartition("-")[0] for q in asked(pytester)] == ["G.q2"]


def test_what_a_person_leaves_out_is_skipped_with_the_reason(pytester, decide):
    plan(pytester, REVIEWED)
    run(pytester)
    decide("G", "cut", "--by", "Ann", "--note", "no time")

    again = run(pytester, "--orch-resume", "-rs")

    assert again.ret == 0
    again.assert_outcomes(passed=4, skipped=1)
    again.stdout.fnmatch_lines(["*left out at G: cut by Ann: no time*"])
    assert not (pytester.path / "extra.ran").exists()


def test_a_gate_that_a_person_fails_makes_the_run_red(pytester, decide):
    plan(pytester, REVIEWED)
    run(pytester)
    decide("G", "stop", "--by", "Ann")

    again = run(pytester, "--orch-resume")

    assert again.ret == 1
    assert items(pytester)["final"]["reason"] == "G failed"


def test_one_question_has_one_answer(pytester, decide):
    plan(pytester, REVIEWED)
    run(pytester)
    decide("G", "stop", "--by", "Ann")

    assert decide("G", "again") == (
        1,
        "orchharness: G was answered already, and the run has not taken the answer yet: resume it\n",
    )
    run(pytester, "--orch-resume")
    assert decide("G", "again") == (1, "orchharness: 'G' asks nothing now\n")


def test_an_option_that_is_not_there_is_refused_with_those_that_are(pytester, decide):
    plan(pytester, REVIEWED)
    run(pytester)

    assert decide("G", "nope") == (
        1,
        "orchharness: G has no option 'nope': write one of accept, again, stop, cut, hold\n",
    )
    assert decide("draft", "accept") == (1, "orchharness: 'draft' asks nothing now; what asks: G\n")


def test_a_changed_plan_asks_again_and_keeps_the_work(pytester, decide):
    plan(pytester, REVIEWED)
    run(pytester)
    decide("G", "accept", "--by", "Ann", "--note", "fine")
    run(pytester, "--orch-resume")
    plan(pytester, REVIEWED.replace("Good enough?", "Really good enough?"))

    again = run(pytester, "--orch-resume")

    assert again.ret == 7
    again.stdout.fnmatch_lines(["G asks: Really good enough?*"])
    assert spawns(pytester) == 1


def test_an_approval_does_not_stand_for_other_bytes(pytester, decide):
    plan(pytester, ASKED)
    run(pytester)
    decide("version", "1.2")
    run(pytester, "--orch-resume")
    decide("G-SHIP", "approve", "--by", "Ann")
    assert run(pytester, "--orch-resume").ret == 0
    (pytester.path / "r.txt").write_text("something else")

    again = run(pytester, "--orch-resume")

    assert again.ret == 7
    assert states(pytester)["G-SHIP"] == "paused"
    assert (pytester.path / "r.txt").read_text() == "1.2"


@pytest.mark.parametrize("mode", [(), ("-n2",)], ids=["local", "xdist"])
def test_an_answer_is_handed_on_like_any_artifact(pytester, decide, mode):
    plan(pytester, ASKED)
    assert session(pytester, *mode).ret == 7
    assert decide("version", "1.2 $(touch bad) {{ vars.x }}")[0] == 0

    again = session(pytester, *mode, "--orch-resume")

    assert again.ret == 7
    assert (pytester.path / "r.txt").read_text() == "1.2 $(touch bad) {{ vars.x }}"
    assert "a person" in (run_folder(pytester) / "report.html").read_text()
    assert not (pytester.path / "bad").exists()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("not json", "Expecting value*"),
        ("[1]", "it is no JSON object"),
        ('{"option": 3, "by": "x"}', "it needs the texts `option` and `by`, and may have a text `note`"),
        (
            '{"option": "accept", "by": " "}',
            "it needs the texts `option` and `by`, and may have a text `note`",
        ),
        ('{"option": "nope", "by": "x"}', "G has no option 'nope' (it has: accept, again, stop, cut, hold)"),
        ("[" * 100_000, "it is no JSON object"),
        ('{"option": "' + "x" * 300_000 + '"}', "it has more than 262144 bytes"),
    ],
)
def test_a_decision_that_is_none_is_told_of_and_can_be_taken_again(pytester, decide, text, why):
    plan(pytester, REVIEWED)
    run(pytester)
    answer = answer_file(pytester)
    answer.write_text(text)

    again = run(pytester, "--orch-resume")

    assert again.ret == 7
    again.stdout.fnmatch_lines(
        [f"warning: the decision in *{answer.name} cannot be taken: {_escaped(why)}; decide again"]
    )
    assert answer.with_suffix(".refused.json").exists()
    assert decide("G", "stop", "--by", "x")[0] == 0
    assert run(pytester, "--orch-resume").ret == 1


def _escaped(pattern: str) -> str:
    return pattern.replace("[", "[[]")


def test_times_and_texts_that_no_file_could_hold_are_taken_as_none(pytester):
    plan(pytester, REVIEWED)
    run(pytester)
    value = '{"option": "accept", "by": "\\ud800", "note": "\\ud800 \\u001b[31m", "at": 1e400}'
    answer_file(pytester).write_text(value)

    again = run(pytester, "--orch-resume", "--junitxml=out.xml")

    assert again.ret == 0
    assert "\x1b[31m" not in again.stdout.str()
    assert cases(pytester.path / "out.xml")["a.plan.yaml.one.G"][0] == "passed"


SHOWN = """
vars: {{where: test}}
phases:
  one:
    tasks: {{x: {{run: [sh, -c, "echo one > x.txt"], outputs: {{t: x.txt}}}}}}
    {asks}
  two:
    tasks: {{p: {{run: [cp, x.txt, p.txt], outputs: {{t: p.txt}}}}}}
"""
ASKS = {
    "of": "gates: {H: {kind: human, of: [x], question: 'ship to {{ vars.where }}', options: [{id: yes, label: go, then: pass}]}}",
    "needs": "gates: {H: {kind: human, needs: [x], question: 'ship to {{ vars.where }}'}}",
    "over": "gates: {G: {of: [x], checks: [{file: {path: x.txt}}]}, H: {kind: human, of: [G], question: '{{ vars.where }}'}}",
    "task": "tasks: {x: {run: [sh, -c, 'echo one > x.txt'], outputs: {t: x.txt}}, H: {needs: [x], ask: 'ship to {{ vars.where }}'}}",
}


@pytest.mark.parametrize(
    ("asks", "before", "after"),
    [
        ("of", "echo one", "echo two"),
        ("of", "ship to", "ship it to"),
        ("of", "label: go", "label: stop"),
        ("of", "where: test", "where: production"),
        ("needs", "echo one", "echo two"),
        ("over", "echo one", "echo two"),
        ("task", "echo one", "echo two"),
        ("task", "where: test", "where: production"),
    ],
)
def test_an_answer_to_what_was_changed_since_is_told_of_and_asked_for_again(
    pytester, decide, asks, before, after
):
    text = SHOWN.format(asks=ASKS[asks])
    if asks == "task":
        text = text.replace('    tasks: {x: {run: [sh, -c, "echo one > x.txt"], outputs: {t: x.txt}}}\n', "")
    plan(pytester, text)
    choice = "yes" if asks in {"of", "task"} else "approve"
    assert run(pytester).ret == 7
    assert decide("H", choice, "--by", "Ann")[0] == 0
    plan(pytester, text.replace(before, after))

    changed = run(pytester, "--orch-resume")
    again = run(pytester, "--orch-resume")

    assert (changed.ret, again.ret) == (7, 7)
    told = "warning: the decision in *H.q1-*.json cannot be taken: it answers another question: what is asked, or*"
    changed.stdout.fnmatch_lines([told])
    again.stdout.no_fnmatch_line(told)
    assert states(pytester)["p"] == "waiting"
    assert decide("H", choice, "--by", "Ann")[0] == 0
    assert run(pytester, "--orch-resume").ret == 0


def test_the_command_to_go_on_names_the_variables_that_were_given(pytester, decide, capsys):
    key = "AKIA" + "A" * 16
    plan(pytester, "vars: {to: test, as: x, key: none, esc: none}\ntasks: {v: {ask: 'to {{ vars.to }}?'}}\n")
    given = ("--orch-var", "to=the $HOME", "--orch-var", f"key={key}", "--orch-var", "esc=\x1b[2J")
    goes_on = (
        "pytest a.plan.yaml --orch-resume --orch-var 'to=the $HOME' --orch-var key=... --orch-var esc=..."
    )

    first = run(pytester, *given)

    first.stdout.fnmatch_lines([f"then: {goes_on}"])
    assert decide("v", "yes", "--by", "Ann") == (0, f"v: answered, by Ann\ngoes on with: {goes_on}\n")
    assert main(["status", "--root", str(pytester.path), "latest"]) == 0
    assert goes_on in capsys.readouterr().out
    assert run(pytester, "--orch-resume", *given).ret == 0


def test_an_answer_counts_where_the_same_is_asked_about_the_same_bytes(pytester, decide):
    text = SHOWN.format(asks=ASKS["of"])
    plan(pytester, text)
    run(pytester)
    assert decide("H", "yes", "--by", "Ann")[0] == 0
    (pytester.path / "x.txt").unlink()

    again = run(pytester, "--orch-resume")

    assert again.ret == 0
    again.stdout.fnmatch_lines(["*x re-run: x.txt was changed by nobody of the run"])
    again.stdout.no_fnmatch_line("*cannot be taken*")


# ---- waiting -------------------------------------------------------------------------------------


def start(pytester: pytest.Pytester, *args: str, **more) -> subprocess.Popen[bytes]:
    words = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *args]
    return subprocess.Popen(words, cwd=pytester.path, start_new_session=True, **more)


def answer_file(pytester: pytest.Pytester) -> Path:
    """Where the answer to the one question that is open belongs."""
    (question,) = asked(pytester)
    return question.with_name(question.name.replace(".question.json", ".json"))


def asked(pytester: pytest.Pytester) -> list[Path]:
    return list((pytester.path / ".orchharness").glob("a-*/latest/decisions/*.question.json"))


@pytest.mark.parametrize("mode", [(), ("-n2",)], ids=["local", "xdist"])
def test_a_run_that_waits_takes_the_answer_and_goes_on(pytester, decide, mode):
    plan(pytester, REVIEWED)
    process = start(pytester, "--orch-wait", *mode)
    try:
        wait_for(lambda: asked(pytester) and states(pytester).get("G") == "paused")
        status, said = decide("G", "accept", "--by", "Ann", "--note", "fine")

        assert status == 0
        assert said.endswith("the run is at work, and takes it at once\n")
        assert process.wait(20) == 0
        assert states(pytester)["final"] == "passed"
    finally:
        end_group(process.pid)


def test_who_waits_can_be_killed_and_the_answer_still_counts(pytester, decide):
    plan(pytester, REVIEWED)
    process = start(pytester, "--orch-wait")
    try:
        wait_for(lambda: asked(pytester) and states(pytester).get("G") == "paused")
        process.kill()
        process.wait(10)
        decide("G", "accept", "--by", "Ann", "--note", "fine")
    finally:
        end_group(process.pid)

    again = run(pytester, "--orch-resume")

    assert again.ret == 0
    assert spawns(pytester) == 1


# ---- the prompt ----------------------------------------------------------------------------------


def answer_at_prompt(pytester: pytest.Pytester, *answers: str) -> tuple[int, str]:
    """A session in a terminal, whose user types these lines; its exit status and what was on the screen."""
    control, terminal = pty.openpty()
    process = start(pytester, "--orch-ask", stdin=terminal, stdout=terminal, stderr=terminal)
    os.close(terminal)
    text, left = "", list(answers)
    try:
        while True:
            try:
                read = os.read(control, 65536).decode(errors="replace")
            except OSError:
                break
            if not read:
                break
            text += read
            if left and text.rstrip(" ").endswith(("?", "(may be empty):", "later):")):
                os.write(control, left.pop(0).encode() + b"\n")
        return process.wait(20), text
    finally:
        os.close(control)
        end_group(process.pid)


def test_at_the_prompt_a_number_or_a_name_decides(pytester):
    plan(pytester, REVIEWED)

    status, text = answer_at_prompt(pytester, "9", "accept", "", "because")

    assert status == 0
    assert "'9' is none of them" in text
    (decision,) = [r for r in journal(pytester) if r["event"] == "DecisionTaken"]
    assert (decision["option"], decision["note"]) == ("accept", "because")


def test_who_answers_nothing_leaves_the_run_paused(pytester):
    plan(pytester, REVIEWED)

    status, text = answer_at_prompt(pytester, "")

    assert status == 7
    assert "G asks: Good enough?" in text


def test_words_are_asked_for_at_the_prompt_too(pytester):
    plan(pytester, ASKED)

    status, _ = answer_at_prompt(pytester, "2.0", "1", "")

    assert status == 0
    assert (pytester.path / "r.txt").read_text() == "2.0"


@pytest.mark.parametrize(
    ("args", "why"),
    [
        (("--orch-ask",), "needs a terminal"),
        (("--orch-ask", "-n2"), "does not work with -n"),
    ],
)
def test_nobody_is_asked_where_nobody_can_answer(pytester, args, why):
    plan(pytester, REVIEWED)

    result = session(pytester, *args)

    assert result.ret == 4
    result.stderr.fnmatch_lines(
        [f"ERROR: --orch-ask {why}: use --orch-wait, and answer with `orchharness decide`"]
    )


def test_the_question_is_a_file_for_other_programs(pytester):
    plan(pytester, REVIEWED)
    run(pytester)
    (path,) = asked(pytester)
    question = json.loads(path.read_text())

    assert (question["item"], question["score"], question["threshold"]) == ("G", "0.50", "0.90")
    assert question["options"][0] == {"id": "accept", "label": "as it is", "then": "pass", "why": True}
    assert path.stat().st_mode & 0o777 == 0o600
