"""The gates of a run: scores over the rounds, criteria and findings by iteration, and what was judged."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from orchharness.core.plan import Gate, Plan
from orchharness.record import record
from orchharness.report.changes import Change, Read, changes
from orchharness.report.charts import Chart, chart_of
from orchharness.report.history import Act, History, ItemPast, Round
from orchharness.report.samples import SampleRow, criteria_of, findings_of, samples_of, spans_of
from orchharness.report.text import clean, duration, entries, line, mapping, moment, number, plural, short

_FINDINGS = 100  # shown per gate


@record
class CriterionRow:
    """One criterion of one critic: its score in each iteration, and why, the last time."""

    critic: str
    name: str
    weight: str
    scores: tuple[str, ...]
    why: str


@record
class FindingRow:
    """What a critic found."""

    iteration: int
    critic: str
    severity: str
    task: str
    where: str
    what: str
    fix: str


@record
class JudgedRow:
    """An artifact that was judged, at its digest."""

    iteration: int
    artifact: str
    path: str
    short: str
    sha256: str


@record
class GateView:
    """One gate, ready to be shown."""

    id: str
    title: str
    state: str
    reason: str
    judges: str
    mender: str
    of: str
    threshold: str
    scores: tuple[str, ...]
    rounds: tuple[Round, ...]
    iterations: tuple[int, ...]
    time: str
    chart: Chart | None
    criteria: tuple[CriterionRow, ...]
    samples: tuple[SampleRow, ...]  # only where a critic judged more than once
    changes: tuple[Change, ...]
    more_changes: int
    brief: bool  # passed at once, one of many: told in one line
    findings: tuple[FindingRow, ...]
    more_findings: int
    judged: tuple[JudgedRow, ...]
    warnings: tuple[str, ...]
    decision: str  # what a person decided, who and when
    open: bool  # shown unfolded


def gate_view(
    plan: Plan, history: History, gate: Gate, limit: int, read: Read | None, *, brief: bool = False
) -> GateView:
    """The view of one gate; `limit` bounds each text. Brief: no details of a gate that passed at once."""
    past = history.items.get(gate.id) or ItemPast()
    acts = [act for act in past.acts if act.outcome == "success" and not act.mends]
    short = brief and past.state in {"passed", "waiting", "skipped"} and len(past.rounds) <= 1
    acts = [] if short else acts
    changed, more = changes(acts, read)
    iterations = tuple(sorted({act.iteration for act in acts}))
    findings = list(_findings(acts, limit))
    return GateView(
        id=gate.id,
        title=line(gate.title),
        state=past.state,
        reason="" if past.rounds and past.rounds[-1].reason == past.reason else past.reason,
        judges=line(_judges(plan, gate)),
        mender=line(_mender(gate, past), 200),
        of=line(_of(gate), 600),
        threshold=str(gate.threshold) if _has_score(plan, gate) else "",
        scores=tuple(r.score for r in past.rounds if r.score is not None),
        rounds=tuple(past.rounds),
        iterations=iterations,
        time=duration(sum(act.seconds for act in past.acts)) if past.acts else "",
        chart=chart_of(gate, past.rounds, spans_of(plan, acts)) if not short else None,
        criteria=() if short else tuple(_criteria(plan, gate, acts, iterations, limit)),
        samples=tuple(samples_of(plan, acts)),
        changes=tuple(changed),
        more_changes=more,
        brief=short,
        findings=tuple(findings[:_FINDINGS]),
        more_findings=max(0, len(findings) - _FINDINGS),
        judged=tuple(_judged(acts)),
        warnings=tuple(past.warnings),
        decision=_decision(past.decision),
        open=past.state in {"failed", "error", "paused", "waived", "refining"} or len(past.rounds) > 1,
    )


def _has_score(plan: Plan, gate: Gate) -> bool:
    return bool(gate.of_gates) or any(plan.critics[c].criteria for c in gate.critics if c in plan.critics)


def _judges(plan: Plan, gate: Gate) -> str:
    if gate.human:
        return "a person"
    if gate.of_gates:
        return (
            f"{gate.aggregate.value if gate.aggregate else 'scores'} of {plural(len(gate.of_gates), 'gate')}"
        )
    parts = [plural(len(gate.checks), "check")] if gate.checks else []
    parts += [critic for critic in gate.critics if critic in plan.critics]
    how = f" ({gate.combine.value})" if len(gate.critics) > 1 else ""
    often = f", {'each ' if len(gate.critics) > 1 else ''}{gate.samples} times" if gate.samples > 1 else ""
    sure = f", {gate.confirm_on_fail} more before a failure is believed" if gate.confirm_on_fail else ""
    return ", ".join(parts) + how + often + sure


def _mender(gate: Gate, past: ItemPast) -> str:
    """Who works on its findings in place of the tasks, how often, and how long that took."""
    if gate.mender is None:
        return ""
    acts = [act for act in past.acts if act.mends]
    who = f"agent {gate.mender.agent}" if gate.mender.agent else f"a {gate.mender.kind}"
    done = (
        f": {plural(len(acts), 'act')}, {duration(sum(a.seconds for a in acts))}"
        if acts
        else ", which was not needed"
    )
    return f"Its findings are worked on by a mender of its own ({who}){done}."


def _decision(entry: Mapping[str, Any]) -> str:
    if not entry:
        return ""
    at = number(entry.get("decided")) or number(entry.get("at"))
    note = clean(str(entry.get("note") or ""))[:2000]
    when = f" on {moment(at)}" if at is not None else ""
    return f"{line(entry.get('option'))} by {line(entry.get('by'))}{when}" + (f": {note}" if note else "")


def _of(gate: Gate) -> str:
    members = gate.of or gate.of_gates
    more = f" and {len(members) - 8} more" if len(members) > 8 else ""
    return ", ".join(members[:8]) + more


def _criteria(
    plan: Plan, gate: Gate, acts: Sequence[Act], iterations: Sequence[int], limit: int
) -> Iterable[CriterionRow]:
    for critic_id in gate.critics:
        critic = plan.critics.get(critic_id)
        if critic is None:
            continue
        answers: dict[int, list[Mapping[str, Any]]] = {}
        for act in sorted((a for a in acts if a.critic == critic_id), key=lambda a: a.sample):
            answers.setdefault(act.iteration, []).append(criteria_of(act))
        for name, weight in critic.criteria.items():
            last = mapping(answers[max(answers)][0].get(name)) if answers else {}
            yield CriterionRow(
                critic=critic_id,
                name=line(name, 80),
                weight=str(weight),
                scores=tuple(" · ".join(_score(a, name) for a in answers.get(i, [{}])) for i in iterations),
                why=clean(last.get("why"), limit),
            )


def _score(criteria: Mapping[str, Any], name: str) -> str:
    entry = criteria.get(name)
    value = entry.get("score") if isinstance(entry, Mapping) else entry
    score = number(value)
    return line(value, 12) if score is None else f"{score:.2f}"


def _findings(acts: Sequence[Act], limit: int) -> Iterable[FindingRow]:
    for act in reversed(acts):
        for finding in findings_of([act]):
            yield FindingRow(
                iteration=act.iteration,
                critic=act.judge,
                severity=line(finding.get("severity"), 20),
                task=line(finding.get("task"), 80),
                where=line(finding.get("where"), 200),
                what=clean(finding.get("what"), limit),
                fix=clean(finding.get("fix"), limit),
            )


def worst_finding(past: ItemPast) -> str:
    """What is worst in the last judgement of a gate, with its place; empty where nothing was found."""
    judged = [act for act in past.acts if act.critic is not None and act.outcome == "success"]
    found = next(iter(_findings(judged[-1:], 400)), None)
    return "" if found is None else ": ".join(part for part in (found.where, line(found.what, 400)) if part)


def _judged(acts: Sequence[Act]) -> Iterable[JudgedRow]:
    seen: set[tuple[int, str, str, str]] = set()
    for act in acts:
        for artifact, files in mapping(act.result.get("artifacts")).items():
            for file in entries(files):
                key = (act.iteration, artifact, str(file.get("path")), str(file.get("sha256")))
                if key not in seen and len(seen) < _FINDINGS:
                    seen.add(key)
                    yield JudgedRow(
                        iteration=act.iteration,
                        artifact=line(artifact, 120),
                        path=line(file.get("path"), 300),
                        short=short(file.get("sha256")),
                        sha256=line(file.get("sha256"), 80),
                    )
