"""Whether a path is one that patterns of a plan mean, without looking at the disk."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

from orchharness.workspace.declared import RUN

_NEVER = ".git"


def covers(patterns: Iterable[str], path: str) -> bool:
    """Whether any pattern means the path: itself, as a glob, or as something below a folder that it names."""
    parts = path.split("/")
    if _NEVER in parts:
        return False
    same = (p for p in patterns if p.startswith(RUN) == path.startswith(RUN))
    return any(_means(pattern.removesuffix("/").split("/"), parts) for pattern in same)


def _means(pattern: Sequence[str], parts: Sequence[str]) -> bool:
    if not pattern or pattern == ["."]:
        return True  # a folder means everything below it
    head, rest = pattern[0], pattern[1:]
    if head == "**":
        return any(_means(rest, parts[n:]) for n in range(len(parts)))
    return bool(parts) and (parts[0] == head or fnmatchcase(parts[0], head)) and _means(rest, parts[1:])
