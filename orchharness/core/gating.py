"""From what critics said to a verdict. The engine computes every score, in decimal arithmetic.

A total that a critic states itself is a note. Whatever is not exactly an evaluation is an error of the judge,
never a score.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from statistics import median
from typing import Any

from orchharness.core.plan import Combine, Critic, Gate, Severity

TOLERANCE = Decimal("0.01")
CHECKS = "checks"
_RANK = {Severity.CRITICAL: 0, Severity.MAJOR: 1, Severity.MINOR: 2}


class NotAnEvaluationError(Exception):
    """The critic's answer cannot be read as an evaluation; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One critic's evaluation after checking: score is None when it has no criteria."""

    critic: str
    score: Decimal | None
    findings: tuple[Mapping[str, Any], ...]
    passed: bool | None = None  # for checks: whether all hold
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
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


def _number(value: Any, what: str) -> Decimal:
    """The value as a decimal from 0 to 1.

    Raises:
        NotAnEvaluationError: it is not a finite number in that range.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        msg = f"{what} is {value!r}, not a number"
        raise NotAnEvaluationError(msg)
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        msg = f"{what} is {value!r}, not a number"
        raise NotAnEvaluationError(msg) from None
    if not number.is_finite() or not 0 <= number <= 1:
        msg = f"{what} is {value!r}, not from 0 to 1"
        raise NotAnEvaluationError(msg)
    return number


def _scores(critic: Critic, criteria: Any) -> dict[str, Decimal]:
    """Criterion -> score, one for every criterion of the critic and no other."""
    if not isinstance(criteria, Mapping):
        msg = f"`criteria` is {type(criteria).__name__}, not a mapping"
        raise NotAnEvaluationError(msg)
    missing = [name for name in critic.criteria if name not in criteria]
    unknown = [str(name) for name in criteria if name not in critic.criteria]
    if missing or unknown:
        parts = [f"no score for {', '.join(missing)}"] if missing else []
        parts += [f"unknown criterion {', '.join(unknown)}"] if unknown else []
        raise NotAnEvaluationError("; ".join(parts))
    found = {}
    for name in critic.criteria:
        entry = criteria[name]
        value = entry.get("score") if isinstance(entry, Mapping) else entry
        found[name] = _number(value, f"the score of {name}")
    return found


def _findings(critic: str, findings: Any) -> tuple[Mapping[str, Any], ...]:
    """The findings with their critic's name, each with a severity and what it is."""
    if not isinstance(findings, list | tuple):
        msg = f"`findings` is {type(findings).__name__}, not a list"
        raise NotAnEvaluationError(msg)
    known = {str(s) for s in Severity}
    result = []
    for number, finding in enumerate(findings, 1):
        if not isinstance(finding, Mapping) or not isinstance(finding.get("what"), str):
            msg = f"finding {number} is not a mapping with a text `what`"
            raise NotAnEvaluationError(msg)
        if finding.get("severity") not in known:
            msg = f"finding {number} has severity {finding.get('severity')!r}, not critical, major or minor"
            raise NotAnEvaluationError(msg)
        result.append({**finding, "critic": critic})
    return tuple(result)


def judge_checks(evaluation: Mapping[str, Any]) -> Judged:
    """The result of a gate's checks.

    Raises:
        NotAnEvaluationError: it does not say whether they hold.
    """
    passed = evaluation.get("passed")
    if not isinstance(passed, bool):
        msg = "the checks did not say whether they hold"
        raise NotAnEvaluationError(msg)
    findings = _findings(CHECKS, evaluation.get("findings", ()))
    return Judged(critic=CHECKS, score=None, findings=findings, passed=passed)


def judge(critic: Critic, evaluation: Mapping[str, Any]) -> Judged:
    """The critic's evaluation, checked, with the score the engine computes: the weighted sum of the criteria.

    Raises:
        NotAnEvaluationError: the answer is not an evaluation for this critic's criteria.
    """
    scores = _scores(critic, evaluation.get("criteria", {}))
    findings = _findings(critic.id, evaluation.get("findings", ()))
    score = sum((critic.criteria[n] * s for n, s in scores.items()), Decimal(0)) if scores else None
    warnings = []
    total = evaluation.get("total")
    if total is not None and score is not None:
        try:
            stated = _number(total, "the stated total")
        except NotAnEvaluationError as error:
            warnings.append(f"{critic.id}: {error}; the computed score is {as_text(score)}")
        else:
            if abs(stated - score) > TOLERANCE:
                warnings.append(
                    f"{critic.id} states a total of {total}, the computed score is {as_text(score)}"
                )
    return Judged(critic=critic.id, score=score, findings=findings, warnings=tuple(warnings))


def _combined(how: Combine, scores: Sequence[Decimal]) -> Decimal:
    match how:
        case Combine.ALL | Combine.MIN:
            return min(scores)
        case Combine.MEAN:
            return sum(scores, Decimal(0)) / len(scores)
        case Combine.MEDIAN:
            return Decimal(median(scores))


def decide(gate: Gate, judged: Sequence[Judged]) -> Verdict:
    """The verdict over all that was judged in one iteration."""
    findings = tuple(f for j in judged for f in j.findings)
    warnings = tuple(w for j in judged for w in j.warnings)
    scores = [j.score for j in judged if j.score is not None]
    score = _combined(gate.combine, scores) if scores else None

    def verdict(passed: bool, reason: str) -> Verdict:
        return Verdict(passed=passed, score=score, reason=reason, findings=findings, warnings=warnings)

    if any(j.passed is False for j in judged):
        failed = [
            f"check failed: {f['what'].splitlines()[0] if f['what'] else '?'}"
            for f in findings
            if f["critic"] == CHECKS
        ]
        return verdict(False, failed[0] if failed else "a check failed")
    if score is not None and score < gate.threshold:
        return verdict(False, f"{as_text(score)} < {as_text(gate.threshold)}")
    if gate.block_on is not None:
        limit = _RANK[gate.block_on]
        worst = [f for f in findings if _RANK[Severity(f["severity"])] <= limit]
        if worst:
            return verdict(False, f"{worst[0]['severity']} finding: {worst[0]['what']}"[:200])
    return verdict(
        True, f"{as_text(score)} ≥ {as_text(gate.threshold)}" if score is not None else "all checks hold"
    )


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
