"""The live view of a session: a region below pytest's output, or a line now and then where there is no terminal.

Rules that hold here:
  * A thread looks at the runs' folders and draws; it shares nothing with the loop but the lock.
  * Whoever writes to the terminal (pytest's writer, `print` in a hook) finds the region gone: taking it away and the
    write are one step under the lock. What was written is on its way before the region is drawn again.
  * What looks and draws is imported by the thread, once it has something to do: short sessions do not pay for it.
  * While somebody is asked something (`--orch-ask`, a debugger) nothing is drawn, and the streams are as they were.
  * When the view ends, for whatever reason, the screen is what it would be without it.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from enum import Enum
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    import pytest

    from orchharness.live.follower import Follower
    from orchharness.live.region import Region
    from orchharness.live.scene import Scene
    from orchharness.pytest_plugin.terminal import Terminal
    from orchharness.run.directory import RunDirectory

PAUSE = 0.25  # seconds between two looks, so at most four drawings a second
BEAT = 60.0  # seconds of silence before a plain line
_DELAY = 0.5  # seconds after a run's beginning before anything is drawn: what is over by then needs no view
_SHARE, _MOST = 2, 20  # one half of the terminal's lines at most, and no more than that
_PLUGIN = "orchharness-live"


class Mode(Enum):
    """How the view is shown."""

    REGION = "region"
    BEATS = "beats"
    NONE = "none"


def mode_of(option: str, verbosity: int, *, is_terminal: bool, env: Mapping[str, str]) -> Mode:
    """How to show it: drawn only where it is a terminal's user who looks, and wants to."""
    if verbosity < 0:
        return Mode.NONE
    plain = env.get("TERM", "") in {"", "dumb"} or env.get("NO_COLOR")
    in_ci = env.get("CI", "").lower() not in {"", "0", "false"}
    return Mode.REGION if option == "auto" and is_terminal and not plain and not in_ci else Mode.BEATS


