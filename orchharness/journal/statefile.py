"""`ORCHESTRATION.yaml`: how the run stands, for people. A projection of the journal, written by the orchestrator only.

* Only what changed is rendered again, and only when the file is due: at once while it is small, else as often as
  keeps the writing under a fortieth of the time, and at least twice a second.
* It is replaced by exchanging it with a spare file (renameat2, Linux): a plain rename over an existing file makes
  ext4 flush the new one to the disk first, which costs milliseconds on every update.
* It is not synced: after a power cut the journal says what is true.
"""

from __future__ import annotations

import math
import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from orchharness.core.plan import Plan
from orchharness.core.status import OVER, ItemStatus
from orchharness.journal.blockers import Blockers
from orchharness.journal.flow import decimal, flow, scalar

SMALL = 8 * 1024  # bytes; below it every change is written at once
PAUSE = 0.5  # seconds between two writes of a larger file, at most
_SHARE = 40  # how many times as long as a write took it is waited before the next
_REASON = 200  # characters
_BLOCKERS = 5
_NOTE = "# How the run stands. Edits change nothing and are lost: the truth is journal.jsonl.\n"
_AT_FDCWD = -100
_RENAME_EXCHANGE = 2


class StateFile:
    """The view of one run. `error` says why the last write failed: a view that cannot be written stops nobody."""

    def __init__(self, path: Path, plan: Plan, run_id: str, *, replayed: str = "") -> None:
        self.path = path
        self.error: str | None = None
        self._parked = ""
        self._plan = plan
        self._run_id = run_id
        self._replayed = replayed
        self._spare = path.with_name(f".{path.name}.spare")
        self._run_state = "running"
        self._updated: float | None = None
        self._statuses: dict[str, ItemStatus] = {}
        self._states: dict[str, str] = dict.fromkeys((*plan.tasks, *plan.gates), "waiting")
        self._counts = Counter(self._states.values())
        self._blockers = Blockers(plan)
        self._width = max((len(scalar(item)) for item in self._states), default=0) + 1
        self._fragments: list[str] = []
        self._place: dict[str, int] = {}
        self._stale = set(self._states)
        self._dirty = True
        self._size = 0
        self._last = float("-inf")
        self._pause = 0.0
        self._exchange: Callable[[bytes, bytes], bool] | None = None
        self._layout()

    def update(self, statuses: Iterable[ItemStatus], run_state: str, at: float) -> None:
        """Takes in how items stand now; equal ones cost nothing. Nothing is written before `flush`."""
        for status in statuses:
            if self._statuses.get(status.id) != status:
                self._take(status)
        if run_state != self._run_state:
            self._run_state = run_state
            self._dirty = True
        self._updated = at

    @property
    def parked(self) -> str:
        """Which agent kinds take no work, and until when; empty where all do."""
        return self._parked

    @parked.setter
    def parked(self, text: str) -> None:
        self._dirty = self._dirty or text != self._parked
        self._parked = text

    def _take(self, status: ItemStatus) -> None:
        was = self._states.get(status.id)
        if was is None:
            return  # not of this plan: there is no line for it
        self._statuses[status.id] = status
        self._states[status.id] = status.state
        self._counts[was] -= 1
        self._counts[status.state] += 1
        self._stale.add(status.id)
        if (was in OVER) != (status.state in OVER):
            self._stale.update(self._blockers.turn(status.id, over=status.state in OVER))
        self._dirty = True

    def flush(self, at: float, *, force: bool = False) -> bool:
        """Writes the file when there is something new and it is due; `at` is the wall clock. True: written."""
        if not self._dirty or not (force or self.due_in(at) <= 0):
            return False
        began = time.perf_counter()
        text = self._render(at).encode()
        try:
            self._replace(text)
        except OSError as error:
            self.error = f"{self.path}: the state file cannot be written: {error.strerror}"
            return False
        self.error = None
        self._size, self._last, self._dirty = len(text), at, False
        self._pause = min(PAUSE, _SHARE * (time.perf_counter() - began))
        return True

    def due_in(self, at: float) -> float:
        """Seconds until what is new may be written; infinite when there is nothing new."""
        if not self._dirty:
            return math.inf
        since = at - self._last
        # A clock that was set back must not silence it.
        return 0.0 if self._size < SMALL or since < 0 else max(0.0, self._pause - since)

    def _layout(self) -> None:
        for phase in self._plan.phases:
            self._fragments.append(f"  {scalar(phase.id)}:\n")
            for track in phase.tracks:
                self._fragments.append(f"    {scalar(track.id)}:  # {track.mode.value}\n")
                for item in track.items:
                    self._place[item] = len(self._fragments)
                    self._fragments.append("")
                if not track.items:
                    self._fragments.append("      {}\n")
            if not phase.tracks:
                self._fragments.append("    {}\n")

    def _render(self, at: float) -> str:
        for item in self._stale:
            self._fragments[self._place[item]] = self._item(item)
        self._stale.clear()
        counts = {state: count for state, count in sorted(self._counts.items()) if count}
        head = {"run": self._run_id, "plan": self._plan.id}
        if self._plan.title:
            head["title"] = self._plan.title
        if self._replayed:
            head["note"] = self._replayed
        head |= {"state": self._run_state, "updated": _iso(at if self._updated is None else self._updated)}
        if self._parked:
            head["parked"] = self._parked
        lines = "".join(f"{key + ':':9}{scalar(value)}\n" for key, value in head.items())
        body = "".join(self._fragments) or "  {}\n"
        return f"{_NOTE}{lines}counts:  {flow(counts)}\n\nphases:\n{body}"

    def _item(self, item: str) -> str:
        status = self._statuses.get(item)
        if status is None:
            status = ItemStatus(id=item, type="task", phase="", track="", state="waiting")
        pairs = [f"state: {scalar(status.state)}"]
        pairs += [f"{key}: {value}" for key, value in self._details(status)]
        lead = f"      {scalar(item) + ':':{self._width}} "
        lines = [lead + "{" + ", ".join(pairs)]
        if status.outputs:
            indent = " " * (len(lead) + 1)
            lines[0] += ","
            lines += _outputs(status.outputs, indent)
        return "\n".join(lines) + "}\n"

    def _details(self, status: ItemStatus) -> Iterable[tuple[str, str]]:
        for key, count, usual in (("iteration", status.iteration, 0), ("attempt", status.attempt, 1)):
            if count > usual:
                yield key, str(count)
        for key, score in (("score", status.score), ("threshold", status.threshold)):
            if score is not None:
                yield key, decimal(score)
        for key, moment in (("started", status.started), ("ended", status.ended)):
            if moment is not None:
                yield key, scalar(_iso(moment))
        if status.reason:
            yield "reason", scalar(_short(status.reason))
        if status.state == "waiting":
            yield from self._blocked_by(status.id)

    def _blocked_by(self, item: str) -> Iterable[tuple[str, str]]:
        open_needs = self._blockers.of(item)
        if open_needs:
            more = len(open_needs) - _BLOCKERS
            shown = open_needs[:_BLOCKERS] + ([f"and {more} more"] if more > 0 else [])
            yield "blocked_by", flow(shown)

    def _replace(self, data: bytes) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        fd = os.open(self._spare, flags, 0o600)
        try:
            done = 0
            while done < len(data):
                done += os.write(fd, data[done:])
            os.ftruncate(fd, len(data))
        finally:
            os.close(fd)
        if not self.path.exists():  # the first write: there is nothing to exchange with
            self._spare.replace(self.path)
            return
        if self._exchange is None:
            self._exchange = _exchanger()
        if self._exchange(os.fsencode(self._spare), os.fsencode(self.path)):
            return
        self._spare.replace(self.path)


def _outputs(outputs: Mapping[str, Any], indent: str) -> list[str]:
    lines = []
    for number, (name, files) in enumerate(outputs.items()):
        start = ("outputs: {" if not number else " " * 10) + f"{scalar(name)}: ["
        for place, file in enumerate(files):
            entry = {key: file[key] for key in ("path", "how", "sha256") if file.get(key) is not None}
            end = "," if place < len(files) - 1 else ""
            lines.append(indent + (start if not place else " " * len(start)) + flow(entry) + end)
        if not files:
            lines.append(indent + start)
        lines[-1] += "]" + ("," if number < len(outputs) - 1 else "}")
    return lines


def _exchanger() -> Callable[[bytes, bytes], bool]:
    import ctypes  # 4 ms that only a run needs

    try:
        rename = ctypes.CDLL(None).renameat2
    except (OSError, AttributeError):
        return lambda _spare, _path: False
    return lambda spare, path: bool(rename(_AT_FDCWD, spare, _AT_FDCWD, path, _RENAME_EXCHANGE) == 0)


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _short(text: str) -> str:
    return text if len(text) <= _REASON else text[: _REASON - 1] + "…"
