"""The xdist worker's side: it executes one act at a time and reports nothing.

A worker fetches its next index before it runs the current one, so it never runs the last one it holds: the
collection ends with a parked item, every order is `[item, parked]`, and the parked item is swallowed.
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from orchharness.pytest_plugin.collector import PlanItem
from orchharness.pytest_plugin.plans import plans_of
from orchharness.run.act import read_request
from orchharness.run.runner import Runner

PARKED = "orchharness-parked"
_LOOK = 0.5  # seconds between looks whether the controller is still there


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


def park(session: pytest.Session, items: list[pytest.Item]) -> None:
    """Let plan items execute acts, and end the collection with the parked item."""
    for item in items:
        if isinstance(item, PlanItem):
            item.orch_protocol = partial(_execute, item)
    parked: Any = ParkedItem.from_parent(session, name=PARKED)
    items.append(parked)
    _tell_notes(session.config)


def _tell_notes(config: pytest.Config) -> None:
    """Put down what there is to say of the collection: only the controller has a terminal."""
    given: dict[str, Any] = config.workerinput  # type: ignore[attr-defined]
    notes = plans_of(config).terminal.take_notes()
    if notes and "orch_dispatch" in given:
        Path(given["orch_dispatch"], f"{given['workerid']}.notes").write_text(json.dumps(notes))


def _execute(item: PlanItem) -> bool | None:
    """Execute the act that the controller put down for this worker.

    Returns:
        None when it put down nothing: another scheduler sent the item, which then says so itself.
    """
    config = item.config
    given: dict[str, Any] = config.workerinput  # type: ignore[attr-defined]
    try:
        folder = Path(os.fsdecode(Path(given["orch_dispatch"], given["workerid"]).read_bytes()))
    except (KeyError, FileNotFoundError):
        return None
    with _interrupts_ignored():
        try:
            _run(config, folder, Path(given["orch_dispatch"]))
        except Exception as error:  # noqa: BLE001 - a worker that breaks takes ordinary tests with it
            # The controller finds no result, and says what is written here.
            with suppress(OSError):
                (folder / "fault").write_text(f"{type(error).__name__}: {error}")
    return True


def _run(config: pytest.Config, folder: Path, dispatch: Path) -> None:
    runner = Runner(plans_of(config).host)
    parent = os.getppid()
    try:
        runner.start(read_request(folder))
        # When the controller leaves or is gone nobody waits for the act: who resumes the run finds it.
        while not runner.wait(_LOOK) and os.getppid() == parent and dispatch.exists():
            pass
    finally:
        runner.close()


@contextmanager
def _interrupts_ignored() -> Iterator[None]:
    """Ctrl-C reaches controller and workers at once; only the orchestrator cancels.

    A handler that does nothing, not SIG_IGN: processes that are started here would inherit that.
    """
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
