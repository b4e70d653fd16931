import json
import sys
import time
from pathlib import Path

import pytest

from orchharness.critics.junit import Counts, count, verdict
from orchharness.errors import OrchError


def check(kind, name=None, **more):
    return {
        "kind": kind,
        "name": name or kind,
        "argv": more.pop("argv", ()),
        "timeout": more.pop("timeout", None),
        **more,
    }


def said(evaluation):
    return [finding["what"] for finding in evaluation.findings]


@pytest.fixture
def wrong(judgements):
    """What one check of a kind finds wrong; empty when it holds."""

    def ask(kind, **options):
        found = said(judgements.ask("checks", checks=(check(kind, options=options),)))
        return found[0].removeprefix(f"{kind}: ") if found else ""

    return ask


# ---- all of them -------------------------------------------------------------------------------------------


def test_all_checks_are_looked_at_and_each_that_fails_is_a_critical_finding(judgements):
    checks = (
        check("run", "first", argv=["sh", "-c", "echo no; exit 1"]),
        check("run", "second", argv=["true"]),
        check("file", "third", options={"path": "gone"}, task="EN-028"),
    )
    evaluation = judgements.ask("checks", checks=checks, artifacts={"EN-027.text": ()})

    assert evaluation.passed is False
    assert evaluation.criteria == {}
    assert list(evaluation.findings) == [
        {"severity": "critical", "task": "EN-027", "check": "first", "what": "first: exit 1\nno"},
        {"severity": "critical", "task": "EN-028", "check": "third", "what": "third: gone does not exist"},
    ]


def test_checks_that_all_hold_pass(judgements):
    evaluation = judgements.ask("checks", checks=(check("run", argv=["true"]),))

    assert (evaluation.passed, evaluation.findings) == (True, ())


def test_checks_that_cannot_be_made_are_an_error_that_names_them_all(judgements):
    checks = (
        check("run", "a", argv=["gone-1"]),
        check("run", "b", argv=["false"]),
        check("run", "c", argv=["gone-2"]),
    )
    with pytest.raises(OrchError) as caught:
        judgements.ask("checks", checks=checks)

    assert str(caught.value) == (
        "check 'a' cannot be made: command not found: 'gone-1'; check 'c' cannot be made: command not found: 'gone-2'"
    )


# ---- run ---------------------------------------------------------------------------------------------------


def test_a_finding_holds_the_last_lines_without_colours(judgements):
    script = "for i in $(seq 100); do echo line $i; done; printf '\\033[31mred\\033[0m \\033]0;title\\007end\\r\\n' >&2; exit 2"
    what = said(judgements.ask("checks", checks=(check("run", "lint", argv=[script], shell=True),)))[0]

    assert what.splitlines()[:2] == ["lint: exit 2", "line 82"]
    assert what.splitlines()[-2:] == ["line 100", "red end"]


def test_a_finding_is_bounded_also_when_a_line_is_not(judgements):
    what = said(
        judgements.ask(
            "checks",
            checks=(check("run", argv=["head -c 1000000 /dev/zero | tr '\\0' x; exit 1"], shell=True),),
        )
    )

    assert len(what[0]) < 2100


