"""Local processes that outlive whoever started them. `LocalProcess` is offered to the authors of plugins.

The act's folder holds what is known of it: `stdout.log`, `stderr.log`, `pid`, `handle.json`, and `exit` once it
is over. A small shell leads the act's session and writes `pid` and `exit`, so no orchestrator need be alive.

*   The `exit` file decides; processes are looked at only while it is missing (an empty one is missing). On a full
    disk its status stands behind the pid in `pid`.
*   The act ends as a whole: what is left of its group is killed as soon as the end is seen.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from stat import S_ISREG
from typing import Any, NamedTuple

from orchharness.agents import proc
from orchharness.agents.command import marker_of
from orchharness.agents.result import finished
from orchharness.agents.start import CHILDREN, find, resolved, start, status_of, text_of
from orchharness.agents.supervised import SUPERVISION
from orchharness.core.acts import Handle, Lost, PollResult, Running, SpawnRequest, Unknown
from orchharness.errors import OrchError

_SETTLING = 20  # milliseconds; longer only where nobody reaps orphans
_HARD = 5.0  # seconds of SIGKILL after which `cancel` says that something is left


class Survivor(NamedTuple):
    """A process that is still there."""

    pid: int
    command: str


class NeverBegan(Lost):
    """Its shell had no room to claim the act, and so did nothing: it can be started as if it never had been."""


class LocalProcess:
    """Starts, watches and ends processes on this machine. Every method works in any process of the machine."""

    @staticmethod
    def spawn(
        request: SpawnRequest, argv: Sequence[str], *, kind: str | None = None, supervised: bool = False
    ) -> Handle:
        """Start the words in `request.cwd`; asked again for the same act, the same handle and no second start.

        `supervised` lets the session's supervisor do it, where there is one. That is cheaper, but when it is killed
        the ends of all its acts are lost, not of one: not for what costs money.

        Raises:
            OrchError: it cannot be started; nothing was.
        """
        if not proc.supported():
            msg = f"{request.act}: local processes need Linux (`/proc` is missing here)"
            raise OrchError(msg)
        kind = kind or request.kind
        return find(request, kind) or start(request, tuple(argv), kind, supervised=supervised)

    @staticmethod
    def poll(handle: Handle) -> PollResult:
        """Whether it runs, or how it ended. Takes no time."""
        data = handle.data
        supervised = not data["pid"]
        if supervised and SUPERVISION.runs(data["key"]):
            return Running()
        status = status_of(data["folder"])
        if supervised and status is not None and SUPERVISION.is_tidy(data["key"]):
            SUPERVISION.forget(data["key"])
            return finished(data["folder"], status)
        data = resolved(data)
        if status is None:
            away = _away(data)
            if away == "other":
                return Unknown(f"it runs on {data['host']!r}, out of sight from here")
            if away == "" and (_starting(data) or _leader(data) is not None or _start_after_all(data)):
                return Running()
            status = status_of(data["folder"])  # it may have ended between the two looks
        if status is None:
            return _lost(data)
        _tidy(data)
        return finished(data["folder"], status)

    @staticmethod
    def cancel(handle: Handle, grace: float = 1.0) -> bool:
        """End the act and all it started: SIGTERM, after `grace` seconds SIGKILL, until nothing is found twice.

        Returns:
            Whether nothing is left. False as well when it runs on another machine.
        """
        data = resolved(handle.data)
        if _away(data):
            return _away(data) == "rebooted"
        if not data["pid"] and _claim(data["folder"]):
            SUPERVISION.forget(data["key"])
            return True
        known = {(data["pid"], data["start"])}
        markers = {data["marker"].encode()}
        hard = time.monotonic() + grace
        told: set[tuple[int, bytes]] = set()
        looks, pause = 0, 0.002
        while looks < 2:  # noqa: PLR2004 - one look can miss a process that is just being made
            procs = proc.tree(markers, known)
            looks = 0 if procs or _starting(data) else looks + 1
            now = time.monotonic()
            known.update((p.pid, p.start) for p in procs)
            if now >= hard:
                proc.kill(procs, signal.SIGKILL)
            else:
                # A stopped process takes SIGTERM only when it goes on. One that was told between fork and exec
                # may have lost the signal with its old program: it is told again under its new name.
                proc.kill([p for p in procs if (p.pid, p.name) not in told], signal.SIGTERM, signal.SIGCONT)
                told.update((p.pid, p.name) for p in procs)
            if looks == 0 and now > hard + _HARD:
                return False
            if looks == 0:
                time.sleep(pause)
                pause = min(pause * 1.5, 0.05)
        _reap(data)
        SUPERVISION.forget(data["key"])
        return True

    @staticmethod
    def wake(handle: Handle) -> int | None:
        """A file descriptor that is readable when the act's leader has ended; the caller closes it.

        Returns:
            None when there is no such thing here, or the leader is gone: poll.
        """
        if not handle.data["pid"] and (told := SUPERVISION.wake(handle.data["key"])) is not None:
            return told
        data = resolved(handle.data)
        if _away(data) or not hasattr(os, "pidfd_open"):
            return None
        try:
            descriptor = os.pidfd_open(data["pid"])
        except OSError:
            return None
        if not _is_ours(data):
            found = proc.look(data["pid"])
            if found is None or found.start != data["start"]:
                os.close(descriptor)
                return None
        return descriptor

    @staticmethod
    def sweep(keys: Iterable[str]) -> list[Survivor]:
        """What is still alive of the acts with these keys, in one look over all processes."""
        markers = {marker_of(key).encode() for key in keys}
        return [Survivor(p.pid, proc.command_of(p.pid)) for p in proc.tree(markers)] if markers else []

    @staticmethod
    def end(pids: Iterable[int]) -> None:
        """Kill processes that `sweep` found, unless the pid belongs to something else by now."""
        for pid in pids:
            found = proc.look(pid)
            if found is not None and proc.is_marked(pid):
                proc.kill([found], signal.SIGKILL)


def _leader(data: Any) -> proc.Proc | None:
    """The living process that will write the status."""
    found = proc.look(data["pid"])
    if found is not None and found.start == data["start"] and _will_tell(found, data):
        return found
    claimed = (text_of(f"{data['folder']}/pid") or "").partition("\n")[0]
    if not claimed.isdigit() or int(claimed) == data["pid"]:
        return None
    # Two were started for one folder, and it was the other one that claimed it.
    other = proc.look(int(claimed))
    marked = other is not None and other.alive and proc.is_marked(other.pid, {data["marker"].encode()})
    return other if marked else None


def _will_tell(leader: proc.Proc, data: Any) -> bool:
    """Whether a status is still to come: the supervisor writes that of a dead act before it reaps it."""
    return leader.alive or leader.parent == data.get("supervisor")


def _starting(data: Any) -> bool:
    """Whether somebody has just claimed the act and starts it now."""
    if data["pid"]:
        return False
    try:
        claim = os.stat(f"{data['folder']}/pid")  # noqa: PTH116 - pathlib costs 5 ms
    except OSError:
        return False
    return claim.st_size == 0 and time.time() - claim.st_mtime < _HARD


def _claim(folder: str) -> bool:
    """Take an act that nobody has started, so that nobody will."""
    try:
        claim = os.open(f"{folder}/pid", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError:
        return False
    with os.fdopen(claim, "wb", buffering=0) as file, suppress(OSError):
        file.write(b"0\n")
    return True


def _start_after_all(data: Any) -> bool:
    """Start an act that its supervisor was asked for and did not come to; whether it was started."""
    asked = SUPERVISION.asked(data["key"])
    if asked is None or text_of(f"{data['folder']}/pid") is not None or status_of(data["folder"]) is not None:
        return False
    SUPERVISION.forget(data["key"])
    with suppress(OrchError):
        start(asked.request, asked.argv, asked.handle.kind)
        return True
    return False


def _away(data: Any) -> str:
    """`other` for a machine or container whose processes cannot be seen, `rebooted` when they cannot exist."""
    place = proc.here() if proc.supported() else proc.Place("", "", "")
    if data["boot"] == place.boot:
        return "" if data["namespace"] == place.namespace else "other"
    return "rebooted" if data["host"] == place.host else "other"


def _lost(data: Any) -> Lost:
    SUPERVISION.forget(data["key"])
    if _away(data):
        return Lost("the machine was restarted")
    _reap(data)
    left = proc.tree({data["marker"].encode()})
    proc.kill(left, signal.SIGKILL)
    if not left and _never_began(data):
        for name in ("handle.json", "pid"):
            with suppress(OSError):
                os.unlink(f"{data['folder']}/{name}")  # noqa: PTH108 - pathlib costs 5 ms
        return NeverBegan("its pid could not be written, so it was not started")
    return Lost("its process is gone and left no exit status")


def _never_began(data: Any) -> bool:
    """Whether its pid could not be written. A supervisor writes it when the act runs already: that tells nothing."""
    try:
        claim = os.stat(f"{data['folder']}/pid", follow_symlinks=False)  # noqa: PTH116 - pathlib costs 5 ms
    except OSError:
        return False
    return bool(data["pid"]) and "supervisor" not in data and S_ISREG(claim.st_mode) and claim.st_size == 0


def _tidy(data: Any) -> None:
    """After the end: kill what is left of the group, then take the leader's status."""
    SUPERVISION.forget(data["key"])
    if _away(data) or not data["pid"]:
        return
    if _is_ours(data) or _is_there(data):
        # While the leader is not reaped its group's number cannot be another group's.
        _kill_group(data["pid"], signal.SIGKILL)
        proc.reap(data["pid"], wait=True)
        CHILDREN.pop(data["pid"], None)
        _settle(data["pid"])
    elif _kill_group(data["pid"], 0):
        members = proc.tree({data["marker"].encode()})
        proc.kill([p for p in members if p.group == data["pid"]], signal.SIGKILL)
        _settle(data["pid"])


def _is_ours(data: Any) -> bool:
    return bool(CHILDREN.get(data["pid"]) == data["key"])


def _is_there(data: Any) -> bool:
    found = proc.look(data["pid"])
    return found is not None and found.start == data["start"]


def _settle(group: int) -> None:
    """Give what was killed the moment it needs to be gone, so that nothing writes while the outputs are looked at."""
    for _ in range(_SETTLING):
        if not _kill_group(group, 0):
            return
        time.sleep(0.001)


def _kill_group(group: int, number: int) -> bool:
    try:
        os.killpg(group, number)
    except OSError:
        return False
    return True


def _reap(data: Any, *, wait: bool = False) -> None:
    """Take the leader's status when it is our child: no zombie stays."""
    CHILDREN.pop(data["pid"], None)
    if _is_there(data):
        proc.reap(data["pid"], wait=wait)
