"""Plans in pytest sessions of their own, and what came of them."""

from __future__ import annotations

import json
import os
import re
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from orchharness import OrchError
from orchharness.record import record
from orchharness.testing.processes import look
from orchharness.testing.scripted import STARTS

_OUTER = ("PYTEST_ADDOPTS", "PYTEST_XDIST_", "PYTEST_CURRENT_TEST")
_GRACE = 10.0  # seconds that a session has to end its agents
_COUNT = re.compile(r"\b(\d+) (passed|failed|skipped|deselected|errors?|warnings?)\b")


@record
class Played:
    """A session that is over. `status` is its exit status, `text` all that it printed, `runs` where its run is."""

    status: int
    text: str
    runs: Path
    noted: Path

    @property
    def folder(self) -> Path:
        """The run directory of the newest run.

        Raises:
            OrchError: nothing was run; the plan may be wrong.
        """
        found = sorted(self.runs.rglob("journal.jsonl"), key=lambda path: path.stat().st_mtime_ns)
        if not found:
            msg = f"nothing was run:\n{self.text}"
            raise OrchError(msg)
        return found[-1].parent

    @property
    def outcomes(self) -> dict[str, int]:
        """What pytest counted: `{"passed": 2, "failed": 1}`."""
        line = next((line for line in reversed(self.text.splitlines()) if _COUNT.search(line)), "")
        return {noun.removesuffix("s"): int(number) for number, noun in _COUNT.findall(line)}

    def journal(self, event: str | None = None) -> list[dict[str, Any]]:
        """The records of the journal; those of one kind of event, when it is given."""
        lines = (self.folder / "journal.jsonl").read_text(encoding="utf-8").splitlines()
        records: list[dict[str, Any]] = [json.loads(line) for line in lines]
        return [r for r in records if event is None or r.get("event") == event]

    def states(self) -> dict[str, str]:
        """Task or gate -> the last state that the journal has of it."""
        return {item: states[-1] for item, states in self._moves().items()}

    def history(self, item: str) -> list[str]:
        """All states that a task or gate went through."""
        return self._moves().get(item, [])

    def starts(self, name: str | None = None) -> list[dict[str, Any]]:
        """What scripted agents and critics noted when they started; those of one task or critic, when it is given."""
        noted = [entry for entry in self._noted() if entry["what"] == "start"]
        return [e for e in noted if name is None or name in (e.get("task"), e.get("critic"))]

    def left_behind(self) -> list[int]:
        """The processes of scripted agents and critics that are still alive: themselves, and what they `fork`ed."""
        found = ((entry, look(entry["pid"])) for entry in self._noted())
        return [entry["pid"] for entry, now in found if now is not None and now.start == entry["born"]]

    def _noted(self) -> list[dict[str, Any]]:
        text = self.noted.read_text(encoding="utf-8") if self.noted.exists() else ""
        return [json.loads(line) for line in text.splitlines()]

    def _moves(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for move in (move for entry in self.journal() for move in entry.get("then", ())):
            found.setdefault(move["item"], []).append(move["state"])
        return found


class Session:
    """A session that is running, or over."""

    def __init__(self, plan: Path, folder: Path, args: Sequence[str], env: Mapping[str, str]) -> None:
        import subprocess  # noqa: S404
        import tempfile

        runs, noted = folder / "runs", folder / "starts.jsonl"
        words = ["-m", "pytest", "-ra", "-p", "no:cacheprovider", f"--orch-dir={runs}", str(plan), *args]
        outer = {n: v for n, v in os.environ.items() if not n.startswith(_OUTER)}
        # Not a pipe: that would be full some time, and does not end while a process is left that holds it.
        output, name = tempfile.mkstemp(dir=folder, prefix="session-", suffix=".txt")
        try:
            self.process = subprocess.Popen(  # noqa: S603 - running plans is what this is for
                [sys.executable, *words],
                cwd=plan.parent,
                env={**outer, STARTS: str(noted), **env},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        finally:
            os.close(output)
        self._output, self._runs, self._noted = Path(name), runs, noted

    @property
    def so_far(self) -> Played:
        """What there is by now; the status is -1 while it is running."""
        status = self.process.poll()
        text = self._output.read_text(encoding="utf-8", errors="replace")
        return Played(status=-1 if status is None else status, text=text, runs=self._runs, noted=self._noted)

    def until_started(self, *names: str, timeout: float = 20.0) -> None:
        """Return as soon as scripted agents of these tasks, or these critics, have started.

        Raises:
            OrchError: they did not in that time, or the session is over.
        """
        until = time.monotonic() + timeout
        while not all(self.so_far.starts(name) for name in names):
            if time.monotonic() > until or self.process.poll() is not None:
                msg = f"not all of {', '.join(names)} have started:\n{self.so_far.text}"
                raise OrchError(msg)
            time.sleep(0.01)

    def wait(self, timeout: float = 60.0) -> Played:
        """What came of it, once it is over.

        Raises:
            OrchError: it took longer; it was ended as by Ctrl-C.
        """
        import subprocess  # noqa: S404

        try:
            self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.close()
            msg = f"the session was not over after {timeout:g} s:\n{self.so_far.text}"
            raise OrchError(msg) from None
        return self.so_far

    def close(self) -> None:
        """End it, with its agents, if it is still running."""
        import signal
        import subprocess  # noqa: S404

        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(_GRACE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def start_plan(plan: Path | str, folder: Path, *args: str, env: Mapping[str, str] | None = None) -> Session:
    """Start a pytest session with a plan, in a process of its own, and go on meanwhile.

    Args:
        plan: The plan file. Its folder is where pytest is called.
        folder: Where runs and the note of all starts are kept; a test's `tmp_path`. Sessions with one folder share
            the note, so that also the starts of a session before are counted.
        args: More words for pytest: `-n`, `2`, `--orch-var`, `x=y`.
        env: More environment variables.
    """
    return Session(Path(plan).absolute(), folder, args, env or {})


def run_plan(
    plan: Path | str, folder: Path, *args: str, env: Mapping[str, str] | None = None, timeout: float = 60.0
) -> Played:
    """Run a plan to its end; the arguments are those of `start_plan`.

    Raises:
        OrchError: it took longer than `timeout` seconds.
    """
    return start_plan(plan, folder, *args, env=env).wait(timeout)
