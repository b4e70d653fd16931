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
    """One session's part of the trace of a run, which begins with the session's first event."""

    def __init__(self, event: Any, run: Any) -> None:
        header = event.header
        # The tasks and gates of a fresh run that nothing is heard of were taken from another one.
        self._fresh = type(event).__name__ == "RunStarted"
        self.run, self.began = (event.run, event.at) if self._fresh else (header["run"], header["began"])
        self.session = header.get("session", 0)
        # Also those are told of which nothing is heard in this session, since the one before could not.
        self._all = self._fresh or not header["ended"]
        self._seed = f"{run.plan.id} {self.run} {self.began!r}"  # the same in all sessions of this run alone
        self._caller = Caller.of(header.get("traceparent"))
        self._trace = self._caller.trace if self._caller else id_of(self._seed, RUN, _TRACE)
        self._root = id_of(self._seed, RUN, _SPAN)
        self._items: dict[str, _Item] = {}
        self._acts: dict[str, tuple[int, int]] = {}
        self._over: dict[str, tuple[str, ...]] | None = None

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
        root = Span(
            trace=self._trace,
            id=self._root,
            parent=0,
            name=f"invoke_workflow {run.plan.id}",
            start=self.began,
            end=max(self.began, event.at),
            caller=self._caller,
            attributes=self._told(attributes, _error(event.state)),
            error=_error(event.state),
        )
        return [*found, root]

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
        error = "" if outcome == "success" else outcome
        return Span(
            trace=self._trace,
            id=self._number("act", event.act),
            parent=self._number("item", item),
            name=told.name,
            start=event.started,
            end=max(event.started, end),
            caller=self._caller,
            attributes=self._told(attributes, error),
            events=tuple(scores),
            links=tuple(self._number("item", source) for source in told.sources),
            error=error,
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
        yield Span(
            trace=self._trace,
            id=self._number("item", status.id),
            parent=self._root,
            name=f"{status.type} {status.id}",
            start=held.start,
            end=max(held.start, held.end, ended),
            caller=self._caller,
            attributes=self._told(attributes, _error(status.state)),
            events=tuple(held.events),
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

    def _told(self, attributes: Mapping[str, Any], error: str) -> dict[str, Any]:
        """The attributes with those that every span has."""
        return {**attributes, RUN: self.run, **({"error.type": error} if error else {})}

    def _number(self, kind: str, name: str) -> int:
        return id_of(self._seed, f"{kind}:{name}", _SPAN)


def _error(state: object) -> str:
    return str(state) if str(state) in _BAD else ""
