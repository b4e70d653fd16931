from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

_LASTING = (
    "jinja2 jsonschema pydantic yaml orchharness.critics.act orchharness.planfile orchharness.report "
    "orchharness.pytest_plugin.loop orchharness.run.judgement orchharness.workspace.evidence "
    "orchharness.workspace.gate_inputs orchharness.workspace.staging orchharness.workspace.templates"
)
# pytester forgets what a run in this process imported; what is imported before stays. Otherwise every run would pay
# for it again, and would have classes of its own beside those of C extensions and installed plugins.
for _name in _LASTING.split():
    import_module(_name)
for _entry in entry_points(group="orchharness"):
    _entry.load()


class Play:
    """A project with plans and scripted agents, in a folder of its own, and what running it said."""

    def __init__(self, pytester: pytest.Pytester, state: Path) -> None:
        self.pytester = pytester
        self.root = pytester.path
        self.state = state
        self.result: Any = None

    def file(self, path: str, text: str | bytes, mode: int | None = None) -> Path:
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(text if isinstance(text, bytes) else dedent(text).encode())
        if mode is not None:
            target.chmod(mode)
        return target

    def plan(self, text: str, name: str = "play") -> Path:
        return self.file(f"{name}.plan.yaml", "orchharness: 1\n" + dedent(text))

    def run(self, *args: str, subprocess: bool = False) -> str:
        """Run pytest over the plans, unless `args` name something; everything it printed."""
        if not any(arg.partition("::")[0].endswith((".yaml", ".py", ".")) for arg in args):
            args = (*args, *sorted(p.name for p in self.root.glob("*.plan.yaml")))
        words = ("-p", "no:cacheprovider", "-p", "no:hypothesispytest", "-ra", *args)
        if subprocess:
            self.result = self.pytester.runpytest_subprocess(*words, timeout=25)
        else:
            self.result = self.pytester.runpytest_inprocess(*words)
        return self.text

    @property
    def text(self) -> str:
        return "\n".join([*self.result.outlines, *self.result.errlines])

    @property
    def status(self) -> int:
        return int(self.result.ret)

    def outcomes(self, **counts: int) -> None:
        self.result.assert_outcomes(**counts)

    def says(self, *texts: str) -> None:
        """Each of the texts is somewhere in what was printed, on one line of it."""
        for text in texts:
            assert any(text in line for line in self.text.splitlines()), f"{text!r} not in:\n{self.text}"

    @property
    def run_dir(self) -> Path:
        """The folder of the newest run."""
        found = sorted(self.state.rglob("journal.jsonl"), key=lambda p: p.stat().st_mtime_ns)
        assert found, "there is no run"
        return found[-1].parent

    def journal(self, event: str | None = None) -> list[dict[str, Any]]:
        lines = (self.run_dir / "journal.jsonl").read_text().splitlines()
        records = [json.loads(line) for line in lines]
        return [r for r in records if event in (None, r.get("event"))]

    def act(self, name: str) -> Path:
        return self.run_dir / "acts" / name

    def report(self) -> str:
        return (self.run_dir / "report.html").read_text()

    def transitions(self, item: str) -> list[str]:
        """The states the item went through, as the journal has them."""
        moves = [t for r in self.journal() for t in r.get("then", ())]
        return [m["state"] for m in moves if m["item"] == item]


@pytest.fixture
def state(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's state folder: no test writes to the real one."""
    folder = tmp_path_factory.mktemp("state")
    monkeypatch.setenv("XDG_STATE_HOME", str(folder))
    for name in [n for n in os.environ if n.startswith(("PYTEST_ADDOPTS", "ORCH_"))]:
        monkeypatch.delenv(name)
    return folder


@pytest.fixture
def play(pytester: pytest.Pytester, state: Path, monkeypatch: pytest.MonkeyPatch) -> Play:
    monkeypatch.setenv("HOME", str(state))  # pytester's own choice is the project
    pytester.makeini("[pytest]\n")
    return Play(pytester, state)


@pytest.fixture
def critic(play: Play) -> Callable[[str, str], None]:
    """Writes a critic program whose body is given; `say(…)` prints an evaluation."""

    def make(path: str, body: str) -> None:
        head = "import json, os, sys, time\ndef say(value): print(json.dumps(value))\n"
        play.file(path, head + dedent(body))

    return make


def pids_of(marker: str) -> list[int]:
    """The living processes whose command line holds the text, this one left out."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                words = (entry / "cmdline").read_bytes()
                state = re.search(rb"\) (\S)", (entry / "stat").read_bytes())
            except OSError:
                continue
            if marker.encode() in words and state is not None and state[1] != b"Z":
                found.append(int(entry.name))
    return found


@pytest.fixture
def alive() -> Callable[[str], list[int]]:
    return pids_of


@pytest.fixture
def python() -> str:
    return sys.executable
