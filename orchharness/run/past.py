"""Earlier runs of a plan: where they are, what their journals tell, and which of their acts still live."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchharness.core import events as ev
from orchharness.core.acts import Finished, Handle, Lost, PollResult, Running
from orchharness.core.past import Past, past_of
from orchharness.errors import JournalError, OrchError
from orchharness.journal import JournalContent, RunLock, read_journal
from orchharness.record import record
from orchharness.run.directory import RunDirectory, plan_folder
from orchharness.run.handles import any_handle, spawned_at, stored_handle

if TYPE_CHECKING:
    from orchharness.plugins import PluginHost

_NAMED = 5  # runs that a message names, the newest ones
OPEN = "open"  # folder of names of runs that may have agents which live


@record(kw_only=False)
class Earlier:
    """An earlier run as its journal tells it. `header` is the one of its last session."""

    directory: RunDirectory
    records: Sequence[Mapping[str, Any]]
    past: Past
    header: Mapping[str, Any]

    @property
    def session(self) -> Path:
        """Where the last session keeps what it froze."""
        return self.directory.session(self.header.get("session", 0))


@record(kw_only=False)
class LiveAct:
    """An act that goes on without an orchestrator. `since` is in seconds since the epoch."""

    act: str
    since: float


def find_run(home: Path, plan_id: str, plan_path: str, wanted: str | None = None) -> RunDirectory | None:
    """The newest run of the plan that was no replay, or the one of that id (or the beginning of one).

    Raises:
        OrchError: no run, or more than one, is called so.
    """
    folder = plan_folder(home, plan_id, plan_path)
    if wanted is None:
        return next(filter(_has_begun, runs_of(folder)), None)
    every = list(runs_of(folder))
    found = [r for r in every if r.run_id.startswith(wanted)]
    exact = [r for r in found if r.run_id == wanted]
    if len(exact or found) == 1:
        return (exact or found)[0]
    there = found or every
    known = ", ".join(r.run_id for r in there[:_NAMED]) + (", …" if len(there) > _NAMED else "") or "none"
    msg = f"plan {plan_id!r} has {'no run' if not found else 'more than one run'} {wanted!r} (there: {known}); `orchharness runs` lists them"
    raise OrchError(msg)


def runs_of(folder: Path) -> Iterator[RunDirectory]:
    """The runs of a plan, newest first: those included that are just beginning, and those that lost their journal."""
    with suppress(OSError):
        names = sorted((e.name for e in os.scandir(folder) if e.is_dir(follow_symlinks=False)), reverse=True)
        for name in names:
            run = RunDirectory(folder / name)
            if name == OPEN or name.startswith("."):  # what `clean` is removing
                continue
            if run.journal.exists() or _has_acts(run):
                yield run


def told_of_older(directory: RunDirectory, missing: Collection[str]) -> str:
    """Which older run has most of the items that this one has not; empty when none has any."""
    older = (r for r in runs_of(directory.root.parent) if r.run_id < directory.run_id and _has_begun(r))
    count, name = max(((len(_held(r).intersection(missing)), r.run_id) for r in older), default=(0, ""))
    what = f"{count} of the chosen items, which this one has not"
    return f"run {name} has {what}: `--orch-resume={name}` goes on with that one" if count else ""


def _held(directory: RunDirectory) -> frozenset[str]:
    """The items of the run's last session."""
    last = b""
    with suppress(OSError, ValueError, KeyError, TypeError), directory.journal.open("rb") as file:
        for line in file:
            if not last or b'"RunResumed"' in line:
                found = json.loads(line)
                last = line if found["event"] in {"RunStarted", "RunResumed"} else last
        return frozenset(json.loads(last)["selected"])
    return frozenset()


def _has_begun(directory: RunDirectory) -> bool:
    """Whether the run has its first record, or acts that say that it lost it, and agents took part in it.

    Of one that was killed before that there is nothing to go on with, and what was replayed is no work of agents.
    """
    first = first_record(directory)
    if first is None:
        return _has_acts(directory)
    return not (b'"replayed"' in first and _is_replayed(first))


def first_record(directory: RunDirectory) -> bytes | None:
    """The first line of the run's journal; None when there is no whole one."""
    with suppress(OSError), directory.journal.open("rb") as file:
        first = file.readline()
        return first if first.endswith(b"\n") else None
    return None


def _has_acts(directory: RunDirectory) -> bool:
    try:
        with os.scandir(directory.root / "acts") as acts:
            return next(acts, None) is not None
    except OSError:
        return False


def _is_replayed(first: bytes) -> bool:
    try:
        return "replayed" in json.loads(first)["header"]
    except (ValueError, KeyError, TypeError):
        return False  # reading the journal will say what is wrong with it


def read_run(directory: RunDirectory) -> JournalContent:
    """What the run's journal holds.

    Raises:
        JournalError: it is damaged, or of another version.
    """
    has_acts = _has_acts(directory)  # looked at first: the first record is written before there are any
    content = read_journal(directory.journal)
    if has_acts and not content.records:
        msg = f"{directory.journal}:1: the journal is damaged here: the run has acts, and their records are gone"
        raise JournalError(msg)
    return content


