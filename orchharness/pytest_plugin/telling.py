"""Telling pytest what became of a plan's items, each in its own protocol, once.

Rules that hold here:
  * Items are told in the order in which they were decided.
  * Bad news is told at once, since it may stop the session; good news may wait until the next acts are on their way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from orchharness.core.status import SUCCESS
from orchharness.pytest_plugin.reports import Target, emit, emit_late, emit_refused, late_texts

if TYPE_CHECKING:
    import pytest

    from orchharness.errors import OrchError
    from orchharness.pytest_plugin.collector import PlanItem
    from orchharness.run.drive import PlanRun

# They guard Python code of tests; around our reports they would only cost time, and pytest-timeout be wrong.
_GUARDS = ("warnings", "assertion", "faulthandler", "unittest", "runner")


class PlanItems:
    """The chosen items of one plan file."""

    def __init__(self, items: list[PlanItem]) -> None:
        self.plan = items[0].plan_file.plan
        self.every = {i.item_id: i for i in items}
        self.untold = dict(self.every)
        self.hook = items[0].ihook
        self.path = items[0].path
        self._file = items[0].location[0]

    def target(self, item_id: str) -> Target:
        """Where pytest shows the item."""
        item = self.every[item_id]
        return Target(
            item_id=item.item_id,
            nodeid=item.nodeid,
            path=item.path,
            location=(
                self._file,
                self.plan.item(item_id).line - 1,
                item_id,
            ),  # as `item.location`, which is slow
            keywords=dict.fromkeys(item.keywords, 1),
        )


class Teller:
    """Reports items. `after` is called after every report."""

    def __init__(self, config: pytest.Config, after: Callable[[], None]) -> None:
        self._config = config
        self._after = after
        self._protocol = _protocol_hook(config)
        self._news: list[tuple[PlanItems, PlanRun, str]] = []  # decided, not told yet

    def decided(self, items: PlanItems, run: PlanRun, final: Iterable[str]) -> None:
        """These items are decided; all that was not told yet is told now if one of them is bad news."""
        found = list(final)
        self._news += [(items, run, item_id) for item_id in found]
        status = run.run.status
        if any(status(item_id).state not in SUCCESS for item_id in found):
            self.tell()

    def tell(self) -> None:
        """Report what was decided."""
        news, self._news = self._news, []
        for items, run, item_id in news:
            self._report(items, run, item_id)

    def tell_rest(self, items: PlanItems, run: PlanRun) -> None:
        """The run is over: report what was not decided in it."""
        for item_id in list(items.untold):
            self._report(items, run, item_id, ended=True)

    def tell_late(self, items: PlanItems, run: PlanRun) -> None:
        """Report gates whose inputs changed after they had been decided and told."""
        for gate, text in late_texts(run).items():
            emit_late(self._config, items.target(gate), text)
            self._after()

    def refuse(self, items: PlanItems, why: OrchError) -> None:
        """The run could not be started."""
        emit_refused(self._config, [items.target(i) for i in items.untold], why)
        items.untold.clear()
        self._after()

    def _report(self, items: PlanItems, run: PlanRun, item_id: str, *, ended: bool = False) -> None:
        """Let pytest run the item's protocol, in which it is reported, whatever other plugins do with it."""
        item = items.untold.pop(item_id)
        told = False

        def protocol() -> bool:
            nonlocal told
            if not told:
                told = True
                emit(self._config, items.target(item_id), run, ended=ended, hook=items.hook)
            return True

        item.orch_protocol = protocol
        self._protocol(item=item, nextitem=None)
        protocol()
        self._after()


def _protocol_hook(config: pytest.Config) -> Any:
    """`pytest_runtest_protocol` without the plugins that guard what a test does: no test runs in it here."""
    manager = config.pluginmanager
    names = list(_GUARDS)
    if not _session_timeout(config):
        names.append("timeout")
    guards = [plugin for name in names if (plugin := manager.get_plugin(name)) is not None]
    return manager.subset_hook_caller("pytest_runtest_protocol", guards)


def _session_timeout(config: pytest.Config) -> bool:
    """Whether pytest-timeout is to end the session as a whole, which is obeyed."""
    try:
        return bool(config.getoption("session_timeout", None) or config.getini("session_timeout"))
    except ValueError:  # it is not installed
        return False
