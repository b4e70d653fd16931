"""Faults: what is killed, when, and which acts it may have cost."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass

from chaos_project import Session, environ_of, is_alive, send, stat_of

_ACT = b"ORCH_ACT_"
_LOOK = 0.002
_AGAIN = (0.0, 0.02, 0.3, 1.1)  # seconds between a signal and its repetition


@dataclass(frozen=True)
class Act:
    """The processes of one act; `leader` leads its session."""

    name: str
    leader: int
    others: tuple[int, ...]


def acts(session: Session) -> list[Act]:
    """The acts that run now."""
    members: dict[int, list[int]] = {}
    names: dict[int, str] = {}
    for pid in session.project.left():
        environ = environ_of(pid).split(b"\0")
        fields = stat_of(pid)
        if not fields or not any(word.startswith(_ACT) for word in environ):
            continue
        leader = int(fields[3])
        members.setdefault(leader, []).append(pid)
        folder = next((w for w in environ if w.startswith(b"ORCH_TASK_DIR=")), b"")
        names[leader] = os.fsdecode(folder.rpartition(b"/")[2])
    return [Act(names[p], p, tuple(m for m in found if m != p)) for p, found in members.items() if p in found]


@dataclass(frozen=True)
class Fault:
    """What happens to a session: `kind`, once the run has `records` records and `delay` seconds later."""

    kind: str
    records: int
    delay: float
    again: float | None = None  # seconds until the same happens again

    def __str__(self) -> str:
        again = "" if self.again is None else f" and again {self.again:g} s later"
        return f"{self.kind} {self.delay * 1000:.0f} ms after record {self.records}{again}"


@dataclass
class Struck:
    """What a fault did. `ends_agents`: when the session was told to end them."""

    hit: frozenset[str] = frozenset()
    ends_agents: float = 0.0
    missed: bool = False


def strike(session: Session, fault: Fault, rng: random.Random) -> Struck:
    """Wait for the moment, and do it."""
    while session.project.records() < fault.records and not session.over:
        time.sleep(_LOOK)
    time.sleep(fault.delay)
    if session.over:
        return Struck(missed=True)
    done = KINDS[fault.kind](session, rng)
    if fault.again is not None:
        time.sleep(fault.again)
        if not session.over:
            more = KINDS[fault.kind](session, rng)
            done.hit |= more.hit
    return done


def _signal(number: int, *, ends_agents: bool = False) -> Callable[[Session, random.Random], Struck]:
    def do(session: Session, _: random.Random) -> Struck:
        now = time.time()
        send(session.pid, number)
        return Struck(ends_agents=now if ends_agents else 0.0)

    return do


def _worker(session: Session, rng: random.Random) -> Struck:
    found = session.workers()
    if not found:
        return Struck(missed=True)
    send(rng.choice(found), signal.SIGKILL)
    return Struck()


def _workers(session: Session, _: random.Random) -> Struck:
    found = session.workers()
    for pid in found:
        send(pid, signal.SIGKILL)
    return Struck(missed=not found)


def _act(session: Session) -> list[Act]:
    """The acts that run; waits for one, since each is a moment only."""
    while not session.over:
        if found := acts(session):
            return found
        time.sleep(_LOOK)
    return []


def _agent(session: Session, rng: random.Random) -> Struck:
    """One process of an act that is not its leader, or the leader where there is no other."""
    found = _act(session)
    if not found:
        return Struck(missed=True)
    act = rng.choice(found)
    send(rng.choice(act.others or (act.leader,)), signal.SIGKILL)
    return Struck(hit=frozenset({act.name}))


def _leader(session: Session, rng: random.Random) -> Struck:
    found = _act(session)
    if not found:
        return Struck(missed=True)
    act = rng.choice(found)
    send(act.leader, signal.SIGKILL)
    return Struck(hit=frozenset({act.name}))


def _group(session: Session, rng: random.Random) -> Struck:
    found = _act(session)
    if not found:
        return Struck(missed=True)
    act = rng.choice(found)
    _kill_group(act.leader)
    return Struck(hit=frozenset({act.name}))


def _session_group(session: Session, _: random.Random) -> Struck:
    _kill_group(session.pid)
    return Struck()


def _everything(session: Session, _: random.Random) -> Struck:
    """As when the machine's processes are all ended: nothing of the case survives."""
    hit = {act.name for act in acts(session)}
    session.project.end_all()
    return Struck(hit=frozenset(hit))


def _pause(session: Session, _: random.Random) -> Struck:
    """The orchestrator stands still while its agents go on."""
    send(session.pid, signal.SIGSTOP)
    time.sleep(0.15)
    send(session.pid, signal.SIGCONT)
    return Struck()


def _kill_group(group: int) -> None:
    try:
        os.killpg(group, signal.SIGKILL)
    except OSError:
        return


KINDS: dict[str, Callable[[Session, random.Random], Struck]] = {
    "kill orchestrator": _signal(signal.SIGKILL),
    "kill session group": _session_group,
    "kill everything": _everything,
    "kill agent": _agent,
    "kill wrapper": _leader,
    "kill act group": _group,
    "kill worker": _worker,
    "kill all workers": _workers,
    "Ctrl-C": _signal(signal.SIGINT, ends_agents=True),
    "SIGTERM": _signal(signal.SIGTERM, ends_agents=True),
    "SIGHUP": _signal(signal.SIGHUP),
    "Ctrl-C that detaches": _signal(signal.SIGINT),
    "stop and go on": _pause,
}
_ONLY_WORKERS = frozenset({"kill worker", "kill all workers"})
TWICE = frozenset({"Ctrl-C", "SIGTERM", "SIGHUP"})
OPTIONS = {"Ctrl-C that detaches": ("--orch-on-interrupt=detach",)}


def random_fault(rng: random.Random, *, workers: bool, at_least: int) -> Fault:
    """One fault, some records after the `at_least`-th."""
    kind = rng.choice([k for k in KINDS if workers or k not in _ONLY_WORKERS])
    again = rng.choice(_AGAIN) if kind in TWICE and rng.random() < 0.4 else None
    return Fault(kind, at_least + rng.choice((0, 1, 1, 2, 2, 3, 4, 6, 8, 11, 14)), rng.random() * 0.06, again)


def alive_acts(session: Session) -> list[str]:
    """Names of the acts with a living process."""
    return [act.name for act in acts(session) if is_alive(act.leader)]
