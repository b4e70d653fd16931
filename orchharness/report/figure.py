"""What the timeline's picture consists of. All numbers are pixels; every text is for people, not yet escaped."""

from __future__ import annotations

from orchharness.record import record

WIDTH = 1160.0
PAD = 10.0  # left and right of the plot


@record
class Bar:
    """A drawn act (or, for a gate without acts, its verdict). `label` is empty where there is no room."""

    x: float
    y: float
    width: float
    height: float
    kind: str  # task, critic, verdict, or pause: it waits for a person
    shade: int  # 1, 2, 3 (and later iterations)
    ok: bool
    running: bool
    critical: bool
    label: str
    label_x: float
    label_end: bool  # the label ends at label_x
    title: str  # what it is, a fact a line
    link: str = ""  # the act, or else the item
    wait: tuple[float, float] | None = None  # where the waiting before it begins, and its width


@record
class Lane:
    """A track, or (with very many) a phase."""

    id: str
    name: str
    detail: str
    y: float
    height: float
    bars: tuple[Bar, ...]


@record
class Arrow:
    """A cross-pollination edge that was used. The name's place is None where it would cover something."""

    name: str
    ends: tuple[float, float, float, float]  # x and y of its begin, x and y of its end
    lanes: tuple[int, int]  # those that it begins and ends in
    path: str
    head: str
    place: tuple[float, float, float] | None  # middle x, middle y, width
    title: str


@record
class Chain:
    """A piece of the critical path: from the end of one act to the start of the next one on it."""

    ends: tuple[float, float, float, float]
    lanes: tuple[int, int]
    path: str


@record
class Gridline:
    """A time on the axis."""

    x: float
    label: str
    end: bool  # the label ends at x


@record
class Timeline:
    """The whole picture, in pixels."""

    width: float
    height: float
    axis: float
    span: float  # seconds from the left end to the right one
    lanes: tuple[Lane, ...]
    grid: tuple[Gridline, ...]
    arrows: tuple[Arrow, ...]
    chain: tuple[Chain, ...]
    thin: bool
    bars: int
    notes: tuple[str, ...]
