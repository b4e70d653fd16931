"""Values that acts of an earlier session were given, and that the caller's environment does not have any more.

Rules that hold here:
  * They are read from the environments of processes that belong to an act, and kept in this process's memory alone.
  * Whether a value is another one by now is told by a mark in the journal's header, which is too short to find it by.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Iterable, Mapping
from hashlib import sha256

from orchharness.agents import proc
from orchharness.agents.command import marker_of
from orchharness.redact import SHORTEST

NAMED = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_UNKNOWN = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
# Hexadecimal digits: enough to see that a value changed, too few to tell whether a guessed one is right.
_MARK = 4
# A process can give itself any environment: what verdicts are made of is never taken for a value.
_NEVER = frozenset({"criteria", "findings", "severity", "critical", "passed"})

_KNOWN: set[str] = set()


def former() -> tuple[str, ...]:
    """The values that this process has learnt of."""
    return tuple(sorted(_KNOWN))


def note(values: Iterable[str]) -> None:
    """Hide these values from now on."""
    _KNOWN.update(v for v in values if len(v.strip()) >= SHORTEST and v.strip() not in _NEVER)


def given(names: Iterable[str], asked: Iterable[Mapping[str, str]], keys: Iterable[str]) -> set[str]:
    """The values that living acts have and the caller's environment has not.

    Args:
        names: variables of the caller's environment.
        asked: entry -> how a plan writes it, as in `Bearer ${NAME}`.
        keys: of the acts.
    """
    wanted = [(name, re.compile("(.*)", re.DOTALL)) for name in names]
    wanted += [(entry, _pattern(written)) for env in asked for entry, written in env.items()]
    markers = {marker_of(key).encode() for key in keys}
    if not wanted or not markers:
        return set()
    found: set[str] = set()
    for process in proc.tree(markers):
        environ = proc.environ_of(process.pid)
        for name, pattern in wanted:
            match = pattern.fullmatch(environ.get(name, ""))
            found.update(match.groups() if match else ())
    return found - set(os.environ.values()) - {""}


def marks_of(names: Iterable[str]) -> dict[str, str]:
    """Name -> what tells later whether it still has the same value."""
    return {name: _mark(secrets.token_hex(8), os.environ.get(name, "")) for name in names}


def changed(marks: Mapping[str, str]) -> list[str]:
    """The names whose values were others when they were marked, and are not known to this process."""
    return [
        name
        for name, mark in marks.items()
        if not any(_mark(mark.partition(":")[0], v) == mark for v in (os.environ.get(name, ""), *_KNOWN))
    ]


def _mark(salt: str, value: str) -> str:
    digest = sha256(f"{salt}:{value}".encode("utf-8", "surrogateescape")).hexdigest()
    return f"{salt}:{digest[:_MARK]}"


def _pattern(written: str) -> re.Pattern[str]:
    """Matches what an entry became; a group for each value of the caller's."""
    parts = NAMED.split(written)
    literal = [".*".join(map(re.escape, _UNKNOWN.split(part))) for part in parts[::2]]
    return re.compile("(.+)".join(literal), re.DOTALL)
