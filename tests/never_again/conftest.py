"""What happened elsewhere and must not happen here: each is played by scripted agents in a pytest session.

A test is named after its line of the list: A, a plan that was orchestrated by hand; B, the background agents of a
coding tool; C, what users of such tools report most. Its docstring says what happened.
"""

from __future__ import annotations

import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from textwrap import dedent

import pytest

from orchharness.testing import Played, Session, start_plan
from orchharness.testing.scripted import STARTS

_LASTING = (
    "jinja2 pydantic yaml orchharness.critics.act orchharness.planfile orchharness.report orchharness.testing.options "
    "orchharness.pytest_plugin.loop orchharness.run.judgement orchharness.workspace.evidence "
    "orchharness.workspace.gate_inputs orchharness.workspace.staging orchharness.workspace.templates orchharness_example"
)
# pytester forgets what a run in this process imported; what is imported before stays.
for _name in _LASTING.split():
    import_module(_name)


class Play:
    """A project whose agents and critics are scripted, in a folder of its own."""

    def __init__(self, pytester: pytest.Pytester, away: Path) -> None:
        self._pytester = pytester
        self.root = pytester.path
        self.away = away  # out of the project: where runs and notes are kept
        self._sessions: list[Session] = []
        self.file("conftest.py", "from orchharness.testing import *\n")
        self.file("pytest.ini", "[pytest]\n")

    def file(self, path: str, text: str) -> Path:
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(dedent(text))
        return target

    def plan(self, text: str, name: str = "play") -> Path:
        return self.file(f"{name}.plan.yaml", "orchharness: 1\n" + dedent(text))

    def run(self, *args: str) -> Played:
        """A session in this process, over all plans."""
        words = ("-p", "no:cacheprovider", "-p", "no:hypothesispytest", "-ra", f"--orch-dir={self.away}/runs")
        result = self._pytester.runpytest_inprocess(
            *words, *args, *sorted(p.name for p in self.root.glob("*.plan.yaml"))
        )
        return Played(
            status=int(result.ret),
            text="\n".join([*result.outlines, *result.errlines]),
            runs=self.away / "runs",
            noted=self.away / "starts.jsonl",
        )

    def start(self, *args: str, plan: str = "play") -> Session:
        """A session in a process of its own, which goes on."""
        words = ("-p", "no:hypothesispytest", *args)
        self._sessions.append(start_plan(self.root / f"{plan}.plan.yaml", self.away, *words))
        return self._sessions[-1]

    def run_apart(self, *args: str) -> Played:
        """A session in a process of its own, to its end."""
        return self.start(*args).wait(25)

    def command(self, *words: str) -> str:
        """What `orchharness` with these words prints; it must succeed."""
        command = [sys.executable, "-m", "orchharness", *words]
        return subprocess.run(
            command, cwd=self.root, capture_output=True, text=True, check=True, timeout=25
        ).stdout

    def close(self) -> None:
        """End whatever a failed test left."""
        for session in self._sessions:
            session.close()
        for pid in Played(status=0, text="", runs=self.away, noted=self.away / "starts.jsonl").left_behind():
            os.kill(pid, 9)


@pytest.fixture
def play(
    pytester: pytest.Pytester, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
):
    away = tmp_path_factory.mktemp("away")
    for name in [n for n in os.environ if n.startswith(("PYTEST_ADDOPTS", "ORCH_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(away))  # pytester's own choice is the project
    monkeypatch.setenv("XDG_STATE_HOME", str(away / "state"))
    monkeypatch.setenv(STARTS, str(away / "starts.jsonl"))
    played = Play(pytester, away)
    yield played
    played.close()
