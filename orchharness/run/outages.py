"""What people are told of engines that take no work: when a pause begins, and when it goes on."""

from __future__ import annotations

from collections.abc import Callable

from orchharness.core.orchestrator import Orchestrator
from orchharness.core.outages import PARKED
from orchharness.report.text import line

_OFTEN = 60.0  # seconds between two lines about one engine, at least


class OutageNotes:
    """Says one line when an engine takes no work, and one when it does again; not one for each act."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._told: dict[str, float] = {}  # engine -> when the pause began that was told last

    def look(self, run: Orchestrator) -> str:
        """Say what is new; how it stands, in one line, empty where all engines take work."""
        shut = {outage.engine: outage for outage in run.outages}
        for engine, outage in shut.items():
            told = self._told.get(engine)
            if told is None or outage.since - told >= _OFTEN:
                self._told[engine] = outage.since
                self._say(f"{PARKED}{line(outage.text)}")
        for engine in [e for e in self._told if e not in shut]:
            del self._told[engine]
            if not run.given_up(engine):  # else what fails says so
                self._say(f"goes on: {line(engine)} takes work again")
        return "; ".join(line(outage.text) for outage in shut.values())
