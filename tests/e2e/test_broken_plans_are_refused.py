"""A folder of broken plans, as pytest and `orchharness check` show it; and the schema that an editor shows them with."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from orchharness.cli import main

ROOT = Path(__file__).parents[2]
BROKEN = ROOT / "tests/data/broken-plans"
EXAMPLE = """\
orchharness: 1
agents:
  writer: {kind: command, run: [touch, spawned.txt]}
tasks:
  guide: {agent: wirter, outputs: {text: guide.md}}
  figure: {run: [touch, spawned.txt], timeout: 30}
"""
SHOWN = """\
{name}:5:18: unknown agent 'wirter'; did you mean 'writer'? (in 'agents': 'writer')
      guide: {{agent: wirter, outputs: {{text: guide.md}}}}
                     ^
{name}:6:48: timeout: 30: say the unit, e.g. 30s or 30m
      figure: {{run: [touch, spawned.txt], timeout: 30}}
                                                   ^
"""


@pytest.fixture
def call(play, capsys):
    def call(*words: str) -> tuple[int, str, str]:
        capsys.readouterr()
        status = main(words)
        out, err = capsys.readouterr()
        return status, out, err

    return call


def test_every_broken_plan_is_refused_with_its_words_before_the_first_spawn(play):
    shutil.copytree(BROKEN, play.root / "broken")
    shutil.copytree(BROKEN / "sense/judges", play.root / "judges")  # the workspace is the project's root here
    plans = sorted((play.root / "broken").rglob("*.plan.yaml"))

    play.run("broken", "--rootdir", ".", "--continue-on-collection-errors")

    play.outcomes(errors=len(plans))
    assert "Traceback" not in play.text
    assert not list(play.state.rglob("journal.jsonl"))
    lines = set(play.text.splitlines())
    for plan in plans:
        first = plan.with_name(plan.name.replace(".plan.yaml", ".txt")).read_text("utf-8").splitlines()[0]
        place = first.split(": ", 1)[0]
        assert any(line.startswith(f"broken/{plan.parent.name}/{place}: ") for line in lines), plan.name


def test_pytest_shows_the_line_and_a_caret(play):
    play.file("wrong.plan.yaml", EXAMPLE)

    play.run()

    play.outcomes(errors=1)
    assert SHOWN.format(name="wrong.plan.yaml") in play.text + "\n"
    assert not (play.root / "spawned.txt").exists()


def test_check_shows_the_same(play, call):
    play.file("wrong.plan.yaml", EXAMPLE)

    status, out, err = call("check", "wrong.plan.yaml")

    assert (status, out, err) == (1, SHOWN.format(name="wrong.plan.yaml"), "")


def test_the_schema_is_printed_or_written(play, call):
    printed, out, _ = call("schema")
    written, nothing, _ = call("schema", "-o", "plan.schema.json")

    assert (printed, written, nothing) == (0, 0, "")
    assert (play.root / "plan.schema.json").read_text("utf-8") == out
    assert json.loads(out)["properties"]["orchharness"]["const"] == 1


def test_the_schema_knows_the_kinds_of_the_project(play, call):
    play.file(
        "conftest.py",
        """
        from orchharness import Kind, LocalProcess, hookimpl

        class Options:
            @staticmethod
            def model():
                from pydantic import BaseModel, Field
                class Parrot(BaseModel):
                    words: int = Field(description="how many it says")
                return Parrot

        @hookimpl
        def orchharness_agent_kinds():
            return [Kind(name="parrot", options=Options.model)]

        @hookimpl
        def orchharness_spawn(request):
            return LocalProcess.spawn(request, ("echo", request.prompt))

        @hookimpl
        def orchharness_poll(handle):
            return LocalProcess.poll(handle)

        @hookimpl
        def orchharness_cancel(handle):
            return LocalProcess.cancel(handle)
        """,
    )

    status, out, _ = call("schema")
    agent = json.loads(out)["properties"]["agents"]["additionalProperties"]
    parrot = next(b["then"] for b in agent["allOf"] if b["if"]["properties"]["kind"].get("const") == "parrot")

    assert status == 0
    assert "parrot" in agent["properties"]["kind"]["enum"]
    assert parrot["properties"]["words"] == {
        "description": "how many it says",
        "title": "Words",
        "type": "integer",
    }
    assert parrot["required"] == ["words"]


def test_a_schema_that_cannot_be_written_is_said(play, call):
    status, _, err = call("schema", "-o", "nowhere/plan.json")

    assert (status, err) == (2, "orchharness: -o 'nowhere/plan.json': No such file or directory\n")
