"""What is wrong in a plan file: collected, so that all of it can be said at once."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, Final

from orchharness.errors import Location, PlanError, Problem
from orchharness.planfile.nodes import fragment_of

if TYPE_CHECKING:
    from orchharness.planfile.nodes import Node

MAX_PROBLEMS: Final = 1_000
_MAX_GUESSES: Final = 50  # a guess among thousands of ids is slow; nobody reads more of them
_MAX_SOURCE: Final = 200
_COPY: Final = re.compile(r"(?<=[A-Za-z0-9_-])\[[A-Za-z0-9_.+-]+\]'")  # the end of 'ID[a]'
_LINE_END: Final = re.compile("\r\n|[\r\n\x85\u2028\u2029]")  # the line ends that YAML's marks count


class FieldError(Exception):
    """One value is wrong: raised where it is read, caught and kept where reading goes on."""

    def __init__(self, node: Node | None, message: str) -> None:
        self.node = node
        self.message = message
        super().__init__(message)


class Problems:
    """Collects the problems and warnings of one file; `shown` is the file's path as people know it."""

    def __init__(self, shown: str, text: str = "") -> None:
        self.shown = shown
        self.text = text
        self._lines: list[str] | None = None
        self._found: dict[tuple[Location, str], Problem] = {}
        self._warnings: dict[tuple[Location, str], str] = {}
        self._guesses = 0
        self.noted: list[tuple[Node, str]] = []  # what was added with a place, as it was added

    def __bool__(self) -> bool:
        return bool(self._found)

    def add(self, node: Node | None, message: str) -> None:
        """Keep a problem; `node` is its place, None the file as a whole. The same one twice is kept once."""
        if node is not None and len(self.noted) < MAX_PROBLEMS:
            self.noted.append((node, message))
        location, known = self._location(node), _of_any_copy(message, node)
        if len(self._found) < MAX_PROBLEMS and (location, known) not in self._found:
            problem = Problem(location, message + self._origin(node), self._line(location, node))
            self._found[location, known] = problem

    def add_error(self, error: FieldError) -> None:
        """Keep what a reading function raised."""
        self.add(error.node, error.message)

    def warn(self, node: Node | None, message: str) -> None:
        """Keep a warning."""
        if len(self._warnings) < MAX_PROBLEMS:
            known = (self._location(node), _of_any_copy(message, node))
            self._warnings.setdefault(known, message + self._origin(node))

    def warnings(self) -> tuple[str, ...]:
        """All warnings, each with its place, in the order of the file."""
        found = sorted((location, message) for (location, _), message in self._warnings.items())
        return tuple(f"{location}: {message}" for location, message in found)

    def error(self) -> PlanError:
        """All problems as the one error of the file."""
        found = list(self._found.values())
        if len(found) >= MAX_PROBLEMS:
            found.append(
                Problem(Location(self.shown), f"more than {MAX_PROBLEMS} problems: the others are not shown")
            )
        return PlanError(found)

    def guess(self, name: str, known: Iterable[str]) -> str:
        """`; did you mean 'x'?` when a known name is near, else nothing."""
        if self._guesses >= _MAX_GUESSES:
            return ""
        self._guesses += 1
        near = _nearest(name, list(known))
        return f"; did you mean {near!r}?" if near else ""

    def _location(self, node: Node | None) -> Location:
        if node is None:
            return Location(self.shown)
        fragment = fragment_of(node)
        return Location(fragment.shown if fragment else self.shown, node.line, node.column)

    def _origin(self, node: Node | None) -> str:
        """Where the fragment is included that the node is from, and where what includes it."""
        places = []
        fragment = fragment_of(node)
        while fragment is not None:
            places.append(f"included at {self._location(fragment.at)}")
            fragment = fragment.outer
        return f" ({', '.join(places)})" if places else ""

    def _line(self, location: Location, node: Node | None) -> str | None:
        if not location.line:
            return None
        fragment = fragment_of(node)
        if fragment is None and self._lines is None:
            self._lines = _LINE_END.split(self.text)
        lines = _LINE_END.split(fragment.text) if fragment else self._lines or []
        if location.line > len(lines) or location.column > _MAX_SOURCE - 40:
            return None
        line = "".join(c if c.isprintable() else " " for c in lines[location.line - 1][:_MAX_SOURCE])
        return line.rstrip()


def _of_any_copy(message: str, node: Node | None) -> str:
    """The message without what tells copies and includes apart: the fault of all of them stands once in the file."""
    fragment = fragment_of(node)
    if fragment is not None:
        message = message.replace(f"'{fragment.prefix}", "'")
    return _COPY.sub("'", message) if "]'" in message else message


def listed(names: Collection[str], *, most: int = 8) -> str:
    """The names for a sentence: `'a', 'b'`; `none` when there are none, cut off after `most`."""
    if not names:
        return "none"
    shown = [repr(name) for name in list(names)[:most]]
    rest = len(names) - most
    return ", ".join(shown) + (f" and {rest} more" if rest > 0 else "")


def _nearest(name: str, known: list[str]) -> str | None:
    def plain(text: str) -> str:
        return text.lower().replace("_", "-")

    same = [other for other in known if plain(other) == plain(name)]
    if same:
        return same[0]
    if len(known) > 2_000 or len(name) > 80:
        return None
    from difflib import get_close_matches  # only where something is wrong

    return next(iter(get_close_matches(name, known, n=1, cutoff=0.7)), None)
