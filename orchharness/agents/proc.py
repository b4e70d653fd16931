"""What the kernel says about processes, read from `/proc`. Nothing is remembered.

A process is a pid *and* a start time: pids are used again. A zombie is dead, unless threads of it live on.
Where there is no `/proc` nothing is found; `supported` says so.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Collection, Iterable
from functools import cache
from typing import NamedTuple

MARKER = "ORCH_ACT_"
_ROUNDS = 20
# Bytes of an environment: what hardly one has, and what Linux lets a program be started with where nobody raised it.
_USUAL, _MOST = 1 << 16, 1 << 21
# Of the words behind the name in `/proc/PID/stat`, see proc(5).
_START_CODE, _ENV_START, _ENV_END = 23, 47, 48
_PATIENCE, _PAUSE = 1.0, 0.001  # seconds, for a process that has no environment yet


class Proc(NamedTuple):
    """One process. `start` is in clock ticks since the machine started."""

    pid: int
    start: int
    parent: int
    group: int
    session: int
    alive: bool
    name: bytes  # of the program; another one after an exec


class Place(NamedTuple):
    """Where pids mean something: the same boot and pid namespace."""

    host: str
    boot: str
    namespace: str


@cache
def here() -> Place:
    """The place this process runs at."""
    return Place(
        host=os.uname().nodename,
        boot=_read("/proc/sys/kernel/random/boot_id").decode().strip(),
        namespace=os.readlink("/proc/self/ns/pid"),  # noqa: PTH115 - pathlib costs 5 ms
    )


@cache
def supported() -> bool:
    """Whether processes can be told apart here."""
    return os.name == "posix" and os.path.exists("/proc/self/stat")  # noqa: PTH110 - pathlib costs 5 ms


def look(pid: int) -> Proc | None:
    """The process of that pid, dead or alive; None when there is none."""
    try:
        text = _read(f"/proc/{pid}/stat")
    except OSError:
        return None
    # The name before the last `)` may hold anything, spaces and brackets included.
    bracket = text.rindex(b")")
    fields = text[bracket + 2 :].split(None, 20)
    alive = fields[0] not in b"ZX" or int(fields[17]) > 1
    return Proc(pid, int(fields[19]), int(fields[1]), int(fields[2]), int(fields[3]), alive, text[:bracket])


def is_marked(pid: int, markers: Collection[bytes] | None = None) -> bool:
    """Whether one of the markers (`b"ORCH_ACT_0123…=1"`; None: any at all) is in the process's environment."""
    try:
        text = _environ(pid)
    except OSError:
        return False  # ended, or of another user
    # Most processes of a machine belong to no act: do not split their environments.
    if MARKER.encode() not in text:
        return False
    return markers is None or any(word in markers for word in text.split(b"\0"))


def _environ(pid: int) -> bytes:
    """The environment, also of a process that is just becoming another program: meanwhile the kernel shows none.

    Raises:
        OSError: it is gone, or of another user.
    """
    until = time.monotonic() + _PATIENCE
    while not (text := _whole(f"/proc/{pid}/environ")) and _has_program(pid):
        fields = _read(f"/proc/{pid}/stat").rpartition(b")")[2].split()
        # The kernel says where the code is when all else is in its place.
        is_ready = fields[_START_CODE] != b"0"
        if time.monotonic() > until or (is_ready and fields[_ENV_START] == fields[_ENV_END]):
            break  # it was given none
        if not is_ready:
            time.sleep(_PAUSE)  # others may have to run first
    return text


def _whole(path: str) -> bytes:
    """The file in one call: what is read in parts ends early when the process becomes another program meanwhile."""
    text = _read(path, _USUAL)
    return text if len(text) < _USUAL else _read(path, _MOST)


def _has_program(pid: int) -> bool:
    """Whether it executes a file: what belongs to the kernel, and what is dead, does not."""
    try:
        os.readlink(f"/proc/{pid}/exe")  # noqa: PTH115 - pathlib costs 5 ms
    except OSError:
        return False
    return True


def environ_of(pid: int) -> dict[str, str]:
    """The environment that the process was started with; empty when it is gone, or of another user."""
    try:
        entries = _environ(pid).split(b"\0")
    except OSError:
        return {}
    pairs = (os.fsdecode(entry).partition("=") for entry in entries)
    return {name: value for name, _, value in pairs}


def command_of(pid: int) -> str:
    """The command line, for people."""
    try:
        words = _read(f"/proc/{pid}/cmdline").rstrip(b"\0").split(b"\0")
    except OSError:
        return ""
    return " ".join(word.decode(errors="replace") for word in words)


def tree(markers: Collection[bytes], known: Collection[tuple[int, int]] = ()) -> list[Proc]:
    """All living processes that carry a marker or are `known` (pid, start), and all that belongs to those.

    What belongs: their children, and the sessions and groups they lead. This process is never among them.
    Looks again at once for what was made during the look, or a process that forks and ends could slip through.
    """
    table: dict[int, Proc] = {}
    found: set[int] = set()
    seen = {os.getpid()}
    for _ in range(_ROUNDS):
        fresh = [pid for pid in _pids() if pid not in seen]
        if not fresh:
            break
        seen.update(fresh)
        for proc in filter(None, map(look, fresh)):
            table[proc.pid] = proc
            if (proc.pid, proc.start) in known or is_marked(proc.pid, markers):
                found.add(proc.pid)
    grown = set(found)
    while grown:
        leads = {p.pid for p in (table[pid] for pid in grown) if p.pid in (p.group, p.session)}
        grown = {
            p.pid for p in table.values() if p.parent in grown or p.session in leads or p.group in leads
        } - found
        found |= grown
    return [table[pid] for pid in sorted(found) if table[pid].alive]


def inheritable() -> list[int]:
    """Descriptors above 2 that a child would get: a pipe of ours in an agent's hands never ends."""
    return [fd for fd in map(int, os.listdir("/proc/self/fd")) if fd > 2 and _is_inheritable(fd)]  # noqa: PTH208, PLR2004


def _is_inheritable(descriptor: int) -> bool:
    try:
        return os.get_inheritable(descriptor)
    except OSError:
        return False  # it was the one of the listing itself


def kill(procs: Iterable[Proc], *signals: int) -> None:
    """Send the signals; what is gone or not ours is left out."""
    for proc in procs:
        for number in signals:
            with contextlib.suppress(OSError):
                os.kill(proc.pid, number)


def reap(pid: int, *, wait: bool = False) -> None:
    """Take the status of a child that has ended, so that no zombie stays; nothing when it is not our child."""
    with contextlib.suppress(OSError):
        os.waitpid(pid, 0 if wait else os.WNOHANG)


def _pids() -> list[int]:
    try:
        return [int(name) for name in os.listdir("/proc") if name.isdigit()]  # noqa: PTH208 - pathlib costs 5 ms
    except OSError:
        return []


def _read(path: str, most: int = -1) -> bytes:
    with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - pathlib costs 5 ms
        return file.read(most)
