"""The first half of reading a plan file: bytes → text → tree → fields, each with its own refusals."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from orchharness.core.acts import Kind
from orchharness.core.plan import EMPTY, Plan
from orchharness.errors import Location, PlanError, Problem
from orchharness.planfile.context import Context
from orchharness.planfile.excerpt import excerpt
from orchharness.planfile.files import MAX_BYTES, absolute
from orchharness.planfile.loader import load
from orchharness.planfile.matrix import copies_in
from orchharness.planfile.nodes import Mapping as MappingNode
from orchharness.planfile.nodes import Node, Scalar
from orchharness.planfile.problems import FieldError, Problems
from orchharness.planfile.schema import PLAN
from orchharness.planfile.settings import check_version, read_defaults
from orchharness.planfile.shapes import Fields
from orchharness.planfile.source import SourceError, read_tree
from orchharness.planfile.templates import Templates
from orchharness.planfile.values import describe
from orchharness.planfile.variables import read_variables
from orchharness.record import record

MAX_TASKS: Final = 100_000
_WIDE_COLON: Final = "\uff1a"


@record
class Places:
    """Where a plan is read: its file, the project's root, and where the command was typed."""

    path: Path
    root: Path
    cwd: Path
    files: Mapping[str, bytes] = EMPTY  # absolute path -> bytes of a fragment that are not to be read

    @property
    def shown(self) -> str:
        """The file as people know it: relative to where they are, or to the root, when it is below."""
        path = Path(absolute(self.path))
        for folder in (self.cwd, self.root):
            if path.is_relative_to(absolute(folder)):
                return path.relative_to(absolute(folder)).as_posix()
        return str(self.path)


def read(
    places: Places,
    *,
    kinds: Mapping[str, Kind],
    critic_kinds: Mapping[str, Kind],
    variables: Mapping[str, str],
    data: bytes | None,
    strict: bool = False,
) -> Plan:
    """The plan of that file; with `strict` a warning is a problem.

    Raises:
        PlanError: with all problems of the file.
    """
    data = _bytes(places) if data is None else data
    problems = Problems(places.shown, _text(places, data))
    path = Path(absolute(places.path))
    used: dict[str, bytes] = {}
    fields = _fields(problems, lambda tree: used.update(_include(places, data, tree, problems)))
    check_version(fields, problems)
    root = Path(absolute(places.root))
    context = Context(
        problems=problems,
        root=root,
        plan_dir=path.parent,
        cwd=Path(absolute(places.cwd)),
        kinds=kinds,
        critic_kinds=critic_kinds,
        templates=Templates(problems, read_variables(fields, variables, problems)),
        given=frozenset(variables),
        base=root,
        counters=_counters(fields),
        unread=_unread(fields),
        defaults=read_defaults(fields, problems),
        definitions=dict.fromkeys(used),
        fragments=tuple(used),
    )
    plan = load(context, fields, places.path, data)
    if plan is None:
        raise problems.error()
    if strict and plan.warnings:
        raise problems.warnings_as_error()
    return plan


def included(path: Path, data: bytes) -> dict[str, bytes]:
    """Absolute path -> bytes of the fragments of that plan, as far as it can be read."""
    places, problems = Places(path=path, root=path.parent, cwd=path.parent), Problems(path.name)
    with suppress(PlanError, SourceError):
        tree = read_tree(_text(places, data), problems)
        if isinstance(tree, MappingNode):
            return _include(places, data, tree, problems)
    return {}


def _include(places: Places, data: bytes, tree: MappingNode, problems: Problems) -> dict[str, bytes]:
    """Put fragments into the tree; absolute path -> bytes of those that were read."""
    if b"include" not in data and b"with" not in data:
        return {}
    # Here and not at the top: plans without fragments must not pay for them.
    from orchharness.planfile.fragments import Includes

    path = Path(absolute(places.path))
    includes = Includes(problems=problems, plan=path, shown=Path(places.shown).parent, known=places.files)
    includes.resolve(tree)
    return includes.used


def _bytes(places: Places) -> bytes:
    try:
        # One byte more than allowed shows that there is too much, however large the file is.
        with places.path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        raise _whole(places, f"cannot be read: {getattr(error, 'strerror', None) or error}") from None


