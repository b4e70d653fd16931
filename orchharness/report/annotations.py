"""Annotations of a pull request: what GitHub shows beside the lines of a plan.

GitHub shows ten of each kind a step. So the worst come first, and the tenth says which others there are.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from orchharness.record import record
from orchharness.report.harmless import command_data, command_property
from orchharness.report.text import plural

SHOWN = 10  # https://docs.github.com/en/actions/reference/limits: a step, of each kind
_NAMED = 20


@record
class Annotation:
    """One place and what is wrong there. `file` is relative to the repository's root; line 0: the file as a whole.

    Those of a lower `rank` are worse.
    """

    level: Literal["error", "warning"]
    title: str
    message: str
    file: str = ""
    line: int = 0
    rank: int = 0


def commands(found: Iterable[Annotation]) -> list[str]:
    """The workflow commands, worst first, errors before warnings; at most ten of each."""
    every = list(found)
    lines: list[str] = []
    for level in ("error", "warning"):
        one_kind = sorted((a for a in every if a.level == level), key=lambda a: a.rank)
        lines += [_command(a) for a in _bounded(one_kind)]
    return lines


def _bounded(found: Sequence[Annotation]) -> Sequence[Annotation]:
    if len(found) <= SHOWN:
        return found
    shown, rest = found[: SHOWN - 1], found[SHOWN - 1 :]
    names = ", ".join(a.title for a in rest[:_NAMED]) + (" …" if len(rest) > _NAMED else "")
    title = f"{plural(len(rest), 'more ' + rest[0].level)}"
    return [*shown, Annotation(level=rest[0].level, title=title, message=names)]


def _command(a: Annotation) -> str:
    properties = []
    if a.file:
        properties.append(f"file={command_property(a.file)}")
        if a.line:
            properties.append(f"line={a.line}")
    properties.append(f"title={command_property(a.title, 200)}")
    return f"::{a.level} {','.join(properties)}::{command_data(a.message)}"
