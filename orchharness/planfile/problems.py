"""What is wrong in a plan file: collected, so that all of it can be said at once."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from itertools import islice
from typing import TYPE_CHECKING, Final

from orchharness.errors import Location, PlanError, Problem
from orchharness.planfile.excerpt import excerpt
from orchharness.planfile.near import nearest

if TYPE_CHECKING:
    from orchharness.planfile.nodes import Node

MAX_PROBLEMS: Final = 1_000
_MAX_GUESSES: Final = 50  # a guess among thousands of ids is slow; nobody reads more of them
_MAX_MESSAGE: Final = 2_000  # names and patterns in it may be of any length
_LINE_END: Final = re.compile("\r\n|[\r\n\x85\u2028\u2029]")  # the line ends that YAML's marks count


class FieldError(Exception):
    """One value is wrong: raised where it is read, caught and kept where reading goes on."""

    def __init__(self, node: Node | None, message: str) -> None:
        self.node = node
        self.message = message
        super().__init__(message)


class SaidError(FieldError):
    """One value is wrong, which is noted already."""

    def __init__(self) -> None:
        super().__init__(None, "")


class Problems:
    """Collects the problems and warnings of one file; `shown` is the file's path as people know it."""

    def __init__(self, shown: str, text: str = "") -> None:
        self.shown = shown
        self.text = text
        self._lines: list[str] | None = None
        self._found: dict[tuple[Location, str], Problem] = {}
        self._warnings: dict[tuple[Location, str], None] = {}  # in the order in which they were found
        self._guesses = 0
        self._refused: set[Location] = set()
        self._told: set[str] = set()

    def __bool__(self) -> bool:
        return bool(self._found)

    def add(self, node: Node | None, message: str) -> None:
        """Keep a problem; `node` is its place, None the file as a whole. The same one twice is kept once."""
        location = self._location(node)
        if location in self._refused or len(self._found) >= MAX_PROBLEMS:
            return
        message = _printable(message)
        if (location, message) not in self._found:
            self._found[location, message] = self._problem(location, message)

    def refuse(self, node: Node, message: str) -> None:
        """Keep a problem of the text itself: whatever else is wrong with what stands there follows from it."""
        self.add(node, message)
        self._refused.add(self._location(node))

    def once(self, text: str) -> str:
        """The text, the first time it is asked for; nothing after that. For lists that help, and help once."""
        if text in self._told:
            return ""
        self._told.add(text)
        return text

    def add_error(self, error: FieldError) -> None:
        """Keep what a reading function raised."""
        self.add(error.node, error.message)

    def warn(self, node: Node | None, message: str) -> None:
        """Keep a warning."""
        if len(self._warnings) < MAX_PROBLEMS:
            self._warnings[self._location(node), _printable(message)] = None

    def warnings(self) -> tuple[str, ...]:
        """All warnings, each with its place, in the order of the file."""
        return tuple(f"{location}: {message}" for location, message in sorted(self._warnings))

    def warnings_as_error(self) -> PlanError:
        """All warnings as the one error of the file, for those who ask for strictness."""
        return PlanError(
            [self._problem(location, f"{what} (--orch-strict)") for location, what in self._warnings]
        )

    def error(self) -> PlanError:
        """All problems as the one error of the file."""
        found = sorted(self._found.values(), key=lambda problem: problem.location)
        if len(found) >= MAX_PROBLEMS:
            what = f"more than {MAX_PROBLEMS} problems: the others are not shown"
            found.append(self._problem(found[-1].location, what))
        return PlanError(found)

    def guess(self, name: str, known: Iterable[str]) -> str:
        """`; did you mean 'x'?` when a known name is near, else nothing."""
        if not self.may_guess():
            return ""
        near = nearest(name, list(known))
        return f"; did you mean {near!r}?" if near else ""

    def may_guess(self) -> bool:
        """Whether one more guess is worth its time."""
        self._guesses += 1
        return self._guesses <= _MAX_GUESSES

    def _location(self, node: Node | None) -> Location:
        return Location(self.shown, node.line, node.column) if node else Location(self.shown)

    def _problem(self, location: Location, message: str) -> Problem:
        if self._lines is None:
            self._lines = _LINE_END.split(self.text)
        line = self._lines[location.line - 1] if 0 < location.line <= len(self._lines) else ""
        shown = excerpt(line, location.column)
        return Problem(location, message, shown.text, shown.caret) if shown else Problem(location, message)


def _printable(message: str) -> str:
    """The message on one line of bounded length; what a plan holds is data, and moves no cursor."""
    if len(message) > _MAX_MESSAGE:
        message = f"{message[: _MAX_MESSAGE // 2]} … {message[-_MAX_MESSAGE // 2 :]}"
    if message.isprintable():
        return message
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in message)


def listed(names: Collection[str], *, most: int = 8) -> str:
    """The names for a sentence: `'a', 'b'`; `none` when there are none, cut off after `most`."""
    if not names:
        return "none"
    shown = [repr(name) for name in islice(names, most)]
    rest = len(names) - most
    return ", ".join(shown) + (f" and {rest} more" if rest > 0 else "")
