"""One seeded case: a run that faults happen to, in one session after the other, and what it comes to in the end.

A run that is resumed often enough passes, whatever happened to it: an act that was killed is a fault of execution,
which its `retry` covers, and a run that was ended by one forgives it when it is resumed.
"""

from __future__ import annotations

import random
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from chaos_facts import Facts, Harm, Span, harm
from chaos_faults import OPTIONS, Fault, random_fault, strike
from chaos_plans import SHAPES, plan_of
from chaos_project import HangError, Project, Session

_LAST = 4  # undisturbed sessions in which the run must get to its end
_TIMES = ("0.005", "0.01", "0.02", "0.05", "0.05", "0.3")


@dataclass(frozen=True)
class Case:
    """What is done. One number makes all of it."""

    seed: int
    shape: str
    mode: str
    seconds: tuple[str, str, str, str]
    sessions: int

    @classmethod
    def of(cls, seed: int) -> Case:
        rng = random.Random(seed)
        shape = rng.choice(sorted(SHAPES))
        mode = "-n2" if rng.random() < 0.3 else "-n0"
        times = [rng.choice(_TIMES) for _ in range(4)]
        return cls(seed, shape, mode, (times[0], times[1], times[2], times[3]), rng.choice((1, 1, 2, 3)))


@dataclass
class Outcome:
    """What came of a case. `faults` are those that struck."""

    case: Case
    faults: list[Fault] = field(default_factory=list)
    sessions: int = 0
    harm: Harm = field(default_factory=Harm)
    said: list[str] = field(default_factory=list)  # what the sessions printed, when something went wrong

    def __str__(self) -> str:
        c = self.case
        faults = ", ".join(map(str, self.faults)) or "none"
        return f"case {c.seed} ({c.shape}, {c.mode}, {c.sessions} sessions): {faults} -> {self.harm}"


def play(case: Case, folder: Path, pyc: Path, undisturbed: Callable[[str], Facts]) -> Outcome:
    """Run the case in that folder, which is removed when all went well."""
    rng = random.Random(f"faults of {case.seed}")
    outcome = Outcome(case)
    project = Project(folder, plan_of(case.shape, case.seconds), pyc=pyc)
    (project.root / "given").mkdir()
    sessions: list[Session] = []
    hit: set[str] = set()
    cuts: list[Span] = []
    try:
        for _ in range(case.sessions):
            cut_at = _disturbed(case, project, sessions, outcome, hit, rng)
            if cut_at:
                cuts.append((cut_at, time.time()))
        for _ in range(_LAST):
            sessions.append(project.start(case.mode, "--orch-resume"))
            if sessions[-1].wait() == 0:
                break
        outcome.harm = harm(project, undisturbed(case.shape), hit=frozenset(hit), cuts=cuts)
    except HangError as error:
        outcome.harm.hangs.append(str(error).partition("\n")[0])
    finally:
        project.end_all()
    outcome.sessions = len(sessions)
    if outcome.harm:
        outcome.said = [f"--- {' '.join(s.words)} -> {s.process.returncode}\n{s.text}" for s in sessions]
    else:
        shutil.rmtree(folder)
    return outcome


def _disturbed(
    case: Case,
    project: Project,
    sessions: list[Session],
    outcome: Outcome,
    hit: set[str],
    rng: random.Random,
) -> float:
    """One session and its faults; when its agents were first told to end, 0 when they were not."""
    had = project.records() if sessions else 0
    faults = [
        random_fault(rng, workers=case.mode == "-n2", at_least=had) for _ in range(rng.choice((1, 1, 2)))
    ]
    faults.sort(key=lambda f: f.records)
    resume = ("--orch-resume",) if sessions else ()
    words = [word for f in faults for word in OPTIONS.get(f.kind, ())]
    session = project.start(case.mode, *resume, *words)
    sessions.append(session)
    cut_at = 0.0
    for fault in faults:
        struck = strike(session, fault, rng)
        if not struck.missed:
            outcome.faults.append(fault)
            hit |= struck.hit
            cut_at = cut_at or struck.ends_agents
    session.wait()
    return cut_at
