"""What must not be stored or shown: values that were handed over in secret, and what looks like a key.

Pure, and at the bottom: whoever writes a stream can use it. Rules that hold here:
  * A known value goes wherever it stands, also as a URL, HTML, JSON, Python, hexadecimal digits or base64 would have
    it; one of fewer than `SHORTEST` characters cannot, since half of all words would go with it.
  * Of what is not known only the shapes of keys go, few and exact: digests, UUIDs and nonces are none.
  * What is redacted already comes out as it was.
"""

from __future__ import annotations

import re
from binascii import b2a_base64
from collections.abc import Iterable, Mapping
from functools import cache
from json import JSONEncoder
from typing import Any

MARK = "[redacted]"
SHORTEST = 6  # characters of a value that can be told from a word
_SHORTEST_LINE = 12  # the same for one line of a longer value
_HELD = 32 * 1024  # characters that are looked at together when a line does not end
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~")
_escape = JSONEncoder(ensure_ascii=True).encode
_escape_little = JSONEncoder(ensure_ascii=False).encode

_ALONE = "[A-Za-z0-9_-]"  # before a key none of these stands
_BEARER = r"(?:\ |%20|\\t)+)(?=[A-Za-z._~+/=-]*[0-9])[A-Za-z0-9._~+/=-]{16,8192}"
_PEM = r"(?:[A-Z0-9]+\ ){0,3}PRIVATE\ KEY(?:\ BLOCK)?-----"
# Literal beginning of a key -> what follows it. Looking for a literal costs next to nothing, and most texts hold none.
_SHAPES = {
    "sk-": r"(?:(?:ant|proj|svcacct|admin|or)-[A-Za-z0-9_-]{20,512}|[A-Za-z0-9]{32,512}(?![A-Za-z0-9_-]))",
    **dict.fromkeys(("ghp_", "gho_", "ghu_", "ghs_", "ghr_"), r"[A-Za-z0-9]{36,255}"),
    "github_pat_": r"[A-Za-z0-9_]{22,255}",
    "xox": r"[abeoprs]-[A-Za-z0-9-]{10,255}",
    **dict.fromkeys(("AKIA", "ASIA"), r"[A-Z0-9]{16}(?![A-Za-z0-9])"),
    "AIza": r"[A-Za-z0-9_-]{35}(?![A-Za-z0-9_-])",
    "eyJ": r"[A-Za-z0-9_-]{8,8192}\.eyJ[A-Za-z0-9_-]{8,8192}\.[A-Za-z0-9_-]{0,2048}",
    "glpat-": r"[A-Za-z0-9_.-]{20,255}",
    "hf_": r"[A-Za-z0-9]{30,255}",
    "npm_": r"[A-Za-z0-9]{36}(?![A-Za-z0-9])",
    **dict.fromkeys(("Bearer", "bearer", "BEARER"), _BEARER),
    "-----BEGIN ": rf"{_PEM}[\s\S]{{0,16384}}?(?:-----END\ {_PEM}|\Z)",
}


