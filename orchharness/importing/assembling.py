"""All the parts of an import in their order, from the tree to the text of the plan."""

from __future__ import annotations

from typing import Final

from orchharness.importing.crossing import narrow_crosses
from orchharness.importing.dialects import ACTIONS, IN_WORDS, ORCHESTRATION, TASK_MASTER
from orchharness.importing.draft import Draft, Gate, Task
from orchharness.importing.files import add_artifacts, connect_reads, take_turns
from orchharness.importing.github import read_actions
from orchharness.importing.membership import settle_members
from orchharness.importing.needs import Needs
from orchharness.importing.notes import About, Notes, Source
from orchharness.importing.notes import shown as quoted
from orchharness.importing.orchestration import read_orchestration
from orchharness.importing.ordering import Ordering
from orchharness.importing.registry import Registry, things_of
from orchharness.importing.resolving import Resolver
from orchharness.importing.shaping import choose_phases, name_all, place_barriers
from orchharness.importing.state import check_state
from orchharness.importing.taskmaster import read_task_master
from orchharness.importing.values import cleaned
from orchharness.importing.writing import Writer
from orchharness.planfile.files import MAX_BYTES
from orchharness.record import record

MAX_THINGS: Final = 10_000
MAX_EDGES: Final = 200_000
_READERS: Final = {ORCHESTRATION: read_orchestration, TASK_MASTER: read_task_master, ACTIONS: read_actions}


@record
class Made:
    """The text of the plan, None when there are contradictions; and what is in it."""

    text: str | None
    tasks: int
    gates: int
    contradictory: bool


def assemble(source: Source, dialect: str, shown: str, *, leave_unknown: bool) -> Made:
    """Read, resolve, order, and write."""
    notes = source.notes
    draft = _READERS[dialect](source)
    things = things_of(draft)
    if len(things) > MAX_THINGS or sum(len(t.refs) for t in things) > MAX_EDGES:
        notes.contradict(
            f"more than {MAX_THINGS} tasks and groups, or {MAX_EDGES} dependencies: split the file"
        )
        return Made(text=None, tasks=len(things), gates=0, contradictory=True)
    registry = Registry(draft)
    settle_members(draft, registry, notes)
    Resolver(draft=draft, registry=registry, notes=notes, leave_unknown=leave_unknown).resolve()
    check_state(source.tree, draft, notes)
    tasks = len(draft.root.all_tasks())
    ordering = _ordered(source, draft)
    gates = sum(isinstance(thing, Gate) for thing in things_of(draft))
    if tasks == 0 or ordering is None or _contradictory(notes):
        return Made(text=None, tasks=tasks, gates=gates, contradictory=_contradictory(notes))
    name_all(draft, notes)
    connect_reads(source, draft, ordering)
    ordering.settle()
    take_turns(draft, ordering, notes)
    writer = Writer(
        source=source,
        draft=draft,
        needs=Needs(draft=draft, ordering=ordering),
        origin=" ".join(cleaned(shown).split()),
    )
    text = writer.text()
    if len(text.encode()) > MAX_BYTES:
        notes.contradict(f"the plan would be larger than {MAX_BYTES >> 20} MiB: split the file")
        return Made(text=None, tasks=tasks, gates=gates, contradictory=True)
    source.tell_unused()
    _tell(notes, draft, writer, dialect)
    return Made(text=text, tasks=tasks, gates=gates, contradictory=False)


def _ordered(source: Source, draft: Draft) -> Ordering | None:
    """The order, with the phases chosen; None when there are cycles, which are noted."""
    place_barriers(draft)
    narrow_crosses(draft, source.notes)
    add_artifacts(source, draft)
    ordering = Ordering(draft)
    if not ordering.settle():
        ordering.tell_cycles(source.notes)
        return None
    choose_phases(draft, ordering)
    if draft.phases is None:
        return ordering
    ordering = Ordering(draft)
    if ordering.settle():
        return ordering
    ordering.tell_cycles(source.notes)
    return None


def _contradictory(notes: Notes) -> bool:
    return any(about is About.CONTRADICTION for about, _ in notes.found)


def _counted(number: int, one: str, several: str) -> str:
    return f"{number} {one if number == 1 else several}" if number else ""


def _tell(notes: Notes, draft: Draft, writer: Writer, dialect: str) -> None:
    tasks: list[Task] = draft.root.all_tasks()
    gates = sum(isinstance(thing, Gate) for thing in things_of(draft))
    edges = sum(1 for thing in things_of(draft) for wait in thing.waits.values() if wait.place is not None)
    counts = (
        _counted(len(tasks), "task", "tasks"),
        _counted(gates, "gate", "gates"),
        _counted(edges, "dependency", "dependencies"),
        _counted(len(draft.crosses), "named edge", "named edges"),
    )
    notes.add(About.CARRIED, f"read as {IN_WORDS[dialect]}: {', '.join(c for c in counts if c)}")
    if writer.agents:
        names = ", ".join(writer.agents.values())
        notes.add(About.TODO, f"say in 'agents' who does the work: {names}")
    if writer.critic_bodies:
        notes.add(About.TODO, f"say in 'critics' who judges: {', '.join(writer.critic_bodies)}")
    elif draft.critic is not None:
        notes.left(f"critic {quoted(draft.critic)}: no gate says what it judges")
    if not writer.critic_bodies and (draft.threshold is not None or draft.iterations):
        notes.left("threshold and iterations for all gates: there are no gates in the file")
    bare = [task for task in tasks if not task.outputs and task.command is None]
    if bare:
        said = f"{len(bare)} of {len(tasks)} tasks name no file that they write: say in 'outputs' what proves their work"
        notes.add(About.TODO, said, *(task.place for task in bare))
