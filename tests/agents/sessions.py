"""Sessions of pytest that run a plan with a real client, and what a user sees of them."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from agent_clients import Client, surroundings
from model_server import ModelServer, Request

MARK = "ORCHHARNESS_REAL_CLIENT"  # in the environment of all that a test starts
USAGE = re.compile(r'"usage":({[^}]*})')
ITEM = re.compile(r"^(?:PASSED|FAILED|ERROR|SKIPPED).*$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a session ended."""

    status: int
    out: str

    def line(self, item: str) -> str:
        """What the short summary says of an item."""
        found = [line for line in ITEM.findall(self.out) if f"::{item}" in line]
        assert found, f"nothing is said of {item}:\n{self.out}"
        return str(found[0])


def wait_for(what: Callable[[], object], seconds: float = 20) -> None:
    """Wait until it is so; that it never is, is a failure."""
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until, "it did not happen"
        time.sleep(0.05)


@dataclass(slots=True, kw_only=True)
class Project:
    """A folder with a plan, one client and the server. `plan_file` is the plan that sessions run."""

    folder: Path
    client: Client
    server: ModelServer
    plan_file: str = "a.plan.yaml"
    env: dict[str, str] = field(init=False)
    ended: list[Ended] = field(default_factory=list)
    _started: list[subprocess.Popen[str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.env = surroundings(self.folder.parent / "home", self.server.url, self.client)
        self.env |= {MARK: str(self.folder), "PYTHONFAULTHANDLER": "1"}

    def plan(
        self, prompt: str, *, agent: str = "", task: str = "", top: str = "", outputs: str = "doc: a.md"
    ) -> None:
        """A plan of one task, `note`, that promises a.md. `task` and `top` are further lines of YAML."""
        agents = f"agents: {{author: {{{agent or self.client.agent}}}}}"
        first = f"  note:\n    agent: author\n    prompt: {json.dumps(prompt)}\n    outputs: {{{outputs}}}\n"
        more = "".join(f"    {line}\n" for line in task.strip().splitlines())
        (self.folder / "a.plan.yaml").write_text(f"orchharness: 1\n{top}\n{agents}\ntasks:\n{first}{more}")

    def start(self, *options: str) -> subprocess.Popen[str]:
        """Begin a session."""
        # Its output goes to a file: an agent that outlives the session holds a pipe open for ever.
        words = [sys.executable, "-m", "pytest", self.plan_file, "-rA", "-p", "no:cacheprovider", *options]
        with self._log().open("w") as log:
            session = subprocess.Popen(
                words,
                cwd=self.folder,
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            )
        self._started.append(session)
        return session

    def finish(self, session: subprocess.Popen[str], seconds: float | None = None) -> Ended:
        """Wait for the end of a session."""
        try:
            status = session.wait(seconds or self.client.patience)
        except subprocess.TimeoutExpired:
            session.send_signal(signal.SIGABRT)  # and faulthandler tells where it stands
            session.wait(5)
            pytest.fail(f"the session did not end:\n{self._log(-1).read_text()}")
        ended = Ended(status=status, out=self._log(-1).read_text())
        self.ended.append(ended)
        return ended

    def run(self, *options: str, seconds: float | None = None) -> Ended:
        """One whole session."""
        return self.finish(self.start(*options), seconds)

    def _log(self, back: int = 0) -> Path:
        return self.folder.parent / f"session-{len(self._started) + back}.log"

    def text(self) -> str:
        """What the agent wrote."""
        return (self.folder / "a.md").read_text()

    def facts(self, item: str = "note") -> dict[str, Any]:
        """What the state file says of an item."""
        (latest,) = (self.folder / ".orchharness").glob("a-*/latest")
        state = yaml.safe_load((latest / "ORCHESTRATION.yaml").read_text())
        facts: dict[str, Any] = state["phases"]["tasks"]["tasks"][item]
        return facts

    def acts(self) -> list[str]:
        """The acts of the newest run, by name."""
        (latest,) = (self.folder / ".orchharness").glob("a-*/latest")
        return sorted(act.name for act in (latest / "acts").iterdir())

    def usage(self) -> list[tuple[int | None, int | None]]:
        """Tokens in and out of each act, in the journal's order."""
        (latest,) = (self.folder / ".orchharness").glob("a-*/latest")
        found = USAGE.findall((latest / "journal.jsonl").read_text())
        return [(used.get("input_tokens"), used.get("output_tokens")) for used in map(json.loads, found)]

    def turns(self) -> list[Request]:
        """The requests of the agent's work."""
        return self.server.asked()

    def left(self) -> list[str]:
        """The processes of this test that are alive."""
        mark = f"{MARK}={self.folder}".encode()
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                marked = mark in (process / "environ").read_bytes().split(b"\0")
                dead = (process / "stat").read_text().rpartition(")")[2].split()[0] == "Z"
                if marked and not dead:
                    found.append(f"{process.name} {(process / 'cmdline').read_text().replace(chr(0), ' ')}")
        return found

    def seen(self) -> Iterator[str]:
        """What the user saw, a line for each session: the item, or the first thing that was said."""
        for ended in self.ended:
            found = ITEM.findall(ended.out)
            yield (
                "; ".join(
                    re.sub(rf"{re.escape(self.plan_file)}::\w+::", "", line).replace(
                        self.plan_file, "the plan"
                    )
                    for line in found
                )
                or self._left_over(ended)
            )

    def _left_over(self, ended: Ended) -> str:
        if ended.status < 0:
            return f"killed by signal {-ended.status}"
        try:
            facts = self.facts()
        except (KeyError, OSError, ValueError):
            return f"status {ended.status}"
        return f"{facts['state']}: {facts.get('reason', '')} (status {ended.status})"

    def kill_all(self) -> None:
        """End all that this test started, as a machine that loses its power does."""
        until = time.monotonic() + 5
        while (processes := self.left()) and time.monotonic() < until:
            for process in processes:
                with suppress(ProcessLookupError):
                    os.kill(int(process.split()[0]), signal.SIGKILL)

    def clean(self) -> None:
        """Nothing of a test stays behind, also when it failed."""
        self.kill_all()
        for session in self._started:
            session.wait(5)
