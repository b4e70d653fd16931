"""Read-only copies of values, for those who only watch: nothing they do to them reaches the run."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from types import MappingProxyType
from typing import Any


def read_only(value: Any) -> Any:
    """The value, with every dictionary and list in it replaced by one that cannot be changed."""
    if isinstance(value, dict | MappingProxyType):
        return MappingProxyType({key: read_only(entry) for key, entry in value.items()})
    if isinstance(value, list | tuple):
        return tuple(read_only(entry) for entry in value)
    if is_dataclass(value) and not isinstance(value, type):
        held = {f.name: getattr(value, f.name) for f in fields(value)}
        changed = {n: read_only(v) for n, v in held.items() if isinstance(v, dict | list | tuple)}
        return replace(value, **changed) if changed else value
    return value
