"""The handle of an act on disk: whoever executes the act looks here first, and does not spawn it again."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from orchharness import private
from orchharness.core.acts import API_VERSION, Handle
from orchharness.errors import PluginError

_NAME = "handle.json"


def stored_handle(folder: str, key: str) -> Handle | None:
    """The handle of an act that was spawned before; None when there is none, or none that can be read.

    A handle that was cut off by a crash counts as none: `spawn` is idempotent by key and finds the act.
    """
    return _read(folder, key)


def any_handle(folder: str) -> Handle | None:
    """The handle in the folder, whatever its key: for who knows of the act from its folder alone."""
    return _read(folder, None)


def key_in(folder: str) -> str | None:
    """The key of the act in the folder, as its handle has it."""
    path = Path(folder, _NAME)
    with suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
        # What lies there is the agent's: a pipe in its place would hold up who opens it.
        record = json.loads(path.read_bytes()) if path.is_file() else {}
        key = record.get("key") or record["data"]["key"]
        return key if isinstance(key, str) else None
    return None


def _read(folder: str, key: str | None) -> Handle | None:
    try:
        with open(f"{folder}/{_NAME}", "rb", buffering=0) as file:  # noqa: PTH123 - hot path
            record: Any = json.loads(file.read())
        data = record["data"]
        if key is not None and record.get("key", data.get("key")) != key:
            return None
        return Handle(kind=record["kind"], data=data, api=record.get("api", API_VERSION))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def spawned_at(folder: str, *, handled: bool = True) -> float | None:
    """When the act was spawned, in seconds since the epoch; None when it was not.

    The earlier of `pid` and handle: who found the act without a handle stored that later, and on a full disk
    `pid` takes in the exit status. A handle tells only if it can be read (`handled`): one that a crash cut off
    says nothing of an act.
    """
    found = []
    for name in ("pid", _NAME) if handled else ("pid",):
        with suppress(OSError):
            found.append(os.stat(f"{folder}/{name}").st_mtime)  # noqa: PTH116 - hot path
    return min(found, default=None)


def keep_handle(folder: str, key: str, handle: Handle) -> None:
    """Store a handle whose plugin did not store it itself.

    Raises:
        PluginError: the handle holds what JSON cannot, so no other process could find the act.
        OSError: the disk is full, or fails.
    """
    path = Path(folder, _NAME)
    if handle.data.get("pid") == 0 or path.exists():  # without a pid: its supervisor is about to store it
        return
    record = {"kind": handle.kind, "api": handle.api, "key": key, "data": _plain(handle.data)}
    try:
        text = json.dumps(record, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        msg = f"the handle of kind {handle.kind!r} holds what JSON cannot: {error}"
        raise PluginError(msg) from None
    part = path.with_suffix(".part")
    private.write(part, text)
    part.replace(path)


def _plain(data: Any) -> Any:
    return dict(data) if isinstance(data, Mapping) else data
