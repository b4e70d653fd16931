"""How one run stands now: its journal, what its folder says of the plan, and who is alive."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from orchharness.cli.alive import Agent, Life, agent_of, keys_in, orchestrator_of
from orchharness.core.budget import tally
from orchharness.core.events import from_record
from orchharness.core.spent import Spent
from orchharness.core.terms import terms_from
from orchharness.errors import JournalError
from orchharness.live.outlook import Outlook, outlook_in
from orchharness.live.output import redactor_for
from orchharness.live.picture import Picture, picture_of
from orchharness.redact import Redactor
from orchharness.run.commands import replay_command, resume_command
from orchharness.run.directory import RunDirectory
from orchharness.run.past import read_run
from orchharness.run.resume import BUDGETS

RUNNING, INTERRUPTED, DAMAGED = "running", "interrupted", "damaged"


class Standing:
    """A run at a moment; what costs more than the journal is looked up when it is asked for."""

    def __init__(self, directory: RunDirectory, now: float) -> None:
        """Read the journal; `damage` says what is wrong where that cannot be done."""
        self.directory, self.now = directory, now
        self.damage = ""
        self._records: Sequence[Mapping[str, Any]] = ()
        self.pid = orchestrator_of(directory)  # before the journal: who ends in between is seen as over
        try:
            self._records = read_run(directory).records
            self.picture = picture_of(self._records)
        except JournalError as error:
            self.damage, self.picture = str(error), Picture()

    @property
    def finished(self) -> bool:
        """Whether the journal says that the run is over."""
        return self.picture.state is not None

    @property
    def state(self) -> str:
        """How the run as a whole stands; one whose orchestrator is gone before its end is interrupted."""
        if self.damage:
            return DAMAGED
        return self.picture.state or (RUNNING if self.pid is not None else INTERRUPTED)

    @property
    def plan(self) -> str:
        """The plan's id."""
        return self.picture.plan or self.directory.root.parent.name.rpartition("-")[0]

    @property
    def seconds(self) -> float | None:
        """How long it took, or takes already."""
        if self.picture.last is None:
            return None
        return self.picture.seconds(self.now if self.pid is not None else self.picture.last)

    @cached_property
    def outlook(self) -> Outlook:
        """What is known of the plan."""
        return outlook_in(self._session)

    @property
    def _session(self) -> Path:
        """What the last session froze."""
        return self.directory.session(int(self.picture.header.get("session", 0)))

    @cached_property
    def spent(self) -> tuple[Spent, ...]:
        """What stands against the plan's budgets; nothing when it has none."""
        try:
            terms = terms_from(json.loads((self._session / BUDGETS).read_bytes()))
            budgets = tally(terms, map(from_record, self._records))
        except (OSError, ValueError, KeyError, TypeError, AttributeError, ArithmeticError, JournalError):
            return ()
        return budgets.spent(self.now if self.pid is not None else self.picture.last or 0.0)

    @cached_property
    def agents(self) -> Mapping[str, Agent]:
        """The agents of acts that have no end in the journal; of all acts, where that is damaged."""
        acts = keys_in(self.directory) if self.damage else {a.name: a.key for a in self.picture.open}
        return {act: agent_of(self.directory.act(act), key) for act, key in acts.items()}

    @property
    def alive(self) -> int:
        """How many agents are alive."""
        return sum(agent.life is Life.ALIVE for agent in self.agents.values())

    @property
    def situation(self) -> str:
        """Who is at work, in a few words; empty for a run that is over."""
        words = []
        if self.pid is not None:
            words.append(f"orchestrator pid {self.pid}" if self.pid else "orchestrator alive")
        elif not self.finished:
            words.append("unfinished")
        if self.alive:
            words.append(f"agents alive: {self.alive}")
        return ", ".join(words)

    def passed(self, type_: str) -> tuple[int, int]:
        """How many of the run's tasks, or gates, passed, and how many there are."""
        found = [i for i in self.picture.items if self.outlook.type_of(i) == type_]
        return self.picture.passed(found), len(found)

    @cached_property
    def redactor(self) -> Redactor:
        """For what agents printed: it has the values that the run hides, as far as they are in this environment."""
        return redactor_for(self.picture.header)

    # ---- what to do next ---------------------------------------------------------------------

    def resume_command(self, here: Path) -> str | None:
        """The command that goes on with the run; None of a replay, and when the journal does not say of which plan it is."""
        place = self._place()
        return None if place is None or self.replayed else resume_command(self.directory, *place, here)

    def replay_command(self, here: Path) -> str | None:
        """Of a replay, the command that makes it anew; None of other runs."""
        place = self._place()
        return None if place is None or not self.replayed else replay_command(self.directory, *place, here)

    @property
    def replayed(self) -> bool:
        """Whether no agent ran: it is not gone on with."""
        return "replayed" in self.picture.header

    def _place(self) -> tuple[str, str, list[str]] | None:
        header = self.picture.header
        plan_file, root, given = header.get("plan_file"), header.get("root"), header.get("given")
        if not (isinstance(plan_file, str) and isinstance(root, str)):
            return None
        return plan_file, root, [str(v) for v in given] if isinstance(given, list) else []

    def to_record(self) -> dict[str, Any]:
        """What `--json` says of a run as a whole. Times are seconds, since the epoch or in all."""
        tasks, gates = self.passed("task"), self.passed("gate")
        header = self.picture.header
        return {
            "run": self.directory.run_id,
            "plan": self.plan,
            "plan_file": header.get("plan_file"),
            "root": header.get("root"),
            "folder": str(self.directory.root),
            "state": self.state,
            "finished": self.finished,
            "reason": self.damage or self.picture.reason or self.picture.stopping,
            "began": self.picture.began,
            "seconds": self.seconds,
            "orchestrator": self.pid,
            "agents_alive": self.alive,
            "tasks": {"passed": tasks[0], "all": tasks[1]},
            "gates": {"passed": gates[0], "all": gates[1]},
        }
