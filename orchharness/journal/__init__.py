"""The run on disk: an append-only journal with one writer, locks that keep it one, and a view for people.

The journal is the truth; `ORCHESTRATION.yaml` can be lost without loss. Nothing here decides anything.
"""

from orchharness.journal.journal import FORMAT, Journal, JournalContent, Reopened, read_journal
from orchharness.journal.lock import RunLock
from orchharness.journal.statefile import StateFile

__all__ = [
    "FORMAT",
    "Journal",
    "JournalContent",
    "Reopened",
    "RunLock",
    "StateFile",
    "read_journal",
]
