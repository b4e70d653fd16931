from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from orchharness.live.outlook import Left, Outlook, lengths_of, outlook_in
from orchharness.live.picture import Picture, picture_of


def outlook(tmp_path: Path, after: dict[str, list[str]], **seconds: float) -> Outlook:
    nodes = {*after, *(n for later in after.values() for n in later)}
    found = {
        "places": {n: ["p", "t"] for n in sorted(nodes) if ":" not in n},
        "after": after,
        "seconds": seconds,
        "thresholds": {"G": "0.90"},
    }
    (tmp_path / "outlook.json").write_text(json.dumps(found))
    definition = {"a": {"needs": []}, "G": {"of": ["a"]}, "H": {"of": ["a"]}, "H/checks": {}}
    (tmp_path / "definition.json").write_text(json.dumps(definition))
    return outlook_in(tmp_path)


def picture(*records: dict[str, Any], items: str = "a b c") -> Picture:
    first = {"event": "RunStarted", "at": 0.0, "selected": items.split(), "header": {}}
    return picture_of([first, *records])


def moved(item: str, state: str, at: float = 0.0) -> dict[str, Any]:
    return {"at": at, "event": "X", "then": [{"item": item, "state": state}]}


def started(task: str, at: float) -> dict[str, Any]:
    return {**moved(task, "running", at), "event": "TaskStarted", "task": task, "act": f"{task}.i1.a1"}


def test_the_time_left_is_that_of_the_longest_way(tmp_path: Path):
    plan = outlook(tmp_path, {"a": ["b"], "b": [], "c": []}, a=10, b=20, c=25)

    assert plan.left(picture(), {}, now=0.0) == Left(seconds=30.0)


def test_what_runs_already_takes_that_much_less_and_never_less_than_nothing(tmp_path: Path):
    plan = outlook(tmp_path, {"a": ["b"]}, a=10, b=20)
    run = picture(started("a", 100.0), items="a b")

    assert plan.left(run, {}, now=104.0) == Left(seconds=26.0)
    assert plan.left(run, {}, now=500.0) == Left(seconds=20.0)


def test_what_is_decided_takes_no_time(tmp_path: Path):
    plan = outlook(tmp_path, {"a": ["b"]}, a=10, b=20)

    assert plan.left(picture(moved("a", "passed"), items="a b"), {}, now=0.0) == Left(seconds=20.0)
    assert plan.left(picture(moved("b", "skipped"), items="a b"), {}, now=0.0) == Left(seconds=10.0)


def test_a_group_is_as_long_as_what_is_in_it(tmp_path: Path):
    plan = outlook(tmp_path, {"a": ["phase:one"], "b": ["phase:one"], "phase:one": ["c"]}, a=5, b=7, c=1)

    assert plan.left(picture(), {}, now=0.0) == Left(seconds=8.0)


def test_what_an_earlier_run_took_counts_more_than_an_estimate(tmp_path: Path):
    plan = outlook(tmp_path, {"a": ["b"]}, a=10, b=20)

    assert plan.left(picture(items="a b"), {"a": 100.0}, now=0.0) == Left(seconds=120.0)


def test_tasks_of_unknown_length_are_counted_and_gates_are_not(tmp_path: Path):
    plan = outlook(tmp_path, {"a": ["G"], "G": ["b"], "b": ["H"]}, a=10)  # H has checks alone, so no score

    assert plan.left(picture(items="a G b H"), {}, now=0.0) == Left(seconds=10.0, unknown=1)


def test_where_nothing_is_known_the_time_left_is_unknown(tmp_path: Path):
    assert outlook(tmp_path, {"a": ["b"]}).left(picture(items="a b"), {}, 0.0) == Left(
        seconds=None, unknown=2
    )
    assert outlook_in(tmp_path / "none").left(picture(), {}, now=0.0) == Left(seconds=None)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{",
        '{"after": 3}',
        '{"after": {"a": 3}}',
        '{"places": {"a": []}}',
        '{"places": {}, "seconds": {"a": "x"}, "after": {}}',
    ],
)
def test_an_outlook_that_cannot_be_read_is_an_empty_one(tmp_path: Path, text: str):
    (tmp_path / "outlook.json").write_text(text)

    assert outlook_in(tmp_path).left(picture(), {}, now=0.0).seconds is None


def test_a_blocker_is_the_first_item_that_is_not_over_also_in_a_group(tmp_path: Path):
    plan = outlook(tmp_path, {"a": ["phase:one"], "b": ["phase:one"], "phase:one": ["c"]})
    run = picture(moved("a", "passed"))
    blocker = plan.blocker(run, "c")

    assert blocker is not None
    assert blocker.id == "b"
    assert plan.blocker(run, "a") is None


def test_lengths_are_means_of_acts_that_succeeded_in_that_run():
    def over(task: str, act: str, seconds: float, outcome: str = "success") -> dict[str, Any]:
        return {"event": "TaskFinished", "task": task, "act": act, "seconds": seconds, "outcome": outcome}

    records = [
        over("a", "a.i1.a1", 2.0),
        over("a", "a.i2.a1", 4.0),
        over("b", "b.i1.a1", 9.0, "exit"),
        {"event": "TaskStarted", "task": "c", "act": "c.i1.a1", "adopted": True},
        over("c", "c.i1.a1", 0.0),
        {
            "event": "JudgementFinished",
            "gate": "G",
            "critic": "x",
            "act": "G.x",
            "seconds": 3,
            "outcome": "success",
        },
    ]

    assert lengths_of(records) == {"a": 3.0, "G": 3.0}
