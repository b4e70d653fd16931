"""From what the plan, earlier runs and the user say to what a simulation takes for granted, and that in sentences.

What the user says counts most, then earlier runs, then the plan's estimates. Of what the user says, a task or gate by
its id counts more than its critic or agent, and those more than what is said of all (under the empty name); of the
same name the last counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field
from difflib import get_close_matches
from typing import TypeVar

from orchharness.core.gating import CHECKS
from orchharness.core.plan import Gate, Plan
from orchharness.core.terms import terms_of
from orchharness.errors import OrchError
from orchharness.record import record
from orchharness.simulate.assumptions import Assumptions, Between, Price, Seconds, judgements_of
from orchharness.simulate.fate import decisive
from orchharness.simulate.measured import Earlier
from orchharness.simulate.words import listed, long

HOUR = 3600.0
T = TypeVar("T")
Said = Sequence[tuple[str, T]]  # name, and what is said of it


@record
class Given:
    """What the user said, and what earlier runs of the plan took (None: nobody asked for that)."""

    durations: Said[Between] = ()
    fails: Said[float] = ()
    dies: Said[float] = ()
    prices: Said[Price] = ()
    again: float = 1.0
    earlier: Earlier | None = None
    runs: int = 0  # how many earlier runs those were


@record
class Premise:
    """The assumptions, and the sentences that say them."""

    assumed: Assumptions
    texts: tuple[str, ...] = field(default=())


class _Names:
    """What a name on the command line stands for."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._judges: dict[str, list[str]] = {}
        for gate in plan.gates.values():
            for critic in gate.critics:
                self._judges.setdefault(critic, []).append(f"{gate.id}/{critic}")

    def acts(self, option: str, name: str, *, checks: bool) -> tuple[int, list[str]]:
        """How much the name counts, and the acts it stands for.

        Raises:
            OrchError: the plan has nothing of that name.
        """
        plan = self._plan
        if name in plan.tasks:
            return 2, [name]
        if name in plan.gates:
            gate = plan.gates[name]
            judges = [c for c in judgements_of(gate) if checks or c != CHECKS]
            if not judges:
                who = (
                    "its score is computed from those of other gates"
                    if gate.of_gates
                    else "it has no critics"
                )
                msg = f"{option} {name}: no act stands behind this gate: {who}"
                raise OrchError(msg)
            return 2, [f"{name}/{critic}" for critic in judges]
        found = self._judges.get(name, []) + [t.id for t in plan.tasks.values() if t.agent == name]
        if not found:
            known = [*plan.tasks, *plan.gates, *plan.critics, *plan.agents]
            near = get_close_matches(name, known[:5000], n=1, cutoff=0.6)
            guess = f"; did you mean {near[0]!r}?" if near else ""
            msg = f"{option} {name}: the plan has no task, gate, critic or agent at work of that name{guess}"
            raise OrchError(msg)
        return 1, found

    def spread(
        self, option: str, said: Said[T], everybody: Callable[[], list[str]], *, checks: bool = False
    ) -> dict[str, T]:
        """Act -> what is said of it."""
        found: list[tuple[int, list[str], T]] = []
        for name, value in said:
            rank, acts = self.acts(option, name, checks=checks) if name else (0, everybody())
            found.append((rank, acts, value))
        return {act: value for _, acts, value in sorted(found, key=lambda f: f[0]) for act in acts}


def premise(plan: Plan, given: Given) -> Premise:
    """What is taken for granted about the plan.

    Raises:
        OrchError: something was said of what the plan does not have, or cannot be.
    """
    names = _Names(plan)
    agents = [*plan.tasks, *(f"{g.id}/{c}" for g in plan.gates.values() for c in g.critics)]
    times = _Times(plan, given, names)
    assumed = Assumptions(
        seconds=times.seconds,
        later=times.later,
        again=given.again,
        fails=_fails(plan, given.fails),
        dies=names.spread("--die", given.dies, lambda: agents),
        prices=names.spread("--cost", given.prices, lambda: agents),
    )
    texts = (*times.texts(), *_chances(plan, assumed), *_budgets(plan, assumed))
    return Premise(assumed=assumed, texts=texts)


def _budgets(plan: Plan, assumed: Assumptions) -> Iterator[str]:
    terms = terms_of(plan)
    units = {unit for limit in terms.limits.values() for unit in limit.units} if terms is not None else set()
    if units & {"spawns", "wall"}:
        yield "budgets of spawns and time are kept as in a real run: one that is reached pauses it"
    if "usd" in units:
        costs = (
            "as --cost says"
            if assumed.prices
            else "and nobody said what acts cost (--cost): it is not reached"
        )
        yield f"a budget of dollars is kept, {costs}"
    if "tokens" in units:
        yield "a budget of tokens is not simulated: nobody says how many an act uses"


