"""What a pytest session knows of plans: the plugins, the options, the plans read and their runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from orchharness.errors import Location, OrchError, PlanError, Problem
from orchharness.plugins import PluginHost
from orchharness.pytest_plugin import PLANS, is_worker
from orchharness.pytest_plugin.terminal import Terminal

if TYPE_CHECKING:
    from orchharness.core.plan import Plan
    from orchharness.run.drive import Surroundings

HOOK_PREFIX = "orchharness_"


def plans_of(config: pytest.Config) -> Plans:
    """The session's plans, made at the first call."""
    found = config.stash.get(PLANS, None)
    if found is None:
        config.stash[PLANS] = found = Plans(config)
    return found


class Plans:
    """One per session."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.terminal = Terminal(config)
        self.paused = False
        self.host = PluginHost.load()
        self.conftests: list[str] = []
        self._read: dict[Path, Plan] = {}
        for plugin in config.pluginmanager.get_plugins():
            self._bridge(plugin)

    def _bridge(self, plugin: object) -> None:
        """Offer a pytest plugin's orchharness hooks to the host."""
        names = plugin.__dict__ if isinstance(plugin, type(pytest)) else dir(type(plugin))
        if not any(n.startswith(HOOK_PREFIX) for n in names):
            return
        path = getattr(plugin, "__file__", None)
        name = self.config.pluginmanager.get_name(plugin) or repr(plugin)
        if self.host.register(plugin, name) and path and Path(path).name == "conftest.py":
            self.conftests.append(str(Path(path).resolve()))

    def register_late(self, plugin: object) -> None:
        """A plugin that came while plans are being read.

        Raises:
            UsageError: it has hooks, and comes too late for them, or only a worker would have them.
        """
        try:
            known = len(self.conftests)
            self._bridge(plugin)
        except OrchError as error:
            raise pytest.UsageError(str(error)) from None
        if is_worker(self.config) and len(self.conftests) > known:
            allowed = self.config.workerinput["orch_conftests"]  # type: ignore[attr-defined]
            if self.conftests[-1] not in allowed:
                msg = f"{self.conftests[-1]}: orchharness hooks must be in a conftest.py of the root or of an argument"
                raise pytest.UsageError(msg)

    def variables(self) -> dict[str, str]:
        """What `--orch-var` gave.

        Raises:
            OrchError: one is not NAME=VALUE.
        """
        found = {}
        for text in self.config.getoption("orch_var"):
            name, sign, value = text.partition("=")
            if not sign or not name:
                msg = f"--orch-var {text}: write NAME=VALUE"
                raise OrchError(msg)
            found[name] = value
        return found

    def read(self, path: Path, text: bytes | None = None) -> Plan:
        """The plan in that file, read once; in a worker, as the controller read it.

        Raises:
            PlanError: it is wrong; the error holds everything that is.
        """
        known = self._read.get(path)
        if known is not None:
            return known
        from orchharness.planfile import read_plan

        if text is None and is_worker(self.config):
            text = self.config.workerinput["orch_plans"].get(str(path))  # type: ignore[attr-defined]
        plan = read_plan(
            path,
            root=self.config.rootpath,
            kinds=self.host.kinds,
            critic_kinds=self.host.critic_kinds,
            variables=self.variables(),
            cwd=self.config.invocation_params.dir,
            text=text,
        )
        if plan.warnings and self.config.getoption("orch_strict"):
            raise PlanError([Problem(Location(str(path)), f"{w} (--orch-strict)") for w in plan.warnings])
        self._read[path] = plan
        return plan

    def surroundings(self) -> Surroundings:
        """What a run is started in."""
        from orchharness.run.directory import project_home
        from orchharness.run.drive import Surroundings

        option = self.config.getoption("orch_dir") or self.config.getini("orch_dir") or None
        return Surroundings(
            root=self.config.rootpath,
            home=project_home(self.config.rootpath, option),
            host=self.host,
            versions=self.host.versions(),
            plugins=tuple(self.conftests),
        )
