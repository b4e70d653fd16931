"""Who of a run is alive: looked up in `/proc`. Nothing is locked, polled, reaped or ended here.

Asking a lock for its owner takes it for a moment, and an orchestrator that comes just then would be refused: so it is
looked whether the process that the lock file names holds it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from enum import StrEnum
from pathlib import Path

from orchharness.agents import proc
from orchharness.agents.command import marker_of
from orchharness.agents.start import status_of, text_of
from orchharness.journal import RunLock
from orchharness.record import record
from orchharness.run.directory import RunDirectory
from orchharness.run.handles import key_in, spawned_at, stored_handle

LOCK = "lock"
_LOCAL = {"pid", "start", "boot", "namespace", "host"}


class Life(StrEnum):
    """What can be seen of an act's agent."""

    ALIVE = "alive"
    ENDED = "ended"  # it left its exit status
    GONE = "gone"  # without one
    UNSEEN = "unseen"  # on another machine, or an engine's: only its plugin can tell
    ABSENT = "not spawned"


@record
class Agent:
    """The agent of an act. `since` is when it was spawned, in seconds since the epoch."""

    life: Life
    pid: int | None = None
    since: float | None = None
    where: str = ""  # the other machine, or the kind whose plugin can tell


def orchestrator_of(directory: RunDirectory) -> int | None:
    """The pid of the process that drives the run now; None when there is none that can be seen."""
    path = directory.root / LOCK
    if not proc.supported():
        return RunLock(path).owner()
    try:
        text = path.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return None
    pid = int(text) if text.isdecimal() else 0
    found = proc.look(pid) if pid else None
    if found is None or not found.alive:
        return None
    try:
        held = os.path.realpath(path) in _locks_of(pid)
    except PermissionError:
        held = True  # somebody else's process: that it is there is all that can be seen
    return pid if held else None


def runs_driven_by(pid: int) -> list[RunDirectory]:
    """All runs that the process drives; empty when that cannot be seen."""
    found = []
    with suppress(OSError):
        for path in _locks_of(pid):
            run = RunDirectory(Path(path).parent)
            if Path(path).name == LOCK and run.journal.exists():
                found.append(run)
    return sorted(found, key=lambda run: run.run_id)


def _locks_of(pid: int) -> set[str]:
    """The files that the process holds a lock on."""
    return set(_held(pid))


def _held(pid: int) -> Iterator[str]:
    for name in os.listdir(f"/proc/{pid}/fd"):  # noqa: PTH208 - one entry a descriptor
        with suppress(FileNotFoundError):
            target = os.readlink(f"/proc/{pid}/fd/{name}")  # noqa: PTH115
            if target.endswith("lock") and "FLOCK" in Path(f"/proc/{pid}/fdinfo/{name}").read_text():
                yield target


def keys_in(directory: RunDirectory) -> dict[str, str]:
    """The acts that were started here, with their keys or what begins them: for a run whose journal does not tell."""
    folders = sorted(directory.root.glob("acts/*"))
    found = {folder.name: key_in(str(folder)) or _key_by_process(folder) for folder in folders}
    return {act: key for act, key in found.items() if key}


def _key_by_process(folder: Path) -> str | None:
    """From the marker of the process that the folder names: its starter was killed before it could keep the handle."""
    claimed = (text_of(f"{folder}/pid") or "").partition("\n")[0]
    pid = int(claimed) if claimed.isdigit() else 0
    if f"/{folder.parent.parent.name}/acts/{folder.name}" not in proc.command_of(pid):
        return None
    marks = [n.removeprefix(proc.MARKER) for n in proc.environ_of(pid) if n.startswith(proc.MARKER)]
    return marks[0] if len(marks) == 1 else None  # an act within an act bears the outer one's, too


def agent_of(folder: Path, key: str) -> Agent:
    """The agent of the act in that folder."""
    since = spawned_at(str(folder))
    if status_of(str(folder)) is not None:
        return Agent(life=Life.ENDED, since=since)
    # What lies there is the agent's: a pipe in its place would hold up who opens it.
    handle = stored_handle(str(folder), key) if (folder / "handle.json").is_file() else None
    if handle is None:
        return _started_without_handle(folder, key, since)
    data = handle.data
    if not data.keys() >= _LOCAL or not isinstance(data["pid"], int):
        return Agent(life=Life.UNSEEN, since=since, where=f"kind {handle.kind!r}")
    place = proc.here() if proc.supported() else proc.Place("", "", "")
    if data["boot"] != place.boot and data["host"] == place.host:
        return Agent(life=Life.GONE, since=since)  # the machine was restarted
    if (data["boot"], data["namespace"]) != (place.boot, place.namespace):
        return Agent(life=Life.UNSEEN, since=since, where=str(data["host"]))
    found = proc.look(data["pid"])
    if found is not None and found.alive and found.start == data["start"]:
        return Agent(life=Life.ALIVE, pid=found.pid, since=since)
    return Agent(life=Life.GONE if status_of(str(folder)) is None else Life.ENDED, since=since)


def _started_without_handle(folder: Path, key: str, since: float | None) -> Agent:
    """Whoever started it may have died before it could store the handle."""
    text = _small(folder / "pid").partition("\n")[0]
    if not text.isdecimal():
        return Agent(life=Life.ABSENT)
    found = proc.look(int(text)) if proc.supported() else None
    if found is not None and found.alive and proc.is_marked(found.pid, {marker_of(key).encode()}):
        return Agent(life=Life.ALIVE, pid=found.pid, since=since)
    return Agent(life=Life.GONE, since=since)


def _small(path: Path) -> str:
    """The beginning of a file; nothing when there is none."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        return os.read(descriptor, 100).decode("ascii", "replace")
    except OSError:
        return ""
    finally:
        os.close(descriptor)
