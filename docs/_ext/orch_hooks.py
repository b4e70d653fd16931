"""The hooks, from their specifications, and what crosses them."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable
from typing import Any, get_type_hints

from orch_markdown import record


def hooks() -> str:
    """Every hook: its signature and what its specification says; then the values that cross them."""
    from orchharness import hookspecs

    specs = [getattr(hookspecs, name) for name in hookspecs.HOOKS]
    return "\n".join(
        [*map(_hook, specs), "## What is handed over\n", *(record(one, 3) for one in _handed_over(specs))]
    )


def _handed_over(specs: Iterable[Callable[..., Any]]) -> Iterable[type[Any]]:
    """The public records that the hooks' signatures name, and those that stand in their fields."""
    import orchharness

    texts = [str(inspect.signature(spec)) for spec in specs]
    found: dict[str, type[Any]] = {}
    for text in texts:
        for word in re.findall(r"\w+", text.replace("PollResult", str(orchharness.PollResult))):
            one = getattr(orchharness, word, None)
            if word not in found and hasattr(one, "__dataclass_fields__"):
                found[word] = one
                texts += map(str, get_type_hints(one).values())
    return found.values()


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