def is_alive(pid: str) -> bool:
    """Whether the process runs; one that has ended may wait to be collected by its new parent."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] not in {"Z", "X"}


def test_a_check_that_takes_too_long_does_not_hold_and_is_ended_with_its_children(judgements):
    script = f"sleep 600 & echo $! >{judgements.root}/pid; echo waiting; sleep 600"
    slow = check("run", "slow", argv=[script], shell=True, timeout=0.3)
    evaluation = judgements.ask("checks", checks=(slow,))
    pid = (judgements.root / "pid").read_text().strip()

    assert said(evaluation) == ["slow: timed out after 0.3 s\nwaiting"]
    until = time.monotonic() + 5  # a signal takes its time to arrive
    while is_alive(pid):
        assert time.monotonic() < until, f"{pid} goes on"


def test_a_check_has_its_directory_and_environment_without_those_of_test_runs(judgements, monkeypatch):
    monkeypatch.setenv("PYTEST_ADDOPTS", "--co")
    (judgements.workspace / "sub").mkdir()
    script = (
        'test "$A$B" = 12 && test -z "$PYTEST_ADDOPTS$PYTEST_CURRENT_TEST" && test "$(basename "$PWD")" = sub'
    )
    one = check("run", argv=[script], shell=True, env={"B": "2"}, cwd=str(judgements.workspace / "sub"))

    assert judgements.ask("checks", checks=(one,), env={"A": "1", "B": "0"}).passed


# ---- file --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"path": "a.md"}, ""),
        ({"path": "*.md"}, ""),
        ({"path": "**/b.md"}, ""),
        ({"path": "gone.md"}, "gone.md does not exist"),
        ({"path": "*.rst"}, "*.rst does not exist"),
        ({"path": "sub"}, "sub does not exist"),
        ({"path": "empty"}, "empty is empty"),
        ({"path": "empty", "min_bytes": 0}, ""),
        ({"path": "a.md", "min_bytes": 100}, "a.md has 24 bytes, at least 100 are asked for"),
        ({"path": "a.md", "contains": "Title"}, ""),
        ({"path": "a.md", "contains": ["Title", "missing"]}, "a.md does not contain 'missing'"),
        ({"path": "*.md", "contains": "Title"}, "b.md does not contain 'Title'"),
        ({"path": "a.md", "matches": "^second .ine$"}, ""),
        ({"path": "a.md", "matches": "^ine"}, "nothing in a.md matches '^ine'"),
        ({"path": "link-out"}, "link-out leads out of the workspace"),
        ({"path": "link-nowhere"}, "link-nowhere is a link to nothing"),
        ({"path": "link-in"}, ""),
        ({"path": "odd[1].md"}, ""),
    ],
)
def test_file_checks(judgements, wrong, options, expected):
    workspace = judgements.workspace
    (workspace / "sub").mkdir()
    (workspace / "a.md").write_text("# Title\nsecond line\nmore")
    (workspace / "b.md").write_text("other")
    (workspace / "sub" / "b.md").write_text("deep")
    (workspace / "odd[1].md").write_text("x")
    (workspace / "empty").write_text("")
    (workspace / "link-out").symlink_to("/etc/passwd")
    (workspace / "link-nowhere").symlink_to("nowhere")
    (workspace / "link-in").symlink_to("a.md")

    assert wrong("file", **options) == expected


def test_a_file_of_the_run_is_given_by_its_absolute_path_and_may_not_lead_out_of_its_folder(
    judgements, wrong
):
    (judgements.root / "verdict.json").write_text("{}")
    (judgements.root / "link").symlink_to("/etc/passwd")

    assert wrong("file", path=str(judgements.root / "verdict.json")) == ""
    assert "leads out" in wrong("file", path=str(judgements.root / "link"))
    with pytest.raises(OrchError, match="path 'run:x' was not resolved to a file of the run"):
        wrong("file", path="run:x")


# ---- json --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, ""),
        ({"expr": "data.score >= 0.5 and data.tags | length == 2"}, ""),
        ({"expr": "data['items'][0].id == 1"}, ""),
        ({"expr": "data.score > 0.9"}, "expr 'data.score > 0.9' does not hold"),
        (
            {"expr": "data.gone > 1"},
            "expr 'data.gone > 1' does not hold: 'dict object' has no attribute 'gone'",
        ),
        ({"expr": "data.gone"}, "expr 'data.gone' does not hold: 'dict object' has no attribute 'gone'"),
        ({"expr": "other"}, "expr 'other' does not hold: 'other' is undefined"),
        (
            {"expr": "data.score > 'a'"},
            "expr \"data.score > 'a'\" does not hold: TypeError: '>' not supported between instances of 'float' and 'str'",
        ),
        (
            {"expr": "data.__class__.__mro__"},
            "expr 'data.__class__.__mro__' does not hold: SecurityError: access to attribute '__class__' of 'dict' object is unsafe.",
        ),
    ],
)
def test_json_expressions(judgements, wrong, options, expected):
    data = {"score": 0.75, "tags": ["a", "b"], "items": [{"id": 1}]}
    (judgements.workspace / "v.json").write_text(json.dumps(data))

    assert wrong("json", path="v.json", **options).removesuffix("'").rstrip("'") == expected.removesuffix(
        "'"
    ).rstrip("'")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"a": 1}', ""),
        ('{"a": "x"}', "$.a: 'x' is not of type 'integer'"),
        (
            "{",
            "v.json is not JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)",
        ),
        ('{"a": 1, "a": 2}', "v.json is not JSON: key 'a' stands twice in one object"),
        ('{"a": NaN}', "v.json is not JSON: NaN is no JSON number"),
    ],
)
def test_json_schemas(judgements, wrong, text, expected):
    pytest.importorskip("jsonschema")
    schema = judgements.root / "schema.json"
    schema.write_text('{"type": "object", "properties": {"a": {"type": "integer"}}}')
    (judgements.workspace / "v.json").write_text(text)

    assert wrong("json", path="v.json", schema=str(schema)) == expected


@pytest.mark.parametrize("schema", ["{", '{"type": 5}', '{"$ref": "https://example.invalid/x"}'])
def test_a_schema_that_cannot_be_used_is_an_error_of_the_judge_and_nothing_is_fetched(
    judgements, wrong, schema
):
    pytest.importorskip("jsonschema")
    path = judgements.root / "schema.json"
    path.write_text(schema)
    (judgements.workspace / "v.json").write_text("{}")
    with pytest.raises(OrchError, match=r"the schema .* cannot be used"):
        wrong("json", path="v.json", schema=str(path))


def test_without_the_library_a_schema_check_says_what_to_install(judgements, wrong, monkeypatch):
    monkeypatch.setitem(sys.modules, "jsonschema", None)
    (judgements.workspace / "v.json").write_text("{}")
    with pytest.raises(OrchError, match=r"needs the package jsonschema: pip install 'orchharness\[schema\]'"):
        wrong("json", path="v.json", schema="/schema.json")


def test_an_expression_that_cannot_be_parsed_is_an_error_of_the_judge(judgements, wrong):
    (judgements.workspace / "v.json").write_text("{}")
    with pytest.raises(OrchError, match="cannot be parsed"):
        wrong("json", path="v.json", expr="data.(")


# ---- pytest ------------------------------------------------------------------------------------------------

TESTS = """
import os, pytest
def test_a(): assert "PYTEST_ADDOPTS" not in os.environ
def test_b(): pass
@pytest.mark.parametrize("n", range(8))
def test_n(n): pass
"""


def test_tests_that_all_pass_hold(judgements, wrong, monkeypatch):
    monkeypatch.setenv("PYTEST_ADDOPTS", "--collect-only")
    (judgements.workspace / "test_x.py").write_text(TESTS)

    assert wrong("pytest", paths=["test_x.py"]) == ""
    assert not list(judgements.workspace.glob(".pytest_cache"))


@pytest.mark.parametrize(
    ("more", "least", "expected"),
    [
        ("def test_bad(): assert 0", None, "10 of 11 tests passed, 1 failed; all must pass"),
        ("def test_bad(): assert 0", 0.9, ""),
        (
            "def test_bad(): assert 0",
            0.95,
            "10 of 11 tests passed, 1 failed: a share of 0.91, at least 0.95 is asked for",
        ),
        (
            "def test_skip(): pytest.skip('x')",
            None,
            "10 of 11 tests passed, 1 skipped or expected to fail; all must pass",
        ),
        (
            "@pytest.mark.xfail\ndef test_x(): assert 0",
            None,
            "10 of 11 tests passed, 1 skipped or expected to fail; all must pass",
        ),
        ("import nothing_there", None, "pytest ended with exit 2: 0 of 1 tests passed, 1 failed"),
        ("import nothing_there", 0.0, "pytest ended with exit 2: 0 of 1 tests passed, 1 failed"),
        (
            "pytest.skip('all', allow_module_level=True)",
            0.0,
            "pytest ended with exit 5: 0 of 1 tests passed, 1 skipped or expected to fail",
        ),
        ("os._exit(0)", None, "pytest collected no test (exit 0)"),
    ],
)
def test_what_did_not_pass_is_counted(judgements, wrong, more, least, expected):
    (judgements.workspace / "test_x.py").write_text(f"{TESTS}\n{more}\n")
    options = {"paths": ["test_x.py"]} | ({} if least is None else {"min": least})

    assert wrong("pytest", **options).split("\n")[0] == expected


def test_no_tests_at_all_do_not_hold(judgements, wrong):
    (judgements.workspace / "test_x.py").write_text("x = 1")

    assert wrong("pytest", paths=["test_x.py"]).split("\n")[0] == "pytest collected no test (exit 5)"
    assert wrong("pytest", paths=["gone.py"]).split("\n")[0] == "pytest collected no test (exit 4)"


def test_a_planted_stop_at_the_first_failure_does_not_hide_the_rest(judgements, wrong):
    (judgements.workspace / "pytest.ini").write_text("[pytest]\naddopts = -x\n")
    (judgements.workspace / "test_x.py").write_text(
        "def test_1(): pass\ndef test_2(): assert 0\ndef test_3(): assert 0\n"
    )

    assert wrong("pytest", paths=["."], min=0.5).startswith("1 of 3 tests passed, 2 failed: a share of 0.33")


def test_a_test_that_stands_twice_counts_once_and_as_the_worse(tmp_path):
    case = '<testcase classname="t" name="{}">{}</testcase>'
    cases = [
        case.format("a", ""),
        case.format("a", "<error/>"),
        case.format("b", "<skipped/>"),
        case.format("c", ""),
    ]
    (tmp_path / "j.xml").write_text(f"<testsuites><testsuite>{''.join(cases)}</testsuite></testsuites>")

    assert count(tmp_path / "j.xml") == Counts(passed=1, failed=1, skipped=1)
    (tmp_path / "j.xml").write_text("<testsuites>")
    with pytest.raises(OrchError, match="JUnit file of pytest cannot be read"):
        count(tmp_path / "j.xml")


def test_counts_that_contradict_the_exit_status_do_not_hold():
    assert verdict(Counts(passed=3), 0, None) == ""
    assert verdict(Counts(passed=3), 1, None) == "3 of 3 tests passed; all must pass"
    assert verdict(Counts(passed=3), -9, 0.5) == "pytest ended with exit -9: 3 of 3 tests passed"
