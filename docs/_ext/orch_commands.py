"""Options and commands, from the parsers themselves."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from orch_markdown import code, marked, table

ROOT = Path(__file__).parents[2]


class _Recorder:
    """Stands in for pytest's parser, and keeps what the plugin asks of it."""

    def __init__(self) -> None:
        self.options: list[tuple[tuple[str, ...], dict[str, Any]]] = []
        self.inis: list[tuple[str, str, Any]] = []

    def getgroup(self, name: str, description: str = "") -> _Recorder:
        del name, description
        return self

    def addoption(self, *names: str, **told: Any) -> None:
        self.options.append((names, told))

    def addini(self, name: str, help: str, default: Any = "", **told: Any) -> None:  # noqa: A002 - pytest's name
        del told
        self.inis.append((name, help, default))


def options() -> str:
    """What the plugin adds to pytest's own options and ini values."""
    from orchharness import pytest_plugin

    parser: Any = _Recorder()
    pytest_plugin.pytest_addoption(parser)
    rows = [(code(_spelled(names, told)), marked(told.get("help", ""))) for names, told in parser.options]
    inis = [
        (code(name), about, code(" ".join(usual) if isinstance(usual, list) else str(usual)))
        for name, about, usual in parser.inis
    ]
    return (
        table(("option", "meaning"), rows)
        + "\n## Ini values of pytest\n\n"
        + table(("ini value", "meaning", "default"), inis)
    )


def _spelled(names: tuple[str, ...], told: Mapping[str, Any]) -> str:
    value = told.get("metavar") or ("{" + ",".join(told["choices"]) + "}" if "choices" in told else "")
    word = ", ".join(names)
    if not value:
        return word
    return f"{word}[={value}]" if told.get("nargs") == "?" else f"{word}={value}"


def commands() -> str:
    """The commands of `orchharness`, from their parser."""
    from orchharness.cli.parser import _parser

    parser = _parser()
    (choices,) = (action for action in parser._actions if hasattr(action, "choices") and action.choices)
    about = {action.dest: action.help or "" for action in choices._choices_actions}
    return "\n".join(_command(name, about[name], one) for name, one in choices.choices.items())


def _command(name: str, about: str, parser: Any) -> str:
    usage = " ".join(parser.format_usage().removeprefix("usage: ").split())
    rows = [
        (code(_argument(action)), marked(action.help or ""))
        for action in parser._actions
        if "--help" not in action.option_strings
    ]
    head = f"## `orchharness {name}`\n\n{about[0].upper()}{about[1:]}.\n\n```text\n{usage}\n```\n\n"
    return head + table(("argument", "meaning"), rows)


def _argument(action: Any) -> str:
    if not action.option_strings:
        return str(action.metavar or action.dest)
    value = "" if action.nargs == 0 else f" {action.metavar or action.dest.upper()}"
    return ", ".join(action.option_strings) + value


def statuses() -> str:
    """The exit statuses, from the README, where a test compares them with those of the code."""
    readme = (ROOT / "README.md").read_text()
    return readme.partition("\n## Exit statuses\n")[2].partition("\n## ")[0].strip() + "\n"
