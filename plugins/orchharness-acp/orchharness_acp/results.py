"""What supervisors leave in the folders of acts. Those are the agents' too: what is read is data that may be anything."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

RESULT = "acp-result.json"
_LIMIT = 8 << 20  # bytes of a result
_MOST = 1e15  # of tokens, dollars or seconds; JSON names whole numbers that no float can hold


def read_result(folder: str) -> Mapping[str, Any]:
    """The result in an act's folder; empty where there is none that can be read."""
    try:
        # An agent may have put a fifo there: opening it must not wait for a writer.
        descriptor = os.open(f"{folder}/{RESULT}", os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
        with open(descriptor, "rb") as file:  # noqa: PTH123
            found = json.loads(file.read(_LIMIT) or b"")
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def text_of(found: Mapping[str, Any], name: str) -> str | None:
    """A text of a result; None where it is none."""
    value = found.get(name)
    return value if isinstance(value, str) else None


def amount_of(found: Mapping[str, Any], name: str) -> float | None:
    """A number of a result, of 0 or more; None where it is none that can be counted."""
    value = found.get(name)
    good = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= _MOST
    return value if good else None
