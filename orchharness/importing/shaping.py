"""From a graph to the shape of a plan: phases where the file has an order of all, else tracks that wait for tracks."""

from __future__ import annotations

from orchharness.importing.draft import Draft, Gate, Group, Task
from orchharness.importing.ids import Ids, id_from
from orchharness.importing.notes import About, Notes, shown
from orchharness.importing.ordering import BEGIN, DONE, Ordering
from orchharness.importing.registry import chain_of, in_words, things_of
from orchharness.importing.words import CONTAINERS


def place_barriers(draft: Draft) -> None:
    """A barrier's group stands right after what it waits for, where that is one row of groups."""
    for barrier in [g for g in draft.root.groups if g.kind == "barrier"]:
        targets = [w.target for w in barrier.waits.values()]
        homes = {id(t.parent): t.parent for t in targets if isinstance(t, Group)}
        home = next(iter(homes.values()), None)
        if (
            len(homes) != 1
            or home is None
            or not home.ordered
            or len(targets) != sum(t in home.groups for t in targets)
        ):
            continue
        last = max(home.groups.index(t) for t in targets if isinstance(t, Group))
        draft.root.groups.remove(barrier)
        home.groups.insert(last + 1, barrier)
        barrier.parent = home


def choose_phases(draft: Draft, ordering: Ordering) -> None:
    """Set the phases, where there are some. The ordering must be settled."""
    root = draft.root
    first = [group for group in root.groups if group.first]
    if root.tasks or not root.groups:
        return
    if first:
        rest = [group for group in root.groups if not group.first]
        if rest:
            outer = Group(name="work", place=rest[0].place, kind="phase", parent=root, groups=rest)
            for group in rest:
                group.parent = outer
            root.groups = [*first, outer]
        draft.phases = root.groups
        return
    row = _row(root)
    if row is not None and len(row.groups) > 1 and _is_chain(row, ordering):
        draft.phases = row.groups
        if row.parent is not root and row.parent is not None:
            draft.title = draft.title or row.parent.title


def _row(root: Group) -> Group | None:
    """The one row of groups that everything is in."""
    group = root
    while not group.ordered or (len(group.groups) == 1 and not group.tasks):
        if len(group.groups) != 1 or group.tasks or (group is not root and (group.gates or group.waits)):
            return None
        group = group.groups[0]
    return None if group.tasks else group


def _is_chain(row: Group, ordering: Ordering) -> bool:
    return all(
        ordering.is_before((id(first), DONE), (id(then), BEGIN))
        for first, then in zip(row.groups, row.groups[1:], strict=False)
    )


def name_all(draft: Draft, notes: Notes) -> None:
    """Give everything its id."""
    ids = Ids()
    tops = draft.phases or []
    for phase in tops:
        phase.id = ids.take(_wanted(phase, draft))
    groups = [t for t in things_of(draft) if isinstance(t, Group) and t is not draft.root and t not in tops]
    for task in draft.root.all_tasks():
        task.id = ids.take(_wanted(task, draft), longer=_near(task))
    for group in groups:
        group.id = ids.take(_wanted(group, draft), longer=_near(group))
        if not group.tasks and (group.title or group.rationale):
            notes.left(
                f"title or rationale of {in_words(group)}: its groups are the tracks of the plan", group.place
            )
    for gate in [t for t in things_of(draft) if isinstance(t, Gate)]:
        owned = gate.owner is not None and gate.name == f"G-{gate.owner.name}"
        gate.id = ids.take(
            id_from(f"G-{gate.owner.id}" if gate.owner is not None and owned else gate.name, "gate")
        )
    edges = Ids()
    for cross in draft.crosses:
        cross.id = edges.take(id_from(cross.name, "edge"))
    named: list[Task | Group] = [*tops, *draft.root.all_tasks(), *groups]
    for thing in named:
        if thing.id != thing.name and not (
            isinstance(thing, Group) and not thing.tasks and thing not in tops
        ):
            _tell(thing, notes)


def _wanted(thing: Task | Group, draft: Draft) -> str:
    kind = thing.kind if thing.kind and thing.kind != "task with subtasks" else "task"
    wanted = id_from(thing.name, kind)
    if thing.name[:1].isdigit() and isinstance(thing, Group) and draft.phases is None:
        above = next((g for g in reversed(chain_of(thing)) if g.name and g.name not in CONTAINERS), None)
        if above is not None:
            return id_from(f"{above.name}-{wanted}", kind)
    return wanted


def _near(thing: Task | Group) -> str:
    """The id of the next group above that has a name of its own."""
    for group in reversed(chain_of(thing)):
        if group.name:
            return group.id or id_from(
                f"{group.kind}-{group.name}" if group.name[:1].isdigit() else group.name, "group"
            )
    return ""


def _tell(thing: Task | Group, notes: Notes) -> None:
    if thing.name[:1].isdigit() and thing.id.endswith(thing.name.replace(".", "-")):
        before = thing.id[: -len(thing.name)] or "task-"
        notes.add(About.RENAMED, f"numbers are no ids: {before}N is what was N", thing.place)
    elif not thing.name.endswith("-work"):
        notes.add(About.RENAMED, f"{shown(thing.name)} is {thing.id}", thing.place)
