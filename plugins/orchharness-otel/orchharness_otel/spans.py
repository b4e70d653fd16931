"""The spans of a run, as plain values: what is sent of an event, and how spans hang together.

The run is the root; tasks and gates hang on it, and their acts on them. Acts are told when they end, the rest when a
session ends, from the view of the run: so they are right whatever happened to earlier sessions. Only names of the
plan, numbers and states are told: nothing that an agent, a critic or a person wrote.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from orchharness_otel import facts
from orchharness_otel.ids import Caller, id_of

ACT, TASK, GATE, RUN = "orchharness.act", "orchharness.task", "orchharness.gate", "orchharness.run"
_BAD = frozenset({"failed", "error", "lost", "cancelled", "interrupted"})
_SPAN, _TRACE = 8, 16  # bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """An event of a span. `at` is in seconds since the epoch."""

    name: str
    at: float
    attributes: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A span. Times are seconds since the epoch; `parent` 0 is the root, which hangs on the caller's span, if any."""

    trace: int
    id: int
    parent: int
    name: str
    start: float
    end: float
    caller: Caller | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)
    events: tuple[Happening, ...] = ()
    links: tuple[int, ...] = ()
    error: str = ""


@dataclass(slots=True)
class _Item:
    """What was seen of a task or gate in this session."""

    start: float
    end: float
    events: list[Happening] = field(default_factory=list)
    verdict: tuple[Any, ...] = ()


