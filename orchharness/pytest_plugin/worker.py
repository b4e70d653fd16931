"""The xdist worker's side: it executes one act at a time and reports nothing.

A worker fetches its next index before it runs the current one, so it never runs the last one it holds: the
collection ends with a parked item, every order is `[item, parked]`, and the parked item is swallowed.
"""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import pytest

from orchharness.pytest_plugin.collector import PlanItem
from orchharness.pytest_plugin.plans import plans_of
from orchharness.run.act import read_request
from orchharness.run.runner import Runner

PARKED = "orchharness-parked"


class ParkedItem(pytest.Item):
    """What a worker holds while it has nothing to do."""

    def runtest(self) -> None:
        """Never called: the protocol swallows it."""

    def orch_protocol(self) -> bool:
        """Nothing to do."""
        return True

    def reportinfo(self) -> tuple[Path, int, str]:
        """No place."""
        return self.path, 0, PARKED


def ignore_interrupts() -> None:
    """Ctrl-C reaches controller and workers at once; only the orchestrator cancels."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def park(session: pytest.Session, items: list[pytest.Item]) -> None:
    """Let plan items execute acts, and end the collection with the parked item."""
    for item in items:
        if isinstance(item, PlanItem):
            item.orch_protocol = lambda item=item: _execute(item)  # type: ignore[misc]
    parked: Any = ParkedItem.from_parent(session, name=PARKED)
    items.append(parked)


def _execute(item: PlanItem) -> bool:
    """Execute the act that the controller put down for this worker."""
    given: dict[str, Any] = item.config.workerinput  # type: ignore[attr-defined]
    folder = Path(Path(given["orch_dispatch"], given["workerid"]).read_text())
    runner = Runner(plans_of(item.config).host)
    try:
        runner.start(read_request(folder))
        while not runner.wait(None):
            pass
    finally:
        runner.close()
    return True
