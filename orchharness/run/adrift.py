"""Acts of an earlier session that have no end in the journal: found again, or ended where they do not count any more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchharness.core.acts import Finished, Lost
from orchharness.core.past import Past, item_of
from orchharness.core.resuming import Resumption
from orchharness.errors import OrchError
from orchharness.report.text import duration
from orchharness.run.directory import RunDirectory
from orchharness.run.handles import spawned_at, stored_handle
from orchharness.run.leftovers import end_leftovers
from orchharness.run.past import look, was_started

if TYPE_CHECKING:
    from orchharness.plugins import PluginHost


def end_dropped(host: PluginHost, directory: RunDirectory, past: Past, found: Resumption) -> list[str]:
    """End the agents whose work does not count any more, before it is done again; what was ended, for people.

    Raises:
        OrchError: one of them cannot be ended: beside it nothing may start.
    """
    said = []
    for event in past.open:
        if event.act not in found.dropped:
            continue
        folder = str(directory.act(event.act))
        handle = stored_handle(folder, event.key)
        if handle is not None and not isinstance(look(host, folder, event.key), Finished | Lost):
            if not host.cancel(handle):
                msg = (
                    f"{event.act} is still at work, does not count any more ({found.dropped[event.act]}) and "
                    "could not be ended: resume again when it is gone"
                )
                raise OrchError(msg)
            said.append(f"{event.act} was still at work and was ended: {found.dropped[event.act]}")
        end_leftovers([event.key])
    return said


def attached(host: PluginHost, directory: RunDirectory, found: Resumption, now: float) -> dict[str, str]:
    """Item -> how its act was found that has no end in the journal."""
    reasons = {}
    for event in found.open:
        folder = str(directory.act(event.act))
        answer = look(host, folder, event.key)
        if answer is None and was_started(folder, event.key):
            text = "re-attached: its orchestrator died while it was started"
        elif answer is None:
            text = "spawned now: it was asked for and not started"
        elif isinstance(answer, Finished):
            text = "re-attached: it ended meanwhile, and its result is read"
        elif isinstance(answer, Lost):
            text = f"lost: {answer.reason}"
        else:
            text = f"re-attached: running for {duration(now - (spawned_at(folder) or now))}"
        reasons[item_of(event)] = text
    return reasons
