"""Random plans, outcomes, orders of events, crashes and stops: what must hold in every run holds."""

from __future__ import annotations

import os
from dataclasses import replace
from decimal import Decimal
from random import Random

from build import (
    ALL_DONE,
    BACKGROUND,
    FOREGROUND,
    NONE_FAILED,
    ONE_SUCCESS,
    Done,
    Drive,
    Said,
    condition,
    critic,
    finding,
    gate,
    options,
    plan,
    task,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from orchharness.core import events as ev
from orchharness.core import graph
from orchharness.core.acts import Outcome
from orchharness.core.orchestrator import Orchestrator
from orchharness.core.plan import (
    Agent,
    Budget,
    Combine,
    OnExhausted,
    Plan,
    Plateau,
    Refine,
    Session,
    Severity,
    Task,
)

LONG = int(os.environ.get("ORCH_TEST_EXAMPLES", "0"))  # run it long: thousands of examples
_MOST_NODES = 40
TROUBLE = [Outcome.EXIT, Outcome.TIMEOUT, Outcome.LOST, Outcome.EVIDENCE, Outcome.ERROR, Outcome.CANCELLED]
TROUBLE += [Outcome.LIMITED, Outcome.LIMITED, Outcome.REFUSED]


AGENTS = {n: Agent(id=n, kind=k) for n, k in (("x", "claude"), ("y", "claude"), ("z", "codex"))}


def rarely(draw: st.DrawFn) -> bool:
    return draw(st.integers(0, 4)) == 4


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """Small plans with everything in them. An item refers to earlier ones only, so there is no cycle."""
    items: list = []
    tasks: list[str] = []
    nodes: list[str] = []
    gated: dict[str, str] = {}
    phase = 0
    for number in range(draw(st.integers(2, 20 if LONG else 7))):
        if len(items) > _MOST_NODES - 4:
            break
        if number and rarely(draw):
            phase += 1
        place = {"phase": f"p{phase}", "track": draw(st.sampled_from(["t", "u"]))}
        groups = sorted({f"track:{i.phase}/{i.track}" for i in items if i.phase != place["phase"]})
        items.append(_task(draw, f"T{number}", tasks, nodes, place, groups))
        if draw(st.booleans()):
            earlier = [f"{t}.out" for t in tasks if rarely(draw)]
            items.append(_gate(draw, f"O{number}", place, own=f"T{number}", check_reads=earlier))
            gated[f"T{number}"] = f"O{number}"
        tasks.append(f"T{number}")
        nodes.append(gated.get(f"T{number}", f"T{number}"))
        if draw(st.integers(0, 2)) > 0:
            of = draw(st.lists(st.sampled_from(tasks), min_size=1, max_size=4, unique=True))
            items.append(_gate(draw, f"G{number}", place, of=of))
            nodes.append(f"G{number}")
        gates = [n for n in nodes if n[0] in "OGA"]
        if gates and rarely(draw):
            over = draw(st.lists(st.sampled_from(gates), min_size=1, max_size=3, unique=True))
            items.append(
                gate(
                    f"A{number}",
                    over=over,
                    threshold="0.5",
                    on_exhausted=draw(st.sampled_from(OnExhausted)),
                    **place,
                )
            )
            nodes.append(f"A{number}")
    critics = [
        critic(
            "critic",
            mode=draw(st.sampled_from([FOREGROUND, BACKGROUND])),
            agent=draw(st.sampled_from([None, *AGENTS])),
        ),
        critic("other", criteria={}, mode=FOREGROUND, after=draw(st.sampled_from([(), ("critic",)]))),
    ]
    more = {"budget": _budget(draw), "tracks": {"t": _budget(draw)}} if rarely(draw) else {}
    parallel = draw(st.integers(1, 4))
    more |= {"agents": AGENTS, "outage": draw(st.sampled_from([21600.0, 21600.0, 40.0]))}
    whole = plan(*items, critics=critics, resources={"gpu": 2, "db": 1}, parallel=parallel, **more)
    return _with_conditions(draw, _with_skips(draw, whole))


def _with_conditions(draw: st.DrawFn, whole: Plan) -> Plan:
    """Some tasks look at what became of those they wait for."""
    waiting = graph.dependents(whole, [*whole.tasks, *whole.gates])[0]
    before: dict[str, set[str]] = {}
    for item in (*whole.tasks, *whole.gates):
        found, todo = set[str](), [item]
        while todo:
            later = set(waiting.get(todo.pop(), ())) - found
            found |= later
            todo += later
        for after in found:
            before.setdefault(after, set()).add(item)
    tasks = dict(whole.tasks)
    for task_ in whole.tasks.values():
        if rarely(draw) or rarely(draw):
            texts = _conditions(task_, sorted(before.get(task_.id, ())), whole)
            chosen = draw(st.lists(st.sampled_from(texts), min_size=1, max_size=2, unique=True))
            tasks[task_.id] = replace(task_, when=tuple(map(condition, chosen)))
    return replace(whole, tasks=tasks)


def _conditions(task_: Task, ancestors: list[str], whole: Plan) -> list[str]:
    texts = ["true", "false"]
    for item in ancestors:
        texts += [f"status('{item}') == 'passed'", f"not status('{item}') == 'passed'"]
        if item in whole.gates:
            texts += [f"score('{item}') >= 0.95", f"score('{item}') == none or score('{item}') < 0.95"]
    return [*texts, *(f"inputs.{i.name}.json.n >= 2" for i in task_.inputs)]


def _with_skips(draw: st.DrawFn, whole: Plan) -> Plan:
    """Some questions get an option that leaves out what comes after them."""
    waiting = graph.dependents(whole, [*whole.tasks, *whole.gates])[0]
    gates = dict(whole.gates)
    for gate_ in whole.gates.values():
        if not gate_.options or not draw(st.booleans()):
            continue
        found, todo = set[str](), [gate_.id]
        while todo:
            later = set(waiting.get(todo.pop(), ())) - found
            found |= later
            todo += later
        after = sorted(found & (whole.tasks.keys() | whole.gates.keys()))
        if after:
            chosen = draw(st.lists(st.sampled_from(after), min_size=1, max_size=4, unique=True))
            more = (*gate_.options, *options("skip", skip=chosen))
            gates[gate_.id] = replace(gate_, options=more)
    return replace(whole, gates=gates)


def _budget(draw: st.DrawFn) -> Budget | None:
    if draw(st.booleans()):
        return None
    return Budget(
        usd=draw(st.sampled_from([None, Decimal(2), Decimal(6)])),
        tokens=draw(st.sampled_from([None, 300])),
        wall=draw(st.sampled_from([None, None, 25.0, 60.0])),
        spawns=draw(st.sampled_from([None, 1, 3, 8])),
    )


def _task(draw: st.DrawFn, name: str, tasks: list[str], nodes: list[str], place: dict, groups: list[str]):
    needs = draw(st.lists(st.sampled_from(nodes), max_size=2, unique=True)) if nodes else []
    read = draw(st.lists(st.sampled_from(tasks), max_size=2, unique=True)) if tasks and rarely(draw) else []
    gates = [n for n in nodes if n[0] in "OGA"]
    reads = {"given": [f"{t}.out" for t in read]} if read else {}
    if gates and rarely(draw):
        reads["verdict"] = f"{draw(st.sampled_from(gates))}.evaluation"
    more = {}
    if rarely(draw):
        more["trigger_rule"] = draw(st.sampled_from([ALL_DONE, NONE_FAILED, ONE_SUCCESS]))
    if rarely(draw):
        more["allow_failure"] = True
    if groups and rarely(draw):
        needs.append(draw(st.sampled_from(groups)))
    if rarely(draw):
        more["mode"] = FOREGROUND
    if rarely(draw):
        more["resources"] = draw(st.sampled_from([{"gpu": 1}, {"gpu": 2}, {"db": 1}, {"db": 1, "gpu": 1}]))
    if rarely(draw) and rarely(draw):
        more["budget"] = _budget(draw)
    if not reads and rarely(draw) and rarely(draw):
        more["ask"] = "What now?"
    if rarely(draw):
        more |= {"attempts": 2, "backoff": draw(st.sampled_from([0.0, 30.0]))}
    if "ask" not in more:
        more |= _doer(draw)
    return task(name, *needs, reads=reads, **place, **more)


def _doer(draw: st.DrawFn) -> dict:
    """Who does it: a program, or an agent; of one kind there are two agents."""
    agent = draw(st.sampled_from([None, *AGENTS]))
    return {} if agent is None else {"agent": agent, "kind": AGENTS[agent].kind}


def _gate(draw: st.DrawFn, name: str, place: dict, of=(), **more):
    most = draw(st.integers(1, 3))
    human = rarely(draw) and rarely(draw)
    exhausted = draw(st.sampled_from([*OnExhausted, OnExhausted.FAIL, OnExhausted.ACCEPT]))
    if human or exhausted is OnExhausted.ASK:
        more["options"] = options(
            "pass", "fail", *draw(st.sampled_from([(), ("retry",), ("retry", "pause")]))
        )
    if human:
        more |= {"human": True, "question": "Good?", "check_reads": ()}
    return gate(
        name,
        *of,
        checks=not human and rarely(draw),
        critics=[] if human else draw(st.sampled_from([["critic"], ["critic", "other"]])),
        max_iterations=most,
        samples=draw(st.sampled_from([1, 1, 1, 2, 3])),
        confirm_on_fail=draw(st.sampled_from([0, 0, 1, 2])),
        plateau=draw(st.sampled_from([None, None, Plateau(gain=Decimal("0.05"), rounds=1)])),
        min_iterations=draw(st.integers(1, most)) if rarely(draw) else 1,
        on_exhausted=exhausted,
        refine=draw(st.sampled_from(Refine)),
        session=draw(st.sampled_from(Session)),
        mender={"attempts": draw(st.integers(1, 2)), **_doer(draw)} if rarely(draw) else None,
        combine=draw(st.sampled_from(Combine)),
        block_on=draw(st.sampled_from([None, None, Severity.CRITICAL])),
        **place,
        **more,
    )


class ByHand(Drive):
    """A drive whose acts end when the machine says so."""

    def _end_later(self, seconds, event) -> None:
        pass


class AnyRun(RuleBasedStateMachine):
    """The orchestrator under every order of events that can happen."""

    drive: ByHand

    @initialize(whole=plans())
    def start(self, whole: Plan) -> None:
        self.drive = ByHand(whole)

    @rule(free=st.integers(0, 4))
    def decide(self, free: int) -> None:
        drive = self.drive
        drive.limit = drive.plan.parallel
        for instruction in drive.run.decide(drive.now, min(free, drive.limit - drive.run.running)):
            drive._carry_out(instruction)
        drive._check_moment()

    @precondition(lambda self: self.drive.run.acts)
    @rule(data=st.data(), seconds=st.sampled_from([0.0, 1.0, 10.0]))
    def end(self, data: st.DataObject, seconds: float) -> None:
        act = data.draw(st.sampled_from(self.drive.run.acts))
        _, judge = self.drive.run._ledger.acts[act]
        self.drive.now += seconds
        self._finish(act, data.draw(_done() if judge is None else _said(list(self.drive.plan.tasks))))

    @precondition(lambda self: self.drive.run.weighing)
    @rule(data=st.data())
    def weigh(self, data: st.DataObject) -> None:
        if self.drive.run.stop is None:
            self.drive.weigh(data.draw(st.sampled_from(sorted(self.drive.run.weighing))))

    @precondition(lambda self: self.drive.run.questions)
    @rule(data=st.data())
    def answer(self, data: st.DataObject) -> None:
        answer(self.drive, data.draw(st.sampled_from(range(100))))

    @precondition(lambda self: self.drive.run.wake_at() is not None)
    @rule()
    def wait(self) -> None:
        self.drive.now = max(self.drive.now, self.drive.run.wake_at() or 0.0)

    @rule(data=st.data())
    def crash(self, data: st.DataObject) -> None:
        """Replaying the journal gives the same state, and the same decisions, from here on."""
        drive, before = self.drive, self.drive.run
        now = drive.now + data.draw(st.sampled_from([0.0, 100.0]))
        again, drive.run = self._replayed(), self._replayed()

        assert again.decide(now, 100) == before.decide(now, 100)
        assert again.settled == before.settled

    @precondition(lambda self: self.drive.plan.gates and len(self.drive.events) > 5)
    @rule(data=st.data(), really=st.integers(0, 9))
    def change_what_judges(self, data: st.DataObject, really: int) -> None:
        if really == 0:
            chosen = data.draw(st.sampled_from(sorted(self.drive.plan.gates)))
            self.drive.warped = True
            self.drive.apply(ev.GateInputsChanged(at=self.drive.now, gates=(chosen,), paths=("/rubric",)))

    @precondition(lambda self: len(self.drive.events) > 8)
    @rule(cancel=st.booleans(), interrupted=st.booleans(), really=st.integers(0, 9))
    def stop(self, cancel: bool, interrupted: bool, really: int) -> None:
        if really == 0:
            self.drive.apply(
                ev.StopRequested(at=self.drive.now, reason="x", cancel=cancel, interrupted=interrupted)
            )

    def teardown(self) -> None:
        """Whatever happened, the run comes to an end."""
        if not hasattr(self, "drive"):
            return
        drive = self.drive
        for _ in range(2000):
            if drive.run.over:
                break
            drive._turn()
            wake = drive.run.wake_at()
            if drive.run.acts:
                act = drive.run.acts[0]
                judge = drive.run._ledger.acts[act][1]
                self._finish(act, Done() if judge is None else Said(score=0.95))
            elif not drive.run.over:
                assert wake is not None, f"stuck: {drive.states()}"
                drive.now = wake
        assert drive.run.over
        drive.check()

    def _finish(self, act: str, how: Done | Said) -> None:
        item, judge = self.drive.run._ledger.acts[act]
        self.drive.spans[act] = (self.drive.spans[act][0], self.drive.now)
        self.drive.apply(self.drive._ended(item, judge, act, how))

    def _replayed(self) -> Orchestrator:
        again = Orchestrator(self.drive.plan)
        for event in self.drive.events:
            again.apply(event)
        again.take_final()
        return again


def answer(drive: Drive, number: int) -> bool:
    """Answer one of the questions, somehow; False: there is none that can be answered now."""
    answers = [
        (q.item, option)
        for q in drive.run.questions
        for option in [o.id for o in q.options] or ["answer"]
        if drive.run.objection(drive.decision(q.item, option)) is None
    ]
    if answers:
        drive.answer(*answers[number % len(answers)], note=f"word {number}")
    return bool(answers)


def _done() -> st.SearchStrategy[Done]:
    usage = st.sampled_from([{}, {"usd": 0.5}, {"usd": 2, "output_tokens": 90}])
    changed = st.sampled_from([True, True, False])
    good = st.builds(Done, seconds=st.just(0.0), changed=changed, usage=usage)
    waits = st.sampled_from([None, 0.0, 1.0, 50.0])
    bad = st.builds(Done, seconds=st.just(0.0), outcome=st.sampled_from(TROUBLE), retry_after=waits)
    return st.one_of(good, good, good, bad)


def _said(tasks: list[str]) -> st.SearchStrategy[Said]:
    findings = st.lists(
        st.builds(finding, st.sampled_from(tasks), st.sampled_from(["critical", "minor"])), max_size=2
    )
    scores = st.sampled_from([1, 0.9, 0.95, 0.5, 0.2, 0.89999])
    answer = st.builds(
        Said,
        seconds=st.just(0.0),
        score=scores,
        findings=findings.map(tuple),
        passed=st.sampled_from([True, True, False]),
    )
    odd = st.builds(Said, seconds=st.just(0.0), score=st.sampled_from([2, "0.9", None]))
    bad = st.builds(Said, seconds=st.just(0.0), outcome=st.sampled_from(TROUBLE))
    return st.one_of(answer, answer, answer, answer, answer, odd, bad)


class Chance:
    """Endings by a seeded chance, mostly good, so that runs get far."""

    def __init__(self, seed: int, tasks: list[str]) -> None:
        self._random = Random(seed)
        self._tasks = tasks

    def __call__(self, default: Done | Said) -> Done | Said:
        chance, seconds = self._random, float(self._random.randint(0, 20))
        trouble = chance.choice(TROUBLE) if chance.random() < 0.04 else Outcome.SUCCESS
        waits = {"retry_after": chance.choice([None, 0.0, 20.0, 100.0])}
        if isinstance(default, Done):
            changed = chance.random() < 0.8
            usage = {"usd": chance.randint(0, 2), "input_tokens": 40}
            return Done(outcome=trouble, seconds=seconds, changed=changed, usage=usage, **waits)
        blamed = [
            finding(t, chance.choice(["critical", "minor"])) for t in self._tasks if chance.random() < 0.2
        ]
        score = chance.choice([1.0, 0.95, 0.9, 0.6, 0.3])
        return Said(
            outcome=trouble,
            seconds=seconds,
            score=score,
            findings=tuple(blamed),
            passed=chance.random() < 0.8,
            **waits,
        )


@settings(
    max_examples=LONG or 150,
    deadline=None,
    derandomize=not LONG,
    suppress_health_check=list(HealthCheck),
    database=None,
)
@given(whole=plans(), seed=st.integers(0, 2**32))
def test_every_run_ends_and_keeps_its_promises(whole: Plan, seed: int) -> None:
    drive = Drive(whole, Chance(seed, list(whole.tasks))).play()
    for number in range(8):
        if not answer(drive, seed + number):
            break
        drive.play()

    drive.check()
    assert drive.run.over


AnyRun.TestCase.settings = settings(
    max_examples=LONG or 90,
    stateful_step_count=30 if not LONG else 70,
    deadline=None,
    derandomize=not LONG,
    suppress_health_check=list(HealthCheck),
    database=None,
)
TestAnyRun = AnyRun.TestCase
