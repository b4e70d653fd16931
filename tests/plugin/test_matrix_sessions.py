"""Copies that a matrix makes, in sessions: their ids are typed, chosen, reported and gone on with like any others."""

from __future__ import annotations

import re

import pytest
from local_sessions import cases, lines_of, plan, run, run_folder, states
from xdist_sessions import session

from orchharness.cli import main

PLAN = """
tracks:
  make:
    matrix: {os: [linux, mac/12]}
    tasks:
      build:
        run: [sh, -c, 'echo "$ORCH_TASK" >> ran; echo "{{ matrix.os }} {{ iteration }}" > "$ORCH_OUTPUT_BIN"']
        outputs: {bin: "{{ matrix.os | replace('/', '-') }}.txt"}
        gate: {checks: [{run: [sh, -c, 'test ! -e "no-$0"', "{{ matrix.os | replace('/', '-') }}"]}], max_iterations: 1}
      test:
        matrix: {py: ["3.11"]}
        needs: [build]
        run: [sh, -c, 'echo "$ORCH_TASK" >> ran']
  use:
    tasks:
      pack:
        inputs: {all: build.bin, one: "build[linux].bin"}
        run: [sh, -c, 'echo "$ORCH_TASK" >> ran; cat $ORCH_INPUT_ALL $ORCH_INPUT_ONE > all.txt']
        outputs: {all: all.txt}
"""
MAC = "mac_12-95fdc5"
EVERY = [
    "make::build[linux]",
    "make::G-build[linux]",
    "make::test[linux-3.11]",
    f"make::build[{MAC}]",
    f"make::G-build[{MAC}]",
    f"make::test[{MAC}-3.11]",
    "use::pack",
]


def chosen(pytester: pytest.Pytester, *args: str) -> list[str]:
    """What a session is about, without its plan file."""
    result = run(pytester, "--collect-only", "-q", *args)
    return [line.partition("::")[2] for line in result.outlines if line.startswith("a.plan.yaml::")]


def ran(pytester: pytest.Pytester) -> list[str]:
    path = pytester.path / "ran"
    found = sorted(lines_of(path))
    path.unlink(missing_ok=True)
    return found


@pytest.mark.parametrize("workers", [(), ("-n2",)])
def test_copies_run_read_and_are_judged_each_for_itself(pytester, workers):
    plan(pytester, PLAN)

    result = session(pytester, "--junitxml=j.xml", *workers)

    result.assert_outcomes(passed=7)
    assert sorted((pytester.path / "all.txt").read_text().splitlines()) == ["linux 1", "linux 1", "mac/12 1"]
    found = cases(pytester.path / "j.xml")
    assert sorted(found) == sorted(f"a.plan.yaml.{name.replace('::', '.')}" for name in EVERY)
    assert ran(pytester) == sorted(
        ["build[linux]", f"build[{MAC}]", "test[linux-3.11]", f"test[{MAC}-3.11]", "pack"]
    )


def test_a_matrix_is_collected_as_pytest_collects_parameters(pytester):
    plan(pytester, PLAN)

    assert chosen(pytester) == EVERY


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (["a.plan.yaml::make::build[linux]"], ["make::build[linux]"]),
        (["a.plan.yaml::make::build"], ["make::build[linux]", f"make::build[{MAC}]"]),
        (["a.plan.yaml::make"], EVERY[:6]),
        (["-k", "linux and not test"], ["make::build[linux]", "make::G-build[linux]"]),
        (["-k", f"build[{MAC}]"], [f"make::build[{MAC}]", f"make::G-build[{MAC}]"]),
        (["-k", "3.11", "--deselect", "a.plan.yaml::make::test[linux-3.11]"], [f"make::test[{MAC}-3.11]"]),
    ],
)
def test_copies_are_chosen_as_parameters_are(pytester, args, expected):
    plan(pytester, PLAN)

    result = run(pytester, "--collect-only", "-q", *args)

    found = [line.partition("::")[2] for line in result.outlines if line.startswith("a.plan.yaml::")]
    assert [item for item in found if item in expected] == expected
    pulled_in = set(found) - set(expected)
    assert pulled_in <= {
        "make::G-build[linux]",
        f"make::G-build[{MAC}]",
        "make::build[linux]",
        f"make::build[{MAC}]",
    }


def test_what_failed_is_run_again_by_lf(pytester):
    plan(pytester, PLAN)
    (pytester.path / "no-mac-12").touch()

    first = run(pytester)
    (pytester.path / "no-mac-12").unlink()
    again = run(pytester, "--lf")

    first.assert_outcomes(passed=4, failed=1, skipped=2)
    assert states(pytester)["pack"] == "passed"
    again.assert_outcomes(passed=7)


def test_a_value_that_is_added_redoes_nothing_else(pytester):
    path = plan(pytester, PLAN)
    run(pytester).assert_outcomes(passed=7)
    ran(pytester)
    path.write_text(path.read_text().replace("[linux, mac/12]", "[win, linux, mac/12]"))

    result = run(pytester, "--orch-resume", "-rA")

    result.assert_outcomes(passed=10)
    assert ran(pytester) == ["build[win]", "pack", "test[win-3.11]"]
    result.stdout.fnmatch_lines(["*pack re-run: inputs, needs changed*"])


def test_the_report_names_every_copy_and_its_links_lead_somewhere(pytester):
    plan(pytester, PLAN)
    run(pytester)

    page = (run_folder(pytester) / "report.html").read_text()

    ids, links = set(re.findall(r'\bid="([^"]+)"', page)), re.findall(r'href="#([^"]+)"', page)
    assert "task-test%5Blinux-3.11%5D" in ids
    assert f"gate-G-build%5B{MAC}%5D" in ids
    assert set(links) <= ids
    assert "build (os: mac/12)" in page


def test_copies_are_asked_for_on_the_command_line(pytester, capsys):
    plan(pytester, PLAN)
    (pytester.path / "no-mac-12").touch()
    run(pytester)
    capsys.readouterr()

    assert main(["logs", "latest", "build[linux]"]) == 0
    assert main(["status"]) == 0
    shown = capsys.readouterr().out
    assert f"G-build[{MAC}]" in shown
    assert main(["explain", "a.plan.yaml", "--mermaid"]) == 0
    assert 'subgraph t0["make[linux]"]' in capsys.readouterr().out


def test_a_finding_that_names_the_task_of_the_file_blames_its_copies(pytester):
    judge = (
        'import json, os; n = int(os.environ["ORCH_ITERATION"]); '
        'print(json.dumps({"criteria": {"k": {"score": 0.5 if n == 1 else 1}}, '
        '"findings": [{"severity": "major", "what": "x", "task": "t"}] if n == 1 else []}))'
    )
    (pytester.path / "judge.py").write_text(judge)
    plan(
        pytester,
        """
critics: {c: {run: [python, judge.py], criteria: {k: 1}}}
tasks:
  t: {matrix: {v: [a, b]}, run: [sh, -c, 'echo {{ iteration }} > $ORCH_OUTPUT_O'], outputs: {o: "{{ matrix.v }}.txt"}}
  u: {run: [sh, -c, 'echo once > $ORCH_OUTPUT_O'], outputs: {o: u.txt}}
gates: {G: {of: [t, u], critics: [c]}}
""",
    )

    run(pytester).assert_outcomes(passed=4)
    texts = [(pytester.path / f"{name}.txt").read_text() for name in ("a", "b", "u")]
    assert texts == ["2\n", "2\n", "once\n"]
