"""What surrounds xdist's loop in a session with plan files: how workers are told things, signals, and the end.

An act is put down for a worker in a file, since an order to a worker can only be an index.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from orchharness.errors import OrchError
from orchharness.planfile import fragments_of
from orchharness.pytest_plugin import SCHEDULER
from orchharness.pytest_plugin.plans import plans_of
from orchharness.pytest_plugin.showing import Showing
from orchharness.pytest_plugin.signals import DetachError, Signals, detaches, left_text

if TYPE_CHECKING:
    from xdist.workermanage import WorkerController

    from orchharness.pytest_plugin.plans import Plans
    from orchharness.pytest_plugin.scheduler import PlanScheduling


class Dispatch:
    """A folder of this session alone. A worker looks there when it is told to run an item."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="orchharness-"))

    def put(self, node: WorkerController, folder: str) -> None:
        """The folder of the act that the worker executes next."""
        target = self._of(node)
        target.with_suffix(".taken").unlink(missing_ok=True)
        part = target.with_suffix(".part")
        part.write_bytes(os.fsencode(folder))
        part.replace(target)

    def taken(self, node: WorkerController) -> bool:
        """Whether the worker has begun with what was put down for it last."""
        return self._of(node).with_suffix(".taken").exists()

    def told(self, node: WorkerController) -> dict[str, Any]:
        """What the worker put down about its collection: `files`, node id -> paths of plans, `pulled_in` and `notes`."""
        try:
            found: dict[str, Any] = json.loads(self._of(node).with_suffix(".told").read_bytes())
        except FileNotFoundError:
            return {"files": {}, "notes": [], "pulled_in": {}}
        return found

    def close(self) -> None:
        """Nothing is put down any more, and what is there is not found."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _of(self, node: WorkerController) -> Path:
        return self.folder / str(node.workerinput["workerid"])


DISPATCH: pytest.StashKey[Dispatch] = pytest.StashKey()
CONTROLLER = "orchharness-controller"  # the plugin's name


def plans_or_usage(config: pytest.Config) -> Plans:
    """The session's plans.

    Raises:
        UsageError: a plugin breaks the rules of the hooks.
    """
    try:
        return plans_of(config)
    except OrchError as error:
        raise pytest.UsageError(str(error)) from None


def brief_worker(node: WorkerController, texts: dict[str, bytes]) -> None:
    """Tell a worker the plans and where to look for work; also one that replaces a dead one.

    Raises:
        UsageError: a plugin breaks the rules of the hooks.
    """
    config = node.config
    plans = plans_or_usage(config)
    if DISPATCH not in config.stash:
        config.stash[DISPATCH] = Dispatch()
        config.pluginmanager.register(Controller(config), CONTROLLER)
        plans.fragments = fragments_of(texts)
    node.workerinput["orch_plans"] = dict(texts)
    node.workerinput["orch_fragments"] = plans.fragments
    node.workerinput["orch_conftests"] = list(plans.conftests)
    node.workerinput["orch_dispatch"] = str(config.stash[DISPATCH].folder)


class Controller:
    """What surrounds xdist's loop in a session with plan files: signals, and an end that leaves nothing open."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self.signals = Signals()
        config.add_cleanup(self.signals.release)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, object, object]:
        """Run the workers, then end what is still open."""
        with self.signals, Showing(self._config, plans_of(self._config).terminal):
            try:
                result = yield
            except BaseException as error:
                if self._scheduler is not None:
                    self._end_early(self._scheduler, error, session)
                raise
            finally:
                self._config.stash[DISPATCH].close()
        if self._scheduler is not None:
            self._scheduler.end(session)
        return result

    def pytest_unconfigure(self) -> None:
        """Leave nothing behind, also when the session ended before its loop."""
        self._config.stash[DISPATCH].close()

    @property
    def _scheduler(self) -> PlanScheduling | None:
        """Our scheduler, where it has not handed over to another."""
        found: PlanScheduling | None = self._config.stash.get(SCHEDULER, None)
        return None if found is None or found.handed_over else found

    def _end_early(self, scheduler: PlanScheduling, error: BaseException, session: pytest.Session) -> None:
        # a worker that was not told to start its act yet will not find it any more
        self._config.stash[DISPATCH].close()
        if isinstance(error, DetachError):
            raise session.Interrupted(left_text("the terminal went away", scheduler.live.detach())) from None
        reason = str(error) or "Ctrl-C" if isinstance(error, KeyboardInterrupt) else "internal error"
        if isinstance(error, KeyboardInterrupt) and detaches(self._config, reason):
            raise session.Interrupted(left_text(reason, scheduler.live.detach())) from None
        with self.signals.held():  # a second signal, after a second, is not held
            scheduler.interrupt(reason)
            self.signals.taken()
        if type(error) is KeyboardInterrupt:
            raise session.Interrupted(reason) from None
        if session.shouldfail and type(error).__module__.startswith("xdist."):
            # what `-x` is without workers: the tests failed, nobody interrupted anything
            raise session.Failed(session.shouldfail) from None
