"""`include`: the tasks, tracks and gates of a fragment take their place in the tree of the plan, under a prefix.

A fragment is a file with its own `vars`. Every node of it knows the `Fragment` it is from, so that a problem in it is
told with both places, and a name in it is looked for among its own names first.
"""

from __future__ import annotations

from collections.abc import Mapping as AbstractMapping
from pathlib import Path
from typing import Final

from orchharness.core.plan import EMPTY
from orchharness.planfile.files import MAX_BYTES, absolute
from orchharness.planfile.nodes import Fragment, Mapping, Node, Scalar, Sequence, fragment_of
from orchharness.planfile.problems import FieldError, Problems, SaidError, printable
from orchharness.planfile.schema import FRAGMENT
from orchharness.planfile.settings import check_version
from orchharness.planfile.source import SourceError, read_tree
from orchharness.planfile.values import check_id, describe, text_of
from orchharness.record import field, record

MAX_INCLUDES: Final = 1_000
MAX_DEPTH: Final = 10
MAX_INCLUDED: Final = 4 * MAX_BYTES  # of all fragments together, each as often as it is included
_OF_TRACK: Final = ("tasks",)
_OF_PHASE: Final = ("tasks", "tracks", "gates")
_OF_PLAN: Final = ("agents", "critics")


@record(frozen=False)
class Includes:
    """The fragments of one plan. `known`: absolute path -> bytes that are to be taken for the file's."""

    problems: Problems
    plan: Path
    shown: Path  # the folder of the plan file as people know it
    known: AbstractMapping[str, bytes] = EMPTY
    used: dict[str, bytes] = field(default_factory=dict)
    _times: int = 0
    _bytes: int = 0
    _staff: list[Mapping] = field(default_factory=list)

    def resolve(self, tree: Mapping) -> None:
        """Put the fragments into the tree; what is wrong is noted."""
        if "phases" in tree.entries:
            self._groups(tree, "phases", _OF_PHASE)
        if "tracks" in tree.entries:
            self._groups(tree, "tracks", _OF_TRACK)
        for fragment in self._staff:
            for part in _OF_PLAN:
                entry = fragment.entries.get(part)
                if entry is not None:
                    _add(tree, part, entry, _fragment(fragment).prefix)

    def _groups(self, owner: Mapping, part: str, parts: tuple[str, ...]) -> None:
        key, groups = owner.entries[part]
        if not isinstance(groups, Mapping):
            return
        found = _like(groups)
        for name, (at, group) in groups.entries.items():
            made = group
            if isinstance(group, Mapping):
                made = self._included(group, name, parts) if "include" in group.entries else _copy(group)
                if "with" in group.entries and "include" not in group.entries:
                    self.problems.add(
                        group.entries["with"][0], "'with' without 'include': write the file, too"
                    )
                if parts is _OF_PHASE and "tracks" in made.entries:
                    self._groups(made, "tracks", _OF_TRACK)
            found.lossy = found.lossy or (isinstance(made, Mapping) and made.lossy)
            found.entries[name] = (at, made)
        owner.entries[part] = (key, found)

    def _included(self, group: Mapping, name: str, parts: tuple[str, ...]) -> Mapping:
        """The group with what the fragment holds."""
        made = _copy(group)
        key, node = group.entries["include"]
        try:
            check_id(Scalar(key.line, key.column, name, plain=True))
            for other in parts:
                if other in group.entries:
                    what = f"{other!r} beside 'include': write one of them"
                    raise FieldError(group.entries[other][0], what)  # noqa: TRY301
            tree = self._read(group, node, f"{name}-")
            self._take(made, tree, parts)
        except FieldError as error:
            self.problems.add_error(error)
            made.lossy = True
        return made

    def _take(self, made: Mapping, tree: Mapping, parts: tuple[str, ...]) -> None:
        fragment = _fragment(tree)
        for part in _OF_PHASE:
            entry = tree.entries.get(part)
            if entry is not None and part not in parts:
                what = f"{part!r} in a fragment that a track includes: include it in a phase"
                self.problems.add(entry[0], what)
            elif entry is not None:
                _add(made, part, entry, fragment.prefix)
        if not any(part in made.entries for part in parts):
            raise FieldError(tree, "the fragment has no tasks: write 'tasks: {the-id: {run: …}}'")

    def _read(self, group: Mapping, node: Node, prefix: str) -> Mapping:
        """The tree of the fragment, with every node marked.

        Raises:
            FieldError: it cannot be included.
        """
        outer = fragment_of(node)
        path = self._path(node, outer)
        text = self._text(node, str(path))
        given = group.value("with")
        if given is not None and not isinstance(given, Mapping):
            raise SaidError  # whoever reads the group says it
        fragment = Fragment(
            path=path,
            shown=_shown(path, self.shown, self.plan.parent),
            text=text,
            at=node,
            outer=outer,
            prefix=prefix,
            given=given.entries if given is not None else {},
        )
        tree = self._tree(fragment)
        fields = FRAGMENT.read(tree, self.problems)
        check_version(fields, self.problems)
        fragment.declared = fields.get("vars", {})
        self._staff.append(tree)
        return tree

    def _path(self, node: Node, outer: Fragment | None) -> Path:
        text = text_of(node, "the path of a fragment").text
        if text.startswith(("/", "~")) or "{{" in text or "{%" in text:
            what = "is absolute" if text.startswith(("/", "~")) else "is a template"
            raise FieldError(node, f"include: {text!r} {what}: write a path relative to this file")
        if text.endswith((".plan.yaml", ".plan.yml")):
            what = f"include: {text!r} is the name of a plan, which pytest would run: name it fragment.yaml or the like"
            raise FieldError(node, what)
        folder = outer.path.parent if outer else self.plan.parent
        path = Path(absolute(folder / text))
        self._times += 1
        if self._times > MAX_INCLUDES:
            raise FieldError(node, f"include: more than {MAX_INCLUDES} in one plan: split the plan")
        self._refuse_cycle(node, outer, path)
        return path

    def _refuse_cycle(self, node: Node, outer: Fragment | None, path: Path) -> None:
        chain = []
        while outer is not None:
            chain.append(outer)
            outer = outer.outer
        if path in {fragment.path for fragment in chain} | {self.plan}:
            way = " → ".join([*(fragment.path.name for fragment in reversed(chain)), path.name])
            raise FieldError(node, f"include: {way} would never end: take one of these includes out")
        if len(chain) >= MAX_DEPTH:
            raise FieldError(node, f"include: nested more than {MAX_DEPTH} deep")

    def _text(self, node: Node, path: str) -> str:
        try:
            data = self.used.get(path) or self.known.get(path)
            if data is None:
                with Path(path).open("rb") as file:
                    data = file.read(MAX_BYTES + 1)
            self._bytes += len(data)
            if len(data) > MAX_BYTES or self._bytes > MAX_INCLUDED:
                raise FieldError(
                    node, "include: the fragments are too large: a plan is a text that people read"
                )
            self.used[path] = data
            return data.decode("utf-8-sig")
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or "it is no UTF-8 text"
            shown = text_of(node).text
            raise FieldError(
                node, f"include: {shown!r} cannot be read: {why} (relative to this file)"
            ) from None

    def _tree(self, fragment: Fragment) -> Mapping:
        own = Problems(fragment.shown, fragment.text)
        place = fragment.at
        try:
            tree = read_tree(fragment.text, own)
        except SourceError as error:
            error.node.source = fragment
            raise FieldError(error.node, error.message) from None
        if not isinstance(tree, Mapping):
            found = "nothing" if tree is None else describe(tree)
            raise FieldError(
                place, f"include: a fragment is a mapping with 'tasks', found {found} in {fragment.shown}"
            )
        _mark(tree, fragment)
        for noted in own.noted:
            noted.node.source = fragment
        self.problems.take(own.noted)
        return tree


