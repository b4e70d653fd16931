"""YAML text → a light tree of nodes that know their places.

The text is read by its events, never composed: the depth is checked as it grows, aliases are bounded, and every
key and value keeps its line and column. Values are the YAML 1.2 core ones: only true and false are booleans.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from orchharness.planfile.nodes import Mapping, Node, Scalar, Sequence
from orchharness.planfile.unreadable import fault_of, forbidden_character

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from orchharness.planfile.problems import Problems

MAX_DEPTH: Final = 100
MAX_ALIASED: Final = 200_000  # nodes that aliases may stand for, together


class SourceError(Exception):
    """The text cannot be read on from here."""

    def __init__(self, line: int, column: int, message: str) -> None:
        self.node = Node(line, column)
        self.message = message
        super().__init__(message)


def read_tree(text: str, problems: Problems) -> Node | None:
    """The tree of the one document in `text`; None when the text holds nothing.

    What can be read past (a repeated key, a tag, a merge key) goes to `problems`.

    Raises:
        SourceError: what cannot be read past.
    """
    fault = forbidden_character(text)
    if fault is not None:
        raise SourceError(*fault)
    builder = _Builder(problems)
    handlers = builder.handlers()
    for event in _events(text):
        handler = handlers.get(event.__class__.__name__)
        if handler is not None:
            handler(event)
    return builder.top


def _events(text: str) -> Iterator[Any]:
    # Here and not at the top: sessions without plans must not pay for yaml.
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        yield from yaml.parse(text, Loader=loader)
    except yaml.MarkedYAMLError as error:
        raise SourceError(*fault_of(text, error)) from None
    except yaml.YAMLError as error:
        raise SourceError(1, 1, f"not YAML: {error}") from None


class _Builder:
    """Puts events together. `keys` holds, for every open mapping, the key whose value comes next."""

    def __init__(self, problems: Problems) -> None:
        self.problems = problems
        self.top: Node | None = None
        self._stack: list[Mapping | Sequence] = []
        self._keys: list[Scalar | None] = []
        self._anchors: dict[
            str, tuple[Node, int, int]
        ] = {}  # name -> node, nodes in it, its height; 0: still open
        self._open: list[tuple[str | None, int]] = []  # per open container: its anchor, nodes before it
        self._heights: list[int] = []
        self._nodes = 0
        self._aliased = 0
        self._documents = 0

    def handlers(self) -> dict[str, Callable[[Any], None]]:
        return {
            "ScalarEvent": self._scalar,
            "MappingStartEvent": self._start_mapping,
            "MappingEndEvent": self._end,
            "SequenceStartEvent": self._start_sequence,
            "SequenceEndEvent": self._end,
            "AliasEvent": self._alias,
            "DocumentStartEvent": self._document,
        }

    def _document(self, event: Any) -> None:
        self._documents += 1
        if self._documents > 1:
            mark = event.start_mark
            raise SourceError(
                mark.line + 1, mark.column + 1, "a second document begins here: a file is one plan"
            )

    def _scalar(self, event: Any) -> None:
        mark = event.start_mark
        node = Scalar(mark.line + 1, mark.column + 1, event.value, not event.style)
        if event.tag is not None:
            self._refuse_tag(node, event.tag)
        if "\0" in node.text or not node.text.isascii():
            self._refuse_unprintable(node)
        self._nodes += 1
        if event.anchor is not None:
            self._anchors[event.anchor] = (node, 1, 1)
        self._place(node)

    def _start_mapping(self, event: Any) -> None:
        mark = event.start_mark
        self._start(Mapping(mark.line + 1, mark.column + 1), event)

    def _start_sequence(self, event: Any) -> None:
        mark = event.start_mark
        self._start(Sequence(mark.line + 1, mark.column + 1), event)

    def _start(self, node: Mapping | Sequence, event: Any) -> None:
        if event.tag is not None:
            self._refuse_tag(node, event.tag)
        self._place(node)
        if len(self._stack) >= MAX_DEPTH:
            raise SourceError(node.line, node.column, f"nested more than {MAX_DEPTH} deep")
        if event.anchor is not None:
            self._anchors[event.anchor] = (node, 0, 0)
        self._open.append((event.anchor, self._nodes))
        self._nodes += 1
        self._stack.append(node)
        self._keys.append(None)
        self._heights.append(1)

    def _end(self, _event: Any) -> None:
        node = self._stack.pop()
        self._keys.pop()
        height = self._heights.pop()
        anchor, before = self._open.pop()
        if self._heights:
            self._heights[-1] = max(self._heights[-1], height + 1)
        if anchor is not None and self._anchors[anchor][0] is node:
            self._anchors[anchor] = (node, self._nodes - before, height)

    def _alias(self, event: Any) -> None:
        line, column = event.start_mark.line + 1, event.start_mark.column + 1
        if event.anchor not in self._anchors:
            raise SourceError(line, column, f"the alias {event.anchor!r} has no anchor before it")
        node, nodes, height = self._anchors[event.anchor]
        if not nodes:
            raise SourceError(line, column, f"the alias {event.anchor!r} stands inside of what it names")
        self._aliased += nodes
        self._nodes += nodes
        if self._aliased > MAX_ALIASED or len(self._stack) + height > MAX_DEPTH:
            raise SourceError(
                line, column, "the aliases of this file stand for too much: write less with them"
            )
        if self._heights:
            self._heights[-1] = max(self._heights[-1], height + 1)
        self._place(node)

    def _place(self, node: Node) -> None:
        if not self._stack:
            self.top = node
            return
        parent = self._stack[-1]
        if parent.__class__ is Sequence:
            parent.items.append(node)
            return
        assert isinstance(parent, Mapping)
        key = self._keys[-1]
        if key is None:
            self._keys[-1] = self._as_key(node, parent)
            return
        self._keys[-1] = None
        if key is not _DROPPED:
            parent.entries[key.text] = (key, node)

    def _as_key(self, node: Node, parent: Mapping) -> Scalar:
        if not isinstance(node, Scalar):
            what = "a key must be a word, not a list or a mapping (quote a value that begins with { or [)"
            if isinstance(node, Mapping) and (node.line, node.column) == (parent.line, parent.column + 1):
                what = 'a template must be in quotes: write "{{ … }}"'
                self.problems.refuse(parent, what)
                parent.lossy = True
                return _DROPPED
        elif node.text in parent.entries:
            first = parent.entries[node.text][0]
            self.problems.add(node, f"the key {node.text!r} is here twice: first in line {first.line}")
            return _DROPPED
        elif node.text == "<<" and node.plain:
            what = "merge keys (<<) are not allowed: write the keys out, or use 'defaults' or 'agents'"
        else:
            return node
        parent.lossy = True
        self.problems.add(node, what)
        return _DROPPED

    def _refuse_tag(self, node: Node, tag: str) -> None:
        self.problems.refuse(node, f"tags are not allowed (here {tag!r}): quote a value that begins with !")

    def _refuse_unprintable(self, node: Scalar) -> None:
        try:
            node.text.encode()
        except UnicodeEncodeError:
            raise SourceError(
                node.line, node.column, "this text holds half of a character (a lone surrogate)"
            ) from None
        if "\0" in node.text:
            raise SourceError(node.line, node.column, "this text holds a NUL character: remove the \\0")


_DROPPED: Final = Scalar(0, 0, "", plain=False)
