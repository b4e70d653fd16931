"""Which plans a session with xdist is about, found from its arguments before anything is collected.

The controller never collects; it reads the plan files itself, once, and hands the bytes to the workers, so that
a replaced worker does not see an edited file.
"""

from __future__ import annotations

import os
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from orchharness.pytest_plugin import is_plan

if TYPE_CHECKING:
    from orchharness.core.plan import Plan

_TEXTS: pytest.StashKey[dict[str, bytes]] = pytest.StashKey()


def plan_texts(config: pytest.Config) -> dict[str, bytes]:
    """Absolute path -> bytes of every plan file the arguments name or hold; looked for once."""
    found = config.stash.get(_TEXTS, None)
    if found is None:
        config.stash[_TEXTS] = found = {}
        for argument in config.args:
            start = Path(config.invocation_params.dir, str(argument).split("::", 1)[0])
            for path in _plans_below(config, start):
                try:
                    found[str(path)] = path.read_bytes()
                except OSError:
                    continue  # collecting it will say why
    return found


def _plans_below(config: pytest.Config, start: Path) -> list[Path]:
    if start.is_file():
        return [start] if is_plan(config, start.name) else []
    skip = config.getini("norecursedirs")
    found = []
    for folder, folders, files in os.walk(start):
        folders[:] = sorted(f for f in folders if not any(fnmatch(f, pattern) for pattern in skip))
        found += [Path(folder, f) for f in sorted(files) if is_plan(config, f)]
    return found


def useful_workers(config: pytest.Config) -> int | None:
    """As many workers as the plans can use at once; None when there is no plan, or none that can be read."""
    texts = plan_texts(config)
    if not texts:
        return None
    from orchharness.errors import OrchError
    from orchharness.pytest_plugin.plans import plans_of

    in_root, of_their_own = [0], 0
    for path, text in texts.items():
        try:
            plan = plans_of(config).read(Path(path), text)
        except OrchError:
            continue  # collecting it will say why
        width = min(useful_width(plan), plan.parallel)
        if plan.copy is None:
            in_root.append(width)
        else:
            of_their_own += width
    return max(1, max(in_root) + of_their_own)


def useful_width(plan: Plan) -> int:
    """The most tasks that stand at one depth of the graph: a good guess of how many can run at once."""
    depth: dict[str, int] = {}

    def of(start: str) -> int:
        stack = [start]
        while stack:
            node = stack[-1]
            needs = plan.groups[node] if node in plan.groups else plan.item(node).needs
            open_ = [n for n in needs if n not in depth]
            if open_:
                stack.extend(open_)
                continue
            stack.pop()
            step = 0 if node in plan.groups else 1
            depth[node] = step + max((depth[n] for n in needs), default=0)
        return depth[start]

    levels: dict[int, int] = {}
    for task in plan.tasks:
        level = of(task)
        levels[level] = levels.get(level, 0) + 1
    return max(levels.values(), default=1)
