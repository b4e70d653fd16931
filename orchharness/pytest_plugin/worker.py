"""The xdist worker's side: it executes one act at a time and reports nothing.

A worker fetches its next index before it runs the current one, so it never runs the last one it holds: the
collection ends with a parked item, every order is `[item, parked]`, and the parked item is swallowed.
"""

from __future__ import annotations

import json
import os
import shutil
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

    def reportinfo(self) -> tuple[Path, int, str]:
        """No place."""
        return self.path, 0, PARKED


class Parking:
    """Swallows the parked item; at the end it does for ordinary tests what the last of them could not do."""

    def __init__(self) -> None:
        self._last: pytest.Item | None = None

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
        """Nothing to run, except the teardown of the session's fixtures when nothing comes any more."""
        if not isinstance(item, ParkedItem):
            self._last = self._last if isinstance(item, PlanItem) else item
            return None
        if nextitem is None and self._last is not None:
            self._tear_down(self._last, item.session)
        return True

    @staticmethod
    def _tear_down(last: pytest.Item, session: pytest.Session) -> None:
        """The last test believed that another one comes, so fixtures of the session are still there."""
        state = session._setupstate  # noqa: SLF001 - else pytest does it where nobody reports what goes wrong
        call = pytest.CallInfo.from_call(lambda: state.teardown_exact(None), when="teardown")
        if call.excinfo is not None:
            session.items[-1] = last  # xdist looks whether a report is of the item that it runs
            report = pytest.TestReport.from_item_and_call(last, call)
            session.config.hook.pytest_runtest_logreport(report=report)


def park(session: pytest.Session, items: list[pytest.Item]) -> None:
    """Let plan items execute acts, and end the collection with the parked item."""
    for item in items:
        if isinstance(item, PlanItem):
            item.orch_protocol = partial(_execute, item)
    parked: Any = ParkedItem.from_parent(session, name=PARKED)
    items.append(parked)
    session.config.pluginmanager.register(Parking(), "orchharness-parking")
    _tell(session.config, items)


def _tell(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put down what the controller cannot see of the collection, and what only it can say on a terminal."""
    given: dict[str, Any] = config.workerinput  # type: ignore[attr-defined]
    if "orch_dispatch" not in given:
        return
    # Files outside the root folder have no name in node ids.
    files: dict[str, list[str]] = {}
    for file in dict.fromkeys(item.plan_file for item in items if isinstance(item, PlanItem)):
        files.setdefault(file.nodeid, []).append(str(file.path))
    plans = plans_of(config)
    told = {
        "notes": list(plans.terminal.take_notes()),
        "files": files,
        "pulled_in": {str(path): sorted(items) for path, items in plans.pulled_in.items()},
    }
    with suppress(FileNotFoundError):  # the controller has left
        Path(given["orch_dispatch"], f"{given['workerid']}.told").write_text(json.dumps(told))


def _execute(item: PlanItem) -> bool | None:
    """Execute the act that the controller put down for this worker.

    Returns:
        None when it put down nothing: another scheduler sent the item, which then says so itself.
    """
    config = item.config
    given: dict[str, Any] = config.workerinput  # type: ignore[attr-defined]
    try:
        order = Path(given["orch_dispatch"], given["workerid"])
        folder = Path(os.fsdecode(order.read_bytes()))
        order.replace(order.with_suffix(".taken"))
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
        if os.getppid() != parent:
            shutil.rmtree(dispatch, ignore_errors=True)


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
