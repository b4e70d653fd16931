"""The journal: append-only JSON lines, one writer, the only truth about a run.

* A record is whole or not there: an append that cannot be completed is taken back before it is reported.
* A last line that is torn is what a crash leaves, and is cut off; damage anywhere else is refused with its place.
* The first record is `RunStarted`; its header says the format. An unknown major version is not read at all.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self

from orchharness.errors import JournalError
from orchharness.journal.lines import SEED, LineError, decode, encode, parse, starts_with_record

FORMAT = "1.0"


class JournalContent(NamedTuple):
    """What a journal holds. `torn` says why its last line was left out, None when it was not."""

    records: list[dict[str, Any]]
    torn: str | None


class _Scan(NamedTuple):
    content: JournalContent
    size: int  # bytes of the whole records
    last: str  # sum of the last whole record


class Journal:
    """The open journal of one run. Who opens it holds the run's lock."""

    def __init__(self, path: Path, fd: int, *, n: int = 0, size: int = 0, last: str = SEED) -> None:
        self.path = path
        self._fd = fd
        self._n = n
        self._size = size
        self._last = last
        self._dirty = False
        self._broken: str | None = None

    @classmethod
    def create(cls, path: Path) -> Self:
        """A new, empty journal, readable by its owner only.

        Raises:
            JournalError: the file is there already, or cannot be made.
        """
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
        try:
            return cls(path, os.open(path, flags, 0o600))
        except OSError as error:
            msg = f"{path}: the journal cannot be made: {error.strerror}"
            raise JournalError(msg) from error

    @classmethod
    def reopen(cls, path: Path) -> Reopened:
        """The journal of an earlier run, ready to go on, and what it holds. A torn last line is cut off the file.

        Raises:
            JournalError: it cannot be read, is damaged, or is of another major version.
        """
        scan = _scan(path)
        try:
            fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError as error:
            msg = f"{path}: the journal cannot be opened for writing: {error.strerror}"
            raise JournalError(msg) from error
        if scan.content.torn is not None:
            os.ftruncate(fd, scan.size)
            os.fdatasync(fd)
        journal = cls(path, fd, n=len(scan.content.records), size=scan.size, last=scan.last)
        return Reopened(journal, scan.content)

    def append(
        self, record: Mapping[str, Any], *, then: Sequence[Mapping[str, Any]] = (), mono: float = 0.0
    ) -> int:
        """Adds one record; returns its number. `then`: the transitions it caused; `mono`: the engine's clock.

        Raises:
            JournalError: the record could not be written as a whole; the file ends with the one before it.
        """
        if self._broken is not None:
            raise JournalError(self._broken)
        if not self._n:
            record = _with_format(record)
        try:
            line, last = encode(self._n, self._last, record, then, mono)
        except LineError as error:
            msg = f"{self.path}: {error}"
            raise JournalError(msg) from None
        self._write(line)
        n, self._n = self._n, self._n + 1
        self._size += len(line)
        self._last = last
        self._dirty = True
        return n

    def _write(self, line: bytes) -> None:
        try:
            done = os.write(self._fd, line)
            while done < len(line):
                done += os.write(self._fd, line[done:])
        except OSError as error:
            self._take_back()
            msg = f"{self.path}: the journal cannot be written: {error.strerror}"
            raise JournalError(msg) from error

    def _take_back(self) -> None:
        try:
            os.ftruncate(self._fd, self._size)
        except OSError as error:  # the torn record stays: going on after it would be damage in the middle
            self._broken = (
                f"{self.path}: the journal ends in a torn record that cannot be cut: {error.strerror}"
            )

    def sync(self) -> None:
        """Makes everything appended so far survive a power cut. Costs nothing when there is nothing new.

        Raises:
            JournalError: the disk refuses; what was appended may not be on it.
        """
        if not self._dirty:
            return
        try:
            os.fdatasync(self._fd)
        except OSError as error:  # the kernel reports such a failure once, so a later sync would lie
            self._broken = f"{self.path}: the journal cannot be synced: {error.strerror}"
            raise JournalError(self._broken) from error
        self._dirty = False

    def close(self) -> None:
        """Syncs and closes; closing twice does nothing."""
        if self._fd < 0:
            return
        try:
            if self._broken is None:
                self.sync()
        finally:
            os.close(self._fd)
            self._fd = -1
            self._broken = f"{self.path}: the journal is closed"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Reopened(NamedTuple):
    """A journal to go on with, and what it holds; `content.torn` is to be shown to the user."""

    journal: Journal
    content: JournalContent


def read_journal(path: Path) -> JournalContent:
    """The records of a journal, in order, each with `n`, `mono` and `sum`. The file is not changed.

    Raises:
        JournalError: it cannot be read, is of another major version, or is damaged (`path:line: what is wrong`).
    """
    return _scan(path).content


def _scan(path: Path) -> _Scan:
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            msg = f"{path}: not a file, so no journal"
            raise JournalError(msg)
        data = path.read_bytes()
    except OSError as error:
        msg = f"{path}: the journal cannot be read: {error.strerror}"
        raise JournalError(msg) from error
    lines = data.split(b"\n")
    rest = lines.pop()
    records: list[dict[str, Any]] = []
    size, last = 0, SEED
    for n, line in enumerate(lines):
        try:
            record = _record(line, n, last)
        except LineError as error:
            if n < len(lines) - 1 or rest or starts_with_record(line, n, last):
                msg = f"{path}:{n + 1}: the journal is damaged here: {error}"
                raise JournalError(msg) from None
            return _Scan(
                JournalContent(records, f"{path}:{n + 1}: the last record was cut off: {error}"), size, last
            )
        except JournalError as error:
            msg = f"{path}:{n + 1}: {error}"
            raise JournalError(msg) from None
        records.append(record)
        size, last = size + len(line) + 1, record["sum"]
    return _Scan(JournalContent(records, _torn(path, rest, len(lines), last)), size, last)


def _torn(path: Path, rest: bytes, n: int, last: str) -> str | None:
    if not rest:
        return None
    if starts_with_record(rest, n, last):
        msg = f"{path}:{n + 1}: the journal is damaged here: something follows the record on its line"
        raise JournalError(msg)
    return f"{path}:{n + 1}: the last record was cut off: it was not written to its end"


def _record(line: bytes, n: int, last: str) -> dict[str, Any]:
    if n:
        return decode(line, n, last)
    _check_format(parse(line))  # before the checksum: another major version may well compute another
    return decode(line, n, last)


def _with_format(record: Mapping[str, Any]) -> dict[str, Any]:
    if record.get("event") != "RunStarted":
        msg = f"the first record of a journal must be RunStarted, not {record.get('event')!r}"
        raise JournalError(msg)
    return {**record, "header": {"format": FORMAT, **record.get("header", {})}}


def _check_format(record: Mapping[str, Any]) -> None:
    header = record.get("header")
    found = header.get("format") if isinstance(header, dict) else None
    if not isinstance(found, str):
        msg = "the first record says no format, so this is no journal of orchharness"
        raise JournalError(msg)
    if found.partition(".")[0] != FORMAT.partition(".")[0]:
        major = FORMAT.partition(".")[0]
        msg = f"the journal has format {found!r}; this version reads {major}.x: use the orchharness that wrote it"
        raise JournalError(msg)