class Redactor:
    """Takes known values and the shapes of keys out of texts. Longer values go first, so no rest of them stays."""

    __slots__ = ("_needles",)

    def __init__(self, values: Iterable[str] = ()) -> None:
        known = {value.strip() for value in values}  # a line end that a shell would take off is none of it
        needles = {form for value in known if len(value) >= SHORTEST for form in _forms(value)}
        self._needles = tuple(sorted(needles, key=lambda n: (-len(n), n)))

    @property
    def knows(self) -> bool:
        """Whether there are values that it knows, and not shapes alone."""
        return bool(self._needles)

    def text(self, text: str) -> str:
        """The text without them."""
        for needle in self._needles:
            if needle in text:
                text = text.replace(needle, MARK)
        for begins in _SHAPES:
            if begins in text:
                text = _shape(begins).sub(_mark, text)
        return text

    def json(self, value: Any) -> Any:
        """JSON with every text in it, names included, without them; the same object where there are none."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            made = {self.text(n) if isinstance(n, str) else n: self.json(v) for n, v in value.items()}
            return value if made == value else made
        if isinstance(value, list | tuple):
            parts = [self.json(v) for v in value]
            return value if parts == list(value) else type(value)(parts)
        return value

    def known(self, text: str) -> str:
        """The text without the known values; what only looks like a key stays."""
        for needle in self._needles:
            text = text.replace(needle, MARK)
        return text

    def cut(self, text: str) -> int:
        """Where a text that goes on can be cut: nothing that is to go lies across that place, or begins before it.

        After its last line; where a line does not end, some way before its end.
        """
        place = max(text.rfind("\n"), text.rfind("\r")) + 1
        if not place:
            return self._cut_line(text)
        begun = text.rfind("-----BEGIN ", 0, place)
        if begun >= 0 and len(text) - begun <= _HELD and "-----END " not in text[begun:place]:
            return begun
        return place

    def _cut_line(self, text: str) -> int:
        room = max(_HELD, len(self._needles[0]) if self._needles else 0)
        if len(text) <= 2 * room:
            return 0
        place, before = len(text) - room, -1
        while place != before:
            before = place
            for needle in self._needles:
                found = text.find(needle, max(0, place - len(needle)), place + len(needle))
                place = found if 0 <= found < place else place
            for begins in _SHAPES:
                for key in _shape(begins).finditer(text, max(0, place - _HELD)):
                    place = key.start() if key.start() < place < key.end() else place
        return place


class Stream:
    """Redacts bytes that come in pieces, and may be cut anywhere; what is no UTF-8 comes out as it was."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor, self._rest = redactor, b""
        self.changed = False  # whether anything was taken out so far

    def feed(self, data: bytes, *, last: bool = False) -> bytes:
        """The next bytes that can be told; a line that has not ended yet is kept for the next piece."""
        text = (self._rest + data).decode("utf-8", "surrogateescape")
        place = len(text) if last else self._redactor.cut(text)
        self._rest = text[place:].encode("utf-8", "surrogateescape")
        told = text[:place]
        found = self._redactor.text(told)
        self.changed = self.changed or found != told
        return found.encode("utf-8", "surrogateescape")


@cache
def _shape(begins: str) -> re.Pattern[str]:
    """The pattern of the keys that begin so; made when the first text holds that beginning."""
    literal = re.escape(begins)
    if _SHAPES[begins] is _BEARER:
        literal = f"(?P<said>{literal}"
    alone = f"(?<!{_ALONE}{re.escape(begins)})" if begins[0] != "-" else ""
    return re.compile(f"{literal}{alone}{_SHAPES[begins]}")


def _mark(found: re.Match[str]) -> str:
    return f"{found.groupdict().get('said') or ''}{MARK}"


def _forms(value: str) -> Iterable[str]:
    """The value, and how a URL, HTML, a JSON text, Python's `repr`, hexadecimal digits and base64 would have it."""
    raw = value.encode("utf-8", "surrogateescape")
    yield value
    yield from (line for line in map(str.strip, value.splitlines()) if len(line) >= _SHORTEST_LINE)
    if not _UNRESERVED.issuperset(value):
        quoted = "".join(chr(b) if chr(b) in _UNRESERVED else f"%{b:02X}" for b in raw)
        for url in (quoted, quoted.replace("%2F", "/")):
            yield from (url, url.replace("%20", "+"), re.sub("%..", lambda m: m[0].lower(), url))
        for encode in (_escape, _escape_little):
            once = encode(value)[1:-1]
            yield from (once, encode(once)[1:-1], once.replace("/", "\\/"))
        yield from (repr(value)[1:-1], repr(f'"{value}')[2:-1], repr(raw)[2:-1], *_html(value))
    yield from (raw.hex(), raw.hex().upper())
    for before in range(3):
        encoded = _base64(raw, before)
        yield from (encoded, encoded.replace("+", "-").replace("/", "_"))


def _html(value: str) -> Iterable[str]:
    """With the marks of HTML escaped; quotes are written as they are, by name or by number."""
    text = value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    yield text
    for double, single in (("&quot;", "&#x27;"), ("&#34;", "&#39;"), ("&quot;", "&apos;"), ("&quot;", "'")):
        yield text.replace('"', double).replace("'", single)


def _base64(raw: bytes, before: int) -> str:
    """The characters that stand for these bytes alone, in the base64 of a text in which so many bytes precede them."""
    encoded = b2a_base64(b"\0" * before + raw, newline=False).decode()
    return encoded[(0, 2, 3)[before] : (before + len(raw)) * 8 // 6]
