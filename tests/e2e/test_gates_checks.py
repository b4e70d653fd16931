"""Checks: `run`, `file`, `json`, `pytest`. All must hold, and what they look at must stay what was put out."""

from __future__ import annotations

from typing import Any

import pytest

TASK = """
tasks:
  work: {run: [sh, -c, '%s'], outputs: {a: a.md}, writes: [a.md], gate: {checks: [%s], max_iterations: 1}}
"""


def task(check: str, run: str = "echo hello > a.md") -> str:
    return TASK % (run, check)


@pytest.mark.parametrize(
    "check",
    [
        "{run: [grep, -q, hello, a.md]}",
        "{run: 'grep -q hello \"$ORCH_INPUT_A\"', shell: true}",
        "{run: [test, -f, '{{ outputs.a }}']}",
        "{file: a.md}",
        "{file: {path: a.md, min_bytes: 6, contains: hell, matches: 'h.llo'}}",
    ],
)
def test_a_check_that_holds_passes_the_gate(play: Any, check: str) -> None:
    play.plan(task(check))

    play.run()

    play.outcomes(passed=2)


@pytest.mark.parametrize(
    ("check", "says"),
    [
        ("{run: [grep, -q, bye, a.md]}", "run grep -q bye a.md: exit 1"),
        ("{run: [sh, -c, 'echo because >&2; kill -9 $$']}", "killed by SIGKILL"),
        ("{run: [sleep, '30'], timeout: 1s}", "timed out after 1 s"),
        ("{file: b.md}", "file b.md: "),
        ("{file: {path: a.md, min_bytes: 7}}", "file a.md: "),
        ("{file: {path: a.md, contains: bye}}", "file a.md: "),
        ("{file: {path: a.md, matches: '^bye'}}", "file a.md: "),
        ("{json: a.md}", "json a.md: "),
    ],
)
def test_a_check_that_does_not_hold_fails_the_gate_and_says_what_it_saw(
    play: Any, check: str, says: str
) -> None:
    play.plan(task(check))

    play.run()

    play.outcomes(passed=1, failed=1)
    play.says(says)


def test_a_check_that_cannot_be_made_is_an_error_and_no_failure(play: Any) -> None:
    play.plan(task("{run: [no-such-program]}"))

    play.run()

    play.outcomes(passed=1, errors=1)
    play.says("cannot be made: command not found: 'no-such-program'")


def test_json_is_checked_by_schema_and_expression(play: Any) -> None:
    play.file("s.json", '{"type": "object", "required": ["score"]}')
    text = """
        tasks:
          work:
            run: [sh, -c, 'echo "{\\"score\\": 3}" > v.json']
            outputs: {v: v.json}
            gate: {checks: [{json: {path: v.json, schema: s.json, expr: 'data.score %s 3'}}], max_iterations: 1}
        """
    play.plan(text % ">=")
    play.plan(text.replace("v.json", "w.json").replace("work", "other") % ">", "second")

    play.run()

    play.outcomes(passed=3, failed=1)
    play.says("json w.json: ")


SUITE = """
tasks:
  work: {run: [sh, -c, 'echo "def f(): return %s" > code.py'], outputs: {code: code.py}, gate: {checks: [%s], max_iterations: 1}}
"""


def suite(play: Any, returns: str, check: str) -> None:
    play.file(
        "tests/test_it.py",
        "import runpy, pytest\n@pytest.mark.parametrize('n', range(10))\ndef test_it(n):\n    assert runpy.run_path('src.py')['f']() > n\n",
    )
    play.plan((SUITE % (returns, check)).replace("code.py", "src.py"))


@pytest.mark.parametrize(
    ("returns", "check", "passes"),
    [
        ("10", "{pytest: {paths: [tests]}}", True),
        ("9", "{pytest: {paths: [tests]}}", False),
        ("9", "{pytest: {paths: [tests], min: 0.9}}", True),
        ("8", "{pytest: {paths: [tests], min: 0.9}}", False),
        ("10", "{run: [python, -m, pytest, -q, tests]}", True),
        ("9", "{run: [python, -m, pytest, -q, tests]}", False),
    ],
)
def test_a_suite_judges(play: Any, returns: str, check: str, passes: bool) -> None:
    suite(play, returns, check)

    play.run()

    play.outcomes(**({"passed": 2} if passes else {"passed": 1, "failed": 1}))


