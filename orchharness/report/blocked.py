"""What was not run, and why: the item at the root of it."""

from __future__ import annotations

from collections.abc import Iterable

from orchharness.core.plan import Plan
from orchharness.core.status import OVER, SUCCESS
from orchharness.record import record
from orchharness.report.history import History, ItemPast


@record
class BlockedRow:
    """An item that was not run, and the root cause."""

    id: str
    type: str
    state: str
    reason: str
    cause: str  # id of the item to blame, where there is one


def blocked(plan: Plan, history: History) -> list[BlockedRow]:
    """The selected items that were not run (or not yet), with the root cause."""
    causes = _Causes(plan, history)
    rows = []
    for item in history.selected:
        past = history.items.get(item) or ItemPast()
        never_ran = past.state in {"waiting", "ready"} and not past.acts and not past.rounds
        if never_ran or past.state in {"skipped", "cancelled"}:
            cause = causes.of(item)
            reason = past.reason or (f"waits for {cause}" if cause else "nothing stands in its way")
            kind = "gate" if item in plan.gates else "task"
            rows.append(BlockedRow(id=item, type=kind, state=past.state, reason=reason, cause=cause))
    return rows


class _Causes:
    """The item that others wait for or are skipped for: the one the reason names, else the first open one behind."""

    def __init__(self, plan: Plan, history: History) -> None:
        self._plan = plan
        self._history = history
        self._open: dict[str, str] = {}  # need -> its first item that is no success, or nothing

    def of(self, item: str) -> str:
        past = self._history.items.get(item) or ItemPast()
        named = (word.strip(":,;.()'\"") for word in past.reason.split())
        return next((word for word in named if self._known(word) and word != item), "") or self._behind(item)

    def _behind(self, item: str) -> str:
        seen, found = {item}, ""
        while self._known(item):
            item = next(
                (n for need in self._plan.item(item).needs if (n := self._first(need)) not in seen | {""}), ""
            )
            if not item:
                break
            seen.add(item)
            found = item
            if self._state(item) in OVER - {"skipped"}:
                break
        return found

    def _first(self, need: str) -> str:
        if need not in self._open:
            members: Iterable[str] = self._plan.groups.get(need, (need,))
            self._open[need] = next((m for m in members if self._state(m) not in SUCCESS), "")
        return self._open[need]

    def _known(self, item: str) -> bool:
        return item in self._plan.tasks or item in self._plan.gates

    def _state(self, item: str) -> str:
        past = self._history.items.get(item)
        return "waiting" if past is None else past.state
