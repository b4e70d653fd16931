from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from orchharness.journal.lines import SEED, encode
from orchharness.live.follower import Follower
from orchharness.run.directory import RunDirectory

FIRST = {
    "event": "RunStarted",
    "at": 100.0,
    "run": "R",
    "plan": "demo",
    "selected": ["a", "b"],
    "header": {"format": "1.0", "parallel": 2, "hidden": ["MY_TOKEN"]},
}
BEGUN = {
    "event": "TaskStarted",
    "at": 101.0,
    "task": "a",
    "act": "a.i1.a1",
    "then": [{"item": "a", "state": "running"}],
}
OVER = {
    "event": "TaskFinished",
    "at": 111.0,
    "task": "a",
    "act": "a.i1.a1",
    "outcome": "success",
    "seconds": 10.0,
    "then": [{"item": "a", "state": "passed"}],
}
END = {"event": "RunFinished", "at": 112.0, "state": "passed"}


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    return made(tmp_path, "20260101-000001-aaaaaa")


def made(folder: Path, name: str, *records: dict[str, Any]) -> RunDirectory:
    root = folder / name
    (root / "acts" / "a.i1.a1").mkdir(parents=True)
    outlook = {"places": {"a": ["p", "t"], "b": ["p", "t"]}, "after": {"a": ["b"]}, "seconds": {"b": 30}}
    (root / "outlook.json").write_text(json.dumps(outlook))
    (root / "budgets.json").write_text('{"limits": {"run": {"usd": "20"}}}')
    directory = RunDirectory(root)
    tell(directory, FIRST, *records)
    return directory


def tell(run: RunDirectory, *records: dict[str, Any]) -> None:
    n, last = 0, SEED
    for line in run.journal.read_bytes().splitlines() if run.journal.exists() else ():
        n, last = n + 1, json.loads(line)["sum"]
    with run.journal.open("ab") as file:
        for record in records:
            line, last = encode(
                n, last, {k: v for k, v in record.items() if k != "then"}, record.get("then", ()), 0.0
            )
            file.write(line)
            n += 1


def prints(run: RunDirectory, text: str) -> None:
    with (run.act("a.i1.a1") / "stdout.log").open("a") as file:
        file.write(text)


def test_only_what_is_new_is_read_and_a_torn_line_is_waited_for(run: RunDirectory):
    follower = Follower(run)
    before = follower.look(102.0)
    text = json.dumps(BEGUN)
    with run.journal.open("a") as file:
        file.write(text[:20])
    torn = follower.look(102.0)
    with run.journal.open("a") as file:
        file.write(f"{text[20:]}\n")
    after = follower.look(102.0)

    assert (before.agents, torn.agents, after.agents) == (0, 0, 1)
    assert after.usd_limit == 20.0


def test_the_last_line_of_an_act_is_shown_when_it_changes(run: RunDirectory):
    tell(run, BEGUN)
    follower = Follower(run)
    said = []
    for text in ("", "one\n", "two\n\n", "\x1b[2J\x07three"):
        prints(run, text)
        said.append(next(follower.look(102.0).rows).said)

    assert said == ["", "one", "two", "three"]


def test_values_that_the_run_hides_are_not_shown(run: RunDirectory, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MY_TOKEN", "a-very-secret-value")
    tell(run, BEGUN)
    prints(run, "the key is a-very-secret-value, you see")
    said = next(Follower(run).look(102.0).rows).said

    assert "a-very-secret-value" not in said
    assert said.startswith("the key is")


def test_what_happens_within_a_second_is_seen_at_once(run: RunDirectory):
    follower = Follower(run)
    first = follower.look(102.1)
    again = follower.look(102.3)
    tell(run, BEGUN)

    assert again is first
    assert follower.look(102.4).agents == 1


def test_lengths_are_those_of_the_newest_earlier_run_that_came_to_its_end(tmp_path: Path):
    made(tmp_path, "20260101-000001-aaaaaa", BEGUN, {**OVER, "seconds": 99.0}, END)
    made(tmp_path, "20260101-000002-aaaaaa", BEGUN, {**OVER, "seconds": 70.0}, END)
    made(tmp_path, "20260101-000003-aaaaaa", BEGUN)
    new = made(tmp_path, "20260101-000004-aaaaaa")
    made(tmp_path, "20260101-000005-aaaaaa", BEGUN, {**OVER, "seconds": 1.0}, END)

    assert Follower(new).look(100.0).left.seconds == 70.0 + 30.0


def test_a_run_is_over_when_its_journal_says_so(run: RunDirectory):
    follower = Follower(run)
    follower.look(100.0)
    before = follower.over
    tell(run, END)
    follower.look(100.0)

    assert (before, follower.over) == (False, True)


def test_a_folder_that_is_not_there_is_an_empty_scene(tmp_path: Path):
    found = Follower(RunDirectory(tmp_path / "none")).look(100.0)

    assert (found.items, found.agents, list(found.rows)) == (0, 0, [])