class Showing:
    """The view of one session, from entering to leaving it."""

    def __init__(self, config: pytest.Config, terminal: Terminal) -> None:
        self._config, self._terminal = config, terminal
        self._reporter: Any = config.pluginmanager.get_plugin("terminalreporter")
        self._lock = threading.RLock()  # a signal's handler may write, too
        self._leaving = threading.Event()
        self._thread: threading.Thread | None = None
        self._begun: list[RunDirectory] = []  # runs that the thread has not taken up yet
        self._followed: list[Follower] = []
        self._region: Region | None = None
        self._fd = -1
        self._streams: Streams | None = None
        self._away = 0
        self._wrote_at = 0.0
        self._drawn: tuple[Any, list[str]] = (None, [])

    def __enter__(self) -> Self:
        self._terminal.showing = self
        return self

    def __exit__(self, *_: object) -> None:
        self._terminal.showing = None
        self._leaving.set()
        if self._thread is not None:
            self._hide()
            self._thread.join(timeout=2.0)
            self._config.pluginmanager.unregister(name=_PLUGIN)
        if self._streams is not None:
            self._streams.restore()
        if self._fd >= 0:
            os.close(self._fd)
            self._fd, self._region = -1, None

    # ---- what the session says -------------------------------------------------------------------

    def follow(self, directory: RunDirectory) -> None:
        """A run has begun."""
        if self._reporter is None:
            return
        mode = self._mode()
        if mode is Mode.NONE:
            return
        with self._lock:
            self._begun.append(directory)
        if self._thread is None:
            self._begin(mode)

    def _mode(self) -> Mode:
        with suppress(OSError):
            there = bool(self._reporter.isatty()) and os.isatty(1)
            option, verbosity = self._config.option.orch_live, self._config.get_verbosity()
            return mode_of(option, verbosity, is_terminal=there, env=os.environ)
        return Mode.NONE

    def _begin(self, mode: Mode) -> None:
        self._wrote_at = time.monotonic()
        if mode is Mode.REGION:
            from orchharness.live.region import Region

            self._fd = os.dup(1)  # pytest may put a file in its place while it captures
            self._region = Region(self._fd)
        self._streams = Streams(self._config.get_terminal_writer(), self._before_write)
        self._streams.replace()
        self._config.pluginmanager.register(self, _PLUGIN)
        work = self._draw if mode is Mode.REGION else self._beat
        self._thread = threading.Thread(target=self._until_left, args=(work,), daemon=True, name="live view")
        self._thread.start()

    @contextmanager
    def away(self) -> Iterator[None]:
        """Somebody is asked something: nothing is drawn meanwhile."""
        self._leave_alone()
        try:
            yield
        finally:
            self._come_back()

    def pytest_enter_pdb(self) -> None:
        """A debugger has the terminal."""
        self._leave_alone()

    def pytest_leave_pdb(self) -> None:
        """It has given it back."""
        self._come_back()

    def _leave_alone(self) -> None:
        with self._lock:
            self._away += 1
            self._hide()
            if self._streams is not None:
                self._streams.restore()

    def _come_back(self) -> None:
        with self._lock:
            self._away -= 1
            self._wrote_at = time.monotonic()
            if not self._away and self._streams is not None:
                self._streams.replace()

    @contextmanager
    def _before_write(self) -> Iterator[None]:
        with self._lock:
            self._hide()
            self._wrote_at = time.monotonic()
            yield

    def _hide(self) -> None:
        with self._lock, suppress(OSError):  # the terminal is gone, and what it showed as well
            if self._region is not None:
                self._region.clear()

    # ---- the thread ------------------------------------------------------------------------------

    def _until_left(self, work: Callable[[], float]) -> None:
        pause = _DELAY
        try:
            while not self._leaving.wait(pause):
                pause = work()
        except OSError:  # the terminal is gone; the session hears of it by itself
            self._hide()
        except Exception as error:  # noqa: BLE001 - a view that fails must not end the run
            with self._lock:
                self._hide()
                self._terminal.note(f"the live view ended: {type(error).__name__}: {error}")

    def _scenes(self) -> list[Scene]:
        """The runs that go on."""
        from orchharness.live.follower import Follower

        with self._lock:
            begun, self._begun = self._begun, []
        self._followed += map(Follower, begun)
        scenes = [(one, one.look(time.time())) for one in self._followed]
        self._followed = [one for one in self._followed if not one.over]
        return [scene for one, scene in scenes if not one.over]

    def _draw(self) -> float:
        assert self._region is not None
        scenes, size = self._scenes(), self._region.size()
        if self._drawn[0] != (scenes, size):
            height = min(size.rows // _SHARE, _MOST)
            self._drawn = ((scenes, size), self._lines(scenes, size.columns, height))
        lines = self._drawn[1]
        with self._lock:
            if not self._away and not self._leaving.is_set() and tuple(lines) != self._region.shown:
                self._config.get_terminal_writer().flush()
                self._region.draw(lines)
        return PAUSE

    def _lines(self, scenes: Sequence[Scene], width: int, height: int) -> list[str]:
        from orchharness.live.drawing import drawn  # rich takes as long as a small plan

        return drawn(scenes, width, height, color=self._config.get_terminal_writer().hasmarkup)

    def _beat(self) -> float:
        """A line, when nobody wrote one for long."""
        left = self._wrote_at + BEAT - time.monotonic()
        if left > 0 or self._away:
            return max(left, PAUSE)
        from orchharness.live.scene import beat

        scenes = self._scenes()
        with self._lock:
            self._wrote_at = time.monotonic()
            if scenes and not self._leaving.is_set():
                self._terminal.note(beat(scenes, time.strftime("%H:%M")), yellow=False)
        return BEAT


class Streams:
    """Where this process writes to the terminal: pytest's writer and the standard streams.

    What goes past them (a program that a hook starts, a C library) cannot be seen here.
    """

    def __init__(self, writer: Any, around: Callable[[], Any]) -> None:
        self._writer, self._around = writer, around
        self._others: Any = None  # another plugin's `write` of the writer
        self._ours: Any = None
        self._before: dict[str, Any] = {}

    def replace(self) -> None:
        """Have `around` entered for every write."""
        write, around = self._writer.write, self._around

        def watched(*args: Any, **markup: Any) -> None:
            with around():
                write(*args, **markup)

        self._others, self._ours = vars(self._writer).get("write"), watched
        self._writer.write = watched
        for name in ("stdout", "stderr"):
            self._before[name] = getattr(sys, name)
            setattr(sys, name, _Stream(self._before[name], around))

    def restore(self) -> None:
        """As it was before; what somebody else has put in the place of one meanwhile stays."""
        if self._ours is not None and vars(self._writer).get("write") is self._ours:
            if self._others is None:
                del self._writer.write
            else:
                self._writer.write = self._others
        for name, stream in self._before.items():
            if isinstance(getattr(sys, name), _Stream):
                setattr(sys, name, stream)
        self._before.clear()


class _Stream:
    """A text stream that is written to only inside `around`."""

    def __init__(self, stream: Any, around: Callable[[], Any]) -> None:
        self._stream, self._around = stream, around

    def write(self, text: str) -> int:
        with self._around():
            count: int = self._stream.write(text)
            self._stream.flush()  # what stays in its buffer would come after the region is drawn again
            return count

    def writelines(self, lines: Sequence[str]) -> None:
        for text in lines:
            self.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
