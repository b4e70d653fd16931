"""What there is to show of a run at a moment: values alone, computed from the journal's picture. Pure.

Times are whole seconds, so that two scenes are equal when they would look the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from orchharness.core.status import OVER, SUCCESS
from orchharness.live.outlook import Left, Outlook
from orchharness.live.picture import Act, Item, Picture
from orchharness.record import record
from orchharness.report.text import dollars, duration, line, number

_AT_WORK = frozenset({"running", "judging", "refining", "paused"})
_NAMED = 8  # acts that one plain line names
_WAITS = 3  # items of a track that are named with what they wait for
_MINUTE, _HOUR = 60, 3600


@record
class Row:
    """One act at work, or an item that is at work without one (a gate that is refined, or asks a person)."""

    name: str
    state: str
    iteration: int = 0
    seconds: int = 0
    score: str = ""
    said: str = ""


@record
class Lane:
    """A track: what is at work in it, how many items wait, and of the first of them what for."""

    track: str
    rows: tuple[Row, ...] = ()
    waiting: int = 0
    waits: tuple[tuple[str, str], ...] = ()


@record
class Scene:
    """A run at a moment. `left` is the time left on the critical path."""

    plan: str
    run: str
    state: str
    seconds: int
    passed: int
    troubled: int  # items that failed, or whose judge did
    items: int
    agents: int
    limit: int
    usd: float
    tokens: int
    usd_limit: float | None
    left: Left
    notes: tuple[str, ...]
    lanes: tuple[Lane, ...]

    @property
    def waiting(self) -> int:
        """How many items wait."""
        return sum(lane.waiting for lane in self.lanes)

    @property
    def rows(self) -> Iterator[Row]:
        """All that is at work."""
        for lane in self.lanes:
            yield from lane.rows


def scene_of(
    picture: Picture,
    outlook: Outlook,
    now: float,
    *,
    said: Mapping[str, str],
    lengths: Mapping[str, float],
    usd_limit: float | None = None,
) -> Scene:
    """The run as it stands.

    Args:
        picture: Its journal, as far as it goes.
        outlook: What it froze of the plan.
        now: Seconds since the epoch.
        said: Act -> the last line it printed, clean.
        lengths: Item -> seconds it took in an earlier run.
        usd_limit: The run's budget.
    """
    items = picture.items
    left = outlook.left(picture, lengths, now)
    stopping = (f"stopping: {picture.stopping}",) if picture.stopping else ()
    return Scene(
        plan=picture.plan,
        run=picture.run,
        state=picture.state or "running",
        seconds=int(picture.seconds(now)),
        passed=picture.passed(items),
        troubled=sum(i.state in OVER and i.state not in {*SUCCESS, "skipped"} for i in items.values()),
        items=len(items),
        agents=len(picture.open),
        limit=int(number(picture.header.get("parallel")) or 0),
        usd=round(picture.usd, 4),
        tokens=picture.tokens,
        usd_limit=usd_limit,
        left=Left(seconds=None if left.seconds is None else float(int(left.seconds)), unknown=left.unknown),
        notes=(*stopping, *picture.parked),
        lanes=tuple(_lanes(picture, outlook, now, said)),
    )


def _lanes(picture: Picture, outlook: Outlook, now: float, said: Mapping[str, str]) -> Iterator[Lane]:
    """The tracks with something undecided, in plan order."""
    tracks: dict[tuple[str, str], list[Item]] = {}
    for item in picture.items.values():
        if item.state not in OVER or item.open:
            tracks.setdefault(outlook.places.get(item.id, ("", "")), []).append(item)
    several = len({phase for phase, _ in tracks}) > 1
    for (phase, track), found in tracks.items():
        rows = [row for item in found for row in _rows(picture, outlook, item, now, said)]
        waiting = [i for i in found if i.state not in _AT_WORK and not i.open]
        waits = tuple((line(i.id), _waits_for(picture, outlook, i)) for i in waiting[:_WAITS])
        name = f"{phase}/{track}" if several and track != phase else track
        yield Lane(track=line(name), rows=tuple(rows), waiting=len(waiting), waits=waits)


def _rows(
    picture: Picture, outlook: Outlook, item: Item, now: float, said: Mapping[str, str]
) -> Iterator[Row]:
    for act in item.open:
        yield Row(
            name=_name(item, act),
            state=item.state,
            iteration=act.iteration,
            seconds=int(max(0.0, now - act.began)),
            score=_score(picture, outlook, item),
            said=said.get(act.name, ""),
        )
    if not item.open and item.state in _AT_WORK:
        yield Row(
            name=line(item.id),
            state=item.state,
            iteration=item.iteration,
            seconds=int(max(0.0, now - (item.since or now))),
            score=_score(picture, outlook, item),
            said=item.reason,
        )


def _name(item: Item, act: Act) -> str:
    name = line(item.id) if act.critic is None else f"{line(item.id)}/{line(act.critic)}"
    return (
        name
        + (f" judgement {act.sample}" if act.sample > 1 else "")
        + (f" attempt {act.attempt}" if act.attempt > 1 else "")
    )


def _score(picture: Picture, outlook: Outlook, item: Item) -> str:
    """The last score against the threshold: its own, or that of a gate over it."""
    gates = (picture.items.get(node) for node in outlook.after.get(item.id, ()))
    judged = next((i for i in (item, *gates) if i is not None and i.score is not None), None)
    if judged is None:
        return ""
    threshold = outlook.thresholds.get(judged.id)
    return f"{judged.score} of {threshold}" if threshold else str(judged.score)


def _waits_for(picture: Picture, outlook: Outlook, item: Item) -> str:
    if item.state == "ready":
        return "another try" if item.acts else "its turn"
    blocker = outlook.blocker(picture, item.id)
    return "" if blocker is None else f"{line(blocker.id)} ({blocker.state})"


# ---- in words ------------------------------------------------------------------------------------


def span(seconds: float) -> str:
    """A time that goes on: whole seconds below an hour, then hours and minutes."""
    return f"{int(seconds)} s" if seconds < _MINUTE else duration(int(seconds))


def coarse(seconds: float) -> str:
    """The same, in minutes from the first one on."""
    if _MINUTE <= seconds < _HOUR:
        return f"{int(seconds // _MINUTE)} min"
    return span(seconds)


def money(scene: Scene) -> str:
    """What agents said they cost; empty where none said anything."""
    if not scene.usd and scene.usd_limit is None:
        return ""
    return dollars(scene.usd) + (f" of ${scene.usd_limit:g}" if scene.usd_limit is not None else "")


def left_text(left: Left) -> str:
    """How long it still takes; what is not known is said to be."""
    if left.seconds is None:
        return "time left unknown"
    if left.unknown:
        return f"at least {coarse(left.seconds)} left"
    return f"about {coarse(left.seconds)} left"


def beat(scenes: Iterable[Scene], clock: str) -> str:
    """One plain line for a log: `12:05 running 3 of 3: EN-027 i2 4 min, TASK-420 12 min; waiting 5; $1.20`."""
    shown = list(scenes)
    told = [(f"{s.plan} " if len(shown) > 1 else "") + _beat(s) for s in shown]
    return f"{clock} {' | '.join(told)}"


def _beat(scene: Scene) -> str:
    limit = f" of {scene.limit}" if scene.limit else ""
    rows = list(scene.rows)
    named = [f"{short_name(row)} {coarse(row.seconds)}" for row in rows[:_NAMED]]
    more = [f"{len(rows) - _NAMED} more"] if len(rows) > _NAMED else []
    parts = [f"running {scene.agents}{limit}" + (f": {', '.join([*named, *more])}" if named else "")]
    parts += [f"waiting {scene.waiting}"] if scene.waiting else []
    parts += [text for text in (money(scene), *scene.notes) if text]
    return "; ".join(parts)


def short_name(row: Row) -> str:
    """The name, with the iteration from the second one on, and the state where no act of it runs."""
    name = row.name + (f" i{row.iteration}" if row.iteration > 1 else "")
    return name if row.state in {"running", "judging"} else f"{name} {row.state}"
