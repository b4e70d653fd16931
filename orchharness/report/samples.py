"""What judgements say, and how far apart several of one critic are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from orchharness.core.plan import Plan
from orchharness.record import record
from orchharness.report.history import Act
from orchharness.report.text import entries, line, mapping, number

_SEVERITIES = ("critical", "major", "minor")


@record
class SampleRow:
    """What one critic's judgements of one iteration came to, each by itself, and how far apart they are."""

    iteration: int
    critic: str
    scores: tuple[str, ...]
    spread: str


def samples_of(plan: Plan, acts: Sequence[Act]) -> Iterable[SampleRow]:
    """The judgements of a critic that judged more than once in an iteration."""
    for (iteration, critic), values in _totals(plan, acts).items():
        if len(values) > 1:
            yield SampleRow(
                iteration=iteration,
                critic=line(critic, 80),
                scores=tuple(f"{value:.3f}" for value in values),
                spread=f"{max(values) - min(values):.3f}",
            )


def _totals(plan: Plan, acts: Sequence[Act]) -> dict[tuple[int, str], list[float]]:
    """(iteration, critic) -> the weighted sum of each of its judgements."""
    found: dict[tuple[int, str], list[float]] = {}
    for act in sorted(acts, key=lambda act: (act.iteration, act.sample)):
        critic = plan.critics.get(act.critic or "")
        if critic is None or not critic.criteria:
            continue
        said = criteria_of(act)
        scores = [
            (number(mapping(said.get(name)).get("score")), weight) for name, weight in critic.criteria.items()
        ]
        if all(score is not None for score, _ in scores):
            total = sum((score or 0.0) * float(weight) for score, weight in scores)
            found.setdefault((act.iteration, critic.id), []).append(total)
    return found


def spans_of(plan: Plan, acts: Sequence[Act]) -> dict[int, tuple[float, float]]:
    """Iteration -> the least and the highest of several judgements."""
    values: dict[int, list[float]] = {}
    for (iteration, _), totals in _totals(plan, acts).items():
        values.setdefault(iteration, []).extend(totals)
    return {i: (min(found), max(found)) for i, found in values.items() if len(found) > 1}


def criteria_of(act: Act) -> Mapping[str, Any]:
    """What a critic said of each criterion."""
    return mapping(mapping(act.result.get("evaluation")).get("criteria"))


def findings_of(acts: Iterable[Act]) -> list[Mapping[str, Any]]:
    """What critics found in these judgements, worst first."""
    found = [f for act in acts for f in entries(mapping(act.result.get("evaluation")).get("findings"))]
    return sorted(found, key=lambda f: _rank(f.get("severity")))


def _rank(severity: Any) -> int:
    return _SEVERITIES.index(severity) if severity in _SEVERITIES else len(_SEVERITIES)
