"""Runs that nobody ran: their folders and journals are written by hand."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from orchharness.cli import main
from orchharness.core import events as ev
from orchharness.core.acts import Outcome
from orchharness.journal import Journal
from orchharness.run.directory import RunDirectory, link, plan_folder, project_home

Then = Sequence[Mapping[str, Any]]
AT = 1_000_000.0


class Project:
    """A project with runs that nobody ran: their folders and journals are written by hand."""

    def __init__(self, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.root, self._capsys = root, capsys
        self.home = project_home(root)
        self.home.mkdir(parents=True)
        link(root, self.home)

    def run(
        self,
        run_id: str,
        *,
        plan: str = "a",
        at: float = AT,
        state: str | None = "passed",
        more: Sequence[ev.Event] = (),
    ) -> RunDirectory:
        """A run of one task that passed; without a state it is unfinished."""
        run = RunDirectory(plan_folder(self.home, plan, f"{self.root}/{plan}.plan.yaml") / run_id)
        (run.root / "acts").mkdir(parents=True)
        with Journal.create(run.journal) as journal:
            header = {"plan_file": f"{self.root}/{plan}.plan.yaml", "root": str(self.root)}
            begun = ev.RunStarted(
                at=at, run=run_id, plan=plan, digest="d", selected=("one", "two", "G-2"), header=header
            )
            journal.append(
                ev.to_record(begun), then=[moved("one", "waiting", "ready"), moved("two", "waiting", "ready")]
            )
            for event, then in one_passes(at):
                journal.append(ev.to_record(event), then=then)
            for event in more:
                journal.append(ev.to_record(event))
            if state is not None:
                journal.append(ev.to_record(ev.RunFinished(at=at + 90, state=state)))
        latest = run.root.parent / "latest"
        latest.unlink(missing_ok=True)
        latest.symlink_to(run_id)
        definition = {
            "one": {"needs": []},
            "two": {"needs": ["one"]},
            "G-2": {"of": ["two"]},
            "G-2/checks": {},
        }
        (run.root / "definition.json").write_text(json.dumps(definition))
        outlook(run, {"one": ["two"], "two": ["G-2"]})
        return run

    def call(self, *words: str) -> tuple[int, str, str]:
        """Exit status, stdout and stderr of the command."""
        try:
            status = main(words)
        except SystemExit as error:  # argparse's own way out
            status = int(error.code or 0)
        said = self._capsys.readouterr()
        return status, said.out, said.err


def outlook(run: RunDirectory, after: Mapping[str, Sequence[str]]) -> None:
    """What the session froze of what waits for what."""
    places = {"one": ["build", "track_a"], "two": ["build", "track_a"], "G-2": ["build", "gates"]}
    found = {"places": places, "after": after, "seconds": {}, "thresholds": {"G-2": "0.95"}}
    (run.root / "outlook.json").write_text(json.dumps(found))


def moved(item: str, was: str, state: str, **extra: Any) -> dict[str, Any]:
    return {"item": item, "was": was, "state": state, **extra}


def one_passes(at: float) -> list[tuple[ev.Event, Then]]:
    started = ev.TaskStarted(at=at, task="one", iteration=1, attempt=1, act="one.i1.a1", key="1" * 32)
    finished = ev.TaskFinished(
        at=at + 60, task="one", act="one.i1.a1", outcome=Outcome.SUCCESS, started=at, seconds=60.0
    )
    return [
        (started, [moved("one", "ready", "running", iteration=1)]),
        (finished, [moved("one", "running", "passed", iteration=1)]),
    ]
