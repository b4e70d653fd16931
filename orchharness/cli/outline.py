"""What of the plan can be known without reading it: what items are, what they wait for, the thresholds.

The definition that the session froze says what tasks need and gates are over. Groups and thresholds stand only in the
state file, whose lines are written by `journal.statefile` alone; they are the plan's, so an old one is as good.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from orchharness.core.plan import group_node
from orchharness.core.status import OVER
from orchharness.live.picture import Picture
from orchharness.record import field, record
from orchharness.report.text import mapping
from orchharness.run.directory import RunDirectory

_DEFINITION = "definition.json"
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_THRESHOLD = re.compile(r"[{ ]threshold: ([0-9]+\.[0-9]+)")
_NAME = re.compile(r'"(?:[^"\\]|\\.)*"|[^\s:,\[\]{}]+')
_LISTED = re.compile(
    r'(?:"(?:[^"\\]|\\.)*"|[^"\]])*'
)  # to the end of the list: a quoted id may hold a bracket
_PHASE, _TRACK, _ITEM = 2, 4, 6  # spaces before the names of these in the state file


@record
class Outline:
    """`needs`: item -> nodes it waits for. `groups`: node -> its items."""

    gates: frozenset[str] = frozenset()
    needs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    thresholds: Mapping[str, str] = field(default_factory=dict)

    def type_of(self, item: str) -> Literal["task", "gate"]:
        """What the item is."""
        return "gate" if item in self.gates else "task"

    def blocker(self, picture: Picture, item: str) -> str | None:
        """The first item that this one waits for; None when nothing is known to be in its way."""
        for node in self.needs.get(item, ()):
            for name in self.groups.get(node, (node,)):
                known = picture.items.get(name)
                if name != item and known is not None and known.state not in OVER:
                    return name
        return None


def outline_of(directory: RunDirectory, picture: Picture) -> Outline:
    """What the run's folder says of the plan of its last session. What is not there is left out."""
    session = directory.session(int(picture.header.get("session", 0)))
    definition = _json(session / _DEFINITION)
    gates = {name for name, entry in definition.items() if "of" in mapping(entry)}
    gates |= {act.item for act in picture.acts.values() if act.critic is not None}
    needs = {name: _needs(entry) for name, entry in definition.items() if "/" not in name}
    groups: dict[str, list[str]] = {}
    thresholds: dict[str, str] = {}
    for phase, track, item, rest in _lines(directory):
        groups.setdefault(group_node("phase", phase), []).append(item)
        groups.setdefault(group_node("track", f"{phase}/{track}"), []).append(item)
        found = _THRESHOLD.search(_STRING.sub('""', rest))
        if found:
            thresholds[item] = found[1]
            gates.add(item)
        needs[item] = (*needs.get(item, ()), *_blocked_by(rest))
    return Outline(
        gates=frozenset(gates),
        needs=needs,
        groups={node: tuple(items) for node, items in groups.items()},
        thresholds=thresholds,
    )


def _needs(entry: Any) -> tuple[str, ...]:
    found = mapping(entry)
    nodes = [*found.get("needs", ()), *found.get("of", ())]
    return tuple(str(node) for node in nodes)


def _lines(directory: RunDirectory) -> Iterator[tuple[str, str, str, str]]:
    """Phase, track, item and the rest of its line, for every item of the state file."""
    try:
        text = directory.state.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return
    phase = track = ""
    for row in text.partition("\nphases:\n")[2].splitlines():
        depth = len(row) - len(row.lstrip(" "))
        found = _NAME.match(row, depth)
        if found is None:
            continue
        name = _plain(found[0])
        if depth == _PHASE:
            phase = name
        elif depth == _TRACK:
            track = name
        elif depth == _ITEM:
            yield phase, track, name, row[found.end() :]


def _blocked_by(rest: str) -> list[str]:
    """What stood in its way when the line was written: gates wait for more than what they are over."""
    _, found, names = rest.rpartition("blocked_by: [")
    listed = _LISTED.match(names)
    return [_plain(name) for name in _NAME.findall(listed[0])] if found and listed else []


def _plain(name: str) -> str:
    if not name.startswith('"'):
        return name
    try:
        return str(json.loads(name))
    except ValueError:
        return name


def _json(path: Any) -> Mapping[str, Any]:
    try:
        return mapping(json.loads(path.read_bytes()))
    except (OSError, ValueError):
        return {}