def _mark(tree: Node, fragment: Fragment) -> None:
    todo = [tree]
    while todo:
        node = todo.pop()
        if fragment_of(node) is fragment:
            continue  # reached by an alias, too
        node.source = fragment
        if isinstance(node, Mapping):
            todo += [part for entry in node.entries.values() for part in entry]
        elif isinstance(node, Sequence):
            todo += node.items


def _add(owner: Mapping, part: str, entry: tuple[Scalar, Node], prefix: str) -> None:
    """Add the entries of a part of the fragment, under their new names."""
    key, node = entry
    if not isinstance(node, Mapping):
        owner.entries[part] = (key, node)  # whoever reads it says what is wrong with it
        return
    known = owner.value(part)
    made = _copy(known) if isinstance(known, Mapping) else _like(node)
    for name, (at, value) in node.entries.items():
        renamed = Scalar(at.line, at.column, prefix + name, plain=False)
        renamed.source = fragment_of(at)
        inside = _with_prefix(value, prefix) if part == "tracks" else value
        made.entries[name if name.startswith("x-") else prefix + name] = (renamed, inside)
    owner.entries[part] = (key, made)


def _with_prefix(track: Node, prefix: str) -> Node:
    """The track with its tasks under their new names."""
    if not isinstance(track, Mapping) or "tasks" not in track.entries:
        return track
    made, tasks = _copy(track), track.entries["tasks"]
    del made.entries["tasks"]
    _add(made, "tasks", tasks, prefix)
    return made


def _like(node: Mapping) -> Mapping:
    made = Mapping(node.line, node.column)
    made.lossy = node.lossy
    made.source = fragment_of(node)
    return made


def _copy(node: Mapping) -> Mapping:
    made = _like(node)
    made.entries.update(node.entries)
    return made


def _fragment(tree: Mapping) -> Fragment:
    found = fragment_of(tree)
    assert found is not None
    return found


def _shown(path: Path, shown: Path, folder: Path) -> str:
    """The file as people know it: beside the plan as they know that."""
    return printable(
        (shown / path.relative_to(folder)).as_posix() if path.is_relative_to(folder) else str(path)
    )
