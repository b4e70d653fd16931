"""Phases, tracks, tasks and gates on their way into a plan: named and placed, not yet resolved."""

from __future__ import annotations

from dataclasses import field

from orchharness.core.plan import Agent, Condition, Input, Mode, Output, group_node
from orchharness.planfile.matrix import Copies
from orchharness.planfile.nodes import Node
from orchharness.planfile.shapes import Fields, no_fields
from orchharness.record import record


@record(frozen=False)
class PhaseDraft:
    """A phase. `implicit`: the one of a plan without phases, which cannot be named in it."""

    id: str
    key: Node
    fields: Fields
    mode: Mode = Mode.BACKGROUND
    index: int = 0
    implicit: bool = False
    tracks: list[TrackDraft] = field(default_factory=list)
    gates: list[GateDraft] = field(default_factory=list)

    @property
    def node(self) -> str:
        """Its name in the graph."""
        return group_node("phase", self.id)

    def items(self) -> list[TaskDraft | GateDraft]:
        """All its tasks and gates, in plan order."""
        found = [item for track in self.tracks for item in track.items]
        return [*found, *self.gates]


@record(frozen=False)
class TrackDraft:
    """A track; `direct`: the one that a phase's own `tasks` make."""

    id: str
    base: str  # its id in the file
    key: Node
    phase: PhaseDraft
    fields: Fields
    copies: Copies = ()
    mode: Mode = Mode.BACKGROUND
    sequence: bool = False
    items: list[TaskDraft | GateDraft] = field(default_factory=list)

    @property
    def node(self) -> str:
        """Its name in the graph."""
        return group_node("track", f"{self.phase.id}/{self.id}")

    def all_items(self) -> list[TaskDraft | GateDraft]:
        """Its items; the track of the phase's name also holds the gates that stand on the phase."""
        return [*self.items, *self.phase.gates] if self.id == self.phase.id else self.items

    def tasks(self) -> list[TaskDraft]:
        """Its tasks, in plan order."""
        return [item for item in self.items if isinstance(item, TaskDraft)]


@record(frozen=False)
class TaskDraft:
    """A task; what is read of it after all ids are known is added step by step."""

    id: str
    base: str  # its id in the file
    key: Node
    fields: Fields
    phase: PhaseDraft
    track: TrackDraft
    mode: Mode
    copies: Copies = ()
    order: int = 0
    gate: GateDraft | None = None
    agent: Agent | None = None
    outputs: tuple[Output, ...] = ()
    writes: tuple[str, ...] = ()
    inputs: list[Input] = field(default_factory=list)
    when: list[Condition] = field(default_factory=list)  # its phase's, its track's, its own
    needs: dict[str, None] = field(default_factory=dict)
    origins: dict[str, str] = field(default_factory=dict)  # need it does not state itself -> where it is from

    @property
    def released_by(self) -> str:
        """What a task that needs this one waits for: its own gate, if it has one."""
        return self.gate.id if self.gate else self.id


@record(frozen=False)
class GateDraft:
    """A gate. `members` are what it hangs on; a gate that stands alone has none until its `of` is resolved."""

    id: str
    base: str  # its id in the file
    key: Node
    fields: Fields
    phase: PhaseDraft
    track: str
    copies: Copies = ()
    owner: TaskDraft | None = None
    alone: bool = False
    order: int = 0
    members: list[TaskDraft] = field(default_factory=list)
    of_gates: list[GateDraft] = field(default_factory=list)
    needs: dict[str, None] = field(default_factory=dict)


def nothing(node: Node) -> Fields:
    """Fields of something that stands in the plan without a mapping of its own."""
    fields = no_fields(node)
    fields.broken = False
    return fields
