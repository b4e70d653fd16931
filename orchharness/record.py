"""Frozen value classes whose making costs microseconds.

`dataclasses` writes and compiles six functions for every frozen class (0.3 to 0.5 ms each, measured); a plan of
one task uses a hundred such classes, which was a third of the whole start. `record` gives the same classes with
shared functions instead: slotted, immutable, compared and hashed by value. `dataclasses.fields`, `replace` and
`asdict` work on them, and type checkers see a dataclass.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from operator import attrgetter
from typing import Any, TypeVar, dataclass_transform, overload

T = TypeVar("T")
field = dataclasses.field
_FIELDS = "__dataclass_fields__"
_MISSING = dataclasses.MISSING


@overload
def record(cls: type[T], /) -> type[T]: ...
@overload
def record(
    *, kw_only: bool = True, order: bool = False, frozen: bool = True
) -> Callable[[type[T]], type[T]]: ...
@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(dataclasses.field,))
def record(
    cls: type[T] | None = None, /, *, kw_only: bool = True, order: bool = False, frozen: bool = True
) -> Any:
    """Make the class a frozen, slotted value, given by keywords; with `order`, it is sorted by its fields.

    One that is not frozen is a slotted object with fields, equal only to itself.
    """
    if cls is None:
        return lambda made: _make(made, kw_only=kw_only, order=order, frozen=frozen)
    return _make(cls, kw_only=kw_only, order=order, frozen=frozen)


def _make(cls: type[Any], *, kw_only: bool, order: bool, frozen: bool) -> type[Any]:
    space = {k: v for k, v in vars(cls).items() if k not in {"__dict__", "__weakref__"}}
    made: dict[str, Any] = {}
    for base in reversed(cls.__mro__[1:]):
        made.update(getattr(base, _FIELDS, {}))
    own = [n for n, kind in space.get("__annotations__", {}).items() if not str(kind).startswith("ClassVar")]
    for name in own:
        made[name] = _field(name, space.pop(name, _MISSING), space["__annotations__"][name])
    compared = [n for n, f in made.items() if f.compare]
    key = attrgetter(*compared) if compared else lambda _: ()
    space |= {
        "__slots__": tuple(own),
        "__match_args__": tuple(made),
        _FIELDS: made,
        "__dataclass_params__": None,
        "_record_key": staticmethod(key),
        "_record_most": 0 if kw_only else len(made),
        "_record_after": space.get("__post_init__"),
        "__init__": _init,
        "__repr__": _repr,
        "__getstate__": _getstate,
        "__setstate__": _setstate,
    }
    if frozen:
        space |= {"__eq__": _eq, "__hash__": _hash, "__setattr__": _refuse, "__delattr__": _refuse}
    if order:
        space["__lt__"] = _lt
    result: Any = type(cls.__name__, cls.__bases__, space)
    result.__qualname__ = cls.__qualname__
    result._record_plan = tuple(  # noqa: SLF001 - our own
        (n, getattr(result, n).__set__, f.default, f.default_factory) for n, f in made.items()
    )
    return result  # type: ignore[no-any-return]


def _field(name: str, given: Any, kind: Any) -> Any:
    entry: Any = given if isinstance(given, dataclasses.Field) else dataclasses.field(default=given)
    entry.name, entry.type = name, kind
    entry._field_type = dataclasses._FIELD  # type: ignore[attr-defined]  # noqa: SLF001 - what `fields` looks at
    return entry


def _init(self: Any, *args: Any, **values: Any) -> None:
    plan = self._record_plan
    if args:
        _by_place(self, args, values)
    used = 0
    for name, put, default, factory in plan:
        if name in values:
            used += 1
            put(self, values[name])
        elif default is not _MISSING:
            put(self, default)
        elif factory is not _MISSING:
            put(self, factory())
        else:
            msg = f"{type(self).__name__} needs {name!r}"
            raise TypeError(msg)
    if used != len(values):
        unknown = sorted(values.keys() - {entry[0] for entry in plan})
        msg = f"{type(self).__name__} has no {', '.join(map(repr, unknown))}"
        raise TypeError(msg)
    if self._record_after is not None:
        self._record_after()


def _by_place(self: Any, args: tuple[Any, ...], values: dict[str, Any]) -> None:
    """Add values given by place to those given by name."""
    if len(args) > self._record_most:
        msg = f"{type(self).__name__} takes {self._record_most} values by place, {len(args)} were given"
        raise TypeError(msg)
    for entry, value in zip(self._record_plan, args, strict=False):
        if entry[0] in values:
            msg = f"{type(self).__name__}: {entry[0]!r} was given twice"
            raise TypeError(msg)
        values[entry[0]] = value


def _repr(self: Any) -> str:
    shown = ", ".join(f"{entry[0]}={getattr(self, entry[0])!r}" for entry in self._record_plan)
    return f"{type(self).__qualname__}({shown})"


def _eq(self: Any, other: Any) -> Any:
    if type(other) is not type(self):
        return NotImplemented
    return self is other or self._record_key(self) == self._record_key(other)


def _lt(self: Any, other: Any) -> Any:
    if type(other) is not type(self):
        return NotImplemented
    return self._record_key(self) < self._record_key(other)


def _hash(self: Any) -> int:
    return hash(self._record_key(self))


def _refuse(self: Any, name: str, value: Any = None) -> None:
    del value
    msg = f"{type(self).__name__} is immutable: {name!r} cannot be changed"
    raise dataclasses.FrozenInstanceError(msg)


def _getstate(self: Any) -> list[Any]:
    return [getattr(self, entry[0]) for entry in self._record_plan]


def _setstate(self: Any, state: list[Any]) -> None:
    for entry, value in zip(self._record_plan, state, strict=True):
        entry[1](self, value)
