"""What acts printed. It lies in their own folders and was written by nobody who can be trusted."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from orchharness.record import record
from orchharness.redact import Redactor
from orchharness.report.printed import logs_in, opened
from orchharness.report.text import clean
from orchharness.run.hidden import redactor_of

_TAIL = 8 * 1024  # bytes that are looked at for the last line
_HELD = 4096  # characters; an escape sequence that is longer is none
_CUT_OFF = re.compile(r"\x1b(?:\[[0-?]*[ -/]*|[\]PX^_][^\x07\x1b\n]*\x1b?|[ -/]*)\Z|\x9b[0-?]*[ -/]*\Z|\r\Z")
_SEQUENCE = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[\]PX^_][^\x07\x1b\n]*(?:\x07|\x1b\\)?|\x1b[ -/]*[0-~]?|\x9b[0-?]*[ -/]*[@-~]?"
)
_CONTROL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ufff9-\ufffb\ud800-\udfff]"
)


@record
class LastLine:
    """The last line of what an act printed; `at` is when it printed last."""

    text: str = ""
    at: float | None = None


def redactor_for(header: Mapping[str, Any]) -> Redactor:
    """It knows the values that a run of that journal's header hides, as far as they are in this environment."""
    names = header.get("hidden")
    return redactor_of([n for n in names if isinstance(n, str)] if isinstance(names, list) else [])


def last_line(folder: Path, redactor: Redactor, limit: int = 500) -> LastLine:
    """The newest line of the act's output, redacted, without escapes and control characters."""
    newest = LastLine()
    for path in logs_of(folder):
        with suppress(OSError), opened(path) as fd:
            info = os.fstat(fd)
            if not info.st_size or (newest.at is not None and info.st_mtime <= newest.at):
                continue
            data = os.pread(fd, _TAIL, max(0, info.st_size - _TAIL))
            told = clean(redactor.text(data.decode(errors="replace")), _TAIL)
            rows = [row.strip() for row in told.splitlines() if row.strip()]
            newest = LastLine(text=" ".join(rows[-1].split())[:limit] if rows else "", at=info.st_mtime)
    return newest


def logs_of(folder: Path) -> list[Path]:
    """The files that the act printed into; those of a judge's commands first, then its own."""
    found = list(logs_in(folder))
    own = [folder / "stdout.log", folder / "stderr.log"]
    return [p for p in found if p not in own] + [p for p in own if p in found]


def chosen_log(folder: Path, *, stderr: bool) -> Path:
    """The file with the act's output: for a judge the newest one that its commands wrote, where there is one."""
    wanted = [p for p in logs_of(folder) if p.name.endswith("stderr.log") is stderr]
    apart = [p for p in wanted if p.parent != folder or p.name not in {"stdout.log", "stderr.log"}]
    filled = [p for p in apart if _size(p)]
    if filled:
        return max(filled, key=lambda p: p.stat(follow_symlinks=False).st_mtime)
    return folder / ("stderr.log" if stderr else "stdout.log")


def _size(path: Path) -> int:
    try:
        return path.stat(follow_symlinks=False).st_size
    except OSError:
        return 0


class Cleaner:
    """Takes text in pieces and gives it back without what a terminal would act on; sequences may be cut anywhere."""

    def __init__(self) -> None:
        self._rest = ""

    def feed(self, text: str, *, last: bool = False) -> str:
        """The clean text of this piece; what may be the beginning of a sequence is kept for the next one."""
        text, self._rest = self._rest + text, ""
        cut = None if last else _CUT_OFF.search(text, max(0, len(text) - _HELD))
        if cut is not None:
            text, self._rest = text[: cut.start()], text[cut.start() :]
        text = _SEQUENCE.sub("", text).replace("\r\n", "\n").replace("\r", "\n")
        return _CONTROL.sub("", text)
