"""A plan of the session and the acts it gives out, as the controller of xdist holds them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchharness.core.plan import Plan
    from orchharness.pytest_plugin.reports import Target
    from orchharness.run.act import ActRequest
    from orchharness.run.drive import PlanRun


class LivePlan:
    """A plan file of the session: its run, and where its items stand in the collection."""

    def __init__(self, plan: Plan, path: Path) -> None:
        self.plan, self.path = plan, path
        self.known = {*plan.tasks, *plan.gates}
        self.index: dict[str, int] = {}
        self.targets: dict[str, Target] = {}
        self.unreported: dict[str, None] = {}
        self.run: PlanRun | None = None
        self.over = False


class Job:
    """An act to be executed by a worker; `deaths` are the workers that died over it."""

    def __init__(self, live: LivePlan, request: ActRequest) -> None:
        self.live, self.request = live, request
        self.deaths = 0

    @property
    def index(self) -> int:
        """The place of its item in the collection."""
        return self.live.index[self.request.item]

    @property
    def track(self) -> tuple[str, str]:
        """What should keep to one worker."""
        spec = self.live.plan.item(self.request.item)
        return (spec.phase, spec.track)
