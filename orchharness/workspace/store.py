"""The run's store: every artifact once, under its SHA-256, never changed.

What consumers and critics read are copies made from here at the digests that were released to them, so
that a file which is edited later does not change what was judged. The bytes in the store are the bytes
that were hashed, also when somebody writes the file meanwhile.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from pathlib import Path
from typing import IO

from orchharness import private
from orchharness.errors import OrchError
from orchharness.record import record
from orchharness.workspace.files import copy_bytes, new_file, open_regular

_DIGEST = re.compile(r"[0-9a-f]{64}")
_SMALL = 1 << 20  # up to here a file is read once, into memory


@record(kw_only=False)
class Stored:
    """What is now in the store."""

    sha256: str
    size: int


class Store:
    """Content-addressed files below `root`, which is made when the first one is put in."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def put(self, path: Path | str) -> Stored:
        """Keep the bytes of a regular file. A link is refused: give what it points at.

        Raises:
            OSError: the file cannot be read, is not regular, or the disk is full. Nothing half is left.
        """
        with open_regular(os.fspath(path)) as source:
            data = source.read(_SMALL + 1)
            if len(data) <= _SMALL:
                return self.put_bytes(data)
            source.seek(0)
            known = copy_bytes(source, None)
            if self.has(known.sha256, known.size):
                return Stored(known.sha256, known.size)
            source.seek(0)
            return self._take(source)

    def put_bytes(self, data: bytes) -> Stored:
        """Keep these bytes.

        Raises:
            OSError: the disk is full. Nothing half is left.
        """
        stored = Stored(hashlib.sha256(data).hexdigest(), len(data))
        if not self.has(stored.sha256, stored.size):
            with new_file(self._place(stored.sha256), 0o400) as target:
                target.write(data)
        return stored

    def has(self, sha256: str, size: int) -> bool:
        """Whether the artifact is there in full length; a cut one counts as absent, and is put in again."""
        try:
            return os.stat(self.path(sha256)).st_size == size
        except FileNotFoundError:
            return False

    def path(self, sha256: str) -> Path:
        """Where the artifact is, or would be.

        Raises:
            OrchError: that is no SHA-256 in hexadecimal.
        """
        if not _DIGEST.fullmatch(sha256):
            msg = f"{sha256!r} is not a SHA-256: a digest has 64 hexadecimal digits"
            raise OrchError(msg)
        return self.root / sha256[:2] / sha256[2:]

    def read(self, sha256: str) -> bytes:
        """The bytes of the artifact, verified.

        Raises:
            OrchError: they are missing or damaged.
        """
        with open_regular(self._present(sha256)) as source:
            data = source.read()
        if hashlib.sha256(data).hexdigest() != sha256:
            raise self._damaged(sha256)
        return data

    def stage(self, sha256: str, target: Path | str) -> None:
        """Make a read-only copy, verified on the way. Never a hard link: its reader may be root, and write.

        Raises:
            OrchError: the artifact is missing or damaged; no copy is left.
            OSError: the disk is full; nothing half is left.
        """
        private.folders(os.path.dirname(target))
        place = self._present(sha256)
        with open_regular(place) as source, new_file(os.fspath(target), 0o400) as copy:
            if copy_bytes(source, copy).sha256 != sha256:
                raise self._damaged(sha256)

    def _take(self, source: IO[bytes]) -> Stored:
        """Copy while hashing: the name is the digest of what arrived, whatever the file is by now."""
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        arriving = self.root / f".arriving-{os.urandom(8).hex()}"
        try:
            with new_file(os.fspath(arriving), 0o400) as target:
                taken = copy_bytes(source, target)
            os.replace(arriving, self._place(taken.sha256))
        except BaseException:
            arriving.unlink(missing_ok=True)
            raise
        return Stored(taken.sha256, taken.size)

    def _place(self, sha256: str) -> str:
        """The path of an artifact that is about to be put there."""
        place = self.path(sha256)
        try:
            os.mkdir(place.parent, 0o700)
        except FileExistsError:
            pass
        except FileNotFoundError:
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            place.parent.mkdir(mode=0o700, exist_ok=True)
        return os.fspath(place)

    def _present(self, sha256: str) -> str:
        """The path of an artifact that should be there."""
        place = self.path(sha256)
        try:
            mode = os.lstat(place).st_mode
        except FileNotFoundError:
            msg = f"the run's store lacks {place}: what produced it has to run again"
            raise OrchError(msg) from None
        if not stat.S_ISREG(mode):
            raise self._damaged(sha256)
        return os.fspath(place)

    def _damaged(self, sha256: str) -> OrchError:
        """The error; the file is put aside, or the same bytes could never be put in again."""
        place = self.path(sha256)
        os.replace(place, place.with_name(place.name + ".damaged"))
        return OrchError(
            f"the run's store is damaged: {place} did not hold the bytes of its name and was put aside as "
            f"{place.name}.damaged; what produced it has to run again"
        )
