"""What a pytest session knows of plans: the plugins, the options, the plans read and their runs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from orchharness.errors import OrchError
from orchharness.plugins import PluginHost
from orchharness.pytest_plugin import LATE, PLANS, is_worker
from orchharness.pytest_plugin.terminal import Terminal
from orchharness.run.reporting import ReportHelper

if TYPE_CHECKING:
    from orchharness.core.plan import Plan
    from orchharness.run.drive import Surroundings
    from orchharness.run.opening import Beginning
    from orchharness.run.surroundings import Tape

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
        self.tags: set[str] = set()  # registered as markers
        self.pulled_in: dict[Path, frozenset[str]] = {}  # plan file -> items that only others need
        self.fragments: dict[str, bytes] = {}  # with workers: as they were when the session began
        self.reports = ReportHelper()
        self.host = PluginHost.load()
        self.conftests: list[str] = []
        self._read: dict[Path, Plan] = {}
        self._refuse_late_conftests()
        for plugin in config.pluginmanager.get_plugins():
            self._bridge(plugin)
        if _runs_here(config):
            self.reports.start(self.host)
            config.add_cleanup(self.reports.close)

    def _bridge(self, plugin: object) -> None:
        """Offer a pytest plugin's orchharness hooks to the host."""
        if not any(n.startswith(HOOK_PREFIX) for n in dir(plugin)):
            return
        name = self.config.pluginmanager.get_name(plugin) or repr(plugin)
        file = _file(plugin)
        if self.host.register(plugin, name) and file:
            self.conftests.append(file)  # judgements have processes of their own, which import it

    def _refuse_late_conftests(self) -> None:
        """Only conftests that pytest loads at its start are there in every process of a session.

        Raises:
            OrchError: another one has hooks.
        """
        for plugin in self.config.stash.get(LATE, ()):
            path = _conftest(plugin)
            if path is not None:
                msg = (
                    f"{path} has orchharness hooks, but pytest loads it too late for them; "
                    "move them to the conftest.py of the root folder, or name its folder on the command line"
                )
                raise OrchError(msg)

    def register_late(self, plugin: object) -> None:
        """A plugin that came while plans are being read.

        Raises:
            CollectError: it has hooks, and comes too late for them.
        """
        try:
            self._refuse_late_conftests()
            self._bridge(plugin)
        except OrchError as error:
            raise pytest.Collector.CollectError(str(error)) from None

    @property
    def known(self) -> Mapping[Path, Plan]:
        """The plans that were read, by their files."""
        return self._read

    def variables(self) -> dict[str, str]:
        """What `--orch-var` gave."""
        return dict(text.split("=", 1) for text in self.config.getoption("orch_var"))

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
            given = self.config.workerinput  # type: ignore[attr-defined]
            text, self.fragments = given.get("orch_plans", {}).get(str(path)), given.get("orch_fragments", {})
            if text is None:
                msg = f"{path}: not found where -n looks for plans; name the file or its folder on the command line"
                raise OrchError(msg)
        plan = read_plan(
            path,
            root=self.config.rootpath,
            kinds=self.host.kinds,
            critic_kinds=self.host.critic_kinds,
            variables=self.variables(),
            cwd=self.config.invocation_params.dir,
            text=text,
            strict=self.config.getoption("orch_strict"),
            files=self.fragments,
        )
        self._read[path] = plan
        return plan

    def beginning(self, path: Path) -> Beginning:
        """How the run of that plan file begins."""
        from orchharness.run.opening import Beginning

        option = self.config.option
        if option.orch_resume is not None:
            return Beginning(resume=True, run=option.orch_resume or None)
        pulled_in = None if option.orch_reuse or option.orch_fresh else self.pulled_in.get(path)
        return Beginning(reuse=option.orch_reuse, pulled_in=pulled_in)

    def tape(self, plan: Plan) -> Tape | None:
        """What records the run of that plan, or replays it; None when it simply runs."""
        option = self.config.option
        if not (option.orch_record or option.orch_replay or plan.replay):
            return None
        from orchharness.recording import Recorder, Replayer, has_models, recording_of

        folder = recording_of(plan, self.config.invocation_params.dir)
        if not (has_models(plan) or plan.replay or folder.exists or option.orch_record == "all"):
            return None  # there is nothing to record, and nothing that must not be carried out
        if not option.orch_record:
            return Replayer(folder)
        return Recorder(folder, everything=option.orch_record == "all", versions=self.host.versions())

    def surroundings(self, plan: Plan) -> Surroundings:
        """What a run of the plan is started in.

        Raises:
            UsageError: there is nowhere to keep runs.
        """
        from orchharness.run.directory import project_home
        from orchharness.run.drive import Surroundings

        option = self.config.getoption("orch_dir") or self.config.getini("orch_dir") or None
        try:
            home = project_home(self.config.rootpath, option)
        except OrchError as error:
            raise pytest.UsageError(str(error)) from None
        return Surroundings(
            root=self.config.rootpath,
            home=home,
            host=self.host,
            versions=self.host.versions(),
            plugins=tuple(self.conftests),
            variables=self.variables(),
            reports=self.reports,
            tape=self.tape(plan),
            strict=self.config.option.orch_strict,
            waits=self.config.option.orch_wait or self.config.option.orch_ask,
        )


def _runs_here(config: pytest.Config) -> bool:
    """Whether this process will run plans: xdist's controller does, too, and has no threads yet when it asks."""
    option = config.option
    idle = option.collectonly or option.orch_explain
    return not (is_worker(config) or idle)


def _file(plugin: object) -> str | None:
    """The absolute path of a plugin that is a module."""
    path = getattr(plugin, "__file__", None)
    return str(Path(path).resolve()) if path else None


def _conftest(plugin: object) -> str | None:
    """The absolute path of a plugin that is a conftest."""
    path = _file(plugin)
    return path if path and Path(path).name == "conftest.py" else None
