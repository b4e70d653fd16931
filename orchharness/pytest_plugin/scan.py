"""Which plans a session with xdist is about, found from its arguments before anything is collected.

The controller never collects; it reads the plan files itself, once, and hands the bytes to the workers, so that
a replaced worker does not see an edited file.
"""

from __future__ import annotations

import os
from contextlib import suppress
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from _pytest.pathlib import fnmatch_ex

from orchharness.pytest_plugin import RUNS, is_plan, is_recording

if TYPE_CHECKING:
    from orchharness.core.plan import Plan

_SCAN: pytest.StashKey[Scan] = pytest.StashKey()
_ENVIRONMENT = ("pyvenv.cfg", "conda-meta")  # what tells pytest that a folder is a virtual environment


class Scan:
    """What the arguments name or hold: plans, and whether there are files of ordinary tests."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._skip = config.getini("norecursedirs")
        self._runs = config.stash.get(RUNS, None)
        self._tests = config.getini("python_files")
        self.texts: dict[str, bytes] = {}
        self.ordinary = False
        for argument in config.args:
            start = config.invocation_params.dir / str(argument).split("::", 1)[0]
            self._look(os.path.abspath(start))  # noqa: PTH100 - as pytest does: links are not resolved

    def _look(self, start: str) -> None:
        if not os.path.isdir(start):  # noqa: PTH112
            self._file(*os.path.split(start))
            return
        for folder, folders, files in os.walk(start, followlinks=True):  # as pytest does
            folders[:] = sorted(f for f in folders if self._goes_into(os.path.join(folder, f)))  # noqa: PTH118
            for name in sorted(files):
                self._file(folder, name)

    def _goes_into(self, path: str) -> bool:
        if (
            path == self._runs
            or is_recording(path)
            or any(fnmatch_ex(pattern, Path(path)) for pattern in self._skip)
        ):
            return False
        return not any(os.path.exists(os.path.join(path, sign)) for sign in _ENVIRONMENT)  # noqa: PTH110, PTH118

    def _file(self, folder: str, name: str) -> None:
        if is_plan(self._config, name):
            path = Path(folder, name)
            with suppress(OSError):  # collecting it will say why
                self.texts[str(path)] = path.read_bytes()
        elif not self.ordinary and name.endswith(".py"):
            self.ordinary = any(fnmatch(name, pattern) for pattern in self._tests)


def scan(config: pytest.Config) -> Scan:
    """What the session's arguments name or hold; looked for once."""
    found = config.stash.get(_SCAN, None)
    if found is None:
        config.stash[_SCAN] = found = Scan(config)
    return found


def plan_texts(config: pytest.Config) -> dict[str, bytes]:
    """Absolute path -> bytes of every plan file the arguments name or hold, as they were at the start."""
    return scan(config).texts


def useful_workers(config: pytest.Config) -> int | None:
    """As many workers as the plans can use at once; None when something else should decide.

    Where there are ordinary tests as well, no fewer than these would get without plans.

    Raises:
        UsageError: a plugin breaks the rules of the hooks.
    """
    texts = plan_texts(config)
    if not texts or os.environ.get("PYTEST_XDIST_AUTO_NUM_WORKERS"):
        return None
    from orchharness.errors import OrchError
    from orchharness.pytest_plugin.dispatch import plans_or_usage

    plans = plans_or_usage(config)
    in_root, of_their_own = [0], 0
    for path, text in texts.items():
        try:
            plan = plans.read(Path(path), text)
        except OrchError:
            continue  # collecting it will say why
        width = min(useful_width(plan), plan.parallel)
        if plan.copy is None:
            in_root.append(width)
        else:
            of_their_own += width
    return max(1, max(in_root) + of_their_own, _for_tests(config))


def _for_tests(config: pytest.Config) -> int:
    """How many workers the session would have without us, if it has ordinary tests."""
    if not scan(config).ordinary:
        return 0
    from orchharness import pytest_plugin

    ask = config.pluginmanager.subset_hook_caller("pytest_xdist_auto_num_workers", [pytest_plugin])
    return int(ask(config=config) or 0)


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
