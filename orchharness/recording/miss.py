"""What is said when something is asked that was not recorded: what changed, and how to record again."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from orchharness.errors import OrchError

if TYPE_CHECKING:
    from orchharness.recording.folder import RecordingFolder

_LINES = 60
_WIDTH = 200  # characters of a line


def unknown(name: str, asked: Mapping[str, Any], folder: RecordingFolder) -> OrchError:
    """The error of an act of which nothing is recorded."""
    shown = _bounded(list(_lines(asked)))
    return OrchError(
        f"nothing is recorded of {name} in {folder.root}, so no agent was asked\n"
        + "\n".join(f"+{line}" for line in shown)
        + f"\n{_again(folder)}"
    )


def differs(name: str, recorded: Any, asked: Mapping[str, Any], folder: RecordingFolder) -> OrchError:
    """The error of an act that is asked something else than was recorded."""
    from difflib import unified_diff

    before = list(_lines(recorded)) if isinstance(recorded, Mapping) else []
    lines = unified_diff(
        before, list(_lines(asked)), str(folder.root / f"{name}.json"), "asked now", n=2, lineterm=""
    )
    return OrchError(
        f"{name} is asked something else than was recorded, so no agent was asked\n"
        + "\n".join(_bounded(list(lines)))
        + f"\n{_again(folder)}"
    )


def _again(folder: RecordingFolder) -> str:
    return f"to record again, which runs the agents: {folder.again}"


def _bounded(lines: list[str]) -> list[str]:
    shown = [line if len(line) <= _WIDTH else f"{line[:_WIDTH]}…" for line in lines[:_LINES]]
    return [*shown, *([f"… and {len(lines) - _LINES} more lines"] if len(lines) > _LINES else [])]


def _lines(value: Mapping[str, Any]) -> Iterator[str]:
    """What is asked, in lines that a person can compare: one for each value, the prompt as it is."""
    for name, found in sorted(value.items()):
        if name == "prompt" and isinstance(found, list):
            yield "prompt:"
            yield from (f"  {line}" for line in found)
        else:
            yield from _flat(name, found)


def _flat(name: str, value: Any) -> Iterator[str]:
    if isinstance(value, Mapping) and value:
        for key, found in sorted(value.items()):
            yield from _flat(f"{name}.{key}", found)
    elif isinstance(value, list) and any(isinstance(v, Mapping) for v in value):
        for number, found in enumerate(value, 1):
            yield from _flat(f"{name}[{number}]", found)
    else:
        yield f"{name}: {value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}"
