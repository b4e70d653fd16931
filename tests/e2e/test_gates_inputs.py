"""Gate inputs: who is judged must not change what judges, neither before the verdict nor after it."""

from __future__ import annotations

from typing import Any

import pytest

GOOD = "import json\nprint(json.dumps({'criteria': {'c': 1}}))\n"
BAD = "import json\nprint(json.dumps({'criteria': {'c': 0}}))\n"


@pytest.fixture
def judge(play: Any) -> None:
    """A judge that fails everything, with a copy that passes everything beside it."""
    play.file("judges/judge.py", BAD)
    play.file("judges/other.py", GOOD)


def plan(run: str, gate: str = "critics: [judge]", more: str = "") -> str:
    return f"""
critics: {{judge: {{run: [python, judges/judge.py], criteria: {{c: 1}}}}}}
tasks:
  work: {{run: [sh, -c, 'echo x > a.md; {run}'], outputs: {{a: a.md}}, gate: {{{gate}, max_iterations: 1}}}}
{more}"""


@pytest.mark.usefixtures("judge")
@pytest.mark.parametrize(
    "edit",
    [
        "cp judges/other.py judges/judge.py",
        "rm judges/judge.py",
        "rm judges/judge.py; ln -s other.py judges/judge.py",
        "rm judges/judge.py; mkdir judges/judge.py",
    ],
)
def test_a_judge_that_an_agent_edits_gives_no_verdict(play: Any, edit: str) -> None:
    play.plan(plan(edit))

    play.run()

    play.outcomes(passed=1, errors=1)
    play.says(f"gate inputs changed: {play.root}/judges/judge.py")


@pytest.mark.usefixtures("judge")
def test_a_judge_that_is_edited_and_put_back_has_judged_with_its_frozen_copy(play: Any) -> None:
    run = "cp judges/judge.py /tmp/$ORCH_RUN; cp judges/other.py judges/judge.py; cp /tmp/$ORCH_RUN judges/judge.py; rm /tmp/$ORCH_RUN"
    play.plan(plan(run))

    play.run()

    play.outcomes(passed=1, failed=1)
    play.says("0.00 < 0.90")


@pytest.mark.usefixtures("judge")
def test_the_plan_is_a_gate_input(play: Any) -> None:
    play.plan(plan('echo "# harmless" >> play.plan.yaml'))

    play.run()

    play.outcomes(passed=1, errors=1)
    play.says(f"gate inputs changed: {play.root}/play.plan.yaml")


def test_the_rubric_of_a_critic_is_a_gate_input(play: Any) -> None:
    play.file("rubric.md", "Be strict.")
    play.file("mod.py", 'def go(act):\n    return \'{"criteria": {"c": 1}}\'\n')
    play.plan(
        """
        agents: {thinker: {kind: python, call: 'mod:go'}}
        critics: {judge: {agent: thinker, prompt: {file: rubric.md}, criteria: {c: 1}}}
        tasks:
          work: {run: [sh, -c, 'echo x > a.md; echo Be kind. > rubric.md'], outputs: {a: a.md}, gate: {critics: [judge], max_iterations: 1}}
        """
    )

    play.run()

    play.outcomes(passed=1, errors=1)
    play.says(f"gate inputs changed: {play.root}/rubric.md")


@pytest.mark.parametrize(
    "check",
    [
        "{run: [python, checks/check.py]}",
        "{run: [checks/check.py]}",
        "{run: [sh, -c, 'python3 checks/check.py']}",
        "{run: 'python3 checks/check.py', shell: true}",
        "{run: [python, -m, checks.check]}",
    ],
)
def test_the_script_of_a_check_is_a_gate_input(play: Any, check: str) -> None:
    play.file("checks/check.py", "#!/usr/bin/env python3\nraise SystemExit(1)\n", mode=0o755)
    play.plan(plan("echo pass > checks/check.py", gate=f"checks: [{check}]"))

    play.run()

    play.outcomes(passed=1, errors=1)
    play.says("gate inputs changed: ", "checks/check.py")


def test_the_modules_that_a_judge_imports_from_beside_it_are_gate_inputs(play: Any) -> None:
    play.file("judges/judge.py", "import helper\nfrom rules import strict\nprint(helper.say(strict.SCORE))\n")
    play.file(
        "judges/helper.py", "import json\ndef say(score): return json.dumps({'criteria': {'c': score}})\n"
    )
    play.file("judges/rules/__init__.py", "")
    play.file("judges/rules/strict.py", "SCORE = 0.25\n")
    play.plan(plan("true"))
    play.run()
    play.outcomes(passed=1, failed=1)
    play.says("0.25 < 0.90")

    play.plan(plan("echo SCORE = 1 > judges/rules/strict.py"))
    play.run()

    play.outcomes(passed=1, errors=1)
    play.says(f"gate inputs changed: {play.root}/judges/rules/strict.py")


