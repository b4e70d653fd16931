"""Which judgements a gate asks for, and when: its checks first, then its critics, each as often as the plan says.

Rules that hold here:
  * A critic is asked when those it comes after have given all their answers.
  * A critic that judged `samples` times and would fail the gate by itself judges `confirm_on_fail` times more.
  * A foreground critic holds its track from its first judgement of an iteration to the answer of its last one.
"""

from __future__ import annotations

from orchharness.core import gating
from orchharness.core.gating import CHECKS
from orchharness.core.ledger import Ledger
from orchharness.core.plan import Mode
from orchharness.core.records import GateRecord, Seat


class Bench:
    """Who judges next."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def convene(self, record: GateRecord) -> None:
        """Ask whoever judges first in a new iteration."""
        if record.gate.checks:
            self._ask(record, CHECKS, range(1, 2))
        else:
            self._ask_next(record)

    def started(self, record: GateRecord, seat: Seat) -> None:
        """A judgement begins."""
        if self.holds_track(seat.critic):
            self._ledger.queue.hold(_holder(record, seat.critic), (record.gate.phase, record.gate.track))

    def answered(self, record: GateRecord, critic: str) -> None:
        """The critic gave an answer: ask for what follows from it. When nothing is open then, all have judged."""
        if any(seat.critic == critic for seat in record.open):
            return
        said = [judged for seat, judged in record.judged.items() if seat.critic == critic]
        gate, count = record.gate, len(said)
        holds = gating.decide(gate, said).passed
        if critic != CHECKS and not holds and gate.confirm_on_fail and count == gate.samples:
            self._ask(record, critic, range(count + 1, count + 1 + gate.confirm_on_fail))
            return
        self._ledger.queue.let_go(_holder(record, critic))
        if critic != CHECKS or holds:
            self._ask_next(record)

    def dismiss(self, record: GateRecord) -> None:
        """Nobody is to judge any more."""
        for seat in record.open:
            self._ledger.queue.withdraw(f"{record.id}/{seat.name}")
        record.open.clear()
        self.let_tracks_go(record)

    def let_tracks_go(self, record: GateRecord) -> None:
        """Nobody judges for now: what its critics held is free."""
        for critic in record.gate.critics:
            self._ledger.queue.let_go(_holder(record, critic))

    def holds_track(self, critic: str) -> bool:
        """Whether no task of the gate's track is spawned while the critic judges."""
        return critic != CHECKS and self._ledger.plan.critics[critic].mode is Mode.FOREGROUND

    def _ask_next(self, record: GateRecord) -> None:
        """Ask the critics that were not asked yet and wait for nobody."""
        critics, busy = record.gate.critics, {seat.critic for seat in record.open}
        done = {seat.critic for seat in record.judged} - busy
        for critic in critics:
            before = self._ledger.plan.critics[critic].after
            if critic not in done | busy and all(c in done or c not in critics for c in before):
                self._ask(record, critic, range(1, record.gate.samples + 1))

    def _ask(self, record: GateRecord, critic: str, samples: range) -> None:
        for sample in samples:
            seat = Seat(critic, sample)
            record.open[seat] = record.excused[seat] = 0
            self._ledger.queue.offer(self._ledger.ticket(record.id, seat))


def _holder(record: GateRecord, critic: str) -> str:
    return f"{record.id}/{critic}"
