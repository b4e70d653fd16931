"""Acts that run already while every worker executes another one: the controller watches them itself.

After a resume there may be more of them than workers. Their limits hold and their results come in all the same.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from orchharness.run.handles import stored_handle
from orchharness.run.runner import Runner

if TYPE_CHECKING:
    from orchharness.pytest_plugin.controller import LivePlans
    from orchharness.pytest_plugin.live import Job

_LOOK = 0.2  # seconds between looks


class Surplus:
    """Watches acts and starts none."""

    def __init__(self, live: LivePlans) -> None:
        self._live = live
        self._runner: Runner | None = None
        self._jobs: dict[str, Job] = {}

    @property
    def jobs(self) -> tuple[Job, ...]:
        """What is watched here."""
        return tuple(self._jobs.values())

    @property
    def look_at(self) -> float | None:
        """When to look again, in seconds since the epoch; None when nothing is watched."""
        return time.time() + _LOOK if self._jobs else None

    def take(self, job: Job) -> bool:
        """Whether the act is watched here from now on: it runs, and no worker died over it.

        What killed a worker would kill the controller, and what has no handle would be started here.
        """
        request = job.request
        if job.deaths or stored_handle(request.folder, request.key) is None:
            return False
        if self._runner is None:
            self._runner = Runner(self._live.host)
        self._jobs[request.key] = job
        self._runner.start(request)
        return True

    def look(self) -> None:
        """Tell what has ended since."""
        if self._runner is None:
            return
        for result in self._runner.wait(0):
            self._live.finish(self._jobs[result.key], result)
            del self._jobs[result.key]

    def close(self) -> tuple[Job, ...]:
        """Watch nothing any more; the acts, which go on."""
        left = self.jobs
        self._jobs.clear()
        if self._runner is not None:
            self._runner.close()
            self._runner = None
        return left
