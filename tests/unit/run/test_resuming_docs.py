"""The page about going on with a run has every reason that an item can give."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from orchharness.core import resuming
from orchharness.run import adrift

PAGE = (Path(__file__).parents[3] / "docs/resuming.md").read_text()


def beginnings(function: Callable[..., Any]) -> Iterator[str]:
    """The constant beginnings of the texts that the function returns, or keeps as `text`."""
    for node in ast.walk(ast.parse(textwrap.dedent(inspect.getsource(function)))):
        if not isinstance(node, ast.Return | ast.Assign) or node.value is None:
            continue
        values = [node.value.body, node.value.orelse] if isinstance(node.value, ast.IfExp) else [node.value]
        for value in values:
            first = value.values[0] if isinstance(value, ast.JoinedStr) else value
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                yield first.value


def test_the_reasons_are_found_in_the_code() -> None:
    assert {"goes on", "not started before", "skipped: "} <= set(beginnings(resuming._Taking._reason))
    assert len(list(beginnings(adrift.attached))) == 5


@pytest.mark.parametrize(
    "reason",
    [
        *beginnings(resuming._Taking._reason),
        *beginnings(adrift.attached),
        f"re-run: {resuming._OUT_OF_TURN}",
        "re-run: it did not pass",
        "re-run: the folder that is copied changed",
    ],
)
def test_every_reason_of_an_item_is_in_the_table(reason: str) -> None:
    assert f"\n| `{reason}" in PAGE
