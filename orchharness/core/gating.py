"""From what critics said to a verdict. The engine computes every score, in decimal arithmetic.

A total that a critic states itself is a note. Whatever is not exactly an evaluation is an error of the judge,
never a score. Of a critic that judged several times the median counts: of its scores, and of its yes and no.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal, localcontext
from itertools import pairwise
from typing import Any, assert_never

from orchharness.core.plan import Combine, Critic, Gate, Plateau, Severity
from orchharness.record import record

TOLERANCE = Decimal("0.01")
CHECKS = "checks"
_PRECISION = 60  # digits: exact for every score that is written with less than that
_SHOWN, _LISTED, _HEADLINE = 80, 5, 160
_RANK = {Severity.CRITICAL: 0, Severity.MAJOR: 1, Severity.MINOR: 2}


class NotAnEvaluationError(Exception):
    """The critic's answer cannot be read as an evaluation; the message says why."""


@record
class Judged:
    """One critic's evaluation after checking: score is None when it has no criteria."""

    critic: str
    score: Decimal | None
    findings: tuple[Mapping[str, Any], ...]
    passed: bool | None = None  # for checks: whether all hold
    warnings: tuple[str, ...] = ()
    spread: tuple[Decimal, ...] = ()  # of several judgements: their scores
    grave: tuple[Mapping[str, Any], ...] = ()  # findings that fail the gate whatever the score


@record
class Verdict:
    """Whether the gate's demands are met, and why or why not."""

    passed: bool
    score: Decimal | None
    reason: str
    findings: tuple[Mapping[str, Any], ...] = ()
    warnings: tuple[str, ...] = ()


def as_text(score: Decimal) -> str:
    """The score without trailing zeros, at least two decimals, at most four (cut, never rounded up)."""
    cut = score.quantize(Decimal("0.0001"), rounding="ROUND_DOWN").normalize()
    exponent = cut.as_tuple().exponent
    return f"{cut:.2f}" if isinstance(exponent, int) and exponent > -2 else f"{cut:f}"


def _shown(value: Any) -> str:
    """What a critic said, short enough for a message."""
    try:
        text = repr(value)
    except ValueError:  # an integer of thousands of digits
        text = "a number of thousands of digits"
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _listed(names: Sequence[Any]) -> str:
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(_shown(n) for n in names[:_LISTED]) + more


def _last(text: str) -> str:
    """The last line, where there is more than one: what a command said before it failed."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return f": {lines[-1][:200]}" if len(lines) > 1 else ""


def headline(text: str) -> str:
    """The first line with something in it, cut, fit for a reason."""
    lines = [line.strip() for line in text.splitlines()]
    return next((line for line in lines if line), "?")[:_HEADLINE]


def _number(value: Any, what: str) -> Decimal:
    """The value as a decimal from 0 to 1.

    Raises:
        NotAnEvaluationError: it is not a finite number in that range.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        msg = f"{what} is {_shown(value)}, not a number"
        raise NotAnEvaluationError(msg)
    finite = (
        value.is_finite() if isinstance(value, Decimal) else isinstance(value, int) or math.isfinite(value)
    )
    if not finite or not 0 <= value <= 1:
        msg = f"{what} is {_shown(value)}, not from 0 to 1"
        raise NotAnEvaluationError(msg)
    return value if isinstance(value, Decimal) else Decimal(str(value))  # str: 0.1 is what was written


def _scores(critic: Critic, criteria: Any) -> dict[str, Decimal]:
    """Criterion -> score, one for every criterion of the critic and no other."""
    if not isinstance(criteria, Mapping):
        msg = f"`criteria` is {_shown(criteria)}, not a mapping"
        raise NotAnEvaluationError(msg)
    missing = [name for name in critic.criteria if name not in criteria]
    unknown = [name for name in criteria if name not in critic.criteria]
    if missing or unknown:
        parts = [f"no score for {_listed(missing)}"] if missing else []
        parts += [f"unknown criterion {_listed(unknown)}"] if unknown else []
        raise NotAnEvaluationError("; ".join(parts))
    found = {}
    for name in critic.criteria:
        entry = criteria[name]
        value = entry.get("score") if isinstance(entry, Mapping) else entry
        found[name] = _number(value, f"the score of {name!r}")
    return found


