"""Plan files as collectors: file → track → task and gate items.

Collection depends on the plan only, never on a journal or a clock: all xdist workers must see the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from _pytest.mark.structures import Mark

from orchharness.core import graph
from orchharness.errors import OrchError
from orchharness.pytest_plugin.plans import plans_of

if TYPE_CHECKING:
    from _pytest._code.code import ExceptionInfo, TerminalRepr

    from orchharness.core.plan import Gate, Plan, Task


class PlanFile(pytest.File):
    """One plan. `plan` is read once, when it is collected."""

    plan: Plan

    def collect(self) -> Iterator[TrackNode]:
        """One collector per track.

        Raises:
            PlanError: the plan is wrong; no item of it is run.
        """
        self.plan = plans_of(self.config).read(self.path)
        self.tracks: dict[tuple[str, str], TrackNode] = {}
        for phase in self.plan.phases:
            grouped = {item for track in phase.tracks for item in track.items}
            for track in phase.tracks:
                yield self.track(phase.id, track.id, track.items)
            rest = tuple(i for i in phase.items if i not in grouped)
            if rest:
                yield self.track(phase.id, phase.id, rest)

    def track(self, phase: str, track: str, items: tuple[str, ...]) -> TrackNode:
        """The collector of a track, made once."""
        node = self.tracks.get((phase, track))
        if node is None:
            node = TrackNode.from_parent(self, name=track)
            self.tracks[(phase, track)] = node
            node.ids = items
        else:
            node.ids = (*node.ids, *items)
        return node

    def repr_failure(self, excinfo: ExceptionInfo[BaseException]) -> str | TerminalRepr:
        """Our errors are messages; everything else is a bug and has a traceback."""
        if isinstance(excinfo.value, OrchError):
            return str(excinfo.value)
        return super().repr_failure(excinfo)


class TrackNode(pytest.Collector):
    """One track of a plan."""

    ids: tuple[str, ...] = ()

    def collect(self) -> Iterator[PlanItem]:
        """The track's tasks and gates, in plan order."""
        for item_id in self.ids:
            yield PlanItem.make(self, item_id)


class PlanItem(pytest.Item):
    """A task or a gate of a plan. It is never `run` by pytest: it is reported when it is decided."""

    plan_file: PlanFile
    item_id: str
    orch_protocol: Callable[[], bool] | None = None

    @classmethod
    def make(cls, track: TrackNode, item_id: str) -> PlanItem:
        """The item of that id."""
        item: PlanItem = cls.from_parent(track, name=item_id)
        item.item_id = item_id
        item.plan_file = file = track.parent  # type: ignore[assignment]
        spec = file.plan.item(item_id)
        # pytest-timeout must not end an item that waits for hours: time limits are the plan's.
        item.own_markers.append(Mark("timeout", (0,), {}, _ispytest=True))
        item.keywords["timeout"] = True
        for tag in spec.tags:
            item.own_markers.append(Mark(tag, (), {}, _ispytest=True))
            item.keywords[tag] = True
        return item

    @property
    def spec(self) -> Task | Gate:
        """The task or gate."""
        return self.plan_file.plan.item(self.item_id)

    def reportinfo(self) -> tuple[Path, int, str]:
        """Where it stands in the plan file."""
        return self.path, self.spec.line - 1, self.item_id

    def runtest(self) -> None:
        """Reached only when somebody else's loop or scheduler runs the item.

        Raises:
            OrchError: always, with what to do.
        """
        msg = "plan items run under orchharness's own loop or scheduler; leave out the other plugin's --dist or loop"
        raise OrchError(msg)

    def repr_failure(self, excinfo: ExceptionInfo[BaseException], style: Any = None) -> str | TerminalRepr:
        """Our errors are messages."""
        if isinstance(excinfo.value, OrchError):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)


def pull_in(session: pytest.Session, items: list[pytest.Item]) -> None:
    """Add, in place, what the chosen items need; the plan's items end up in plan order where its first one was."""
    files: dict[PlanFile, list[PlanItem]] = {}
    for item in items:
        if isinstance(item, PlanItem):
            files.setdefault(item.plan_file, []).append(item)
    plans = plans_of(session.config)
    for file, chosen in files.items():
        ids = {i.item_id for i in chosen}
        if len(ids) == len(file.plan.tasks) + len(file.plan.gates):
            continue
        wanted = graph.closure(file.plan, ids)
        added = sorted(wanted - ids, key=lambda i: file.plan.item(i).order)
        if not added:
            continue
        have = {i.item_id: i for i in chosen}
        for item_id in added:
            have[item_id] = _item_of(file, item_id)
        ordered = sorted(have.values(), key=lambda i: i.spec.order)
        at = items.index(chosen[0])
        items[at:at] = ordered
        kept = set(map(id, ordered))
        seen: set[int] = set()
        items[:] = [i for i in items if id(i) not in kept or not (id(i) in seen or seen.add(id(i)))]
        plans.terminal.pulled_in(file.nodeid, added, len(ids))


def _item_of(file: PlanFile, item_id: str) -> PlanItem:
    spec = file.plan.item(item_id)
    node = file.tracks.get((spec.phase, spec.track)) or file.tracks[(spec.phase, spec.phase)]
    return PlanItem.make(node, item_id)
