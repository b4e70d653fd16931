"""A run's folder, looked at again and again: only what is new is read.

Nothing is locked or changed. What cannot be read now is looked at again the next time.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from orchharness.core.events import RunResumed, RunStarted
from orchharness.errors import JournalError
from orchharness.journal import read_journal
from orchharness.journal.lines import LineError, parse
from orchharness.live.outlook import Outlook, lengths_of, outlook_in
from orchharness.live.output import last_line, logs_of, redactor_for
from orchharness.live.picture import Picture, add, picture_of
from orchharness.live.scene import Scene, scene_of
from orchharness.redact import Redactor
from orchharness.report.text import number
from orchharness.run.directory import RunDirectory
from orchharness.run.past import runs_of
from orchharness.run.resume import BUDGETS

_MOST = 40  # acts whose last lines are looked for
_OLDER = 20  # runs that are looked through for one that is over
_BEGINNINGS = frozenset({RunStarted.__name__, RunResumed.__name__})


class Follower:
    """One run."""

    def __init__(self, directory: RunDirectory) -> None:
        self.directory = directory
        self.picture = Picture()
        self._read = 0  # bytes of the journal
        self._outlook = Outlook()
        self._lengths: Mapping[str, float] | None = None
        self._usd_limit: float | None = None
        self._redactor: Redactor | None = None
        self._scene: Scene | None = None
        self._seen: tuple[dict[str, str], int] = ({}, 0)
        self._said: dict[str, tuple[Any, str]] = {}  # act -> what its logs looked like, their last line

    @property
    def over(self) -> bool:
        """Whether the journal says that the run is over."""
        return self.picture.state is not None

    def look(self, now: float) -> Scene:
        """The run as it stands now. Where nothing happened within the same second it is the scene of before."""
        new = self._catch_up()
        said = {act.name: self._last(act.name) for act in self.picture.open[:_MOST]}
        if self._scene is None or new or self._seen != (said, int(now)):
            self._seen = (said, int(now))
            self._scene = scene_of(
                self.picture,
                self._outlook,
                now,
                said=said,
                lengths=self._earlier(),
                usd_limit=self._usd_limit,
            )
        return self._scene

    # ---- the journal -----------------------------------------------------------------------------

    def _catch_up(self) -> bool:
        """Whether something happened."""
        new = self._new_records()
        for entry in new:
            add(self.picture, entry)
            if entry.get("event") in _BEGINNINGS:
                self._session()
        return bool(new)

    def _new_records(self) -> list[dict[str, Any]]:
        """The records that were appended since the last look; the writer checks them, who resumes checks them again."""
        try:
            with self.directory.journal.open("rb") as file:
                file.seek(self._read)
                data = file.read()
        except OSError:
            return []
        whole, found = data[: data.rfind(b"\n") + 1], []
        for line in whole.splitlines():
            with suppress(LineError):
                found.append(parse(line))
        self._read += len(whole)
        return found

    def _session(self) -> None:
        """A session begins: it froze its own plan."""
        header = self.picture.header
        session = self.directory.session(int(number(header.get("session")) or 0))
        self._outlook = outlook_in(session)
        self._usd_limit = None
        with suppress(OSError, ValueError, TypeError, KeyError):
            self._usd_limit = float(json.loads((session / BUDGETS).read_bytes())["limits"]["run"]["usd"])
        self._redactor = redactor_for(header)

    # ---- beside it -------------------------------------------------------------------------------

    def _last(self, act: str) -> str:
        folder = self.directory.act(act)
        seen: list[tuple[int, int]] = []
        for path in logs_of(folder):
            with suppress(OSError):
                info = path.stat(follow_symlinks=False)
                seen.append((info.st_size, info.st_mtime_ns))
        known = self._said.get(act)
        if known is None or known[0] != seen:
            text = last_line(folder, self._redactor).text if self._redactor is not None else ""
            known = self._said[act] = (seen, text)
        return known[1]

    def _earlier(self) -> Mapping[str, float]:
        """How long items took in the newest run before this one that came to its end."""
        if self._lengths is None:
            self._lengths = {}
            before = (r for r in runs_of(self.directory.root.parent) if r.run_id < self.directory.run_id)
            for _, run in zip(range(_OLDER), before, strict=False):
                with suppress(JournalError):
                    records = read_journal(run.journal).records
                    if picture_of(records).state in {"passed", "failed", "paused"}:
                        self._lengths = lengths_of(records)
                        break
        return self._lengths
