"""What the reference is made of is all there: keys, hooks, options, commands, states, records."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import get_args

import doc_stories
import pytest
from doc_stories import ROOT, blocks_of

sys.path.insert(0, str(ROOT / "docs/_ext"))

from orch_reference import PAGES

from orchharness.cli.parser import parse
from orchharness.core import events, status
from orchharness.critics.evaluation import lacking, read_evaluation
from orchharness.hookspecs import HOOKS
from orchharness.planfile import schema
from orchharness.planfile.shapes import Table

TABLES = [value for value in vars(schema).values() if isinstance(value, Table)]
OPTION = r"--orch-[a-z]+(?:-[a-z]+)*"


def commands_of(text: str) -> list[str]:
    return re.findall(r"^## `orchharness ([\w-]+)`", text, re.MULTILINE)


def test_every_key_of_the_language_has_a_line_with_its_meaning():
    text = PAGES["language"]()
    sections = dict(re.findall(r"^## (.+?)\n\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL))

    from orch_language import title_of

    for table in TABLES:
        rows = re.findall(r"^\| `(\w+)` \| (.+?) \| (.+?) \| ", sections[title_of(table.what)], re.MULTILINE)
        assert {key for key, value, meaning in rows if value and meaning} >= set(table.keys)


def test_options_of_installed_kinds_are_there():
    pytest.importorskip("orchharness_example")
    text = PAGES["language"]()

    assert "## Agent kind `fill`" in text
    assert "## Critic kind `wordlist`" in text


def test_every_hook_is_there_with_all_its_parts():
    text = PAGES["hooks"]()

    for hook in HOOKS:
        part = text.partition(f"## `{hook}`\n")[2].partition("\n## ")[0]
        assert all(f"**{word}**:" in part for word in ("When", "Result", "Raising", "Returns")), hook
        assert "@hookimpl\n" in part
    for name in (
        "SpawnRequest",
        "Finished",
        "Evaluation",
        "Preflight",
        "Section",
        "Text",
        "Table",
        "Verbatim",
    ):
        assert f"### `{name}`" in text


def test_every_option_of_pytest_is_there(pytester: pytest.Pytester):
    told = pytester.runpytest_subprocess("--help").stdout.str()

    assert set(re.findall(OPTION, PAGES["options"]())) == set(re.findall(OPTION, told))


def test_every_command_is_there_with_its_options(capsys: pytest.CaptureFixture[str]):
    assert parse([]) is None
    names = re.findall(r"^    ([\w-]+)(?: |$)", capsys.readouterr().out, re.MULTILINE)

    text = PAGES["commands"]()

    assert commands_of(text) == names
    assert "new-plugin" in names
    assert "`--older-than TIME`" in text


@pytest.mark.parametrize(
    "page",
    [ROOT / "CHANGELOG.md", ROOT / "README.md", *doc_stories.PAGES],
    ids=lambda page: page.parent.name + "/" + page.name,
)
def test_every_option_and_command_that_a_page_names_is_one(page: Path):
    text = page.read_text()
    options = set(re.findall(OPTION, text))
    commands = set(re.findall(r"(?:`|\$ )orchharness ([a-z][\w-]*)", text))

    assert options <= set(re.findall(OPTION, PAGES["options"]()))
    assert commands <= set(commands_of(PAGES["commands"]()))


def test_the_authors_page_has_a_row_for_every_hook():
    text = (ROOT / "docs/plugins.md").read_text()

    assert re.findall(r"^\| `(orchharness_\w+)` \|", text, re.MULTILINE) == list(HOOKS)


def test_every_record_and_every_state_is_there():
    records = PAGES["journal"]()
    states = PAGES["states"]()

    assert re.findall(r"^### `(\w+)`", records, re.MULTILINE)[1:] == [
        e.__name__ for e in get_args(events.Event)
    ]
    for kind in (status.TaskState, status.GateState, status.RunState):
        assert all(f"`{state}`" in states for state in kind)


def test_every_outcome_has_a_meaning():
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \|$", PAGES["outcomes"](), re.MULTILINE)

    assert [name for name, meaning in rows if not meaning] == []
    assert len(rows) > 5


def test_the_exit_statuses_are_those_of_the_readme():
    assert "| 7 | paused" in PAGES["statuses"]()


def test_what_acts_find_in_their_environment_is_there():
    named = PAGES["environment"]()

    assert all(
        f"`ORCH_{word}`" in named for word in ("TASK", "RUN", "FINDINGS", "RESULT", "GATE_DIR", "BRANCH")
    )


def test_the_evaluation_of_the_guide_is_one():
    (block,) = (one for one in blocks_of(ROOT / "docs" / "guide-critic.md") if one.language == "json")

    evaluation = read_evaluation(block.text)

    assert lacking(evaluation, ["clarity"]) == ""
    assert evaluation.findings[0]["severity"] == "major"
