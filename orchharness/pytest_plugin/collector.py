"""Plan files as collectors: file → track → task and gate items.

Collection depends on the plan only, never on a journal or a clock: all xdist workers must see the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from _pytest.mark.structures import Mark
from _pytest.skipping import evaluate_skip_marks

from orchharness.core import graph
from orchharness.errors import OrchError
from orchharness.pytest_plugin.plans import plans_of
from orchharness.report.harmless import guarded

if TYPE_CHECKING:
    from _pytest._code.code import ExceptionInfo, TerminalRepr

    from orchharness.core.plan import Gate, Plan, Task
    from orchharness.pytest_plugin.plans import Plans


class PlanFile(pytest.File):
    """One plan. `plan` is read once, when it is collected."""

    plan: Plan

    def collect(self) -> Iterable[TrackNode]:
        """One collector per track of the file, gates that stand on their own in one of the phase's name.

        The copies that a matrix makes of a track are in one collector: pytest takes a bracket in a node id for the
        beginning of an item's parameters, so only the items have one.

        Raises:
            PlanError: the plan is wrong; no item of it is run.
        """
        self.plan = plans_of(self.config).read(self.path)
        self.tracks: dict[tuple[str, str], TrackNode] = {}
        for phase in self.plan.phases:
            grouped = {item for track in phase.tracks for item in track.items}
            for track in phase.tracks:
                self._track(phase.id, track.base or track.id, track.items)
                self.tracks.setdefault((phase.id, track.id), self.tracks[(phase.id, track.base or track.id)])
            rest = tuple(i for i in phase.items if i not in grouped)
            if rest:
                self._track(phase.id, phase.id, rest)
        self._register_tags()
        return list(dict.fromkeys(self.tracks.values()))

    def _register_tags(self) -> None:
        """With `--strict-markers`, `-m` takes only names that are registered."""
        known = plans_of(self.config).tags
        every = [*self.plan.tasks, *self.plan.gates]
        for item_id in every:
            for tag in self.plan.item(item_id).tags:
                if tag not in known:
                    known.add(tag)
                    self.config.addinivalue_line("markers", f"{tag}: a tag of {self.plan.id}")

    def _track(self, phase: str, track: str, items: tuple[str, ...]) -> None:
        node = self.tracks.get((phase, track))
        if node is None:
            node = self.tracks[(phase, track)] = TrackNode.from_parent(self, name=track)
        node.ids += items

    def repr_failure(self, excinfo: ExceptionInfo[BaseException], style: Any = None) -> str | TerminalRepr:
        """Our errors are messages; everything else is a bug and has a traceback."""
        del style
        return (
            guarded(str(excinfo.value))
            if isinstance(excinfo.value, OrchError)
            else super().repr_failure(excinfo)
        )


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
    orch_protocol: Callable[[], bool | None] | None = None

    @classmethod
    def make(cls, track: TrackNode, item_id: str) -> PlanItem:
        """The item of that id."""
        item: PlanItem = cls.from_parent(track, name=item_id)
        item.item_id = item_id
        file: Any = track.parent
        item.plan_file = file
        spec = file.plan.item(item_id)
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


def settle(session: pytest.Session, items: list[pytest.Item]) -> None:
    """Settle, in place, which plan items are run: the chosen ones and what they need, each once.

    A chosen item that a skip mark excludes is left out, unless another needs it. Where something was added, the
    plan's items stand in plan order in the place of its first one.
    """
    plans = plans_of(session.config)
    files: dict[Path, list[PlanItem]] = {}
    for item in items:
        if isinstance(item, PlanItem):
            files.setdefault(item.path, []).append(item)
    settled = {path: _settled(chosen, plans) for path, chosen in files.items()}
    found: list[pytest.Item] = []
    for item in items:
        if isinstance(item, PlanItem):
            found += settled.pop(item.path, ())
        else:
            found.append(item)
    items[:] = found


def _settled(chosen: list[PlanItem], plans: Plans) -> list[PlanItem]:
    file = chosen[0].plan_file
    have: dict[str, PlanItem] = {}
    for item in chosen:  # with --keep-duplicates there may be two of a name
        have.setdefault(item.item_id, item)
    excluded = {i.item_id: reason for i in have.values() if (reason := _skip_reason(i)) is not None}
    wanted = [i for i in have if i not in excluded]
    if len(wanted) == len(file.plan.tasks) + len(file.plan.gates):
        return list(have.values())
    needed = graph.closure(file.plan, wanted)
    left_out = [have.pop(i) for i in excluded if i not in needed]
    if left_out:
        file.config.hook.pytest_deselected(items=left_out)
        plans.terminal.left_out(file.nodeid, {i.item_id: excluded[i.item_id] for i in left_out})
    added = sorted(needed - set(wanted), key=lambda i: file.plan.item(i).order)
    if not added:
        return list(have.values())
    plans.pulled_in[file.path] = frozenset(added)
    plans.terminal.pulled_in(file.nodeid, added, len(wanted))
    have |= {i: _item_of(file, i) for i in added if i not in have}
    return sorted(have.values(), key=lambda i: i.spec.order)


def _skip_reason(item: PlanItem) -> str | None:
    """Why a conftest or plugin wants the item skipped; a tag of the plan called `skip` is only a tag."""
    names = {m.name for m in item.own_markers}.difference(item.spec.tags)
    if names.isdisjoint(("skip", "skipif")):
        return None
    found = evaluate_skip_marks(item)
    return None if found is None else found.reason


def exempt_from_timeout(items: Iterable[pytest.Item]) -> None:
    """pytest-timeout must not end an item that works for hours: time limits are the plan's."""
    mark = Mark("timeout", (0,), {}, _ispytest=True)
    for item in items:
        if isinstance(item, PlanItem):
            item.own_markers.insert(0, mark)


def _item_of(file: PlanFile, item_id: str) -> PlanItem:
    spec = file.plan.item(item_id)
    node = file.tracks.get((spec.phase, spec.track)) or file.tracks[(spec.phase, spec.phase)]
    return PlanItem.make(node, item_id)