def _findings(critic: str, findings: Any) -> tuple[Mapping[str, Any], ...]:
    """The findings with their critic's name, each with a severity and what it is."""
    if not isinstance(findings, list | tuple):
        msg = f"`findings` is {_shown(findings)}, not a list"
        raise NotAnEvaluationError(msg)
    result = []
    for number, finding in enumerate(findings, 1):
        if not isinstance(finding, Mapping) or not isinstance(finding.get("what"), str):
            msg = f"finding {number} is {_shown(finding)}, not a mapping with a text `what`"
            raise NotAnEvaluationError(msg)
        severity = finding.get("severity")
        if not isinstance(severity, str) or severity not in tuple(Severity):
            msg = f"finding {number} has severity {_shown(severity)}, not critical, major or minor"
            raise NotAnEvaluationError(msg)
        result.append({**finding, "critic": critic})
    return tuple(result)


def _held(evaluation: Mapping[str, Any]) -> bool | None:
    passed = evaluation.get("passed")
    if passed is not None and not isinstance(passed, bool):
        msg = f"`passed` is {_shown(passed)}, not true or false"
        raise NotAnEvaluationError(msg)
    return passed


def _must_be_mapping(evaluation: Any) -> None:
    if not isinstance(evaluation, Mapping):
        msg = f"it is {_shown(evaluation)}, not a mapping"
        raise NotAnEvaluationError(msg)


def judge_checks(evaluation: Mapping[str, Any]) -> Judged:
    """The result of a gate's checks.

    Raises:
        NotAnEvaluationError: it does not say whether they hold.
    """
    _must_be_mapping(evaluation)
    passed = _held(evaluation)
    if passed is None:
        msg = "the checks did not say whether they hold"
        raise NotAnEvaluationError(msg)
    findings = _findings(CHECKS, evaluation.get("findings", ()))
    return Judged(critic=CHECKS, score=None, findings=findings, passed=passed)


def judge(critic: Critic, evaluation: Mapping[str, Any]) -> Judged:
    """The critic's evaluation, checked, with the score the engine computes: the weighted sum of the criteria.

    A critic without criteria may say that what it judged does not hold (`passed: false`); one with criteria is
    taken by its scores alone.

    Raises:
        NotAnEvaluationError: the answer is not an evaluation for this critic's criteria.
    """
    _must_be_mapping(evaluation)
    scores = _scores(critic, evaluation.get("criteria", {}))
    findings = _findings(critic.id, evaluation.get("findings", ()))
    if not scores:
        return Judged(critic=critic.id, score=None, findings=findings, passed=_held(evaluation))
    with localcontext(prec=_PRECISION):
        score = sum((critic.criteria[n] * s for n, s in scores.items()), Decimal(0))
    note = _total_note(critic.id, evaluation.get("total"), score)
    return Judged(critic=critic.id, score=score, findings=findings, warnings=(note,) if note else ())


def _total_note(critic: str, total: Any, score: Decimal) -> str | None:
    """What is wrong with the total the critic stated itself, if anything."""
    if total is None:
        return None
    try:
        stated = _number(total, "the stated total")
    except NotAnEvaluationError as error:
        return f"{critic}: {error}; the computed score is {as_text(score)}"
    if abs(stated - score) <= TOLERANCE:
        return None
    return f"{critic} states a total of {_shown(total)}, the computed score is {as_text(score)}"


def _combined(how: Combine, scores: Sequence[Decimal]) -> Decimal:
    with localcontext(prec=_PRECISION):
        match how:
            case Combine.ALL | Combine.MIN:
                return min(scores)
            case Combine.MEAN:
                return sum(scores, Decimal(0)) / len(scores)
            case Combine.MEDIAN:
                low, high = (len(scores) - 1) // 2, len(scores) // 2
                return (sorted(scores)[low] + sorted(scores)[high]) / 2
            case _:
                assert_never(how)


def rank(judged: Judged) -> tuple[Decimal, bool, int]:
    """Where a judgement stands among others of its critic, the worst first."""
    score = judged.score if judged.score is not None else Decimal(0)
    return score, judged.passed is not False, -len(judged.findings)


