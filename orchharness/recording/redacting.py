"""The one place at which secrets are taken out of what is recorded."""

from __future__ import annotations

import os
import re

_SHORTEST = 6  # characters; what is shorter would be found in ordinary words
_NAMED = re.compile(r"(?i)(?:^|_)(?:key|token|secret|password|passwd|credentials?)(?:$|_)")
REDACTED = "<redacted>"


def redact(text: str) -> str:
    """The text without the values of environment variables that are called like secrets."""
    for value in _values():
        text = text.replace(value, REDACTED)
    return text


def _values() -> list[str]:
    found = {v for n, v in os.environ.items() if _NAMED.search(n) and len(v) >= _SHORTEST}
    return sorted(found, key=len, reverse=True)
