"""Plans by hand, and `Drive`: plays an orchestrator to its end with a virtual clock and scripted outcomes."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any
from zlib import crc32

from orchharness.core import events as ev
from orchharness.core import graph
from orchharness.core.acts import Outcome
from orchharness.core.expressions import parse
from orchharness.core.orchestrator import CancelAct, Orchestrator, StartJudgement, StartTask
from orchharness.core.outages import PARKED
from orchharness.core.plan import (
    Budget,
    Check,
    CheckKind,
    Condition,
    Critic,
    Gate,
    Input,
    Mode,
    Option,
    Output,
    OutputKind,
    Phase,
    Plan,
    Retry,
    Source,
    Task,
    Then,
    Track,
    TriggerRule,
    gate_of,
    group_node,
    mender_of,
)
from orchharness.core.status import FAILURES, OVER, Transition
from orchharness.core.terms import terms_of
from orchharness.core.weighing import weigh

FOREGROUND = Mode.FOREGROUND
BACKGROUND = Mode.BACKGROUND
ALL_DONE = TriggerRule.ALL_DONE
NONE_FAILED = TriggerRule.NONE_FAILED
ONE_SUCCESS = TriggerRule.ONE_SUCCESS
START = 1000.0


# ---- plans ---------------------------------------------------------------------------------------


def task(
    name: str,
    *needs: str,
    phase: str = "main",
    track: str = "t",
    reads: Mapping[str, Any] | None = None,
    outputs: Iterable[str] = ("out",),
    attempts: int = 1,
    backoff: float = 0.0,
    when: Iterable[str] | str = (),
    **more: Any,
) -> Task:
    """A task; `reads` maps an input to `TASK.output`, `GATE.evaluation`, or a list of those (then it is gathered)."""
    inputs = []
    for given, sources in (reads or {}).items():
        words = [sources] if isinstance(sources, str) else sources
        parts = [w.split(".") for w in words]
        found = tuple(Source(item=i, output=None if o == "evaluation" else o) for i, o in parts)
        inputs.append(Input(name=given, sources=found, gathered=not isinstance(sources, str)))
        needs = (*needs, *(i for i, _ in parts))
    return Task(
        id=name,
        phase=phase,
        track=track,
        order=0,
        line=1,
        needs=tuple(dict.fromkeys(needs)),
        inputs=tuple(inputs),
        outputs=tuple(Output(name=o, kind=OutputKind.FILE, path=f"{name}.{o}") for o in outputs),
        retry=Retry(attempts=attempts, backoff=backoff),
        when=tuple(map(condition, [when] if isinstance(when, str) else when)),
        **more,
    )


def condition(text: str) -> Condition:
    """A `when`, with what it reads."""
    reads = parse(text).reads
    return Condition(
        text=text,
        items=tuple(dict.fromkeys(r.name for r in reads if r.what in {"status", "score", "verdict"})),
        inputs=tuple(r.name for r in reads if r.what == "inputs"),
    )


def gate(
    name: str,
    *of: str,
    own: str | None = None,
    over: Iterable[str] = (),
    critics: Iterable[str] = ("critic",),
    checks: bool = False,
    check_reads: Iterable[str] = (),
    phase: str = "main",
    track: str = "t",
    threshold: str = "0.90",
    mender: Mapping[str, Any] | None = None,
    **more: Any,
) -> Gate:
    """A gate over tasks, over gates (`over`), or a task's own one (`own`). `mender`: what its mender is made of."""
    found = []
    if mender is not None:
        spec = task(mender_of(name), phase=phase, track=track, outputs=(), **mender)
        members = (own,) if own else of
        written = (Output(name=f"{t}.out", kind=OutputKind.FILE, path=f"{t}.out") for t in members)
        more["mender"] = replace(spec, outputs=tuple(written))
    if checks or check_reads:
        sources = tuple(Source(item=i, output=o) for i, _, o in (w.partition(".") for w in check_reads))
        found.append(Check(kind=CheckKind.RUN, name="run check", sources=sources))
    return Gate(
        id=name,
        phase=phase,
        track=track,
        order=0,
        line=1,
        owner=own,
        of=(own,) if own else of,
        of_gates=tuple(over),
        critics=() if over else tuple(critics),
        checks=tuple(found),
        threshold=Decimal(threshold),
        **more,
    )


