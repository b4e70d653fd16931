"""What a project looks like when its last session is over, and what of that must never be."""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chaos_project import Project, command_of

from orchharness.journal import read_journal

GRACE = 2.0  # seconds that processes have to be gone after the last session
_COARSE = 0.01  # seconds that the time of a file may be behind the clock
_DEADLY = "workers died while they executed it"
_STARTED = ("TaskStarted", "JudgementStarted")
_FINISHED = ("TaskFinished", "JudgementFinished")


Span = tuple[float, float]  # wall clock


@dataclass(frozen=True)
class Facts:
    """The end of a run. `outputs`: path -> digest, as recorded; `files`: the same paths as they are on the disk."""

    states: Mapping[str, str]
    outputs: Mapping[str, str]
    files: Mapping[str, str]
    starts: Mapping[str, int]  # act -> how often its agent says it was started
    known: frozenset[str]  # acts that the journal knows


def facts(project: Project) -> Facts:
    """What the newest run came to."""
    records = read_journal(project.journal).records
    states: dict[str, str] = {}
    outputs: dict[str, str] = {}
    for record in records:
        states |= {then["item"]: then["state"] for then in record.get("then", ())}
        for entries in record.get("outputs", {}).values():
            outputs |= {e["path"]: e["sha256"] for e in entries}
    workspace = Path(next(r["header"]["workspace"] for r in records if "header" in r))
    files = {path: _digest(workspace / path) for path in outputs}
    known = frozenset(r["act"] for r in records if r["event"] in _STARTED)
    return Facts(states, outputs, files, Counter(project.started()), known)


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else "missing"


@dataclass
class Harm:
    """What there must be none of, each in words."""

    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    orphans: list[str] = field(default_factory=list)
    hangs: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.lost or self.doubled or self.orphans or self.hangs or self.wrong)

    def __str__(self) -> str:
        return "; ".join(f"{n}: {', '.join(v)}" for n, v in vars(self).items() if v) or "none"


def harm(
    project: Project, wanted: Facts, *, hit: frozenset[str] = frozenset(), cuts: Sequence[Span] = ()
) -> Harm:
    """What went wrong in the run, whose last session is over.

    Args:
        project: It.
        wanted: What an undisturbed run comes to.
        hit: Acts whose agent, wrapper or group was killed: what they did need not count.
        cuts: From an interrupt that ends agents to the end of its session: what ended then may have been cancelled.
    """
    found, result = facts(project), Harm()
    for name in ("states", "outputs", "files"):
        got, due = getattr(found, name), getattr(wanted, name)
        result.wrong += [
            f"{name} {k} {got.get(k)} not {due.get(k)}" for k in {**got, **due} if got.get(k) != due.get(k)
        ]
    result.doubled += [f"{act} {n} times" for act, n in found.starts.items() if n > 1]
    result.doubled += [f"{act} unknown to the journal" for act in found.starts if act not in found.known]
    result.lost += _lost(project, hit, cuts)
    deadline = time.monotonic() + GRACE
    while (left := project.left()) and time.monotonic() < deadline:
        time.sleep(0.02)
    result.orphans += [f"{p} {command_of(p).decode(errors='replace')!r:.80}" for p in left]
    return result


def _lost(project: Project, hit: frozenset[str], cuts: Sequence[Span]) -> list[str]:
    """Acts that ended with success and are not recorded so, or were done again without a reason."""
    records = read_journal(project.journal).records
    outcome: dict[str, str] = {}
    dropped: dict[str, str] = {}
    for record in records:
        if record["event"] in _FINISHED:
            outcome[record["act"]] = record["outcome"]
            # Nobody can tell who killed them: an act that may have taken two workers with it is failed.
            hit |= {record["act"]} if _DEADLY in record.get("detail", "") else set()
        dropped |= record.get("dropped", {})
    found = [f"{act} dropped: {why}" for act, why in dropped.items()]
    for act in set(project.ended()) - hit:
        exit_file = project.run_folder / "acts" / act / "exit"
        if not exit_file.exists() or exit_file.read_text() != "0\n":
            continue
        ended = exit_file.stat().st_mtime
        late = any(cut - _COARSE <= ended <= end for cut, end in cuts)
        if outcome.get(act) != "success" and not (late and outcome.get(act) == "cancelled"):
            found.append(f"{act} ended with success, and the journal has {outcome.get(act)}")
    return found


def journal_of(project: Project) -> list[dict[str, Any]]:
    """The records of the newest run."""
    return read_journal(project.journal).records
