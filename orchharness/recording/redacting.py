"""What is taken out of everything that is recorded: a recording is committed, and read by everybody."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING

from orchharness.redact import Redactor
from orchharness.run.former import former
from orchharness.run.hidden import redactor_of

if TYPE_CHECKING:
    from orchharness.run.parts import Parts

_SHORTEST = 12  # characters; what is shorter could be an ordinary word
_NAMED = re.compile(r"(?:^|_)(?:KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIALS?)(?:$|_)")


def recorded_by(parts: Parts) -> Callable[[str], str]:
    """Takes out what the run hides, and the values of all variables that are called like secrets."""
    names = tuple(n for n, v in sorted(os.environ.items()) if _NAMED.search(n) and len(v) >= _SHORTEST)
    return _made((*parts.hidden, *names), (*(os.environ.get(n, "") for n in names), *former())).text


def asked_by(parts: Parts) -> Callable[[str], str]:
    """Takes out what the run hides: what else this machine has for variables must not make a difference."""
    return redactor_of(parts.hidden).text


@lru_cache(maxsize=4)
def _made(names: tuple[str, ...], values: tuple[str, ...]) -> Redactor:
    del values  # of another environment another redactor
    return redactor_of(names)
