"""`orchharness diff`: what changed between two runs, and which runs are meant."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt
from runs_by_hand import AT, Project, Then, moved

from orchharness.core import events as ev
from orchharness.core.acts import Outcome

OLD, MIDDLE, NEW = "20260101-100000-aaaaaa", "20260102-100000-bbbbbb", "20260103-100000-cccccc"


def two(
    seconds: float,
    score: str,
    state: str,
    usage: dict[str, Any] | None = None,
    item: str = "two",
    iteration: int = 1,
) -> list[tuple[ev.Event, Then]]:
    """A task is done and the gate over it is decided."""
    act = f"{item}.i{iteration}.a1"
    key = "2" * 32
    started = ev.TaskStarted(at=AT, task=item, iteration=iteration, attempt=1, act=act, key=key)
    finished = ev.TaskFinished(
        at=AT + seconds,
        task=item,
        act=act,
        outcome=Outcome.SUCCESS,
        started=AT,
        seconds=seconds,
        usage=usage or {},
    )
    judged = [
        moved(item, "running", "passed", iteration=iteration),
        moved("G-2", "judging", state, iteration=iteration, score=score),
    ]
    return [(started, [moved(item, "ready", "running", iteration=iteration)]), (finished, judged)]


def rows(text: str) -> dict[str, str]:
    table = text.partition("\n\n")[2].splitlines()[1:]
    return {line.split()[0]: " ".join(line.split()[1:]) for line in table}


@pytest.fixture
def both(project: Project) -> Project:
    project.run(OLD, state="failed", also=two(10, "0.85", "failed", {"usd": 0.5, "input_tokens": 900}))
    better = two(25, "0.93", "passed", {"usd": 0.75, "input_tokens": 1000, "output_tokens": 500}, iteration=2)
    project.run(NEW, also=better, seconds=120)
    return project


def test_every_item_is_told_with_what_changed(both: Project):
    status, out, _ = both.call("diff", OLD, NEW)

    assert status == 0
    assert rows(out) == {
        "one": "passed 1 1 min",
        "two": "passed 1 → 2 10.0 s → 25.0 s (+150%) $0.50 → $0.75 900 → 1,500",
        "G-2": "failed → passed 0.85 → 0.93 1 → 2",
        "all": "failed → passed 1 min 30 s → 2 min (+33%) $0.50 → $0.75 900 → 1,500",
    }


def test_json_has_every_figure_of_both_runs(both: Project):
    _, out, _ = both.call("diff", OLD, NEW, "--json")
    found = json.loads(out)
    gate = next(item for item in found["items"] if item["id"] == "G-2")

    assert (found["old"]["run"], found["new"]["run"]) == (OLD, NEW)
    assert found["whole"]["seconds"] == {"old": 90.0, "new": 120.0}
    assert found["whole"]["usd"] == {"old": 0.5, "new": 0.75}
    assert [(item["id"], item["change"]) for item in found["items"]] == [
        ("one", "same"),
        ("two", "changed"),
        ("G-2", "changed"),
    ]
    assert gate["type"] == "gate"
    assert gate["score"] == {"old": "0.85", "new": "0.93"}
    assert gate["usd"] == {"old": None, "new": None}


def test_without_names_the_two_newest_finished_runs_of_the_plan_are_compared(both: Project):
    both.run(MIDDLE, plan="b")
    both.run("20260104-100000-dddddd", state=None)

    assert both.call("diff") == both.call("diff", OLD, NEW)


def test_one_name_is_compared_with_the_run_before_it(both: Project):
    both.run(MIDDLE)

    assert both.call("diff", NEW) == both.call("diff", MIDDLE, NEW)
    assert both.call("diff", MIDDLE) == both.call("diff", OLD, MIDDLE)


def test_what_only_one_run_had_is_new_or_gone(project: Project):
    project.run(OLD, also=two(10, "0.85", "failed"))
    selected = ("two", "three")
    resumed = ev.RunResumed(at=AT, digest="d", selected=selected)
    project.run(NEW, more=[resumed])
    _, out, _ = project.call("diff")

    found = rows(out)
    assert found["three"] == "waiting new"
    assert found["one"] == "passed 1 1 min gone"


def test_what_was_not_told_is_not_nothing(project: Project):
    project.run(OLD, also=two(10, "0.93", "passed"))
    project.run(NEW, also=two(10, "0.93", "passed", {"usd": 0}))
    _, out, _ = project.call("diff")

    assert rows(out)["two"] == "passed 1 10.0 s \u2013 → $0.00"


@pytest.mark.parametrize("words", [(), (NEW,)])
def test_that_there_is_nothing_to_compare_is_said(project: Project, words: tuple[str, ...]):
    project.run(NEW)

    status, out, err = project.call("diff", *words)

    assert (status, out) == (2, "")
    assert err == (
        f"orchharness: before run {NEW} (a) no run of its plan came to an end: there is nothing to compare it with\n"
    )


def test_a_project_without_runs_says_so(project: Project):
    status, _, err = project.call("diff")

    assert status == 2
    assert err.startswith(f"orchharness: no runs of {project.root}")


def test_a_damaged_journal_is_an_error(both: Project):
    for path in both.home.glob(f"*/{OLD}/journal.jsonl"):
        path.write_text(path.read_text().replace('"digest":"d"', '"digest":"e"'))

    status, out, err = both.call("diff", OLD, NEW)

    assert (status, out) == (1, "")
    assert "journal.jsonl" in err


def test_markdown_is_a_table_with_the_same_cells(both: Project):
    _, out, _ = both.call("diff", "--markdown")
    tokens = MarkdownIt("commonmark").enable("table").parse(out)

    assert [t.type for t in tokens].count("tr_open") == 5
    assert "| G-2 | failed → passed | 0.85 → 0.93 | 1 → 2 |  |  |  |" in out


def test_the_example_of_the_page_about_ci_is_what_is_printed(project: Project):
    def run(name: str, at: float, state: str, seconds: float, figures: dict[str, tuple[Any, ...]]) -> None:
        selected = ("EN-027", "EN-029", "G-029")
        told: list[tuple[ev.Event, Then]] = [(ev.RunResumed(at=at, digest="d", selected=selected), [])]
        for item, (ended, score, iteration, took, usd, tokens) in figures.items():
            act, usage = f"{item}.i{iteration}.a1", {"usd": usd, "input_tokens": tokens}
            key = "3" * 32
            then = moved(item, "running", ended, iteration=iteration, **({"score": score} if score else {}))
            if item.startswith("G-"):
                begun: ev.Event = ev.JudgementStarted(
                    at=at, gate=item, critic="c", iteration=iteration, attempt=1, act=act, key=key
                )
                over: ev.Event = ev.JudgementFinished(
                    at=at,
                    gate=item,
                    critic="c",
                    act=act,
                    outcome=Outcome.SUCCESS,
                    started=at,
                    seconds=took,
                    usage=usage,
                )
            else:
                begun = ev.TaskStarted(at=at, task=item, iteration=iteration, attempt=1, act=act, key=key)
                over = ev.TaskFinished(
                    at=at, task=item, act=act, outcome=Outcome.SUCCESS, started=at, seconds=took, usage=usage
                )
            told += [(begun, []), (over, [then])]
        project.run(name, plan="feat-005", at=at, state=state, also=told, seconds=seconds)

    run(
        "20260723-090000-1c44aa",
        1784797200.0,
        "failed",
        7380,
        {
            "EN-027": ("passed", None, 2, 2280, 0.8, 41200),
            "EN-029": ("passed", None, 3, 2820, 1.1, 60100),
            "G-029": ("failed", "0.88", 3, 540, 0.3, 12000),
        },
    )
    run(
        "20260724-101500-a1b2c3",
        1784888100.0,
        "passed",
        5460,
        {
            "EN-027": ("passed", None, 2, 2280, 0.8, 41200),
            "EN-029": ("passed", None, 2, 1860, 0.72, 38400),
            "G-029": ("passed", "0.93", 2, 360, 0.2, 8000),
        },
    )
    _, out, _ = project.call("diff")
    page = (Path(__file__).parents[3] / "docs/ci.md").read_text()
    shown = page.partition("```text\n")[2].partition("```")[0]

    assert out.partition("\n\n")[2] == shown.partition("\n\n")[2]
    assert [line.split()[:4] for line in out.splitlines()[:3]] == [
        line.split()[:4] for line in shown.splitlines()[:3]
    ]
