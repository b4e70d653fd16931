"""A look at the agents of a plan before anything is spawned."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET

import pytest
from local_sessions import items, journal, nothing_ran, plan, run
from xdist_sessions import session

from orchharness.run import preflight

AGENT = """
import threading
from orchharness import Kind, LocalProcess, Preflight, hookimpl

@hookimpl
def orchharness_agent_kinds():
    return [Kind(name="aider", options=options)]

def options():
    from pydantic import BaseModel
    class Options(BaseModel):
        model: str = "small"
    return Options

@hookimpl
def orchharness_preflight(request):
    import json
    with open("asked.jsonl", "a") as file:
        file.write(json.dumps([request.agent, request.cwd, dict(request.options), dict(request.env)]) + "\\n")
    BODY

@hookimpl
def orchharness_spawn(request):
    return LocalProcess.spawn(request, ["sh", "-c", f"echo x > {request.env['ORCH_TASK']}.ran"])

@hookimpl
def orchharness_poll(handle):
    return LocalProcess.poll(handle)

@hookimpl
def orchharness_cancel(handle):
    return LocalProcess.cancel(handle)
"""
MISSING = "return Preflight(missing=\"'aider' is not on the PATH; install it with: pip install aider-chat\")"
TWO = """
agents:
  author: {kind: aider}
  other: {kind: aider, model: large}
tasks:
  one: {agent: author, prompt: x, outputs: {o: one.ran}}
  two: {agent: author, prompt: x, outputs: {o: two.ran}}
  plain: {run: [touch, plain.ran]}
"""


def conftest(pytester: pytest.Pytester, body: str = "return Preflight(version='aider 1.2')") -> None:
    pytester.makeconftest(AGENT.replace("BODY", body))


def asked(pytester: pytest.Pytester) -> list[list[object]]:
    path = pytester.path / "asked.jsonl"
    return sorted(json.loads(line) for line in path.read_text().splitlines()) if path.exists() else []


def test_a_plugin_that_hangs_is_a_fault_with_its_name(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    conftest(pytester, "threading.Event().wait(20)")
    plan(pytester, TWO)
    run(pytester, "--collect-only")  # the module that is looked up again must be the one that is changed
    monkeypatch.setattr(preflight, "LIMIT", 0.2)

    result = run(pytester)

    result.assert_outcomes(errors=3)
    result.stdout.fnmatch_lines(
        [
            "a.plan.yaml:4: agent 'author' of kind 'aider': plugin '*conftest.py': orchharness_preflight: did not return in 0.2 s"
        ]
    )


def test_each_agent_that_is_used_is_looked_at_once_with_options_and_environment(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REAL_TOKEN", "tok-5f1c8a77e2")
    conftest(pytester)
    plan(
        pytester,
        """
vars: {size: {default: tiny}}
agents:
  author: {kind: aider, model: "{{ vars.size }}"}
  other: {kind: aider, model: "{{ inputs.text }}"}
  idle: {kind: aider}
tasks:
  one: {agent: author, prompt: x, env: {TOKEN: '${REAL_TOKEN}', GONE: '${NOT_THERE_AT_ALL}', WORD: "{{ vars.size }}"}, cwd: sub}
  two: {agent: author, prompt: x}
  write: {run: [sh, -c, "echo x > a.md"], outputs: {text: a.md}}
  three: {agent: other, prompt: x, inputs: {text: write.text}}
""",
    )
    pytester.mkdir("sub")

    result = run(pytester, "-k", "two or three or one")

    assert "not spawned" not in result.stdout.str()
    assert asked(pytester) == [
        ["author", f"{pytester.path}/sub", {"model": "tiny"}, {"TOKEN": "tok-5f1c8a77e2", "WORD": "tiny"}],
        ["other", str(pytester.path), {"model": "{{ inputs.text }}"}, {}],
    ]
    assert journal(pytester)[0]["header"]["clients"] == {"author": "aider 1.2", "other": "aider 1.2"}


def test_agents_of_items_that_were_not_chosen_are_not_looked_at(pytester: pytest.Pytester) -> None:
    conftest(pytester, MISSING)
    plan(pytester, TWO)

    run(pytester, "-k", "plain").assert_outcomes(passed=1)
    assert asked(pytester) == []


def test_an_agent_that_judges_or_mends_is_looked_at(pytester: pytest.Pytester) -> None:
    conftest(pytester, MISSING)
    plan(
        pytester,
        """
agents: {judge: {kind: aider}, mender: {kind: aider}}
critics: {c: {agent: judge, prompt: x, criteria: {q: 1}}}
tasks:
  one: {run: [sh, -c, "echo x > a"], outputs: {a: a}, gate: {critics: [c], refine: {agent: mender, prompt: y}}}
