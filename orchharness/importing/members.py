"""The members of a collection: what each is called, where it stands, what it says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from orchharness.importing import values
from orchharness.importing.notes import Source, is_nothing
from orchharness.planfile.nodes import Mapping, Node, Scalar, Sequence

_ID: Final = re.compile(r"[\w.:/-]{1,80}")
_IDS: Final = ("id", "key", "card", "slug")
_LESS: Final = ("name", "title", "agent", "what", "action")  # what a member is called that has no id


class Member(NamedTuple):
    """One of a collection: what it is called, where, and what it says."""

    name: str
    place: Node
    body: Node
    key: str | None


def is_collection(value: Node) -> bool:
    """Whether it is one of mappings (or, in a mapping, of lists or titles), not of plain words."""
    if isinstance(value, Sequence):
        return any(isinstance(item, Mapping) for item in value.items)
    if not isinstance(value, Mapping):
        return False
    inner = [node for _, node in value.entries.values()]
    titles = all(isinstance(node, Scalar) and len(node.text.split()) > 1 for node in inner)
    return titles or any(isinstance(node, Mapping) or are_ids(node) for node in inner)


def are_ids(node: Node) -> bool:
    """A list of words that can be ids, not of sentences or paths."""
    if not isinstance(node, Sequence) or not node.items:
        return False
    return all(
        isinstance(i, Scalar) and _ID.fullmatch(i.text) and not i.text.endswith((".md", "/"))
        for i in node.items
    )


def members_of(source: Source, value: Node, kind: str = "") -> Iterator[Member]:
    """The members of a collection; `kind` is what one of them is (`phase: 2` is the name of a phase)."""
    if isinstance(value, Sequence):
        for place, item in enumerate(value.items, 1):
            if isinstance(item, Mapping):
                yield Member(name_of(source, item, str(place), (*_IDS, kind, *_LESS)), item, item, None)
            elif isinstance(item, Scalar) and not is_nothing(item):
                yield Member(item.text, item, item, None)
            else:
                source.notes.left("a list among the members", item)
        return
    assert isinstance(value, Mapping)
    for name, (_, body) in value.entries.items():
        if isinstance(body, Mapping) or are_ids(body) or _is_title(body):
            yield Member(name_of(source, body, name), source.key(value, name), body, name)


def name_of(source: Source, body: Node, otherwise: str, keys: tuple[str, ...] = _IDS) -> str:
    """What it is called: by the first of these keys that is a short text."""
    for key in keys:
        found = values.text(body.value(key)) if isinstance(body, Mapping) else None
        if found and len(found) <= 80 and "\n" not in found:
            if key not in _LESS:
                source.value(body, key)
            return found
    return otherwise


def _is_title(body: Node) -> bool:
    return isinstance(body, Scalar) and len(body.text.split()) > 1


def singular(name: str) -> str:
    """What one member of a collection of that name is."""
    return {"stories": "story", "work_items": "item", "workItems": "item"}.get(name, name.removesuffix("s"))
