"""`orchharness diff`: what changed between two runs, and what nobody knows."""

from __future__ import annotations

import json

from runs_by_hand import AT

from orchharness.core import events as ev
from orchharness.core.acts import Outcome

FIRST, SECOND = "20260101-100000-aaaaaa", "20260102-100000-bbbbbb"


def judged(at, score, state, usd=None):
    """The gate G-2 gets that score."""
    act = f"G-2.c.i1.a1@{at}"
    usage = {} if usd is None else {"usd": usd, "input_tokens": 100, "output_tokens": 20}
    begun = ev.JudgementStarted(at=at, gate="G-2", critic="c", iteration=1, attempt=1, act=act, key="2" * 32)
    over = ev.JudgementFinished(
        at=at + 5,
        gate="G-2",
        critic="c",
        act=act,
        outcome=Outcome.SUCCESS,
        started=at,
        seconds=5.0,
        usage=usage,
    )
    return [begun, over], [{"item": "G-2", "was": "judging", "state": state, "score": score, "iteration": 1}]


def two_runs(project):
    from orchharness.journal import Journal

    for run_id, at, score, state, usd in (
        (FIRST, AT, "0.80", "failed", None),
        (SECOND, AT + 1000, "0.95", "passed", 0.25),
    ):
        run = project.run(run_id, at=at, state=None)
        events, then = judged(at + 70, score, state, usd)
        with Journal.reopen(run.journal).journal as journal:
            for event in events:
                journal.append(ev.to_record(event), then=then if event is events[-1] else ())
            end = at + 90 if run_id == FIRST else at + 60 * 60
            journal.append(ev.to_record(ev.RunFinished(at=end, state=state)))


def test_items_that_ended_otherwise_are_told_and_the_others_counted(project):
    two_runs(project)
    status, out, _ = project.call("diff", FIRST, "latest")
    rows = [line.split("  ") for line in out.splitlines()]
    (gate,) = [[cell.strip() for cell in row if cell.strip()] for row in rows if row[0] == "G-2"]

    assert status == 0
    assert gate == ["G-2", "failed → passed", "0.80 → 0.95", "1", "5.00 s", "unknown → $0.25"]
    assert "2 items ended alike" in out
    assert "58 min 30 s longer" in out


def test_what_a_run_did_not_tell_is_unknown_and_not_nothing(project):
    two_runs(project)
    _, out, _ = project.call("diff", FIRST, SECOND)
    (cost,) = [line.split() for line in out.splitlines() if line.startswith("cost")]
    (tokens,) = [line.split() for line in out.splitlines() if line.startswith("tokens")]

    assert cost == ["cost", "unknown", "$0.25"]
    assert tokens == ["tokens", "unknown", "120"]


def test_json_has_all_items(project):
    two_runs(project)
    found = json.loads(project.call("diff", "--json", FIRST, SECOND)[1])
    items = {item["id"]: item for item in found["items"]}

    assert (found["before"]["state"], found["after"]["usd"], found["before"]["usd"]) == ("failed", 0.25, None)
    assert [items[name]["differs"] for name in ("one", "two", "G-2")] == [False, False, True]
    assert items["G-2"]["after"] == {
        "state": "passed",
        "score": "0.95",
        "iterations": 1,
        "acts": 1,
        "seconds": 5.0,
        "usd": 0.25,
    }


def test_a_gate_that_was_not_judged_in_the_later_run_is_told(project):
    two_runs(project)
    project.run("20260103-100000-cccccc", at=AT + 5000)
    _, out, _ = project.call("diff", SECOND, "20260103")

    assert "passed → waiting" in out  # the gate was not judged there


def test_an_unknown_run_is_wrong_use(project):
    two_runs(project)
    status, _, err = project.call("diff", "1999", SECOND)

    assert status == 2
    assert "there is no run '1999'" in err
