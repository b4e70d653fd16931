"""Workspace paths and globs: whether one is allowed, and whether two can mean the same file."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Final

from orchharness.planfile.nodes import Node
from orchharness.planfile.problems import FieldError

WILD: Final = re.compile(r"[*?\[]")


def is_glob(path: str) -> bool:
    """Whether the path is a pattern."""
    return WILD.search(path) is not None


def workspace_path(text: str, node: Node, *, folder: bool = False) -> str:
    """The path as it is kept: relative to the workspace, with /, without `.` and `..`.

    Raises:
        FieldError: absolute, leaving the workspace, empty, or not a path at all.
    """
    _refuse_outside(text, node)
    parts: list[str] = []
    for part in PurePosixPath(text).parts:
        if part != "..":
            parts.append(part)
        elif parts:
            parts.pop()
        else:
            raise FieldError(node, f"{text!r} leaves the workspace")
    if not parts and not folder:
        raise FieldError(node, f"{text!r} is the workspace itself: name a file, or a glob such as '**'")
    if any("**" in part and part != "**" for part in parts):
        raise FieldError(node, f"{text!r}: ** stands alone between slashes, as in docs/**/*.md")
    return "/".join(parts)


def _refuse_outside(text: str, node: Node) -> None:
    if not text.strip() or len(text) > 4_096:
        raise FieldError(node, "the path is empty" if not text.strip() else "the path is too long")
    if text.startswith(("/", "~")) or "\\" in text or re.match("[A-Za-z]:", text):
        what = "paths are relative to the workspace, and written with /"
        raise FieldError(node, f"{text!r} is not relative: {what}")
    if any(not c.isprintable() for c in text):
        raise FieldError(node, f"{text!r} holds a character that is not printable")


def matches_something(base: Path, pattern: str) -> bool:
    """Whether a file below `base` matches the path or glob now."""
    try:
        if not is_glob(pattern):
            return (base / pattern).exists()
        return any(path.is_file() for path in base.glob(pattern))
    except (OSError, ValueError, NotImplementedError):
        return False


def literal_prefix(pattern: str) -> str:
    """The leading folders without wildcards; the whole path when there are none."""
    if not is_glob(pattern):
        return pattern
    parts = pattern.split("/")
    wild = next(place for place, part in enumerate(parts) if is_glob(part))
    return "/".join(parts[:wild])


@lru_cache(maxsize=4_096)
def may_meet(one: str, other: str) -> bool:
    """Whether some file could match both; a plain path stands for what is below it, too. May say yes too often."""
    return _meet(one.split("/"), other.split("/"), star="**", same=_names_meet, folders=True)


@lru_cache(maxsize=4_096)
def _names_meet(one: str, other: str) -> bool:
    """Whether some name matches both patterns; a bracket counts as any character."""
    if not is_glob(one) and not is_glob(other):
        return one == other
    first, second = (list(re.sub(r"\[[^\]]+\]", "?", text)) for text in (one, other))
    return _meet(first, second, star="*", same=_characters_meet, folders=False)


def _characters_meet(one: str, other: str) -> bool:
    return one == other or "?" in {one, other}


def _can_be_folder(parts: list[str]) -> bool:
    """Whether what matches may be a folder: not with wildcards before the name of a file, as in `**/a.md`."""
    return not is_glob(parts[-1]) and not ("." in parts[-1] and any(map(is_glob, parts)))


def _meet(
    one: list[str], other: list[str], *, star: str, same: Callable[[str, str], bool], folders: bool
) -> bool:
    """Whether two patterns of parts have a common match; `star` stands for any number of parts."""
    pending = [(0, 0)]
    seen = set(pending)
    while pending:
        i, j = pending.pop()
        if i == len(one) or j == len(other):
            rest, ended = (one[i:], other) if j == len(other) else (other[j:], one)
            if all(part == star for part in rest) or (folders and _can_be_folder(ended)):
                return True
            continue
        if star in {one[i], other[j]}:
            steps = [(i + 1, j), (i, j + 1)]
        else:
            steps = [(i + 1, j + 1)] if same(one[i], other[j]) else []
        pending += [step for step in steps if step not in seen]
        seen.update(steps)
    return False
