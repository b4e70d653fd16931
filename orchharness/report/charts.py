"""The scores of a gate over its iterations, drawn against the threshold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from orchharness.core.plan import Gate
from orchharness.record import record
from orchharness.report.history import Round

CHART_WIDTH, CHART_HEIGHT = 300.0, 112.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 16.0, 46.0, 18.0, 24.0


@record
class Point:
    """A score in the chart; `text_y` is the baseline of its number."""

    x: float
    y: float
    text_y: float
    score: str
    name: str
    reached: bool
    span: tuple[float, float] | None  # y of the highest and of the least judgement, where there were several


@record
class Chart:
    """Scores against the threshold, in pixels."""

    width: float
    height: float
    points: tuple[Point, ...]
    line: str
    threshold_y: float
    threshold: str
    title: str


def chart_of(gate: Gate, rounds: Sequence[Round], spans: Mapping[int, tuple[float, float]]) -> Chart | None:
    """The scores of a gate against its threshold; `spans` as in `samples`."""
    scored = [(r, value) for r in rounds if (value := _value(r.score)) is not None]
    if not scored:
        return None
    threshold = float(gate.threshold)
    least = min(threshold, *(value for _, value in scored), *(low for low, _ in spans.values()))
    floor = next((f for f in (0.8, 0.5) if least >= f + 0.02), 0.0)

    def place(value: float) -> float:
        share = (value - floor) / (1 - floor)
        return round(_TOP + (1 - share) * (CHART_HEIGHT - _TOP - _BOTTOM), 1)

    points = tuple(_points(scored, threshold, spans, place))
    path = "L".join(f"{p.x} {p.y}" for p in points)
    words = ", ".join(f"{p.name} {p.score}" for p in points)
    return Chart(
        width=CHART_WIDTH,
        height=CHART_HEIGHT,
        points=points,
        line=f"M{path}" if len(points) > 1 else "",
        threshold_y=place(threshold),
        threshold=str(gate.threshold),
        title=f"Scores of {gate.id}: {words}; threshold {gate.threshold}",
    )


def _points(
    scored: Sequence[tuple[Round, float]],
    threshold: float,
    spans: Mapping[int, tuple[float, float]],
    place: Any,
) -> Iterable[Point]:
    level = place(threshold)
    room = CHART_WIDTH - _LEFT - _RIGHT
    step = room / max(3, len(scored))
    crowded = len(scored) > 6
    for number_, (r, value) in enumerate(scored):
        y = place(value)
        below = value < threshold and y - level > 4
        last = number_ == len(scored) - 1
        yield Point(
            x=round(_LEFT + step * (number_ + 0.5), 1),
            y=y,
            text_y=min(y + 15, CHART_HEIGHT - _BOTTOM + 8) if below else y - 7,
            score=r.score or "" if not crowded or last else "",
            name=f"i{r.iteration}",
            reached=value >= threshold,
            span=(place(spans[r.iteration][1]), place(spans[r.iteration][0]))
            if r.iteration in spans
            else None,
        )


def _value(score: str | None) -> float | None:
    try:
        value = float(score) if score is not None else None
    except ValueError:
        return None
    return value if value is not None and 0 <= value <= 1 else None