@pytest.mark.usefixtures("judge")
def test_a_module_planted_beside_a_judge_is_not_imported(play: Any) -> None:
    play.file("evil.py", GOOD + "raise SystemExit(0)\n")
    names = "judges/json.py judges/yaml.py json.py yaml.py sitecustomize.py usercustomize.py"
    play.plan(plan(f"for f in {names}; do cp evil.py $f; done"))

    play.run()

    play.outcomes(passed=1, failed=1)
    play.says("0.00 < 0.90")


PLANTED = {
    "tests/conftest.py": "import pytest\ndef pytest_runtest_setup(item): pytest.skip('fine')\n",
    "conftest.py": "def pytest_collection_modifyitems(items): items.clear()\n",
    "pytest.ini": "[pytest]\naddopts = --collect-only\n",
    "tests/test_it.py": "def test_it(): pass\n",
    "tests/test_more.py": "def test_more(): pass\n",
    "tests/helper.py": "def check(): pass\n",
    "sitecustomize.py": "import os; os._exit(0)\n",
    "pytest.py": "raise SystemExit(0)\n",
    "json.py": "import os; os._exit(0)\n",
    "yaml.py": "import os; os._exit(0)\n",
    "pyproject.toml": "[tool.pytest.ini_options]\naddopts = '--deselect tests/test_it.py'\n",
    "setup.cfg": "[tool:pytest]\naddopts = --co\n",
}


@pytest.mark.parametrize("check", ["{pytest: {paths: [tests]}}", "{run: [python, -m, pytest, tests]}"])
@pytest.mark.parametrize("planted", PLANTED)
def test_a_file_planted_for_the_tests_that_judge_gives_no_verdict(
    play: Any, check: str, planted: str
) -> None:
    (play.root / "tox.ini").unlink()
    play.file("tests/test_it.py", "def test_it(): assert False\n")
    play.file("planted", PLANTED[planted])
    play.plan(plan(f"cp planted {planted}", gate=f"checks: [{check}]"))

    play.run()

    play.outcomes(passed=1, errors=1)
    play.says("gate inputs changed: ", planted)


@pytest.mark.usefixtures("judge")
def test_a_judge_that_is_changed_after_its_verdict_takes_the_verdict_back(play: Any) -> None:
    play.file("judges/judge.py", GOOD)
    play.plan(plan("true", more="  later: {needs: [work], run: [sh, -c, 'echo pass > judges/judge.py']}\n"))

    play.run()

    play.outcomes(passed=3, errors=1)
    play.says("ERROR at teardown of G-work", "gate inputs changed after G-work was decided")
    assert play.transitions("G-work")[-2:] == ["passed", "error"]
    assert play.status == pytest.ExitCode.TESTS_FAILED


@pytest.mark.usefixtures("judge")
def test_a_judge_that_edits_itself_gives_no_verdict(play: Any) -> None:
    play.file("judges/judge.py", GOOD + f"open({str(play.root / 'judges/judge.py')!r}, 'a').write('#')\n")
    play.plan(plan("true"))

    play.run()

    play.outcomes(passed=1, errors=1)
    play.says("gate inputs changed")


@pytest.mark.usefixtures("judge")
def test_the_frozen_copy_is_watched_as_well(play: Any) -> None:
    # an agent of the same user that goes looking for it
    play.plan(
        plan(
            "f=$(dirname $(dirname $ORCH_TASK_DIR))/definitions$PWD/judges/judge.py; chmod u+w $f; cp judges/other.py $f"
        )
    )

    play.run()

    play.outcomes(passed=1, errors=1)
    play.says("gate inputs changed")


def test_a_file_that_a_task_puts_out_is_judged_and_does_not_judge(play: Any) -> None:
    play.file("script.py", "raise SystemExit(1)\n")
    play.plan(
        """
        tasks:
          work: {run: [sh, -c, 'echo pass > script.py'], outputs: {s: script.py}, gate: {checks: [{run: [python, script.py]}], max_iterations: 1}}
        """
    )

    play.run()

    play.outcomes(passed=2)
