r"""One line of the journal: a JSON object that carries its number and a checksum chained over the line before.

    {"n":7,"event":"TaskFinished",…,"then":[…],"mono":12.5,"sum":"9f86d081884c7d65"}

* `sum` is always last: the first 16 hex digits of SHA-256 over the sum of the line before (ASCII; sixteen zeros
  before the first line) and the raw bytes of this line up to `,"sum":`. Nothing is parsed again to check it.
* The text is UTF-8. A line that holds lone surrogates (names of files that are not UTF-8) is written in ASCII
  with `\udcXX` escapes; numbers that JSON does not know (NaN, infinity) become strings.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

SEED = "0" * 16
_TAIL = re.compile(rb',"sum":"([0-9a-f]{16})"\}')
_TAIL_SIZE = len(',"sum":"') + 16 + len('"}')
_RESERVED = frozenset({"n", "then", "mono", "sum"})


class LineError(Exception):
    """The line is not what was written; the message says what is wrong with it, without its place."""


def _plain(value: object) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, set | frozenset):
        return sorted(value, key=str)
    return str(value)


_COMPACT = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_plain).encode
_ASCII = json.JSONEncoder(ensure_ascii=True, allow_nan=False, separators=(",", ":"), default=_plain).encode


def encode(
    n: int, previous: str, record: Mapping[str, Any], then: Sequence[Any], mono: float
) -> tuple[bytes, str]:
    """The bytes of line `n`, newline included, and its sum.

    Raises:
        LineError: the record has a key that belongs to the journal, or cannot be JSON.
    """
    if not _RESERVED.isdisjoint(record):
        msg = f"a record must not have the keys {sorted(_RESERVED & record.keys())}"
        raise LineError(msg)
    line = {"n": n, **record, "then": then, "mono": mono} if then else {"n": n, **record, "mono": mono}
    body = _to_bytes(line)[:-1]
    digest = checksum(previous, body)
    return b'%b,"sum":"%b"}\n' % (body, digest.encode()), digest


def _to_bytes(line: dict[str, Any]) -> bytes:
    try:
        return _COMPACT(line).encode()
    except UnicodeEncodeError:
        return _ASCII(line).encode()
    except ValueError:  # NaN or infinity; a circular value ends in the RecursionError below
        pass
    except (TypeError, RecursionError) as error:
        msg = f"a record cannot be written as JSON: {error}"
        raise LineError(msg) from None
    try:
        return _ASCII(_finite(line)).encode()
    except (TypeError, RecursionError) as error:
        msg = f"a record cannot be written as JSON: {error}"
        raise LineError(msg) from None


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value


def checksum(previous: str, body: bytes) -> str:
    """The sum of a line from the sum before it and its bytes up to `,"sum":`."""
    return sha256(previous.encode() + body).hexdigest()[:16]


def decode(line: bytes, n: int, previous: str) -> dict[str, Any]:
    """The record on a line (without its newline), checked: its sum, then its JSON, then its number.

    Raises:
        LineError: one of them is wrong.
    """
    tail = _TAIL.fullmatch(line, max(0, len(line) - _TAIL_SIZE))
    if tail is None:
        msg = "the record does not end in its checksum"
        raise LineError(msg)
    if tail[1].decode() != checksum(previous, line[:-_TAIL_SIZE]):
        msg = "the checksum does not fit: the line was changed, or one before it is missing"
        raise LineError(msg)
    record = parse(line)
    if record.get("n") != n:
        msg = f"the record has number {record.get('n')!r}, and {n} was due"
        raise LineError(msg)
    return record


def parse(line: bytes) -> dict[str, Any]:
    """The JSON object on a line, its checksum not looked at.

    Raises:
        LineError: there is none.
    """
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        record = None
    if not isinstance(record, dict):
        msg = "not a JSON object"
        raise LineError(msg)
    return record


def starts_with_record(line: bytes, n: int, previous: str) -> bool:
    """Whether the line is a whole, sound record with something after it: no torn tail looks like that."""
    for tail in _TAIL.finditer(line):
        if tail.end() < len(line) and tail[1].decode() == checksum(previous, line[: tail.start()]):
            return parse(line[: tail.end()]).get("n") == n
    return False
