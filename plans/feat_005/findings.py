"""What a gate found, as the programs that mend it read it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple


class Finding(NamedTuple):
    """A finding as the gate handed it on."""

    rule: str
    file: str
    line: int
    data: Mapping[str, Any]

    @property
    def at(self) -> int:
        """The line's index, counted from 0."""
        return max(self.line - 1, 0)


def read_finding(raw: Mapping[str, Any]) -> Finding:
    """A finding from its JSON."""
    file, _, line = str(raw.get("where", "")).rpartition(":")
    data = raw.get("data")
    if not line.isdigit():
        file, line = str(raw.get("where", "")), "1"
    return Finding(str(raw.get("rule", "")), file, int(line), data if isinstance(data, dict) else {})
