"""What the tests of the command line share: sessions whose agents work until they are let go, and their end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from orchharness.agents.local import LocalProcess

LIMIT = 25.0  # seconds
AGENT = """\
echo "$1 begins"
touch $1.started
until [ -e $1.go ]; do sleep 0.02; done
echo "$1 is done"
"""
DEAF = """\
trap '' TERM
setsid sh -c 'trap "" TERM; touch child.started; while :; do sleep 0.1; done' &
touch deaf.started
while :; do sleep 0.1; done
"""


class Sessions:
    """pytest sessions in processes of their own, over the plans of one project; and the command line."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._sessions: list[subprocess.Popen[bytes]] = []
        self._others: list[subprocess.Popen[str]] = []

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        """A session that goes on."""
        words = words or tuple(sorted(p.name for p in self.root.glob("*.plan.yaml")))
        argv = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:hypothesispytest", *words]
        with (self.root / "session.txt").open("ab") as out:
            process = subprocess.Popen(argv, cwd=self.root, stdout=out, stderr=out, start_new_session=True)
        self._sessions.append(process)
        return process

    def until(self, *names: str) -> None:
        """Agents of these names are at work."""
        wait_for(lambda: all((self.root / f"{name}.started").exists() for name in names), self.said)

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        """As the kernel does when there is no memory left: the orchestrator is gone, its agents go on."""
        process.kill()
        process.wait(LIMIT)

    def said(self) -> str:
        path = self.root / "session.txt"
        return path.read_text() if path.exists() else ""

    def call(self, *words: str) -> subprocess.CompletedProcess[str]:
        """The command, to its end."""
        return subprocess.run(
            [sys.executable, "-m", "orchharness", *words],
            cwd=self.root,
            capture_output=True,
            text=True,
            timeout=LIMIT,
            check=False,
        )

    def begin(self, *words: str) -> subprocess.Popen[str]:
        """The command, while it goes on."""
        argv = [sys.executable, "-m", "orchharness", *words]
        self._others.append(subprocess.Popen(argv, cwd=self.root, stdout=subprocess.PIPE, text=True))
        return self._others[-1]

    def status(self, *words: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.call("status", "--json", *words).stdout)
        return found

    def run_dirs(self, plan: str = "play") -> list[Path]:
        """Its runs, oldest first."""
        return sorted(p.parent for p in (self.root / ".orchharness").glob(f"{plan}-*/2*/journal.jsonl"))

    def journal(self, plan: str = "play") -> list[dict[str, Any]]:
        lines = (self.run_dirs(plan)[-1] / "journal.jsonl").read_text().splitlines()
        return [json.loads(line) for line in lines]

    def alive(self) -> list[str]:
        """The command lines of what is alive of all runs."""
        return [f"{left.pid} {left.command}" for left in LocalProcess.sweep(self._keys())]

    def _keys(self) -> list[str]:
        keys = []
        for path in (self.root / ".orchharness").glob("*/2*/journal.jsonl"):
            for line in path.read_bytes().splitlines():
                try:
                    keys += [json.loads(line).get("key", "")]
                except ValueError:
                    continue
        return [key for key in keys if key]

    def close(self) -> None:
        """Nothing stays behind, also when a test fails."""
        for other in self._others:
            other.kill()
            other.communicate()
        for session in self._sessions:
            with suppress(ProcessLookupError):
                os.killpg(session.pid, signal.SIGKILL)
            session.wait()
        for left in LocalProcess.sweep(self._keys()):
            with suppress(ProcessLookupError):
                os.kill(left.pid, signal.SIGKILL)


def wait_for(what: Callable[[], object], said: Callable[[], str] = str, seconds: float = LIMIT) -> None:
    """Wait until it is so; that it never is, is a failure."""
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until, f"it did not happen\n{said()}"
        time.sleep(0.02)
