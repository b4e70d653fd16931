"""What is wrong in a plan file: collected, so that all of it can be said at once."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from itertools import islice
from typing import TYPE_CHECKING, Final, NamedTuple

from orchharness.errors import Location, PlanError, Problem
from orchharness.planfile.excerpt import excerpt
from orchharness.planfile.near import nearest
from orchharness.planfile.nodes import fragment_of

if TYPE_CHECKING:
    from orchharness.planfile.nodes import Node

MAX_PROBLEMS: Final = 1_000
_MAX_GUESSES: Final = 50  # a guess among thousands of ids is slow; nobody reads more of them
_MAX_MESSAGE: Final = 2_000  # names and patterns in it may be of any length
_COPY: Final = re.compile(r"(?<=[A-Za-z0-9_-])\[[A-Za-z0-9_.+-]+\]'")  # the end of 'ID[a]'
_HELP: Final = re.compile(r"; did you mean '[^']*'\?| \((there are|known there): [^()]*\)")
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


class Noted(NamedTuple):
    """A problem with its place, as it was added."""

    node: Node
    message: str
    refused: bool = False


class Problems:
    """Collects the problems and warnings of one file; `shown` is the file's path as people know it."""

    def __init__(self, shown: str, text: str = "") -> None:
        self.shown = shown
        self.text = text
        self._texts = {shown: text}  # and those of fragments, by the file as people know it
        self._lines: dict[str, list[str]] = {}
        self._found: dict[tuple[Location, str], Problem] = {}
        self._warnings: dict[tuple[Location, str], str] = {}  # in the order in which they were found
        self._guesses = 0
        self._refused: set[Location] = set()
        self._told: set[str] = set()
        self.noted: list[Noted] = []  # what was added with a place, as it was added

    def __bool__(self) -> bool:
        return bool(self._found)

    def add(self, node: Node | None, message: str) -> None:
        """Keep a problem; `node` is its place, None the file as a whole. The same one twice is kept once."""
        if node is not None and len(self.noted) < MAX_PROBLEMS:
            self.noted.append(Noted(node, message))
        location = self._location(node)
        if location in self._refused or len(self._found) >= MAX_PROBLEMS:
            return
        message = printable(message)
        known = _gist(message, node)
        if (location, known) not in self._found:
            self._found[location, known] = self._problem(location, message + self._origin(node))

    def refuse(self, node: Node, message: str) -> None:
        """Keep a problem of the text itself: whatever else is wrong with what stands there follows from it."""
        self.add(node, message)
        self._refused.add(self._location(node))
        if self.noted:
            self.noted[-1] = Noted(node, message, refused=True)

    def take(self, noted: Iterable[Noted]) -> None:
        """Keep what was noted of another text, whose nodes know by now where they are from."""
        for node, message, refused in noted:
            (self.refuse if refused else self.add)(node, message)

    def once(self, text: str) -> str:
        """The text, the first time it is asked for; nothing after that. For lists that help, and help once."""
        if text in self._told:
            return ""
        self._told.add(text)
        return text

    def add_error(self, error: FieldError) -> None:
        """Keep what a reading function raised."""
        if not isinstance(error, SaidError):
            self.add(error.node, error.message)

    def warn(self, node: Node | None, message: str) -> None:
        """Keep a warning."""
        if len(self._warnings) < MAX_PROBLEMS:
            message = printable(message)
            known = (self._location(node), _gist(message, node))
            self._warnings.setdefault(known, message + self._origin(node))

    def warnings(self) -> tuple[str, ...]:
        """All warnings, each with its place, in the order of the file."""
        found = sorted((location, message) for (location, _), message in self._warnings.items())
        return tuple(f"{location}: {message}" for location, message in found)

    def warnings_as_error(self) -> PlanError:
        """All warnings as the one error of the file, for those who ask for strictness."""
        return PlanError(
            [
                self._problem(location, f"{what} (--orch-strict)")
                for (location, _), what in self._warnings.items()
            ]
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

    def place(self, node: Node) -> str:
        """Where the node stands, for people: file and line."""
        location = self._location(node)
        return f"{location.path}:{location.line}"

    def _location(self, node: Node | None) -> Location:
        if node is None:
            return Location(self.shown)
        fragment = fragment_of(node)
        if fragment is None:
            return Location(self.shown, node.line, node.column)
        self._texts.setdefault(fragment.shown, fragment.text)
        return Location(fragment.shown, node.line, node.column)

    def _problem(self, location: Location, message: str) -> Problem:
        lines = self._lines.get(location.path)
        if lines is None:
            lines = self._lines[location.path] = _LINE_END.split(self._texts.get(location.path, ""))
        line = lines[location.line - 1] if 0 < location.line <= len(lines) else ""
        shown = excerpt(line, location.column)
        return Problem(location, message, shown.text, shown.caret) if shown else Problem(location, message)

    def _origin(self, node: Node | None) -> str:
        """Where the fragment is included that the node is from, and where what includes it."""
        places = []
        fragment = fragment_of(node)
        while fragment is not None:
            places.append(f"included at {self._location(fragment.at)}")
            fragment = fragment.outer
        return f" ({', '.join(places)})" if places else ""


def printable(message: str) -> str:
    """The message on one line of bounded length; what a plan holds is data, and moves no cursor."""
    if len(message) > _MAX_MESSAGE:
        message = f"{message[: _MAX_MESSAGE // 2]} … {message[-_MAX_MESSAGE // 2 :]}"
    if message.isprintable():
        return message
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in message)


def _gist(message: str, node: Node | None) -> str:
    """The message without what tells copies and includes apart: the fault of all of them stands once in the file.

    Help that is given once, or a number of times, is not there for every copy, so it does not count either.
    """
    fragment = fragment_of(node)
    if fragment is not None:
        message = message.replace(f"'{fragment.prefix}", "'")
    message = _COPY.sub("'", message) if "]'" in message else message
    return _HELP.sub("", message) if message.endswith(("?", ")")) else message


def listed(names: Collection[str], *, most: int = 8) -> str:
    """The names for a sentence: `'a', 'b'`; `none` when there are none, cut off after `most`."""
    if not names:
        return "none"
    shown = [repr(name) for name in islice(names, most)]
    rest = len(names) - most
    return ", ".join(shown) + (f" and {rest} more" if rest > 0 else "")
