"""Ending a run whose orchestrator is gone: its agents, then its journal.

Rules that hold here:
  * The run's lock is held throughout: nobody else writes the journal, and nobody resumes the run meanwhile.
  * Every act that may have an agent is ended through its handle; what got away, or has no handle, by its marker.
  * What could not be ended is not said to be: then the run stays open, and the same command goes on with it.
  * An act that ended by itself keeps its place in the journal: a resumed run reads its result.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchharness.cli.alive import Agent, Life, agent_of, keys_in
from orchharness.cli.closing import close_run
from orchharness.cli.standing import Standing
from orchharness.core.acts import Finished, Lost
from orchharness.core.past import Started, item_of
from orchharness.errors import JournalError, OrchError, PluginError
from orchharness.journal import RunLock
from orchharness.record import record
from orchharness.report.text import duration
from orchharness.run.handles import stored_handle
from orchharness.run.leftovers import end_leftovers
from orchharness.run.past import Earlier, look, mark_closed, read_earlier

if TYPE_CHECKING:
    from orchharness.core.acts import Handle
    from orchharness.plugins import PluginHost
    from orchharness.run.directory import RunDirectory

_LIMIT = 60.0  # seconds after which a plugin's `cancel` is waited for no longer


@record
class _Live:
    """An act that has to be ended. `handle` is None where its agent can be found by its marker only."""

    event: Started
    agent: Agent
    handle: Handle | None


def end_run(directory: RunDirectory, here: Path, say: Callable[[str], None]) -> None:
    """End what is left of the run and journal it; says what is done, line by line.

    Raises:
        RunBusyError: an orchestrator drives it after all.
        JournalError: the journal cannot be written.
        OrchError: something could not be ended, or the journal cannot be read.
    """
    with RunLock(directory.root / "lock"):
        earlier = _read(directory, say)
        host, notes = host_of(earlier)
        _each(say, notes)
        live = _live_acts(earlier, host)
        begun = [entry for entry in live if entry.agent.life is not Life.ABSENT]
        if begun:
            say(f"ending {', '.join(map(_named, begun))}")
        faults = _end_all(host, live)
        left = end_leftovers(earlier.past.keys.values())
        _each(say, left)
        faults += [text for text in left if "could not be ended" in text]
        if faults:
            msg = f"not all of run {directory.run_id} could be ended: {'; '.join(faults)}"
            raise OrchError(msg)
        if not earlier.past.ended and (begun or left):
            ended = [(entry.event, entry.agent.since) for entry in live]
            _each(say, close_run(earlier, host, ended))
        mark_closed(directory)
    one = Standing(directory, time.time())
    if not begun and not left:
        say(f"nothing to cancel: nothing of run {directory.run_id} is at work ({one.state})")
    else:
        say(f"run {directory.run_id} is {one.state}: nothing of it is left")
    resume = one.resume_command(here)
    if resume and one.state != "passed":
        say(f"goes on with: {resume}")


def _read(directory: RunDirectory, say: Callable[[str], None]) -> Earlier:
    """What the journal tells.

    Raises:
        OrchError: nothing, for it is damaged; agents that the acts' folders tell of were ended all the same.
    """
    try:
        return read_earlier(directory)
    except JournalError as error:
        _each(say, end_leftovers(keys_in(directory).values()))
        msg = f"{error}; the run's agents on this machine were ended, its journal was left as it is"
        raise OrchError(msg) from None


def _each(say: Callable[[str], None], lines: Iterable[str]) -> None:
    for text in lines:
        say(text)


def _named(entry: _Live) -> str:
    facts = [f"pid {entry.agent.pid}"] if entry.agent.pid else []
    if entry.agent.since:
        facts.append(f"at work for {duration(time.time() - entry.agent.since)}")
    return f"{item_of(entry.event)} ({', '.join(facts)})" if facts else item_of(entry.event)


def _live_acts(earlier: Earlier, host: PluginHost) -> list[_Live]:
    """The acts without an end that are at work, or may be, or were asked for and never started."""
    found = []
    for event in earlier.past.open:
        folder = earlier.directory.act(event.act)
        agent = agent_of(folder, event.key)
        if agent.life is Life.UNSEEN and isinstance(look(host, str(folder), event.key), Finished | Lost):
            continue
        if agent.life not in {Life.ENDED, Life.GONE}:
            found.append(_Live(event=event, agent=agent, handle=stored_handle(str(folder), event.key)))
    return found


# ---- ending agents -------------------------------------------------------------------------------


def _end_all(host: PluginHost, live: Sequence[_Live]) -> list[str]:
    """End them side by side; what could not be ended, and why."""
    faults: dict[str, str] = {}
    threads = []
    for entry in live:
        if entry.handle is None:
            continue
        name = entry.event.act
        faults[name] = f"its plugin did not return from orchharness_cancel in {_LIMIT:g} s"
        # A plugin that hangs must not keep this process: its thread ends with it.
        threads.append(
            threading.Thread(target=_end_one, args=(host, entry.handle, name, faults), daemon=True)
        )
    for thread in threads:
        thread.start()
    until = time.monotonic() + _LIMIT
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()))
    return [f"{name}: {fault}" for name, fault in faults.items() if fault]


def _end_one(host: PluginHost, handle: Handle, name: str, faults: dict[str, str]) -> None:
    try:
        gone = _cancel(host, handle)
        faults[name] = "" if gone else "some of its processes could not be ended, or not from here"
    except BaseException as error:  # noqa: BLE001 - whatever a plugin raises, the others are ended
        faults[name] = f"{type(error).__name__}: {error}"


def _cancel(host: PluginHost, handle: Handle) -> bool:
    if handle.kind not in host.kinds and "marker" in handle.data:
        # Its plugin is not installed any more, but what it started is a process of this machine.
        from orchharness.agents.local import LocalProcess

        return LocalProcess.cancel(handle)
    return host.cancel(handle)


# ---- plugins -------------------------------------------------------------------------------------


def host_of(earlier: Earlier) -> tuple[PluginHost, list[str]]:
    """The plugins that the run had, as far as they are still there; what is not."""
    from orchharness.plugins import PluginHost

    notes = []
    try:
        host = PluginHost.load()
    except PluginError as error:
        notes.append(f"without installed plugins: {error}")
        host = PluginHost.load(entry_points=False)
    for path in earlier.header.get("conftests", ()):
        try:
            host.register(_imported(str(path)), str(path))
        except Exception as error:  # noqa: BLE001 - somebody's file; what it started may be found without it
            notes.append(f"without {path}: {type(error).__name__}: {error}")
    return host, notes


def _imported(path: str) -> Any:
    """The conftest with hooks, imported as pytest would: its folder first on the path."""
    import sys
    from importlib.util import module_from_spec, spec_from_file_location

    spec = spec_from_file_location("_orchharness_cancel_conftest", path)
    if spec is None or spec.loader is None:
        msg = f"{path!r} is no Python file"
        raise PluginError(msg)
    module = module_from_spec(spec)
    sys.path.insert(0, str(Path(path).parent))
    spec.loader.exec_module(module)
    return module
