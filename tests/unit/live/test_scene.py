from __future__ import annotations

from typing import Any

import pytest

from orchharness.live.outlook import Left, Outlook
from orchharness.live.picture import Picture, picture_of
from orchharness.live.scene import Lane, Row, Scene, beat, coarse, left_text, scene_of, short_name, span

OUTLOOK = Outlook(
    places={"a": ("p", "docs"), "G": ("p", "docs"), "b": ("p", "code"), "c": ("p", "code")},
    after={"a": ["G"], "G": ["c"]},
    before={"G": ["a"], "c": ["G"]},
    seconds={"a": 600.0},
    thresholds={"G": "0.90"},
    gates=frozenset({"G"}),
    order=("a", "G", "b", "c"),
)
FIRST = {
    "event": "RunStarted",
    "at": 100.0,
    "run": "R",
    "plan": "demo",
    "selected": ["a", "G", "b", "c"],
    "header": {"parallel": 3},
}


def then(item: str, state: str, **more: Any) -> dict[str, Any]:
    return {"item": item, "state": state, **more}


def task(name: str, at: float, iteration: int = 1, **more: Any) -> dict[str, Any]:
    return {
        "event": "TaskStarted",
        "at": at,
        "task": name,
        "iteration": iteration,
        "act": f"{name}.i{iteration}.a1",
        "then": [then(name, "running", iteration=iteration)],
        **more,
    }


def over(name: str, at: float, *moves: dict[str, Any], iteration: int = 1, **more: Any) -> dict[str, Any]:
    act = f"{name}.i{iteration}.a1"
    return {
        "event": "TaskFinished",
        "at": at,
        "task": name,
        "act": act,
        "outcome": "success",
        "then": moves,
        **more,
    }


def scene(*records: dict[str, Any], now: float = 160.0, **said: str) -> Scene:
    picture: Picture = picture_of([FIRST, *records])
    return scene_of(picture, OUTLOOK, now, said=said and dict(said.items()), lengths={})


def test_every_track_has_what_runs_and_what_waits_and_for_what():
    found = scene_of(
        picture_of([FIRST, task("a", 110.0), task("b", 130.0)]),
        OUTLOOK,
        160.4,
        said={"a.i1.a1": "writing"},
        lengths={},
    )

    assert found.lanes == (
        Lane(
            track="docs",
            rows=(Row(name="a", state="running", iteration=1, seconds=50, said="writing"),),
            waiting=1,
            waits=(("G", "a (running)"),),
        ),
        Lane(
            track="code",
            rows=(Row(name="b", state="running", iteration=1, seconds=30),),
            waiting=1,
            waits=(("c", "G (waiting)"),),
        ),
    )
    assert (found.agents, found.limit, found.seconds, found.items) == (2, 3, 60, 4)
    assert found.left == Left(seconds=549.0, unknown=2)


def test_a_refined_task_shows_the_score_of_its_gate():
    found = scene(
        task("a", 110.0),
        over("a", 120.0, then("a", "passed"), then("G", "refining", iteration=1, score="0.827")),
        task("a", 130.0, iteration=2),
    )
    row = next(iter(found.rows))

    assert (row.score, row.iteration) == ("0.827 of 0.90", 2)
    assert short_name(row) == "a i2"


def test_a_judgement_and_another_attempt_are_named():
    judged = {
        "event": "JudgementStarted",
        "at": 120.0,
        "gate": "G",
        "critic": "editor",
        "act": "G.editor.i1.a2.s2",
        "attempt": 2,
        "sample": 2,
        "then": [then("G", "judging", iteration=1)],
    }
    (row,) = scene(judged).rows

    assert row.name == "G/editor judgement 2 attempt 2"


def test_what_agents_say_they_cost_is_added_up():
    usage = {"usd": 0.4, "input_tokens": 900, "output_tokens": 100}
    found = scene(
        task("a", 110.0),
        over("a", 120.0, then("a", "passed"), usage=usage),
        task("b", 1.0),
        over("b", 2.0, usage=usage),
    )

    assert (found.usd, found.tokens) == (0.8, 2000)


def test_nothing_that_is_no_number_is_added():
    usage = {"usd": "much", "input_tokens": float("nan"), "output_tokens": None}
    found = scene(task("a", 110.0), over("a", 120.0, usage=usage))

    assert (found.usd, found.tokens) == (0.0, 0)


def test_what_could_run_waits_for_its_turn_and_a_retry_for_another_try():
    ready = {"event": "X", "at": 101.0, "then": [then("b", "ready")]}
    again = {"event": "X", "at": 121.0, "then": [then("a", "ready", reason="exit 1")]}
    found = scene(ready, task("a", 110.0), over("a", 120.0, outcome="exit"), again)

    assert {w for lane in found.lanes for w in lane.waits} == {
        ("a", "another try"),
        ("G", "a (ready)"),
        ("b", "its turn"),
        ("c", "G (waiting)"),
    }


def test_tracks_of_which_everything_is_decided_are_not_shown():
    found = scene(task("b", 110.0), over("b", 111.0, then("b", "passed"), then("c", "skipped")))

    assert [lane.track for lane in found.lanes] == ["docs"]
    assert found.passed == 1


def test_a_scene_is_the_same_within_a_second():
    assert scene(task("a", 110.2), now=160.3) == scene(task("a", 110.2), now=160.9)
    assert scene(task("a", 110.2), now=160.3) != scene(task("a", 110.2), now=161.3)


def test_a_reason_to_stop_is_shown():
    stop = {"event": "StopRequested", "at": 120.0, "reason": "Ctrl-C"}

    assert scene(task("a", 110.0), stop).notes == ("stopping: Ctrl-C",)


# ---- words -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "fine", "rough"),
    [
        (0, "0 s", "0 s"),
        (59, "59 s", "59 s"),
        (60, "1 min", "1 min"),
        (245, "4 min 05 s", "4 min"),
        (3599, "59 min 59 s", "59 min"),
        (7380, "2 h 03 min", "2 h 03 min"),
    ],
)
def test_times_are_short(seconds: int, fine: str, rough: str):
    assert span(seconds) == fine
    assert coarse(seconds) == rough


def test_what_is_not_known_of_the_time_left_is_said():
    assert left_text(Left(seconds=None, unknown=3)) == "time left unknown"
    assert left_text(Left(seconds=130.0, unknown=1)) == "at least 2 min left"
    assert left_text(Left(seconds=45.0)) == "about 45 s left"


def test_a_plain_line_says_what_runs_and_what_waits():
    usage = {"usd": 1.2}
    found = scene(
        task("b", 10.0),
        over("b", 20.0, then("b", "passed"), usage=usage),
        task("a", 100.0, iteration=2),
        now=345.0,
    )

    assert beat([found], "12:05") == "12:05 running 1 of 3: a i2 4 min; waiting 2; $1.20"
    assert beat([found, found], "12:05").count("demo running 1 of 3") == 2


def test_a_plain_line_names_a_few_acts_only():
    names = [f"t{n}" for n in range(20)]
    first = {**FIRST, "selected": names}
    picture = picture_of([first, *(task(n, 100.0) for n in names)])
    found = scene_of(picture, Outlook(), 101.0, said={}, lengths={})

    assert beat([found], "09:00").endswith("t7 1 s, 12 more")
