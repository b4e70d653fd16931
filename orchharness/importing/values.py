"""Reading other people's values: texts made harmless, paths kept only when safe, times, numbers, weights."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from typing import Final

from orchharness.planfile.nodes import Mapping, Node, Scalar, Sequence
from orchharness.planfile.outputs import RUN
from orchharness.planfile.paths import workspace_path
from orchharness.planfile.problems import FieldError

MAX_TITLE: Final = 160
_BREAKS: Final = re.compile("\r\n|[\r\x85\u2028\u2029]")
_HIDDEN: Final = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ufff9-\uffff\ud800-\udfff]"
)
_TEMPLATE: Final = re.compile(r"\{[{%#]")
_TIME: Final = re.compile(
    r"~?\s*(\d{1,6}(?:\.\d{1,4})?)\s*(h|hrs?|hours?|m|mins?|minutes?|s|secs?|seconds?|d|days?)", re.IGNORECASE
)
_SECONDS: Final = {"h": 3600, "m": 60, "s": 1, "d": 86400}
_NUMBER: Final = re.compile(r"(?:>=|>|≥|=|at least)?\s*(\d{1,3}(?:\.\d{1,12})?)\s*(%?)", re.IGNORECASE)
_TOO_LONG: Final = 3650 * 86400


def text(node: Node | None) -> str | None:
    """The text of a scalar, without what a terminal or a reader could be fooled by; None for anything else."""
    if not isinstance(node, Scalar) or node.value is None:
        return None
    return cleaned(node.text) or None


def cleaned(value: str) -> str:
    """The text with plain line ends, and without control and direction characters."""
    return _HIDDEN.sub("", _BREAKS.sub("\n", value)).strip()


def line(node: Node | None) -> str | None:
    """The text on one line, cut at `MAX_TITLE`."""
    value = text(node)
    if value is None:
        return None
    value = " ".join(value.split())
    return value if len(value) <= MAX_TITLE else value[: MAX_TITLE - 1] + "…"


def as_text(value: str) -> str:
    """The text for a place where templates are rendered, so that it stays what it is."""
    return _TEMPLATE.sub(lambda match: "{{ '" + match.group() + "' }}", value)


def words(node: Node | None) -> Iterator[Scalar]:
    """The words of a list of words, or of one word; `a, b` in one text are two."""
    for item in node.items if isinstance(node, Sequence) else [node]:
        if not isinstance(item, Scalar) or item.value is None or not item.text.strip():
            continue
        parts = item.text.split(",") if re.fullmatch(r"[\w.-]+(\s*,\s*[\w.-]+)+", item.text) else [item.text]
        for part in parts:
            yield Scalar(item.line, item.column, part.strip(), item.plain)


def lines(node: Node | None) -> list[str]:
    """What a list says, a line each; of mappings, what they are called."""
    found = []
    for item in node.items if isinstance(node, Sequence) else [node] if node else []:
        inner = item
        if isinstance(item, Mapping):
            named = [
                item.value(k) for k in ("description", "question", "name", "title", "item", "id", "path")
            ]
            inner = next((n for n in named if isinstance(n, Scalar)), item)
        said = text(inner)
        if said:
            found.append(" ".join(said.split()))
    return found


def mappings_in(tree: Node) -> Iterator[Mapping]:
    """All mappings of the tree, each once, whatever aliases lead to it."""
    pending, seen = [tree], set[int]()
    while pending:
        node = pending.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, Sequence):
            pending += node.items
        elif isinstance(node, Mapping):
            yield node
            pending += [value for _, value in node.entries.values()]


def number(node: Node | None) -> Decimal | None:
    """A number, also as `>= 0.9` or `90%`."""
    match = _NUMBER.fullmatch(node.text.strip()) if isinstance(node, Scalar) else None
    if match is None:
        return None
    try:
        value = Decimal(match.group(1))
    except InvalidOperation:
        return None
    return value / 100 if match.group(2) else value


def ratio(node: Node | None) -> Decimal | None:
    """A number from 0 to 1; 2 to 100 are taken for percents."""
    value = number(node)
    if value is None or value > 100:
        return None
    return value if value <= 1 else value / 100


def count(node: Node | None) -> int | None:
    """A whole number from 1 to 1000."""
    value = number(node)
    return (
        int(value)
        if value is not None and value == value.to_integral_value() and 1 <= value <= 1000
        else None
    )


def plain(value: Decimal) -> str:
    """The number as people write it."""
    return f"{value.normalize():f}"


def duration(node: Node | None, unit: str | None = None) -> str | None:
    """A time span of the plan language; a bare number takes `unit` (h, m, s or d), where there is one."""
    if not isinstance(node, Scalar):
        return None
    said = node.text.strip()
    if re.fullmatch(r"\d{1,6}(\.\d{1,4})?", said):
        return spelled(float(said) * _SECONDS[unit]) if unit else None
    found = list(_TIME.finditer(said))
    if not found or _TIME.sub("", said).strip(" ,."):
        return None
    return spelled(sum(float(m.group(1)) * _SECONDS[m.group(2)[0].lower()] for m in found))


def spelled(seconds: float) -> str | None:
    """`1h30m` for 5400; None when it is no time that a plan takes."""
    whole = round(seconds)
    if not 0 < whole <= _TOO_LONG:
        return None
    hours, rest = divmod(whole, 3600)
    minutes, rest = divmod(rest, 60)
    return "".join(f"{n}{u}" for n, u in ((hours, "h"), (minutes, "m"), (rest, "s")) if n)


def path(value: str) -> str | None:
    """The path as a plan takes it for an output; None when it is not a plain one below the workspace."""
    value = value.strip()
    if not value or re.search(r"[\s{}<>|:\"'$`\\]", value) or value.startswith(RUN) or len(value) > 400:
        return None
    try:
        kept = workspace_path(value, Scalar(0, 0, value, plain=False))
    except FieldError:
        return None
    return f"{kept}/**" if value.endswith("/") else kept
