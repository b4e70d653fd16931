"""Where pytest finds orchharness.

pytest rewrites the asserts of every module of a plugin's distribution, which compiles all of them at each start
where its own bytecode cannot be kept (measured: 0.4 s for ours). So this module, the one that pytest imports by
itself, does nothing but make the others come from their ordinary bytecode, and name the plugin. PYTEST_DONT_REWRITE
"""

from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec, PathFinder
from typing import Any

pytest_plugins = ("orchharness.pytest_plugin",)


class AsTheyAre:
    """Imports our modules as Python does."""

    @staticmethod
    def find_spec(name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """The ordinary place of one of our modules."""
        return PathFinder.find_spec(name, path, target) if name.startswith("orchharness.") else None


sys.meta_path.insert(0, AsTheyAre)
