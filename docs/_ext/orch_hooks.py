"""The hooks, from their specifications, and what crosses them."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any

from orch_markdown import record


def hooks() -> str:
    """Every hook: its signature and what its specification says; then the values that cross them."""
    from orchharness import hookspecs
    from orchharness.core import acts

    parts = [_hook(getattr(hookspecs, name)) for name in hookspecs.HOOKS]
    named = [getattr(acts, name) for name in _values_of_hooks(hookspecs)]
    return "\n".join([*parts, "## What is handed over\n", *(record(one, 3) for one in named)])


def _values_of_hooks(module: Any) -> list[str]:
    """The records that the hooks' signatures name, and those that a union of them stands for."""
    from orchharness.core import acts

    words: list[str] = []
    for name in module.HOOKS:
        signature = inspect.signature(getattr(module, name))
        told = [p.annotation for p in signature.parameters.values()] + [signature.return_annotation]
        for text in map(str, told):
            words += re.findall(r"\w+", text.replace("PollResult", str(acts.PollResult)))
    return [
        word for word in dict.fromkeys(words) if hasattr(getattr(acts, word, None), "__dataclass_fields__")
    ]


def _hook(spec: Callable[..., Any]) -> str:
    about = inspect.getdoc(spec) or ""
    told, _, example = about.partition("Example:\n")
    signature = re.sub(r"'", "", str(inspect.signature(spec)))
    lines = [f"## `{spec.__name__}`", "", f"```text\n{spec.__name__}{signature}\n```", "", _prose(told)]
    if example:
        lines += ["", f"```python\n{inspect.cleandoc(example)}\n```", ""]
    return "\n".join(lines)


def _prose(text: str) -> str:
    """Sections of a Google docstring as a list: `When: …` is an entry, `Args:` with its indented lines, too."""
    out: list[str] = []
    for line in text.splitlines():
        head = re.match(r"(When|Result|Raising|Args|Returns):\s*(.*)", line)
        if head:
            out.append(f"* **{head[1]}**: {head[2]}" if head[2] else f"* **{head[1]}**:")
        elif line.startswith(" ") and out:
            out[-1] += " " + line.strip()
        else:
            out.append(line)
    blank = [line for i, line in enumerate(out) if line or not (i and out[i - 1].startswith("* "))]
    return "\n".join(blank).strip()