def read_earlier(directory: RunDirectory, records: Sequence[Mapping[str, Any]] | None = None) -> Earlier:
    """What the run's journal tells.

    Raises:
        JournalError: it is damaged, or of another version.
    """
    found = read_run(directory).records if records is None else records
    header: Mapping[str, Any] = {}
    events = []
    for n, entry in enumerate(found, 1):
        try:
            event = ev.from_record(entry)
        except JournalError as error:
            msg = f"{directory.journal}:{n}: {error}"
            raise JournalError(msg) from None
        events.append(event)
        if isinstance(event, ev.RunStarted | ev.RunResumed):
            header = event.header
    return Earlier(directory, found, past_of(events), header)


def mark_open(directory: RunDirectory) -> None:
    """Note that agents of the run may live."""
    folder = directory.root.parent / OPEN
    folder.mkdir(mode=0o700, exist_ok=True)
    os.close(os.open(folder / directory.run_id, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o600))


def mark_closed(directory: RunDirectory) -> None:
    """Note that nothing of the run lives any more."""
    with suppress(OSError):
        (directory.root.parent / OPEN / directory.run_id).unlink()


def refuse_beside_agents(folder: Path, host: PluginHost, *, but: str = "") -> list[str]:
    """Refuse a run while agents of another one (than `but`) whose orchestrator is gone are at work.

    Returns:
        A message for each run that was left unfinished and of which nothing lives.

    Raises:
        OrchError: they are; the message says the two ways on.
    """
    try:
        names = sorted(e.name for e in os.scandir(folder / OPEN))
    except OSError:
        return []
    unfinished = []
    for name in names:
        directory = RunDirectory(folder / name)
        if name == but or owner_of(directory) is not None:
            continue
        if not _has_begun(directory):
            mark_closed(directory)
        else:
            try:
                living = live_acts(read_earlier(directory), host)
            except JournalError:  # it stands in nobody's way: what lives is told by the acts' own folders
                living = _live_folders(directory, host)
            if not living:
                mark_closed(directory)
                unfinished.append(f"run {name} was left unfinished: `--orch-resume={name}` goes on with it")
                continue
            acts = ", ".join(a.act for a in living[:5]) + (" …" if len(living) > 5 else "")  # noqa: PLR2004
            msg = (
                f"agents of the unfinished run {name} are still at work ({acts}): "
                f"`--orch-resume` goes on with that run, `orchharness cancel {name}` ends its agents"
            )
            raise OrchError(msg)
    return unfinished


def owner_of(directory: RunDirectory) -> int | None:
    """The pid of the orchestrator that drives the run now; 0 when it cannot be told, None when there is none."""
    return RunLock(directory.root / "lock").owner()


def live_acts(earlier: Earlier, host: PluginHost) -> list[LiveAct]:
    """The acts of the run that were started, have no end in the journal, and go on."""
    found, unseen = list[LiveAct](), dict[str, str]()
    for event in earlier.past.open:
        folder = str(earlier.directory.act(event.act))
        answer = look(host, folder, event.key)
        if answer is None:
            unseen[event.key] = event.act
        elif not isinstance(answer, Finished | Lost):
            found.append(LiveAct(event.act, spawned_at(folder) or event.at))
    for key in _marked(unseen):
        found.append(LiveAct(unseen[key], 0.0))
    return found


def _live_folders(directory: RunDirectory, host: PluginHost) -> list[LiveAct]:
    """The acts that go on, as their handles tell."""
    found = []
    with suppress(OSError):
        for folder in sorted((directory.root / "acts").iterdir()):
            handle = any_handle(str(folder))
            if handle is not None and not isinstance(_asked(host, handle), Finished | Lost):
                found.append(LiveAct(folder.name, spawned_at(str(folder)) or 0.0))
    return found


def look(host: PluginHost, folder: str, key: str) -> PollResult | None:
    """What its plugin says of the act; None when it has no handle yet."""
    handle = stored_handle(folder, key)
    return None if handle is None else _asked(host, handle)


def was_started(folder: str, key: str) -> bool:
    """Whether an act without a handle was started all the same: `spawn` finds such a one, and starts nothing."""
    return spawned_at(folder, handled=False) is not None or bool(_marked([key]))


def _asked(host: PluginHost, handle: Handle) -> PollResult:
    try:
        return host.poll(handle)
    except Exception:  # noqa: BLE001 - an engine that does not answer has not ended anything
        return Running()


def _marked(keys: Iterable[str]) -> list[str]:
    """Those keys that a living process carries: its starter died before it could store the handle."""
    wanted = list(keys)
    if not wanted:
        return []
    from orchharness.agents.local import LocalProcess

    return [key for key in wanted if LocalProcess.sweep([key])]
