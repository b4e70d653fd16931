"""What the kernel says of the processes of an act, for the conformance suite."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from orchharness import LocalProcess


class Process(NamedTuple):
    """A living process. `terminal` is the number of its controlling terminal, 0 for none."""

    pid: int
    start: int
    parent: int
    session: int
    terminal: int

    @property
    def environ(self) -> dict[str, str]:
        """Its environment as it began; empty where it cannot be read."""
        with suppress(OSError):
            words = Path(f"/proc/{self.pid}/environ").read_bytes().decode(errors="replace").split("\0")
            return dict(word.split("=", 1) for word in words if "=" in word)
        return {}

    @property
    def cwd(self) -> str:
        """Its working directory; empty where it cannot be read."""
        return _link(f"/proc/{self.pid}/cwd")

    def opened(self, descriptor: int) -> str:
        """What a descriptor of it is; empty where it is closed."""
        return _link(f"/proc/{self.pid}/fd/{descriptor}")


def marked(key: str) -> list[Process]:
    """The living processes that carry the marker of an act, or belong to one that does."""
    return [found for survivor in LocalProcess.sweep([key]) if (found := look(survivor.pid)) is not None]


def everybody() -> list[Process]:
    """All living processes of this machine, as far as they can be seen."""
    pids = (int(name) for name in os.listdir("/proc") if name.isdecimal())  # noqa: PTH208 - names, not paths
    return [found for pid in pids if (found := look(pid)) is not None]


def look(pid: int) -> Process | None:
    """The process; None when it is gone, or dead and only not reaped yet."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    fields = text[text.rindex(")") + 2 :].split()
    if fields[0] in {"Z", "X"}:
        return None
    return Process(pid, int(fields[19]), int(fields[1]), int(fields[3]), int(fields[4]))


def alive(known: list[Process]) -> list[Process]:
    """Those that are still there, and still the same."""
    return [p for p in known if (now := look(p.pid)) is not None and now.start == p.start]


def leaves(known: list[Process]) -> list[Process]:
    """Those that have no child among them: who does the work, not who waits for it."""
    parents = {p.parent for p in known}
    return [p for p in known if p.pid not in parents]


def roots(known: list[Process]) -> list[Process]:
    """Those whose parent is not among them: one for each start."""
    pids = {p.pid for p in known}
    return [p for p in known if p.parent not in pids]


def _link(path: str) -> str:
    try:
        return os.readlink(path)  # noqa: PTH115 - `deleted` and `pipe:[7]` are no paths
    except OSError:
        return ""
