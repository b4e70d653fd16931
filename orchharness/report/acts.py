"""Every act by itself: when, how it ended, what it was told, what it printed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from orchharness.core.plan import Plan
from orchharness.record import record
from orchharness.report.history import Act, History
from orchharness.report.material import ActText, Log, Material
from orchharness.report.spending import money_of
from orchharness.report.text import clean, duration, line

MOST = 2500
_NONE = ActText()


@record
class ActRow:
    """One act. `told` says whether there is anything to unfold."""

    name: str
    item: str
    type: str  # task or gate
    who: str
    outcome: str
    ok: bool
    took: str
    waited: str
    began: str  # after the start of the run
    spent: str
    detail: str
    prompt: str
    command: str
    logs: tuple[Log, ...]

    @property
    def told(self) -> bool:
        """Whether there is more to see than a line."""
        return bool(self.prompt or self.command or self.logs or self.detail)


@record
class ActGroup:
    """The acts of a track, in the order they began."""

    id: str
    name: str
    acts: tuple[ActRow, ...]
    failed: int
    took: str


def act_groups(plan: Plan, history: History, material: Material, limit: int) -> tuple[list[ActGroup], int]:
    """The acts by track, and how many are left out: those that succeeded long ago."""
    acts = sorted(history.acts, key=lambda act: (act.ok, -act.begun))[:MOST]
    chosen = {act.name for act in acts}
    groups: dict[str, list[Act]] = {}
    for act in history.acts:
        if act.name in chosen and (act.item in plan.tasks or act.item in plan.gates):
            item = plan.item(act.item)
            groups.setdefault(f"{item.phase}/{item.track}", []).append(act)
    names = {
        f"{phase.id}/{track.id}": track.title
        or (track.id if track.id == phase.id else f"{phase.id} / {track.id}")
        for phase in plan.phases
        for track in phase.tracks
    }
    found = [
        _group(plan, key, names.get(key, key), members, material, history, limit)
        for key, members in groups.items()
    ]
    order = {key: n for n, key in enumerate(names)}
    return sorted(found, key=lambda g: order.get(g.id, len(order))), len(history.acts) - len(chosen)


def _group(
    plan: Plan, key: str, name: str, acts: Sequence[Act], material: Material, history: History, limit: int
) -> ActGroup:
    return ActGroup(
        id=key,
        name=line(name, 120),
        acts=tuple(_row(plan, act, material.acts, history.started, limit) for act in acts),
        failed=sum(not act.ok for act in acts),
        took=duration(sum(act.seconds for act in acts)),
    )


def _row(plan: Plan, act: Act, texts: Mapping[str, ActText], start: float, limit: int) -> ActRow:
    text = texts.get(act.name, _NONE)
    return ActRow(
        name=line(act.name, 120),
        item=act.item,
        type="gate" if act.item in plan.gates else "task",
        who="the gate's mender" if act.mends else act.judge,
        outcome=act.outcome,
        ok=act.ok,
        took=duration(act.seconds),
        waited=duration(act.waited) if act.waited >= 0.1 else "",
        began=duration(act.start - start),
        spent=money_of(act.result.get("usage")),
        detail=clean(act.result.get("detail"), limit),
        prompt=text.prompt,
        command=text.command,
        logs=text.logs,
    )
