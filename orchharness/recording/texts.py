"""Texts as they are stored: without secrets, and without what is different on every machine and in every run.

Paths of the machine become names (`<workspace>`, `<run>`, …), so that a recording fits on another machine and a
second recording of the same work is the same text.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from orchharness.run.parts import Parts

_BEFORE, _AFTER = r"(?<![\w.-])", r"(?![\w-]|\.\w)"  # a path is not found in the middle of a longer name


class Texts:
    """Texts of one act: how they are stored, and how stored ones are used here."""

    def __init__(self, places: Iterable[tuple[str, str]], redacts: Callable[[str], str]) -> None:
        """`places` are absolute paths and their names; of two names for one path the first one counts."""
        self._names: dict[str, str] = {}
        for path, name in places:
            if path not in {"", "/"}:
                self._names.setdefault(path, name)
        longest = sorted(self._names, key=len, reverse=True)
        self._paths = re.compile(f"{_BEFORE}(?:{'|'.join(map(re.escape, longest)) or '(?!)'}){_AFTER}")
        self._back: dict[str, str] = {}
        for path, name in self._names.items():
            self._back.setdefault(name, path)
        self._stored = re.compile("|".join(map(re.escape, self._back)) or r"(?!)")
        self._redacts = redacts

    def redacted(self, data: bytes) -> bytes:
        """The bytes without secrets; bytes that are no text stay as they are."""
        text = data.decode("utf-8", "surrogateescape")
        return self.without_secrets(text).encode("utf-8", "surrogateescape")

    def without_secrets(self, text: str) -> str:
        """The text without secrets; paths stay as they are."""
        return self._redacts(text)

    def stored(self, text: str) -> str:
        """The text without secrets and without paths of this machine."""
        return self._paths.sub(lambda found: self._names[found.group()], self._redacts(text))

    def stored_all(self, value: Any) -> Any:
        """Every text of a JSON value, as it is stored; keys as well."""
        return _each(value, self.stored)

    def here(self, text: str) -> str:
        """A stored text, with the paths of this machine."""
        return self._stored.sub(lambda found: self._back[found.group()], text)

    def here_all(self, value: Any) -> Any:
        """Every text of a stored JSON value, with the paths of this machine; keys as well."""
        return _each(value, self.here)

    def digest(self, data: bytes) -> str:
        """The SHA-256 of the bytes as they would be stored: the same for the same work on another machine."""
        from hashlib import sha256

        text = self.stored(data.decode("utf-8", "surrogateescape"))
        return sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def _each(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, Mapping):
        return {change(str(name)): _each(v, change) for name, v in value.items()}
    if isinstance(value, list | tuple):
        return [_each(v, change) for v in value]
    return value


def texts_of(parts: Parts, folder: str, session: Path, redacts: Callable[[str], str]) -> Texts:
    """The texts of the act in that folder; `session` is where the run's session keeps what it froze."""
    plan = Path(parts.plan.path).parent
    places = [
        (folder, "<act>"),
        (str(parts.workspace), "<workspace>"),
        (str(plan), "<plan_dir>"),
        (str(parts.root), "<root>"),
        (str(session), "<run>"),
        (str(parts.directory.root), "<run>"),
        (sys.executable, "<python>"),
        (os.path.expanduser("~"), "<home>"),  # noqa: PTH111 - stays as it is where there is none
    ]
    # A frozen file stands below the session at the path that its original has below `/`.
    frozen = [(f"{session}/definitions{path}", name) for path, name in places]
    return Texts([*frozen, *places], redacts)