def test_a_suite_in_which_nothing_is_collected_has_not_passed(play: Any) -> None:
    play.file("tests/test_none.py", "")
    play.plan((SUITE % ("1", "{pytest: {paths: [tests]}}")).replace("code.py", "src.py"))

    play.run()

    play.outcomes(passed=1, failed=1)
    play.says("pytest collected no test (exit 5)")


def test_skipped_tests_have_not_passed(play: Any) -> None:
    play.file("tests/test_it.py", "import pytest\ndef test_a(): pass\ndef test_b(): pytest.skip('later')\n")
    play.plan((SUITE % ("1", "{pytest: {paths: [tests]}}")).replace("code.py", "src.py"))

    play.run()

    play.outcomes(passed=1, failed=1)
    play.says("1 of 2 tests passed, 1 skipped or expected to fail; all must pass")


def test_an_artifact_that_is_edited_between_its_production_and_its_check_is_not_judged(play: Any) -> None:
    play.plan(
        """
        tasks:
          work:
            run: [sh, -c, 'echo bad > a.md; echo x > b.md']
            outputs: {a: a.md, b: b.md}
            gate: {checks: [{run: [sh, -c, 'echo good > a.md; grep -q good a.md']}], max_iterations: 1}
        """
    )

    play.run()

    play.outcomes(passed=1, errors=1)
    play.says("what is judged was changed while it was judged: a.md")


def test_an_artifact_that_somebody_edits_before_the_check_is_not_judged(play: Any) -> None:
    play.plan(
        """
        limits: {parallel: 2}
        tracks:
          t:
            tasks:
              work: {run: [sh, -c, 'echo bad > a.md'], outputs: {a: a.md}}
              other: {needs: [work], run: [sh, -c, 'echo good > a.md; echo x > b.md'], outputs: {b: b.md}}
            gate: {id: G-T, checks: [{run: [grep, -q, good, a.md]}], max_iterations: 1}
        """
    )

    play.run()

    play.outcomes(passed=2, errors=1)
    play.says("what is judged was changed while it was judged: a.md")


def test_a_later_member_may_edit_what_an_earlier_one_made(play: Any) -> None:
    play.plan(
        """
        tracks:
          t:
            tasks:
              last: {needs: [first], run: [sh, -c, 'echo two >> a.md'], outputs: {a: a.md}}
              first: {run: [sh, -c, 'echo one > a.md'], outputs: {a: a.md}}
            gate: {id: G-T, checks: [{run: [grep, -q, two, a.md]}], max_iterations: 1}
        """
    )

    play.run()

    play.outcomes(passed=3)


def test_tests_that_an_earlier_task_wrote_judge_as_they_were_released(play: Any) -> None:
    text = """
        tasks:
          tests: {run: [sh, -c, 'mkdir -p tests; echo "def test_x(): assert open(\\"a.md\\").read()" > tests/test_x.py'], outputs: {t: tests/test_x.py}}
          work:
            needs: [tests]
            run: [sh, -c, 'echo x > a.md%s']
            outputs: {a: a.md}
            gate: {checks: [{pytest: {paths: [tests]}}], max_iterations: 1}
        """
    play.plan(text % "")
    play.run()
    play.outcomes(passed=3)

    play.plan(text % '; echo "def test_x(): pass" > tests/test_x.py')
    play.run()

    play.outcomes(passed=2, errors=1)
    play.says("gate inputs changed: tests/test_x.py")


def test_a_critic_in_the_plan_that_sees_a_secret_never_stores_it(
    play: Any, critic: Any, monkeypatch: Any
) -> None:
    monkeypatch.setenv("JUDGE_TOKEN", "s3cr3t-of-the-judge")
    critic(
        "judge.py",
        """
        good = os.environ['TOKEN'] == 's3cr3t-' + 'of-the-judge'
        say({'criteria': {'c': 1 if good else 0}, 'findings': [{'severity': 'minor', 'what': 'uses ' + os.environ['TOKEN']}]})
        """,
    )
    play.plan(
        """
        critics: {judge: {run: [python, judge.py], criteria: {c: 1}, env: {TOKEN: '${JUDGE_TOKEN}'}}}
        tasks:
          work: {run: [sh, -c, 'echo x > a.md'], outputs: {a: a.md}, gate: {critics: [judge], max_iterations: 1}}
        """
    )

    play.run()

    play.outcomes(passed=2)
    for name in ("journal.jsonl", "ORCHESTRATION.yaml", "report.html"):
        assert "s3cr3t-of-the-judge" not in (play.run_dir / name).read_text()
    assert "uses [redacted]" in (play.run_dir / "journal.jsonl").read_text()
