"""Templates: Jinja in a sandbox, with strict undefined and bounded output.

Jinja is imported when the first text that is a template is rendered. Values are data: what they contain is
never rendered again. The values offered are str, int, list, dict and `Paths`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchharness.core.plan import is_template
from orchharness.errors import OrchError
from orchharness.workspace.documents import NotJsonError, parse_json
from orchharness.workspace.files import shown

if TYPE_CHECKING:
    from jinja2 import Template

CAP = 1 << 20
_MOST_TURNS = 100_000  # of all `range` loops of one rendering together
_MOST_BITS = 10_000
_WIDE = re.compile(r"%[^%A-Za-z]*(?:\d{6}|\*)")  # `"%999999999d" % 1`


class Paths:
    """The files of one input or output, as a template sees them.

    As text it is the path, or the paths, one a line. `paths` holds them all, `json` is what is in the file
    (a list of that where an input is `gathered`, or several files belong to it).
    """

    def __init__(self, paths: Sequence[str | Path], *, gathered: bool = False) -> None:
        self.paths = tuple(str(path) for path in paths)
        self._gathered = gathered or len(self.paths) != 1

    def __str__(self) -> str:
        return "\n".join(self.paths)

    def __repr__(self) -> str:
        return f"Paths({list(self.paths)!r})"

    def __iter__(self) -> Iterator[str]:
        return iter(self.paths)

    def __len__(self) -> int:
        return len(self.paths)

    @property
    def json(self) -> Any:
        """The parsed content.

        Raises:
            OrchError: a file is not strict JSON, or cannot be read.
        """
        parsed = [_parsed(path) for path in self.paths]
        return parsed if self._gathered else parsed[0]


def render(text: str, values: Mapping[str, Any], *, cap: int = CAP) -> str:
    """The text with its template parts filled in; text without any is returned as it is.

    Args:
        text: The template.
        values: Name -> value.
        cap: How many characters the result may have.

    Raises:
        OrchError: the template does not parse, names what is not there, fails, or its result is too long.
    """
    if not is_template(text):
        return text
    try:
        pieces, length = [], 0
        for piece in _compile(text).generate({"range": _bounded_range(), **values}):
            pieces.append(piece)
            length += len(piece)
            if length > cap:
                break
    except Exception as error:  # whatever goes wrong inside a template is the template's fault
        msg = f"cannot render {_beginning(text)}: {_reason(error)}"
        raise OrchError(msg) from error
    if length > cap:
        msg = f"cannot render {_beginning(text)}: the result is longer than {cap} characters"
        raise OrchError(msg)
    return "".join(pieces)


def _parsed(path: str) -> Any:
    try:
        return parse_json(Path(path).read_bytes())
    except NotJsonError as error:
        msg = f"{shown(path)} {error}"
        raise OrchError(msg) from None
    except OSError as error:
        msg = f"{shown(path)} cannot be read: {error.strerror}"
        raise OrchError(msg) from None


def _bounded_range() -> Callable[..., range]:
    """A `range` that lends out a fixed number of turns in all: nested loops multiply."""
    left = _MOST_TURNS

    def bounded(*args: int) -> range:
        nonlocal left
        result = range(*args)
        left -= len(result)
        if left < 0:
            msg = f"more than {_MOST_TURNS} turns of `range` loops"
            raise OverflowError(msg)
        return result

    return bounded


@lru_cache(maxsize=256)
def _compile(text: str) -> Template:
    return _environment()(text)


@cache
def _environment() -> Callable[[str], Template]:
    """The compiler of templates. Made once: the import alone costs 50 ms."""
    from jinja2 import StrictUndefined
    from jinja2.runtime import Context
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    class Environment(ImmutableSandboxedEnvironment):
        """The sandbox; names in a mapping go before its methods, so that an input may be called `items`."""

        intercepted_binops = frozenset({"*", "**", "%"})

        def getattr(self, obj: Any, attribute: str) -> Any:
            if isinstance(obj, Mapping) and attribute in obj:
                return obj[attribute]
            return super().getattr(obj, attribute)

        def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
            _refuse_huge(operator, left, right)
            return super().call_binop(context, operator, left, right)

    environment = Environment(undefined=StrictUndefined, autoescape=False, keep_trailing_newline=True)
    return environment.from_string


def _refuse_huge(operator: str, left: Any, right: Any) -> None:
    """`"x" * 10**9` would be in memory before anything could be counted."""
    for many, few in ((left, right), (right, left)):
        if isinstance(few, int) and isinstance(many, str | bytes | list | tuple) and len(many) * few > CAP:
            msg = "a repetition is too long"
            raise OverflowError(msg)
    if operator == "%" and isinstance(left, str) and _WIDE.search(left):
        msg = "a field is too wide"
        raise OverflowError(msg)
    whole = isinstance(left, int) and isinstance(right, int)
    if operator == "**" and whole and left.bit_length() * abs(right) > _MOST_BITS:
        msg = "a power is too large"
        raise OverflowError(msg)


def _reason(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    line = getattr(error, "lineno", None)
    text = str(error) or type(error).__name__
    return f"{text} (line {line})" if line else text


def _beginning(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:60] + "…")