def critic(name: str = "critic", criteria: Mapping[str, str] | None = None, **more: Any) -> Critic:
    """A critic; by default in the background, with the one criterion `q`."""
    weights = {"q": "1"} if criteria is None else criteria
    return Critic(
        id=name,
        kind="command",
        criteria={n: Decimal(w) for n, w in weights.items()},
        **{"mode": BACKGROUND, **more},
    )


def plan(
    *items: Task | Gate,
    critics: Iterable[Critic] = (),
    phases: Iterable[str] = (),
    tracks: Mapping[str, Budget] | None = None,
    **more: Any,
) -> Plan:
    """A plan of the items, in that order, with the edges that `planfile` would add."""
    own = {i.owner: i.id for i in items if isinstance(i, Gate) and i.owner}
    order = list(dict.fromkeys([*phases, *(i.phase for i in items)]))
    before = dict(zip(order[1:], order[:-1], strict=True))
    placed: list[Task | Gate] = []
    for number, item in enumerate(items):
        judged = (*item.of, *item.of_gates) if isinstance(item, Gate) else ()
        needs = [own.get(n, n) if own.get(n) != item.id else n for n in (*item.needs, *judged)]
        if item.phase in before:
            needs.append(group_node("phase", before[item.phase]))
        made_of = replace(item, order=number, line=number + 1, needs=tuple(dict.fromkeys(needs)))
        placed.append(replace(made_of, gate=own.get(item.id)) if isinstance(made_of, Task) else made_of)
    groups: dict[str, tuple[str, ...]] = {}
    made = []
    for phase in order:
        inside = [i for i in placed if i.phase == phase]
        names = dict.fromkeys(i.track for i in inside)
        found = tuple(
            Track(
                id=t,
                phase=phase,
                mode=BACKGROUND,
                items=tuple(i.id for i in inside if i.track == t),
                budget=(tracks or {}).get(t),
            )
            for t in names
        )
        made.append(Phase(id=phase, mode=BACKGROUND, tracks=found, items=tuple(i.id for i in inside)))
        groups[group_node("phase", phase)] = made[-1].items
        groups |= {group_node("track", f"{phase}/{t.id}"): t.items for t in found}
    judges = {c.id: c for c in critics} or {"critic": critic()}
    return Plan(
        id="p",
        path="/p.plan.yaml",
        digest="0",
        phases=tuple(made),
        tasks={i.id: i for i in placed if isinstance(i, Task)},
        gates={i.id: i for i in placed if isinstance(i, Gate)},
        critics=judges,
        groups=groups,
        **{"parallel": 8, **more},
    )


def options(*names: str, skip: Iterable[str] = ()) -> tuple[Option, ...]:
    """Options by what they do: `pass`, `fail`, `retry`, `pause`, and `skip` with the items."""
    return tuple(
        Option(id=n, label=n.title(), then=Then(n), skip=tuple(skip) if n == "skip" else ()) for n in names
    )


# ---- scripts -------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Done:
    """How an act of a task ends. `outputs`: name -> digest; by default new ones when it changed something."""

    outcome: Outcome = Outcome.SUCCESS
    seconds: float = 10.0
    changed: bool = True
    detail: str = ""
    outputs: Mapping[str, str] | None = None
    retry_after: float | None = None
    mends: tuple[str, ...] | None = None  # of a mender: the tasks whose outputs it changed; all by default
    usage: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Said:
    """What a critic answers. `score` is for the criterion `q`; `passed` is for checks."""

    score: Any = 1.0
    findings: tuple[Mapping[str, Any], ...] = ()
    outcome: Outcome = Outcome.SUCCESS
    seconds: float = 5.0
    passed: bool = True
    total: Any = None
    retry_after: float | None = None
    detail: str = ""
    evaluation: Any = None
    usage: Mapping[str, Any] = field(default_factory=dict)


def finding(task: str, severity: str = "minor", what: str = "wrong") -> Mapping[str, Any]:
    return {"severity": severity, "task": task, "what": what}


def later(retry_after: float | None = None, seconds: float = 1.0, detail: str = "429") -> Done:
    """An agent whose engine takes no work."""
    return Done(outcome=Outcome.LIMITED, seconds=seconds, retry_after=retry_after, detail=detail)


def failed(detail: str = "exit 1", **more: Any) -> Done:
    return Done(outcome=Outcome.EXIT, detail=detail, **more)


Script = (
    Mapping[str, Any] | Callable[[Any], Any]
)  # task, `gate`, `gate/critic` -> an ending, a list of them (the last repeats), or act -> ending