class _Times:
    """How long acts take, and where that is known from."""

    def __init__(self, plan: Plan, given: Given, names: _Names) -> None:
        self._plan, self._given = plan, given
        # What is said under no name is for tasks that nobody knows anything of.
        self._said = names.spread("--duration", [d for d in given.durations if d[0]], list, checks=True)
        bare = [value for name, value in given.durations if not name]
        known = [t.estimate for t in plan.tasks.values() if t.estimate is not None]
        mean = sum(known) / len(known) if known else HOUR
        self.default = bare[-1] if bare else Between(mean, mean)
        self._why = (
            "as --duration says" if bare else "the mean of the others" if known else "since nobody said"
        )
        earlier = given.earlier
        self._measured = earlier.first if earlier else {}
        self.seconds = dict(self._all())
        later = earlier.later if earlier else {}
        self.later = {act: takes for act, takes in later.items() if act not in self._said}

    def _all(self) -> Iterator[tuple[str, Seconds]]:
        for task in self._plan.tasks.values():
            if task.estimate is None:
                yield task.id, self.default
            else:
                yield task.id, Between(*(task.spread or (task.estimate, task.estimate)))
        yield from self._measured.items()
        yield from self._said.items()

    def _most(self, act: str) -> float:
        takes = self.seconds[act]
        return takes.high if isinstance(takes, Between) else max(seconds for seconds, _ in takes.acts)

    def texts(self) -> Iterator[str]:
        """The sentences."""
        plan, given, total = self._plan, self._given, len(self._plan.tasks)
        others = [t for t in plan.tasks.values() if t.id not in self._said and t.id not in self._measured]
        told = [t for t in others if t.estimate is not None]
        if told:
            ranges = "; of a range any time is as likely as another" if any(t.spread for t in told) else ""
            yield f"{len(told):,} of {total:,} tasks take as long as their 'estimate' says{ranges}"
        if given.earlier is not None:
            known = sum(t in self._measured for t in plan.tasks)
            runs = f"{given.runs:,} earlier run{'' if given.runs == 1 else 's'}"
            found = f"{known:,} of {total:,} tasks take what they took in {runs}"
            yield found if given.runs else "no earlier run of the plan was found: nothing is known from any"
        unknown = [t.id for t in others if t.estimate is None]
        if unknown:
            yield (
                f"{len(unknown):,} of {total:,} tasks have no 'estimate' ({listed(unknown)}): "
                f"each takes {_span(self.default)}, {self._why}"
            )
        if self._said:
            yield f"as --duration says: {_times(self._said)}"
        judges = [a for g in plan.gates.values() for a in (f"{g.id}/{c}" for c in judgements_of(g))]
        silent = [a for a in judges if a not in self.seconds]
        if silent:
            yield f"{len(silent):,} of {len(judges):,} judgements take no time: nobody said how long (--duration GATE=15m)"
        slow = [t.id for t in plan.tasks.values() if t.timeout is not None and self._most(t.id) > t.timeout]
        if slow:
            yield f"an act that takes longer than its 'timeout' is ended, and that can happen: {listed(slow)}"
        if given.again != 1 and plan.gates:
            yield f"work on findings takes {given.again:g} of the first time"


def _span(takes: Between) -> str:
    return long(takes.low) if takes.low == takes.high else f"{long(takes.low)} to {long(takes.high)}"


def _times(said: Mapping[str, Between]) -> str:
    return listed([f"{act} {_span(takes)}" for act, takes in said.items()])


def _fails(plan: Plan, said: Said[float]) -> dict[str, float]:
    every = {g.id: decisive(plan, g) for g in plan.gates.values() if not g.of_gates}
    able = [g for g, who in every.items() if who]
    found: dict[str, float] = {}
    for name, likely in said:
        if name and name not in able:
            raise OrchError(_cannot_fail(plan, name, able))
        found |= dict.fromkeys([] if name else able, likely)
    return found | {name: likely for name, likely in said if name}


def _cannot_fail(plan: Plan, name: str, able: Sequence[str]) -> str:
    gate: Gate | None = plan.gates.get(name)
    if gate is None:
        what = "a task: --die says how likely its agent dies" if name in plan.tasks else "no gate of the plan"
        return f"--fail {name}: that is {what}; gates are {listed(able) or 'none'}"
    if gate.of_gates:
        return f"--fail {name}: its score is computed from those of {listed(gate.of_gates)}: name these"
    return f"--fail {name}: it cannot fail, with threshold {gate.threshold}, no 'block_on' and no checks"


def _chances(plan: Plan, assumed: Assumptions) -> Iterator[str]:
    fails = {g: p for g, p in assumed.fails.items() if p}
    if fails:
        yield f"a round of judgements fails with a probability of {_shares(fails)}"
    elif plan.gates:
        yield "every gate passes (--fail 0.3 says otherwise)"
    if any(t.ask for t in plan.tasks.values()) or any(g.options for g in plan.gates.values()):
        yield "people answer at once, when nothing else can go on, and let the work go on where they can"
    dies = {a: p for a, p in assumed.dies.items() if p}
    if not dies:
        yield "no agent dies (--die 0.05 says otherwise)"
    else:
        yield from _deaths(plan, dies)
    content = [t.id for t in plan.tasks.values() if any(c.inputs for c in t.when)]
    if content:
        yield f"a 'when' that asks what an input holds is true: {listed(content)}"


def _deaths(plan: Plan, dies: dict[str, float]) -> Iterator[str]:
    yield f"an agent dies in the middle of its act with a probability of {_shares(dies)}"
    once = [t for t in dies if t in plan.tasks and plan.tasks[t].retry.attempts == 1]
    if once:
        yield f"{len(once):,} of these are tasks without a second attempt ('retry'): {listed(once)}"


def _shares(chances: dict[str, float]) -> str:
    values = sorted(set(chances.values()))
    if len(values) == 1:
        return f"{values[0]:g} ({listed(list(chances))})"
    return ", ".join(f"{p:g} ({listed([n for n, q in chances.items() if q == p])})" for p in values[:6])
