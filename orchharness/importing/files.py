"""Files that tasks make and read: names for outputs, edges where one task reads what another makes, turns where two write one file."""

from __future__ import annotations

import itertools
import re

from orchharness.importing import values
from orchharness.importing.draft import Cross, Draft, Task
from orchharness.importing.ids import Ids, id_from
from orchharness.importing.notes import About, Notes, Source, shown
from orchharness.importing.ordering import BEGIN, END, Ordering
from orchharness.importing.tasks import filled
from orchharness.planfile.outputs import variable_of
from orchharness.planfile.paths import is_glob, may_meet

MAX_READS = 2_000
MAX_GLOBS = 200


def name_outputs(task: Task) -> dict[str, str]:
    """Path → name of the output."""
    names: dict[str, str] = {}
    ids, variables = Ids(), set[str]()
    for path in task.outputs:
        stem = re.sub(r"\.\w{1,8}$", "", path.removesuffix("/**").rpartition("/")[2])
        base = id_from(stem, "output")[:50]
        base = base if base[:1].isalpha() else "output"
        chosen = ids.take(base.replace("_", "-"))
        while variable_of(chosen) in variables:
            chosen = ids.take(base.replace("_", "-"))
        variables.add(variable_of(chosen))
        names[path] = chosen
    return names


def connect_reads(source: Source, draft: Draft, ordering: Ordering) -> None:
    """A task that reads what another one makes gets it as input, unless that would turn the order around."""
    tasks = draft.root.all_tasks()
    makers: dict[str, list[Task]] = {}
    for task in tasks:
        for path in task.outputs:
            makers.setdefault(path, []).append(task)
    looked = 0
    for task in tasks:
        said = []
        for word in task.reads:
            path = filled(source, word.text.strip())
            known = [maker for maker in makers.get(values.path(path) or "", []) if maker is not task]
            looked += 1
            if (
                len(known) == 1
                and looked <= MAX_READS
                and _connect(task, known[0], values.path(path) or "", ordering)
            ):
                continue
            said.append(" ".join(values.cleaned(path).split()))
        if said:
            task.said.append("Reads:\n" + "\n".join(f"- {row}" for row in said if row))


def _connect(task: Task, maker: Task, path: str, ordering: Ordering) -> bool:
    if _reaches(ordering, (id(task), BEGIN), (id(maker), END)):
        return False
    name = name_outputs(maker)[path]
    taken = {variable_of(known): source for known, source in task.inputs.items()}
    reads = f"{id(maker)}.{name}"
    if taken.get(variable_of(name), reads) != reads:
        return False
    task.inputs[name] = reads
    ordering.edge((id(task), BEGIN), (id(maker), END))
    return True


def _reaches(ordering: Ordering, first: tuple[int, str], then: tuple[int, str]) -> bool:
    """Whether `then` already waits for `first`: the other way round would be a cycle."""
    pending, seen = [then], {then}
    while pending:
        key = pending.pop()
        if key == first:
            return True
        for before in ordering.before.get(key, ()):
            if before not in seen:
                seen.add(before)
                pending.append(before)
    return False


def add_artifacts(source: Source, draft: Draft) -> None:
    """What a named edge carries is an output of the task that it begins at."""
    for cross in draft.crosses:
        start = cross.ends[0] if cross.ends else None
        unsafe = []
        for word in cross.paths:
            path = values.path(filled(source, word.text.strip()))
            if path is None or not isinstance(start, Task):
                unsafe.append(word)
            elif not any(may_meet(path, known) for known in start.outputs):
                start.outputs[path] = word
        if unsafe:
            source.notes.left("artifacts of an edge: no plain path, or its source is no task", *unsafe)


def artifacts_of(source: Source, cross: Cross) -> list[str]:
    """The names of the outputs that the edge carries."""
    start = cross.ends[0] if cross.ends else None
    if not isinstance(start, Task):
        return []
    names = name_outputs(start)
    found = [values.path(filled(source, word.text.strip())) for word in cross.paths]
    return list(dict.fromkeys(names[p] for p in found if p in names))


def take_turns(draft: Draft, ordering: Ordering, notes: Notes) -> None:
    """Tasks that may write one file, with nothing that orders them, take a counter of 1."""
    claims = [(path, task) for task in draft.root.all_tasks() for path in task.outputs]
    exact: dict[str, list[Task]] = {}
    for path, task in claims:
        exact.setdefault(path, []).append(task)
    globs = [path for path in exact if is_glob(path)]
    for path in globs[MAX_GLOBS:]:
        notes.left(
            "output: more patterns than can be compared", *(t.outputs.pop(path) for t in exact.pop(path))
        )
    ids = Ids()
    for path in list(exact):
        meeting = [other for other in _near(path, exact, globs[:MAX_GLOBS]) if may_meet(path, other)]
        both = list({id(t): t for other in [path, *meeting] for t in exact[other]}.values())
        if len(both) > 1 and not _all_ordered(both, ordering):
            counter = ids.take(id_from(path.removesuffix("/**").rpartition("/")[2], "file"))
            draft.counters[counter] = 1
            for task in both:
                task.counters.append(counter)
            who = ", ".join(task.id for task in both[:4]) + (" and more" if len(both) > 4 else "")
            notes.add(
                About.CARRIED,
                f"{who} write {shown(path)} in no order: they take turns (resources)",
                *(task.place for task in both),
            )


def _near(path: str, exact: dict[str, list[Task]], globs: list[str]) -> list[str]:
    if is_glob(path):
        return [other for other in exact if other != path]
    parts = path.split("/")
    folders = ["/".join(parts[:n]) for n in range(1, len(parts))]
    return [other for other in [*folders, *globs] if other in exact]


def _all_ordered(tasks: list[Task], ordering: Ordering) -> bool:
    row = sorted(tasks, key=lambda t: ordering.order.index((id(t), END)) if len(tasks) < 50 else t.place.line)
    return all(
        ordering.is_before((id(first), END), (id(then), BEGIN)) for first, then in itertools.pairwise(row)
    )