def _origins(read: Mapping[str, Any]) -> dict[str, Any]:
    """What a journal keeps of the artifacts that an act read."""
    keys = ("path", "sha256", "item", "output")
    return {n: [{k: e[k] for k in keys if k in e} for e in entries] for n, entries in read.items()}


# ---- driving -------------------------------------------------------------------------------------


@dataclass
class Drive:
    """Plays a plan. `script` says how acts end; what it does not name succeeds."""

    plan: Plan
    script: Script = field(default_factory=dict)
    selected: frozenset[str] | None = None
    parallel: int | None = None
    contents: dict[str, Any] = field(default_factory=dict)  # of inputs, for conditions

    def __post_init__(self) -> None:
        self.run = Orchestrator(self.plan, self.selected)
        self.now = START
        self.limit = self.parallel or self.plan.parallel
        self.events: list[ev.Event] = []
        self.transitions: list[Transition] = []
        self.acts: list[str] = []
        self.spans: dict[str, tuple[float, float]] = {}
        self.finals: list[str] = []
        self.state_when_final: dict[str, str] = {}
        self.judged: dict[str, Any] = {}
        self.shown: dict[str, Any] = {}
        self.read: dict[str, Any] = {}
        self.told: dict[str, Any] = {}
        self.most = 0
        self.warped = False
        self.resumed = False
        self.loose = False  # results were dropped: what claims to be alone then may be two
        self._succeeded: set[str] = set()
        self._decided: set[str] = set()
        self._let_go: set[str] = (
            set()
        )  # items that gave back what they held, since their engine takes no work
        self._mended_since: set[str] = set()  # tasks that did not work since a mender did
        self._ends: list[tuple[float, int, ev.Event]] = []
        self._later: list[tuple[float, int, ev.Event]] = []
        self._used: dict[str, int] = {}
        self._number = 0
        self._note_finals()
        self._begin_session()

    def _begin_session(self) -> None:
        """Budgets count from the record that begins the session."""
        self.budgeted = terms_of(self.plan) is not None
        if self.budgeted:
            self.apply(ev.RunStarted(at=self.now, run="r", plan="p", digest="0", selected=self.run.selected))

    # -- playing

    def at(self, seconds: float, event: Callable[..., ev.Event], **values: Any) -> Drive:
        """Let something else happen that many seconds after the start."""
        self._number += 1
        heapq.heappush(self._later, (START + seconds, self._number, event(at=START + seconds, **values)))
        return self

    def apply(self, event: ev.Event) -> None:
        self.events.append(event)
        for t in self.run.apply(event):
            self.transitions.append(t)
            self._note(t)
        self._note_finals()

    def _note(self, t: Transition) -> None:
        if t.reason.startswith("mended by"):
            self._mended_since.add(t.item)
        elif t.state == "running":
            self._mended_since.discard(t.item)
        if t.reason.startswith(PARKED):
            self._let_go.add(t.item)
        elif t.state == "running" or (t.state == "ready" and t.was not in {"ready", "judging"}):
            self._let_go.discard(t.item)
        self._decided |= {t.item} if t.state in OVER else set()
        if t.state in {"passed", "waived"}:
            self._succeeded.add(t.item)
        elif t.state in OVER:
            self._succeeded.discard(t.item)

    def play(self, seconds: float | None = None) -> Drive:
        """Play to the end, or for that long."""
        end = None if seconds is None else START + seconds
        while True:
            self._turn()
            moments = [q[0][0] for q in (self._ends, self._later) if q]
            wake = self.run.wake_at()
            if wake is not None:
                assert wake > self.now, "asked to wake at once: a busy loop"
                moments.append(wake)
            if not moments:
                assert self.run.over, f"stuck: {self.states()}"
                return self
            if end is not None and min(moments) > end:
                self.now = end
                return self
            self.now = min(moments)
            self._happen()

    def weigh(self, task: str) -> None:
        """Tell whether the task's `when` holds."""
        self.apply(weigh(self.run, task, self.now, lambda name: self._content(task, name)))

    def _content(self, task: str, name: str) -> Any:
        """What is in an input: as the test says, or a number that follows from its bytes."""
        if name in self.contents:
            return self.contents[name]
        entries = self.run.inputs_of(self.plan.tasks[task])[name]
        return {"n": crc32(repr([e.get("sha256") for e in entries]).encode()) % 4}

    def _turn(self) -> None:
        while not (self.run.over and self.run.stop is None):
            self._weigh()
            while over := self.run.exhausted(self.now):
                for engine, why in over:
                    self.apply(ev.PatienceEnded(at=self.now, engine=engine, reason=why))
                self._weigh()
            found = self.run.decide(self.now, self.limit - self.run.running)
            if not found:
                break
            for instruction in found:
                self._carry_out(instruction)
            self.most = max(self.most, len(self.run.acts))
            self._check_moment()

    def _weigh(self) -> None:
        while self.run.weighing and self.run.stop is None:
            self.weigh(next(iter(self.run.weighing)))

    def _happen(self) -> None:
        for queue in (self._later, self._ends):
            while queue and queue[0][0] <= self.now:
                event = heapq.heappop(queue)[2]
                act = getattr(event, "act", None)
                if act is not None and act not in self.run.acts:
                    continue  # was cancelled
                if act is not None:
                    self.spans[act] = (self.spans[act][0], self.now)
                self.apply(event)
        self._check_moment()

    def _carry_out(self, instruction: StartTask | StartJudgement | CancelAct) -> None:
        match instruction:
            case StartTask():
                self._start_task(instruction)
            case StartJudgement():
                self._start_judgement(instruction)
            case CancelAct():
                item, critic = self.run._ledger.acts[instruction.act]
                self.spans[instruction.act] = (self.spans[instruction.act][0], self.now)
                self.apply(
                    self._ended(item, critic, instruction.act, Done(outcome=Outcome.CANCELLED, seconds=0))
                )

    def _start_task(self, start: StartTask) -> None:
        spec = self.plan.worker(start.task)
        if start.task in self.plan.tasks:
            self._check_start(spec)
        else:
            self._check_mender(gate_of(start.task))
        self.read[start.act] = self.run.inputs_of(spec)
        told = self.run.findings_for(start.task)
        self.told[start.act] = told and told.to_record()
        self._begin(start.act)
        self.apply(
            ev.TaskStarted(
                at=self.now,
                task=start.task,
                iteration=start.iteration,
                attempt=start.attempt,
                act=start.act,
                key="k",
            )
        )
        done = self._next((start.act, start.task), Done())
        self._end_later(done.seconds, self._ended(start.task, None, start.act, done))

    def _start_judgement(self, start: StartJudgement) -> None:
        spec = self.plan.gates[start.gate]
        self._check_judgement(spec)
        self.judged[start.gate] = self.run.artifacts_of(spec)
        self.shown[start.act] = self.judged[start.gate]
        self._begin(start.act)
        self.apply(
            ev.JudgementStarted(
                at=self.now,
                gate=start.gate,
                critic=start.critic,
                iteration=start.iteration,
                attempt=start.attempt,
                act=start.act,
                key="k",
                sample=start.sample,
            )
        )
        said = self._next((start.act, f"{start.gate}/{start.critic}", start.gate), Said())
        self._end_later(said.seconds, self._ended(start.gate, start.critic, start.act, said))

    def _begin(self, act: str) -> None:
        assert act not in self.acts, f"{act} twice"
        self.acts.append(act)
        self.spans[act] = (self.now, float("inf"))

    def _end_later(self, seconds: float, event: ev.Event) -> None:
        self._number += 1
        heapq.heappush(self._ends, (self.now + seconds, self._number, event))

    def _next(self, names: tuple[str, ...], default: Any) -> Any:
        if callable(self.script):
            return self.script(default)
        for name in names:
            if name in self.script:
                found = self.script[name]
                if not isinstance(found, list):
                    return found
                used = self._used.get(name, 0)
                self._used[name] = used + 1
                return found[min(used, len(found) - 1)]
        return default

    def _ended(self, item: str, critic: str | None, act: str, how: Done | Said) -> ev.Event:
        at = self.now + how.seconds
        times = {"at": at, "started": self.now, "seconds": how.seconds}
        times["retry_after"] = how.retry_after
        values = {"act": act, "outcome": how.outcome, "detail": how.detail, "usage": how.usage, **times}
        if critic is not None:
            values["artifacts"] = _origins(self.shown.get(act, {}))
        if critic is None:
            assert isinstance(how, Done)
            return ev.TaskFinished(
                task=item,
                changed=how.changed,
                outputs=self._outputs(item, act, how),
                inputs=_origins(self.read.get(act, {})),
                **values,
            )
        if how.outcome is not Outcome.SUCCESS:
            return ev.JudgementFinished(gate=item, critic=critic, **values)
        assert isinstance(how, Said)
        evaluation = how.evaluation
        if evaluation is None:
            evaluation = {"findings": list(how.findings)}
            if critic == "checks":
                evaluation["passed"] = how.passed
            elif self.plan.critics[critic].criteria:
                evaluation["criteria"] = {c: {"score": how.score} for c in self.plan.critics[critic].criteria}
            if how.total is not None:
                evaluation["total"] = how.total
        return ev.JudgementFinished(gate=item, critic=critic, evaluation=evaluation, **values)

    def _outputs(self, task: str, act: str, how: Done) -> dict[str, Any]:
        if how.outcome is not Outcome.SUCCESS:
            return {}
        if task not in self.plan.tasks:
            return self._mended(task, act, how)
        before = self.run.tasks[task].outputs
        found: dict[str, Any] = {}
        for output in self.plan.tasks[task].outputs:
            if how.outputs is not None:
                digest = how.outputs.get(output.name)
            elif how.changed or output.name not in before:
                digest = f"{act}:{output.name}"
            else:
                digest = before[output.name][0]["sha256"]
            if digest is not None:
                entry = {"path": output.path, "sha256": digest, "size": 1, "how": f"by {act}"}
                found[output.name] = [entry]
        return found

    def _mended(self, mender: str, act: str, how: Done) -> dict[str, Any]:
        """What a mender leaves of the outputs of the members."""
        found = {}
        for name, known in self.run.artifacts_of(self.plan.gates[gate_of(mender)]).items():
            changed = how.changed and (how.mends is None or name.partition(".")[0] in how.mends)
            entry = {**known[0], "how": "existed"}
            found[name] = [{**entry, "sha256": f"{act}:{name}", "how": "changed"} if changed else entry]
            if how.outputs is not None:  # what it found, and did not write itself
                found[name] = [{**entry, "sha256": how.outputs[name]}] if name in how.outputs else [entry]
        return found

    def _note_finals(self) -> None:
        for item in self.run.take_final():
            assert item not in self.state_when_final, f"{item} is final twice"
            self.finals.append(item)
            self.state_when_final[item] = self.state(item)

    def answer(self, item: str, option: str = "answer", note: str = "", by: str = "ann") -> Drive:
        """A person answers what the item asks."""
        event = self.decision(item, option, note, by)
        objection = self.run.objection(event)
        assert objection is None, objection
        if item in self.plan.gates:
            self.judged[item] = self.run.artifacts_of(self.plan.gates[item])
        self.apply(event)
        return self

    def decision(self, item: str, option: str, note: str = "", by: str = "ann") -> ev.DecisionTaken:
        """The answer, whether or not it can be taken."""
        asked = {q.item: q for q in self.run.questions}.get(item)
        gate_ = self.plan.gates.get(item)
        return ev.DecisionTaken(
            at=self.now,
            item=item,
            question=asked.name if asked else f"{item}.q0",
            number=asked.number if asked else 0,
            option=option,
            by=by,
            note=note,
            decided=self.now - 1,
            artifacts=_origins(self.run.artifacts_of(gate_)) if gate_ else {},
        )

    # -- looking

    def state(self, item: str) -> str:
        return self.run.status(item).state

    def reason(self, item: str) -> str:
        return self.run.status(item).reason

    def states(self) -> dict[str, str]:
        return {i: self.state(i) for i in self.run.selected}

    def warnings(self, item: str) -> tuple[str, ...]:
        return self.run.status(item).warnings

    def acts_of(self, *items: str) -> list[str]:
        return [a for a in self.acts if a.split(".")[0] in items]

    def overlap(self, one: str, other: str) -> bool:
        (a, b), (c, d) = self.spans[one], self.spans[other]
        return a < d and c < b

    def path_of(self, item: str) -> list[str]:
        """The states the item went through."""
        return [t.state for t in self.transitions if t.item == item and t.state != t.was]

    # -- invariants

    def _held(self, node: str) -> bool:
        """Whether the node was a success, and nothing took that back."""
        if node in self.plan.groups:
            inside = [i for i in self.plan.groups[node] if i in self.run.selected]
            return all(i in self._succeeded or self.state(i) == "skipped" or self._allowed(i) for i in inside)
        return node in self._succeeded

    def _allowed(self, item: str) -> bool:
        """Whether it failed, or could not be judged because of that, and the plan lets it; or a person left it out."""
        if item in self.run._ledger.dropped:
            return True
        spec = self.plan.item(item)
        failed = self.state(item) in FAILURES
        if isinstance(spec, Gate):
            failed = failed or (bool(spec.owner) and self.state(spec.owner) in FAILURES)
            spec = self.plan.tasks.get(spec.owner or "")
        return failed and spec is not None and spec.allow_failure

    def _bad(self, node: str) -> bool:
        """Whether something failed there that may not."""
        items = self.plan.groups.get(node, (node,))
        bad = {*FAILURES, "cancelled"}
        return any(self.state(i) in bad and not self._allowed(i) for i in items if i in self.run.selected)

    def _check_start(self, spec: Task) -> None:
        record = self.run.tasks[spec.id]
        for other in self.plan.gates.values():
            if spec.id in other.of and other.id in self.run.gates:
                assert self.state(other.id) not in {"ready", "judging"}, (
                    f"{spec.id} starts while {other.id} judges"
                )
        if record.iteration:
            return
        read = self.run.inputs_of(spec)
        assert all(read[i.name] for i in spec.inputs if i.files is None), f"{spec.id} starts without an input"
        for node in graph.needs_of(self.plan, spec.id):
            allowed = node not in self.plan.groups and self._allowed(node)
            if spec.trigger_rule is TriggerRule.ALL_SUCCESS:
                assert allowed or self._held(node), f"{spec.id} starts before {node}"
            elif node in self.run.selected:
                assert node in self._decided, f"{spec.id} starts before {node}"
            if spec.trigger_rule is TriggerRule.NONE_FAILED:
                assert not self._bad(node), f"{spec.id} starts after {node} failed"
        if spec.trigger_rule is TriggerRule.ONE_SUCCESS and spec.needs:
            assert any(map(self._held, graph.needs_of(self.plan, spec.id))), f"{spec.id}: nothing passed"

    def _check_mender(self, gate_id: str) -> None:
        assert self.state(gate_id) == "refining"
        for task_id in self.plan.gates[gate_id].of:
            assert self.state(task_id) == "passed", f"{gate_id} is mended while {task_id} works"
            for other in self.run._ledger.over.get(task_id, ()):
                assert other.id == gate_id or other.state not in {"ready", "judging"}

    def _check_judgement(self, spec: Gate) -> None:
        for task_id in spec.of:
            assert self.state(task_id) == "passed", (
                f"{spec.id} judges while {task_id} is {self.state(task_id)}"
            )

    def _claims(self, spec: Task) -> bool:
        """Whether the task is being worked on or judged by its own gate."""
        record, parked = self.run.tasks[spec.id], self.run.parked
        judged = spec.gate is not None and spec.gate in parked and not self.run.gates[spec.gate].acts
        if record.state != "running" and {spec.id, spec.gate} & self._let_go:
            return False
        if record.state != "running" and (judged or spec.id in parked):
            return False
        again = record.state == "ready" and record.attempt > record.excused and not record.question
        if record.state == "running" or again:
            return True
        if record.state == "ready" and record.attempt:
            return False  # it is tried again after a resume, and gave back what it held
        if spec.gate is None or record.state not in {"passed", "ready"} or not record.iteration:
            return False
        if spec.id in self._mended_since:
            return False  # its gate judges what a mender of another gate wrote: the task did not work
        own = self.run.gates[spec.gate]
        again = any(own.excused.values()) and all(n == own.excused[s] for s, n in own.open.items())
        if own.open and not own.acts and again:
            return False  # it judges again after a resume, when what ran meanwhile is over
        asked = record.refined_by in {None, own.id}
        return asked and self.state(spec.gate) in {"waiting", "ready", "judging", "refining"}

    def _check_moment(self) -> None:
        run = self.run
        assert len(run.acts) <= self.limit
        claims = {i: t for i, t in self.plan.tasks.items() if i in run.tasks and self._claims(t)}
        for name, count in self.plan.resources.items():
            taken = sum(t.resources.get(name, 0) for t in claims.values())
            assert taken <= count or self.loose, f"{name}: {taken} of {count} taken by {list(claims)}"
        for item, spec in claims.items():
            if spec.mode is FOREGROUND:
                mine = {item, spec.gate, mender_of(spec.gate or "")}
                others = [a for a, (i, _) in run._ledger.acts.items() if i not in mine]
                late = [a for a in others if self.state(gate_of(run._ledger.acts[a][0])) == "error"]
                assert others == late or self.loose, f"{others} run beside {item}"
        assert sum(run.counts.values()) == len(run.selected)

    def check(self) -> None:
        """What holds at the end of every run."""
        self._check_moment()
        for item, state in self.state_when_final.items():
            assert self.state(item) == state or self.warped, (
                f"{item} was final as {state}, is {self.state(item)}"
            )
            assert state in OVER
        for act in self.run.acts:
            assert self.spans[act][1] == float("inf")
        if self.run.over and self.run.stop is None:
            self._check_end()
        self._check_replay()
        self._check_budgets()

    def _check_budgets(self) -> None:
        """No act was given out that a budget of spawns forbids, and none after a sum was reached."""
        sums = {s.scope: s for s in self.run.spent(self.now)}
        for name, spent in sums.items():
            most = spent.limit.spawns
            assert most is None or spent.spawns <= most, f"{name}: {spent.text}"
        again = Orchestrator(self.plan, self.selected)
        for event in self.events:
            if isinstance(event, ev.TaskStarted | ev.JudgementStarted) and not self.resumed:
                self._check_may_start(again, event)
            again.apply(event)

    def _check_may_start(self, run: Orchestrator, event: ev.TaskStarted | ev.JudgementStarted) -> None:
        task_id = event.task if isinstance(event, ev.TaskStarted) else None
        critic_id = None if isinstance(event, ev.TaskStarted) else event.critic
        item = self.plan.item(gate_of(task_id) if task_id else event.gate)
        mine = {"run", f"track:{item.phase}/{item.track}", f"task:{getattr(item, 'owner', item.id)}"}
        counts = critic_id != "checks" and not (task_id and self.plan.worker(task_id).ask)
        for spent in (s for s in run.spent(event.at) if s.scope in mine):
            for unit in spent.limit.units:
                if unit != "spawns" or counts:
                    assert getattr(spent, unit) < getattr(spent.limit, unit), f"{event.act}: {spent.text}"

    def _check_end(self) -> None:
        states = self.states()
        assert not self.run.acts
        if not self.run.questions and not self.run.parked:
            assert sorted(self.finals) == sorted(self.run.selected), states
        for spec in (self.plan.gates[i] for i in self.run.gates):
            members_passed = all(self.run.released(t) for t in spec.of)
            if (
                spec.of
                and states[spec.id] in {"passed", "waived"}
                and members_passed
                and spec.id in self.finals
            ):
                now = self.run.artifacts_of(spec)
                assert _bytes(self.judged[spec.id]) == _bytes(now), f"{spec.id} passed on older bytes"
        for item, state in states.items():
            if state == "skipped":
                self._check_skip(item)

    def _check_skip(self, item: str) -> None:
        """The reason names what is at the root, as it stands; and a rule that lets a skip pass was kept."""
        reason, spec = self.reason(item), self.plan.item(item)
        assert reason
        if reason.startswith("left out at "):
            assert self.run._ledger.dropped
            return
        if reason.startswith("when: "):
            assert isinstance(spec, Task)
            assert spec.when
            return
        name, _, state = reason.partition(" (")[0].partition(" ")
        if not reason.startswith("input "):
            assert self.state(name) == state or self.warped, (
                f"{item} was skipped: {reason}, is {self.state(name)}"
            )
        if isinstance(spec, Task) and spec.trigger_rule is ALL_DONE:
            assert spec.inputs, f"{item} was skipped and reads nothing"
        if isinstance(spec, Task) and spec.trigger_rule is NONE_FAILED and not spec.inputs:
            assert self._bad(name), f"{item} was skipped for {name}, which may fail"

    def _check_replay(self) -> None:
        again = Orchestrator(self.plan, self.selected)
        finals = again.take_final()
        for event in self.events:
            again.apply(event)
            finals += again.take_final()
        again.decide(self.now, 0)  # an event that comes later would tell the time
        assert [again.status(i) for i in again.selected] == [self.run.status(i) for i in self.run.selected]
        assert finals == self.finals
        assert (again.over, again.state, again.wake_at()) == (
            self.run.over,
            self.run.state,
            self.run.wake_at(),
        )
        assert again.settled == self.run.settled


def _bytes(artifacts: Mapping[str, Any]) -> dict[str, list[str]]:
    return {name: [e["sha256"] for e in entries] for name, entries in artifacts.items()}
