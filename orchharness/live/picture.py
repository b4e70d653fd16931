"""A run as its journal tells it, without the plan: the transitions are the truth for states.

What a newer journal of the same major version holds beyond that is passed over.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from orchharness.core.outages import PARKED
from orchharness.core.plan import MENDER, gate_of
from orchharness.core.status import OVER, SUCCESS
from orchharness.report.pauses import Pauses
from orchharness.report.text import entries, line, mapping, number

WAITING = "waiting"


@dataclass(slots=True, kw_only=True)
class Act:
    """One spawn. `outcome` is empty while it has no end. Times are seconds since the epoch."""

    name: str
    item: str
    critic: str | None
    iteration: int
    attempt: int
    sample: int
    key: str
    began: float
    seconds: float | None = None
    outcome: str = ""
    detail: str = ""


@dataclass(slots=True, kw_only=True)
class Item:
    """How a task or gate stands. `since` is when it came to its state."""

    id: str
    state: str = WAITING
    reason: str = ""
    iteration: int = 0
    score: str | None = None
    since: float | None = None
    acts: list[Act] = field(default_factory=list)

    @property
    def open(self) -> list[Act]:
        """Its acts that have no end."""
        return [act for act in self.acts if not act.outcome]


@dataclass(slots=True, kw_only=True)
class Picture:
    """A run. `state` is the one of its last record, None while it has none that ends it."""

    run: str = ""
    plan: str = ""
    header: Mapping[str, Any] = field(default_factory=dict)  # of the last session
    began: float | None = None
    last: float | None = None  # time of the last record
    state: str | None = None
    reason: str = ""
    stopping: str = ""  # why nothing new starts
    items: dict[str, Item] = field(default_factory=dict)  # those of the last session, in plan order
    known: dict[str, Item] = field(default_factory=dict)  # those of all sessions
    acts: dict[str, Act] = field(
        default_factory=dict
    )  # all there ever were and whose results were not dropped
    keys: list[str] = field(default_factory=list)  # of all acts there ever were
    usd: float = 0.0  # what all acts that are over said they cost
    tokens: int = 0  # the same, read and written
    pauses: Pauses = field(default_factory=Pauses)  # between its sessions

    def seconds(self, now: float) -> float:
        """How long the run took until then."""
        return 0.0 if self.began is None else self.pauses.time(self.began, now)

    @property
    def counts(self) -> dict[str, int]:
        """State -> how many items are in it."""
        return dict(Counter(item.state for item in self.items.values()))

    @property
    def open(self) -> list[Act]:
        """The acts that have no end."""
        return [act for act in self.acts.values() if not act.outcome]

    @property
    def parked(self) -> list[str]:
        """Which agent kinds take no work, as items say that wait for them; the last one of each kind."""
        waiting = [i for i in self.items.values() if i.state not in OVER and i.reason.startswith(PARKED)]
        ordered = sorted(waiting, key=lambda i: i.since or 0.0)
        return list({i.reason.partition(" takes no work")[0]: i.reason for i in ordered}.values())

    def passed(self, items: Iterable[str]) -> int:
        """How many of the items count as a success."""
        return sum(self.items[i].state in SUCCESS for i in items)


def picture_of(records: Iterable[Mapping[str, Any]]) -> Picture:
    """What the records tell."""
    picture = Picture()
    for entry in records:
        add(picture, entry)
    return picture


def add(picture: Picture, entry: Mapping[str, Any]) -> None:
    """Bring the picture up to the next record."""
    at = number(entry.get("at"))
    if at is not None:
        picture.last = at
        picture.began = at if picture.began is None else picture.began
    picture.pauses.add(entry)
    _run_event(picture, entry)
    _act_event(picture, entry)
    for moved in entries(entry.get("then")):
        _transition(picture, moved, resumed=entry.get("event") == "RunResumed")


def _run_event(picture: Picture, entry: Mapping[str, Any]) -> None:
    match entry.get("event"):
        case "RunStarted":
            picture.run, picture.plan = line(entry.get("run")), line(entry.get("plan"))
            _session(picture, entry)
        case "RunResumed":
            for name in mapping(entry.get("dropped")):
                act = picture.acts.pop(name, None)
                if act is not None and act.item in picture.known:
                    picture.known[act.item].acts.remove(act)
            _session(picture, entry)
        case "StopRequested":
            picture.stopping = line(entry.get("reason"), 300) or "asked to"
        case "RunFinished":
            picture.state, picture.reason = line(entry.get("state"), 40), line(entry.get("reason"), 300)
        case _:
            pass


def _session(picture: Picture, entry: Mapping[str, Any]) -> None:
    """A session begins: the run is not over any more, and is about the items that the session chose."""
    picture.header = mapping(entry.get("header"))
    picture.state, picture.reason, picture.stopping = None, "", ""
    selected = entry.get("selected")
    names = [str(item) for item in selected] if isinstance(selected, list | tuple) else []
    picture.items = {name: picture.known.get(name) or Item(id=name) for name in names}
    picture.known |= picture.items


def _act_event(picture: Picture, entry: Mapping[str, Any]) -> None:
    name = str(entry.get("act"))
    match entry.get("event"):
        case "TaskStarted" | "JudgementStarted":
            worker = str(entry.get("task") or entry.get("gate"))
            item, critic = gate_of(worker), MENDER if gate_of(worker) != worker else entry.get("critic")
            act = Act(
                name=name,
                item=item,
                critic=None if critic is None else str(critic),
                iteration=int(number(entry.get("iteration")) or 1),
                attempt=int(number(entry.get("attempt")) or 1),
                sample=int(number(entry.get("sample")) or 1),
                key=str(entry.get("key", "")),
                began=picture.last or 0.0,
            )
            picture.acts[name] = act
            picture.keys.append(act.key)
            _item(picture, item).acts.append(act)
        case "TaskFinished" | "JudgementFinished" if name in picture.acts:
            act = picture.acts[name]
            act.outcome = line(entry.get("outcome"), 40) or "over"
            act.detail = line(entry.get("detail"), 300)
            act.seconds = number(entry.get("seconds"))
            _charge(picture, mapping(entry.get("usage")))
        case _:
            pass


def _charge(picture: Picture, usage: Mapping[str, Any]) -> None:
    usd, read, written = (number(usage.get(n)) or 0.0 for n in ("usd", "input_tokens", "output_tokens"))
    picture.usd += usd
    picture.tokens += int(read + written)


def _transition(picture: Picture, moved: Mapping[str, Any], *, resumed: bool) -> None:
    item = _item(picture, str(moved.get("item")))
    state = line(moved.get("state"), 40)
    if state != item.state:
        item.since = picture.last
    item.state, item.reason = state, line(moved.get("reason"), 300)
    item.iteration = int(number(moved.get("iteration")) or 0) or (0 if resumed else item.iteration)
    score = moved.get("score")
    if score is not None or resumed:
        item.score = None if score is None else line(score, 20)


def _item(picture: Picture, name: str) -> Item:
    """The item of that name; one that the session did not choose is looked at and not shown."""
    found = picture.items.get(name)
    return Item(id=name) if found is None else found
