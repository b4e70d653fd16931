r"""Lines below the cursor of a terminal that others write to: drawn, and taken away before anybody else writes.

The cursor stays where the others left it, also in the middle of a line. So taking the region away is to clear all
that is below the cursor, whatever happened in between: lines that were wrapped by a narrower window, a window that was
scrolled. Room is made first, by going down as many lines as are needed and up again, so that nothing scrolls between
keeping the cursor's place and going back to it.

The sequences are those of the VT100 and its successors: IND (ESC D), CUU and CUF (CSI n A, CSI C), DECSC and DECRC
(ESC 7, ESC 8), EL and ED (CSI K, CSI J), and DECAWM (CSI ? 7 l), so that a line wider than it seems is cut by the
terminal. ED never with the cursor in the first column of the first line: tmux keeps what is cleared so as history.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import NamedTuple

_DOWN, _KEEP, _BACK = "\x1bD", "\x1b7", "\x1b8"
_CLEAR = f"\x1b[K{_KEEP}\x1b[C\x1b[J{_BACK}"
_CUT, _WRAP = "\x1b[?7l", "\x1b[?7h"


class Size(NamedTuple):
    """Of a terminal."""

    columns: int
    rows: int


class Region:
    """The region of one terminal. `fd` is written to at once, nothing is kept back."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self.shown: tuple[str, ...] = ()

    def size(self) -> Size:
        """How large the terminal is now.

        Raises:
            OSError: it is gone.
        """
        found = os.get_terminal_size(self._fd)
        return Size(found.columns or 80, found.lines or 24)

    def draw(self, lines: Sequence[str]) -> None:
        """Show these lines instead of those that are shown. They must be fewer than the terminal has.

        Raises:
            OSError: the terminal is gone.
        """
        count = len(lines)
        if not count:
            self.clear()
            return
        room = f"{_DOWN * count}\x1b[{count}A"
        rows = "".join(f"\r\n\x1b[K{line}" for line in lines)
        self.shown = tuple(lines)  # before it is seen: a signal may come at once, and it must be cleared then
        self._write(f"{_CLEAR}{room}{_KEEP}{_CUT}{rows}\x1b[m{_WRAP}{_BACK}")

    def clear(self) -> None:
        """Show nothing.

        Raises:
            OSError: the terminal is gone.
        """
        if self.shown:
            self._write(_CLEAR)
            self.shown = ()

    def _write(self, text: str) -> None:
        data = text.encode(errors="replace")
        while data:
            data = data[os.write(self._fd, data) :]