def _pooled(judged: Sequence[Judged], gate: Gate) -> Judged:
    """What several judgements of one critic say together; a tie counts against the work."""
    if len(judged) == 1:
        return replace(judged[0], grave=_grave(gate, judged[0].findings))
    scores = [j.score for j in judged if j.score is not None]
    found = [f for j in judged for f in j.findings]
    denials = sum(j.passed is False for j in judged)
    blocking = sum(bool(_grave(gate, j.findings)) for j in judged)
    return Judged(
        critic=judged[0].critic,
        score=_combined(Combine.MEDIAN, scores) if scores else None,
        findings=tuple({json.dumps(f, sort_keys=True, default=str): f for f in found}.values()),
        passed=2 * denials < len(judged),
        warnings=tuple(w for j in judged for w in j.warnings),
        spread=tuple(scores),
        grave=_grave(gate, found) if 2 * blocking >= len(judged) else (),
    )


def _grave(gate: Gate, findings: Sequence[Mapping[str, Any]]) -> tuple[Mapping[str, Any], ...]:
    """The findings that fail the gate whatever the score."""
    if gate.block_on is None:
        return ()
    limit = _RANK[gate.block_on]
    return tuple(f for f in findings if _RANK[Severity(f["severity"])] <= limit)


def _spread(judged: Sequence[Judged]) -> str:
    """What the medians are of, where a critic judged more than once."""
    several = [j for j in judged if j.spread]
    parts = [
        f"{f'{j.critic}: ' if len(several) > 1 else ''}median of {', '.join(map(as_text, j.spread))}"
        for j in several
    ]
    return f" ({'; '.join(parts)})" if parts else ""


def decide(gate: Gate, said: Sequence[Judged]) -> Verdict:
    """The verdict over all that was judged in one iteration; the judgements of a critic stand one after another."""
    critics: dict[str, list[Judged]] = {}
    for one in said:
        critics.setdefault(one.critic, []).append(one)
    judged = [_pooled(found, gate) for found in critics.values()]
    findings = tuple(f for j in judged for f in j.findings)
    warnings = tuple(w for j in judged for w in j.warnings)
    scores = [j.score for j in judged if j.score is not None]
    score = _combined(gate.combine, scores) if scores else None

    def verdict(passed: bool, reason: str) -> Verdict:
        return Verdict(passed=passed, score=score, reason=reason, findings=findings, warnings=warnings)

    unmet = [j for j in judged if j.passed is False]
    if unmet:
        who = "check failed" if unmet[0].critic == CHECKS else f"{unmet[0].critic} does not hold"
        what = [f": {headline(f['what'])}{_last(f['what'])}" for f in unmet[0].findings[:1]]
        return verdict(False, who + "".join(what))
    if score is not None and score < gate.threshold:
        return verdict(False, f"{as_text(score)} < {as_text(gate.threshold)}{_spread(judged)}")
    worst = [f for j in judged for f in j.grave]
    if worst:
        return verdict(False, f"{worst[0]['severity']} finding: {headline(worst[0]['what'])}")
    if score is not None:
        return verdict(True, f"{as_text(score)} ≥ {as_text(gate.threshold)}{_spread(judged)}")
    return verdict(True, "no finding blocks" if gate.critics else "all checks hold")


def flat(plateau: Plateau | None, trend: Sequence[Decimal | None]) -> str:
    """Why it is not worth going on, when the score rose less than the plateau asks in each of its last rounds."""
    last = trend[-plateau.rounds - 1 :] if plateau is not None else ()
    scores = [score for score in last if score is not None]
    if plateau is None or len(scores) <= plateau.rounds:
        return ""
    if any(after - before >= plateau.gain for before, after in pairwise(scores)):
        return ""
    way = " → ".join(map(as_text, scores))
    rounds = "the last round" if plateau.rounds == 1 else f"each of the last {plateau.rounds} rounds"
    return f"; on a plateau: {way} rose less than {as_text(plateau.gain)} in {rounds}"


def aggregate(gate: Gate, scores: Mapping[str, Decimal | None]) -> Verdict:
    """The verdict of a gate over gates, from their scores."""
    without = [g for g, s in scores.items() if s is None]
    known = [s for s in scores.values() if s is not None]
    if without or not known:
        return Verdict(passed=False, score=None, reason=f"{', '.join(without) or gate.id} has no score")
    score = _combined(gate.aggregate or Combine.MEAN, known)
    sign = "≥" if score >= gate.threshold else "<"
    return Verdict(
        passed=sign == "≥", score=score, reason=f"{as_text(score)} {sign} {as_text(gate.threshold)}"
    )