def _text(places: Places, data: bytes) -> str:
    if len(data) > MAX_BYTES:
        raise _at(places, b"", 0, f"larger than {MAX_BYTES >> 20} MiB: a plan is a text that people read")
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise _at(places, data, 0, "this is UTF-16: save the file as UTF-8")
    if b"\0" in data:
        raise _at(places, data, data.index(b"\0"), "this is no text file: it holds NUL bytes")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _at(places, data, error.start, "this is not UTF-8: save the file as UTF-8") from None


def _fields(problems: Problems, include: Callable[[MappingNode], None]) -> Fields:
    try:
        tree = read_tree(problems.text, problems)
    except SourceError as error:
        problems.add(error.node, error.message)
        raise problems.error() from None
    if tree is None or (isinstance(tree, Scalar) and tree.value is None):
        problems.add(
            tree or Node(1, 1), "the file is empty: a plan begins with 'orchharness: 1' and has 'tasks'"
        )
        raise problems.error()
    if not isinstance(tree, MappingNode):
        wide = isinstance(tree, Scalar) and _WIDE_COLON in tree.text
        hint = f" (the full-width {_WIDE_COLON!r} is no colon)" if wide else ""
        what = f"a plan is a mapping that begins with 'orchharness: 1', found {describe(tree)}{hint}"
        problems.add(tree, what)
        raise problems.error()
    if "orchharness" not in tree.entries:
        _refuse_foreign_format(tree, problems)
    include(tree)
    _refuse_too_many(tree, problems)
    try:
        return PLAN.read(tree, problems)
    except FieldError as error:
        problems.add_error(error)
        raise problems.error() from None


def _refuse_foreign_format(tree: MappingNode, problems: Problems) -> None:
    """One fault for a file that is something else, instead of one for each of its keys."""
    from orchharness.planfile.foreign import foreign_format

    foreign = foreign_format(tree.entries)
    if foreign is not None:
        problems.add(tree, f"this is no plan{foreign}: a plan begins with 'orchharness: 1' and has 'tasks'")
        raise problems.error()


def _refuse_too_many(tree: MappingNode, problems: Problems) -> None:
    """Count the tasks before anything is made of them."""
    count, copied, pending = 0, False, [(tree, 1)]
    for node, times in pending:
        for name, (key, value) in node.entries.items():
            if not isinstance(value, MappingNode):
                continue
            inside = [(entry, times * copies_in(entry)) for _, entry in value.entries.values()]
            copied = copied or any(copies > 1 for _, copies in inside)
            if name == "tasks" or (name == "gates" and times > 1):
                count += sum(copies for _, copies in inside)
            elif name in {"phases", "tracks"}:
                pending += [(group, copies) for group, copies in inside if isinstance(group, MappingNode)]
                # Groups that a matrix makes count, too, even those without tasks.
                count += sum(copies for _, copies in inside if copies > 1)
            if count > MAX_TASKS:
                problems.add(
                    key,
                    f"more than {MAX_TASKS} tasks{', with the copies of each matrix' if copied else ''}: split the plan",
                )
                raise problems.error()


def _unread(fields: Fields) -> frozenset[str]:
    """The sections that were meant to be there and could not be read: their names cannot be unknown."""
    unread = {name for name in ("agents", "critics", "vars") if fields.is_unread(name)}
    limits: Fields | None = fields.get("limits")
    if fields.is_unread("limits") or (limits is not None and limits.is_unread("resources")):
        unread.add("resources")
    return frozenset(unread)


def _counters(fields: Fields) -> dict[str, int]:
    limits: Fields | None = fields.get("limits")
    counters: dict[str, int] = limits.get("resources", {}) if limits else {}
    return counters


def _whole(places: Places, message: str) -> PlanError:
    return PlanError([Problem(Location(places.shown), message)])


def _at(places: Places, data: bytes, offset: int, message: str) -> PlanError:
    before = data[:offset]
    start = before.rfind(b"\n") + 1
    column = len(before[start:].decode("utf-8", "replace")) + 1
    line = data[start : start + 400].split(b"\n", 1)[0].decode("utf-8", "replace")
    shown = excerpt(line, column) if b"\0" not in data else None
    place = Location(places.shown, before.count(b"\n") + 1, column)
    return PlanError([Problem(place, message, *shown) if shown else Problem(place, message)])
