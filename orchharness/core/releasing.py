"""What tasks and gates read: released artifacts, what a gate judges, stored evaluations.

Others read what was released to them, at the digests of that moment, whatever happens to its producer since.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from orchharness.core import gating, graph
from orchharness.core.definition import plain
from orchharness.core.ledger import Ledger
from orchharness.core.needs import Cause, Weight
from orchharness.core.plan import Critic, Gate, Task
from orchharness.core.records import GateRecord, Seat, TaskRecord
from orchharness.core.status import OVER, GateState, TaskState

Entries = list[dict[str, Any]]


def released(ledger: Ledger, task: str) -> bool:
    """Whether others may read the task's outputs: it passed, and its own gate let it through."""
    record = ledger.tasks.get(task)
    if record is None:
        return False
    gate = record.task.gate
    return ledger.needs.settled.get(gate if gate is not None else task, False)


def inputs_of(ledger: Ledger, task: Task) -> dict[str, Entries]:
    """Input -> the released artifacts it reads: `{"path", "sha256", "size", "item"}`, or an `evaluation`."""
    found: dict[str, Entries] = {}
    for wanted in task.inputs:
        if wanted.files is not None:
            continue
        entries = found.setdefault(wanted.name, [])
        for source in wanted.sources:
            if source.output is None:
                gate = ledger.gates.get(source.item)
                if gate is not None and gate.decided is not None:
                    entries.append({"item": source.item, "evaluation": gate.decided})
            elif released(ledger, source.item):
                outputs = ledger.tasks[source.item].released.get(source.output, ())
                entries.extend({**o, "item": source.item, "output": source.output} for o in outputs)
    return found


class Standing(NamedTuple):
    """How an item stands: the word of its state, and a gate's score as text."""

    state: str
    score: str | None = None


def standing(ledger: Ledger, item: str) -> Standing:
    """How an item that was decided stands; while it is refined once more, as it was decided last."""
    task = ledger.tasks.get(item)
    if task is not None:
        again = task.state not in OVER and ledger.needs.settled.get(item)
        return Standing(str(TaskState.PASSED) if again else str(task.state))
    gate = ledger.gates[item]
    if gate.state not in OVER and gate.state != GateState.PAUSED and gate.decided is not None:
        return Standing(str(gate.decided["state"]), gate.decided["score"])
    return Standing(str(gate.state), gate.score_text)


def read_by_when(ledger: Ledger, task: Task) -> dict[str, Any]:
    """What the conditions of the task look at: item -> [state, score], `inputs.NAME` -> origins of what is read."""
    found: dict[str, Any] = {i: list(standing(ledger, i)) for c in task.when for i in c.items}
    names = {n for c in task.when for n in c.inputs}
    entries = inputs_of(ledger, task) if names else {}
    for name in sorted(names):
        kept = [{k: e[k] for k in ("item", "path", "sha256", "evaluation") if k in e} for e in entries[name]]
        found[f"inputs.{name}"] = plain(kept)
    return found


def lacking_input(ledger: Ledger, task: Task) -> Cause | None:
    """Why the task cannot read what it must: an input nobody gave anything for. None: all is there."""
    if not task.inputs:
        return None
    entries = inputs_of(ledger, task)
    wanted = next((i for i in task.inputs if i.files is None and not entries[i.name]), None)
    if wanted is None:
        return None
    items = dict.fromkeys(s.item for s in wanted.sources)
    reason = f"input {wanted.name!r} is empty: {', '.join(items)} gave nothing"
    cause = ledger.needs.cause_of(graph.released_by(ledger.plan, i) for i in items)
    return cause or Cause(task.order, reason, Weight.HARMLESS)


def artifacts_of(ledger: Ledger, gate: Gate) -> dict[str, Entries]:
    """`TASK.output` -> the artifacts the gate judges."""
    return {
        f"{t}.{name}": [dict(e) for e in entries]
        for t in gate.of
        for name, entries in ledger.tasks[t].outputs.items()
    }


def evaluation_of(record: GateRecord) -> dict[str, Any]:
    """The evaluation of a gate as it stands: verdict, score, findings and what each critic said.

    Of a critic that judged more than once `critics` has the judgement in the middle, `judgements` has all.
    """
    status = record.status()
    decision = {"decision": dict(record.decision)} if record.decision else {}
    said: dict[str, list[Seat]] = {}
    for seat in record.answered:
        said.setdefault(seat.critic, []).append(seat)
    several = {c: [record.evaluations[s] for s in seats] for c, seats in said.items() if len(seats) > 1}
    return {
        "gate": record.id,
        "state": status.state,
        "score": status.score,
        "threshold": status.threshold,
        "iteration": record.iteration,
        "findings": [dict(f) for f in record.verdict.findings] if record.verdict else [],
        "critics": {c: record.evaluations[_middle(record, seats)] for c, seats in said.items()},
        **({"judgements": several} if several else {}),
        **decision,
    }


def read_by(record: GateRecord, reader: Critic) -> dict[str, dict[str, Any]]:
    """The evaluations of this iteration that the critic comes after: the median of their scores, and each judgement."""
    found: dict[str, dict[str, Any]] = {}
    for name in (c for c in record.gate.critics if c in reader.after):
        seats = [seat for seat in record.answered if seat.critic == name]
        score = gating.decide(record.gate, [record.judged[seat] for seat in seats]).score
        found[name] = {
            "score": None if score is None else gating.as_text(score),
            "judgements": [record.evaluations[seat] for seat in seats],
        }
    return found


def _middle(record: GateRecord, seats: list[Seat]) -> Seat:
    """Of several judgements the one that stands in the middle; of two the worse."""
    ranked = sorted(seats, key=lambda seat: gating.rank(record.judged[seat]))
    return ranked[(len(ranked) - 1) // 2]


def replaced(before: Mapping[str, Any], after: Mapping[str, Any]) -> set[str]:
    """The outputs that hold other bytes than before, whoever wrote them and how."""
    return {n for n in {*before, *after} if digests(before.get(n)) != digests(after.get(n))}


def digests(entries: Any) -> list[tuple[Any, Any]]:
    """Path and digest of each artifact of an output."""
    return [(e.get("path"), e.get("sha256")) for e in entries or ()]


class Releases:
    """Gives artifacts free, and tells those that had read older ones."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._readers: dict[str, list[tuple[TaskRecord, str, str]]] | None = None

    def release(self, record: TaskRecord) -> None:
        """Others may read what the task made. Those that read replaced bytes keep them, and say so."""
        old, record.released = record.released, record.outputs
        names = replaced(old, record.released) if old else ()
        for reader, name, output in self._readers_of(record.id) if names else ():
            if output in names and reader.iteration and not self._reads_anew(reader):
                text = f"superseded input {name!r}: {record.id}.{output} was refined after it was read"
                self._ledger.warn(reader, text)

    def _readers_of(self, task: str) -> list[tuple[TaskRecord, str, str]]:
        if self._readers is None:  # made at the first refinement: most runs never ask
            self._readers = {}
            for reader in self._ledger.tasks.values():
                for wanted in reader.task.inputs:
                    for s in wanted.sources:
                        if s.output is not None:
                            self._readers.setdefault(s.item, []).append((reader, wanted.name, s.output))
        return self._readers.get(task, [])

    def _reads_anew(self, reader: TaskRecord) -> bool:
        work = [gate.refinement for gate in self._ledger.over.get(reader.id, ())]
        return reader.state == TaskState.READY or any(
            reader.id in w.pending and reader.id not in w.sent for w in work
        )