class Trace:
    """One session's part of the trace of a run.

    `seed` is the same in all sessions of the run and in no other run. `all_items`: also those are told of which
    nothing was heard in this session, since the one before could not; `fresh`: they were taken from another run.
    """

    def __init__(
        self,
        plan: str,
        run: str,
        began: float,
        session: int,
        caller: Caller | None,
        *,
        fresh: bool,
        all_items: bool,
    ) -> None:
        self.run, self.began, self.session = run, began, session
        self._seed = f"{plan} {run} {began!r}"
        self._caller = caller
        self._fresh, self._all = fresh, all_items
        self._trace = caller.trace if caller else id_of(self._seed, RUN, _TRACE)
        self._root = id_of(self._seed, RUN, _SPAN)
        self._items: dict[str, _Item] = {}
        self._acts: dict[str, tuple[int, int]] = {}
        self._over: dict[str, tuple[str, ...]] | None = None

    @classmethod
    def of(cls, event: Any, run: Any) -> Trace:
        """The trace of the run that the first event of a session tells of."""
        header = event.header
        fresh = type(event).__name__ == "RunStarted"
        name, began = (event.run, event.at) if fresh else (header["run"], header["began"])
        return cls(
            run.plan.id,
            name,
            began,
            header.get("session", 0),
            Caller.of(header.get("traceparent")),
            fresh=fresh,
            all_items=fresh or not header["ended"],
        )

    def spans(self, event: Any, run: Any) -> Iterator[Span]:
        """The spans that are over with the event."""
        match type(event).__name__:
            case "TaskStarted" | "JudgementStarted":
                self._acts[event.act] = (event.iteration, event.attempt)
            case "TaskFinished":
                item = event.task if event.task in run.plan.tasks else event.task.rpartition(".")[0]
                yield self._act(event, run, item, facts.of_task(event, run.plan))
            case "JudgementFinished":
                at = event.started + event.seconds
                scores = [
                    Happening(name=facts.RESULT, at=at, attributes=score)
                    for score in facts.scores(event, run.plan)
                ]
                yield self._act(event, run, event.gate, facts.of_judgement(event, run.plan), scores)
                self._note_verdicts(event.gate, event.at, run)
            case "DecisionTaken":
                held = self._seen(event.item, event.at, event.at)
                option = {"orchharness.option": event.option}
                held.events.append(Happening(name="orchharness.decision", at=event.at, attributes=option))
                if event.item in run.plan.gates:
                    self._note_verdicts(event.item, event.at, run)
            case _:
                pass

    def ending(self, event: Any, run: Any) -> list[Span]:
        """The spans of tasks and gates, and the root, as the session leaves them."""
        found = [span for status in run.items() for span in self._item(status, event.at)]
        attributes = {
            "gen_ai.operation.name": "invoke_workflow",
            "gen_ai.workflow.name": run.plan.id,
            "orchharness.session": self.session,
            "orchharness.plan.digest": run.plan.digest,
            "orchharness.state": str(event.state),
            **{f"orchharness.items.{state}": count for state, count in run.counts.items() if count},
        }
        name, times = f"invoke_workflow {run.plan.id}", (self.began, event.at)
        return [*found, self._span((self._root, 0), name, times, attributes, error=_error(event.state))]

    def _act(
        self,
        event: Any,
        run: Any,
        item: str,
        told: facts.Told,
        scores: Iterable[Happening] = (),
    ) -> Span:
        """The act that is over; `told.sources` are the items whose artifacts it read."""
        end = event.started + event.seconds
        self._seen(item, event.started, end)
        iteration, attempt = self._acts.pop(event.act, (0, 0))
        if not iteration:  # an earlier session started it
            iteration, attempt = facts.numbers(event.act)
        outcome = str(event.outcome)
        attributes = {
            **told.attributes,
            ACT: event.act,
            GATE if item in run.plan.gates else TASK: item,
            "orchharness.outcome": outcome,
            **({"orchharness.iteration": iteration, "orchharness.attempt": attempt} if iteration else {}),
            **facts.usage(event.usage),
        }
        return self._span(
            (self._number("act", event.act), self._number("item", item)),
            told.name,
            (event.started, end),
            attributes,
            events=scores,
            links=told.sources,
            error="" if outcome == "success" else outcome,
        )

    def _item(self, status: Any, now: float) -> Iterator[Span]:
        """The task or gate, unless it never began, or an earlier session told of it."""
        seen = self._items.get(status.id)
        if seen is None and (status.started is None or not self._all):
            return
        reused = seen is None and self._fresh
        held = seen or _Item(start=status.started, end=status.started)
        if status.type == "gate":
            self._note_verdict(held, status, status.ended or held.end)
        ended = status.ended or (held.end if facts.is_over(status) else now)
        attributes = {**facts.of_item(status), **({"orchharness.reused": True} if reused else {})}
        yield self._span(
            (self._number("item", status.id), self._root),
            f"{status.type} {status.id}",
            (held.start, max(held.end, ended)),
            attributes,
            events=held.events,
            error=_error(status.state),
        )

    def _seen(self, item: str, start: float, end: float) -> _Item:
        held = self._items.setdefault(item, _Item(start=start, end=end))
        held.start, held.end = min(held.start, start), max(held.end, end)
        return held

    def _note_verdicts(self, gate: str, at: float, run: Any) -> None:
        """The gate may have been decided, and with it gates that stand over it."""
        if self._over is None:
            self._over = facts.gates_over(run.plan)
        for each in (gate, *self._over.get(gate, ())):
            status = run.status(each)
            if facts.has_verdict(status):
                self._note_verdict(self._seen(each, at, at), status, at)

    def _note_verdict(self, held: _Item, status: Any, at: float) -> None:
        verdict = (status.state, status.score, status.iteration)
        if facts.has_verdict(status) and verdict != held.verdict:
            held.verdict = verdict
            held.events.append(Happening(name=facts.RESULT, at=at, attributes=facts.of_verdict(status)))

    def _span(
        self,
        ids: tuple[int, int],
        name: str,
        times: tuple[float, float],
        attributes: Mapping[str, Any],
        *,
        events: Iterable[Happening] = (),
        links: Iterable[str] = (),
        error: str = "",
    ) -> Span:
        attributes = {**attributes, RUN: self.run}
        return Span(
            trace=self._trace,
            id=ids[0],
            parent=ids[1],
            name=name,
            start=times[0],
            end=max(times),
            caller=self._caller,
            attributes={**attributes, "error.type": error} if error else attributes,
            events=tuple(events),
            links=tuple(self._number("item", item) for item in links),
            error=error,
        )

    def _number(self, kind: str, name: str) -> int:
        return id_of(self._seed, f"{kind}:{name}", _SPAN)


def _error(state: object) -> str:
    return str(state) if str(state) in _BAD else ""
