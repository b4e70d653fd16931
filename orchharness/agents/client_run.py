"""Executes a client for its act: `python client_run.py FOLDER`. Standard library only, started by path.

What to do stands in `client.json` of the act's folder. The prompt comes on stdin from a file, so it may be of any length
and no word of it can become an option. Like `sh`, it ends as the client did; a death by signal N is 128 + N.

*   A session that the client does not know is no reason to lose the act: the words without it are executed instead.
*   A client whose every line repeats all that was said before would reach any limit on output: such lines are cut to
    how they begin, as they come, so that they stay signs of life.
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys
from pathlib import Path
from typing import Any

SPEC = "client.json"
PROMPT = "client-prompt.md"
_PIECE = 1 << 16
_TOLD = 1 << 13  # bytes: who knows no such session says little else


def main(folder: Path) -> int:
    """Execute the client; its exit status."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    spec: dict[str, Any] = json.loads((folder / SPEC).read_bytes())
    prompt = os.open(folder / PROMPT, os.O_RDONLY)
    os.dup2(prompt, 0)
    os.close(prompt)
    if not spec["resume"] and not spec["shorten"]:
        os.execv(spec["words"][0], spec["words"])  # noqa: S606 - words, no shell
    status = _execute(spec["resume"] or spec["words"], spec["shorten"])
    if spec["resume"] and status in range(1, 128) and _is_unknown(folder, spec["unknown"]):
        os.lseek(0, 0, os.SEEK_SET)
        status = _execute(spec["words"], spec["shorten"])
    return status


def _is_unknown(folder: Path, texts: list[str]) -> bool:
    found = b""
    for name in ("stdout.log", "stderr.log"):
        with (folder / name).open("rb") as file:
            found += file.read(_TOLD + 1)[: _TOLD + 1]
    return len(found) <= _TOLD and any(text.encode() in found for text in texts)


def _execute(words: list[str], shorten: list[str]) -> int:
    if not shorten:
        return _status(os.posix_spawn(words[0], words, os.environ))
    out, inlet = os.pipe()
    pid = os.posix_spawn(words[0], words, os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, inlet, 1)])
    os.close(inlet)
    _Lines([text.encode() for text in shorten]).pump(out, pid)
    os.close(out)
    return _status(pid)


def _status(pid: int) -> int:
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return 128 - status if status < 0 else status


class _Lines:
    """Lines on their way to stdout; one that begins like one of `heads` is cut there, and closed as JSON."""

    def __init__(self, heads: list[bytes]) -> None:
        self._heads = heads
        self._enough = max(map(len, heads))
        self._begun = b""  # of a line that may yet turn out to be one to cut
        self._state = "begun"  # or "kept", "cut": what becomes of the rest of the line

    def pump(self, out: int, pid: int) -> None:
        """Copy until all is said, or the client is over; what it left behind may keep the pipe open for ever."""
        os.set_blocking(out, False)
        poller = select.poll()
        poller.register(out, select.POLLIN)
        watch = os.pidfd_open(pid) if hasattr(os, "pidfd_open") else -1
        if watch >= 0:
            poller.register(watch, select.POLLIN)
        over = False
        while not over:
            over = watch in {fd for fd, _ in poller.poll()}
            while (piece := _read(out)) is not None:
                if not piece:
                    over = True
                    break
                _write(self.feed(piece))
        _write(self._begun)

    def feed(self, piece: bytes) -> bytes:
        """What is to be written for the piece."""
        written = bytearray()
        for part in _parts(piece):
            if self._state == "begun":
                self._begun += part
                head = next((h for h in self._heads if self._begun.startswith(h)), None)
                if head is not None:
                    written += head + b"}\n"
                    self._begun, self._state = b"", "cut"
                elif len(self._begun) >= self._enough or part.endswith(b"\n"):
                    written += self._begun
                    self._begun, self._state = b"", "kept"
            elif self._state == "kept":
                written += part
            if part.endswith(b"\n"):
                self._state = "begun"
        return bytes(written)


def _parts(piece: bytes) -> list[bytes]:
    """The lines of the piece; a carriage return ends none."""
    lines = piece.split(b"\n")
    return [line + b"\n" for line in lines[:-1]] + ([lines[-1]] if lines[-1] else [])


def _read(out: int) -> bytes | None:
    """A piece, nothing at the end, None when there is none at the moment."""
    try:
        return os.read(out, _PIECE)
    except BlockingIOError:
        return None


def _write(data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(1, view) :]


if __name__ == "__main__":
    try:
        sys.exit(main(Path(sys.argv[1])))
    except OSError as failure:  # it cannot be executed: a word that is too long, or no program any more
        sys.exit(f"the client cannot be executed: {failure}")