""",
    )

    result = run(pytester)

    result.assert_outcomes(errors=2)
    assert sorted(entry[0] for entry in asked(pytester)) == ["judge", "mender"]
    result.stdout.fnmatch_lines(["*agent 'judge' of kind*", "*agent 'mender' of kind*"])


@pytest.mark.parametrize("words", [["--collect-only"], ["--orch-explain"]])
def test_a_plan_that_is_only_listed_or_explained_asks_nobody(
    pytester: pytest.Pytester, words: list[str]
) -> None:
    conftest(pytester, MISSING)
    plan(pytester, TWO)

    result = run(pytester, *words)

    assert asked(pytester) == []
    assert "aider-chat" not in result.stdout.str()


def test_a_missing_client_makes_every_item_an_error_that_says_how_to_install_it(
    pytester: pytest.Pytester,
) -> None:
    conftest(pytester, MISSING)
    plan(pytester, TWO)
    plan(pytester, "tasks: {b: {run: [touch, b.txt]}}", "b")

    result = run(pytester, "--junitxml=found.xml")

    result.assert_outcomes(errors=3, passed=1)
    assert result.ret == 1
    text = (
        "a.plan.yaml:4: agent 'author' of kind 'aider': 'aider' is not on the PATH; "
        "install it with: pip install aider-chat"
    )
    assert result.stdout.str().count(f"\n{text}\n") == 3
    found = ET.parse(pytester.path / "found.xml").iter("testcase")  # noqa: S314
    assert [case.find("error") is not None for case in found] == [True, True, True, False]
    assert not list(pytester.path.glob("*.ran"))
    assert (pytester.path / "b.txt").exists()
    assert not list((pytester.path / ".orchharness").glob("a-*"))


def test_a_missing_client_is_a_skip_where_that_is_asked_for(pytester: pytest.Pytester) -> None:
    conftest(pytester, MISSING)
    plan(pytester, TWO)

    result = run(pytester, "--orch-skip-missing", "-rs")

    result.assert_outcomes(skipped=3)
    assert result.ret == 0
    result.stdout.fnmatch_lines(["SKIPPED*a.plan.yaml*agent 'author'*pip install aider-chat"])
    assert nothing_ran(pytester)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("return Preflight(fault='model: there is none called small')", "model: there is none called small"),
        (
            "raise ValueError('boom')",
            "plugin '*conftest.py': orchharness_preflight: ValueError: boom",
        ),
        (
            "import pytest; pytest.skip('not here')",
            "plugin '*conftest.py': orchharness_preflight: Skipped: not here",
        ),
        ("return 'fine'", "plugin '*conftest.py': orchharness_preflight returned 'fine', which is not *"),
        (
            "return Preflight(version=7)",
            "plugin '*conftest.py': orchharness_preflight: its 'version' is 7, not a text",
        ),
        (
            "return Preflight(warnings='old')",
            "plugin '*conftest.py': orchharness_preflight: its 'warnings' are 'old', not a list of texts",
        ),
    ],
)
def test_a_fault_is_an_error_also_where_missing_clients_are_skipped(
    pytester: pytest.Pytester, body: str, text: str
) -> None:
    conftest(pytester, body)
    plan(pytester, TWO)

    result = run(pytester, "--orch-skip-missing")

    result.assert_outcomes(errors=3)
    result.stdout.fnmatch_lines([f"a.plan.yaml:4: agent 'author' of kind 'aider': {text}"])
    assert nothing_ran(pytester)


def test_a_warning_is_shown_once_and_is_an_error_under_strict(pytester: pytest.Pytester) -> None:
    conftest(pytester, "return Preflight(warnings=('version 9 is not one that is known to work',))")
    plan(pytester, TWO)
    text = "a.plan.yaml:4: agent 'author' of kind 'aider': version 9 is not one that is known to work"

    shown, strict = run(pytester), run(pytester, "--orch-strict")

    shown.assert_outcomes(passed=3)
    assert shown.stdout.str().count(text) == 1
    shown.stdout.fnmatch_lines([f"warning: {text}"])
    strict.assert_outcomes(errors=3)
    strict.stdout.fnmatch_lines([f"{text} (--orch-strict)"])


def test_a_run_that_is_gone_on_with_looks_again(pytester: pytest.Pytester) -> None:
    conftest(pytester)
    plan(pytester, TWO)
    run(pytester).assert_outcomes(passed=3)
    conftest(pytester, MISSING)

    result = run(pytester, "--orch-resume")

    result.assert_outcomes(errors=3)
    assert set(items(pytester)) == {"one", "two", "plain"}
    assert [record["event"] for record in journal(pytester)].count("RunResumed") == 0


def test_with_workers_the_controller_alone_looks(pytester: pytest.Pytester) -> None:
    conftest(pytester)
    plan(pytester, TWO)

    session(pytester, "-n2").assert_outcomes(passed=3)
    assert len(asked(pytester)) == 1


def test_with_workers_a_missing_client_is_an_error_too(pytester: pytest.Pytester) -> None:
    conftest(pytester, MISSING)
    plan(pytester, TWO)

    result = session(pytester, "-n1")

    result.assert_outcomes(errors=3)
    result.stdout.fnmatch_lines(
        ["a.plan.yaml:4: agent 'author' of kind 'aider': 'aider' is not on the PATH*"]
    )
    assert nothing_ran(pytester)
