"""The summary in Markdown: what it says, that it stays small, and that no text of others is more than text in it."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from report_builder import T0, Run, feat_005, gate, plan_of, task, wide

from orchharness.core.plan import Plan
from orchharness.report.gantt import BARS, gantt
from orchharness.report.history import read
from orchharness.report.markdown import PlanSummary, Refusal, bounded, summary

LATER = T0 + 1e6
LANES = ["build / track_a", "build / track_b", "phase_0"]
NASTY = st.lists(
    st.sampled_from(
        [
            "\n",
            "|",
            "`",
            "```",
            "<b>",
            "::add-mask::",
            "##[group]",
            "%%{init: {}}%%",
            ":",
            ";",
            "#",
            "\\",
            "*",
            "@x",
        ]
    )
    | st.text(max_size=6),
    max_size=8,
).map("".join)
LANGUAGE = re.compile(
    r"gantt|    dateFormat x|    axisFormat %H:%M:%S|    section [\w .+\-\[\]/()]+"
    r"|    [✓✕▸⊘] [\w .+\-\[\]/()]+ :(done, |active, |crit, )\d+, \d+ms"
)


def told(plan: Plan, records: list[dict[str, Any]], **more: Any) -> PlanSummary:
    return PlanSummary(plan=plan, history=read(plan, records, now=LATER), **more)


def rows(text: str, title: str) -> list[list[str]]:
    """The cells of the table below that title."""
    table = text.partition(f"### {title}\n\n")[2].partition("\n\n")[0]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in table.splitlines()[2:]]


def broken(text: str) -> Run:
    """A run in which everything that somebody writes is that text."""
    plan = plan_of([task("t", title=text)], [gate("G-t", owner="t", of=("t",), title=text)], title=text)
    run = Run(plan)
    run.start(1, "t")
    run.end(3, "t", 2, outcome="failed", state="failed", reason=text, detail=text, usage={"usd": text})
    run._add(4, "DecisionTaken", item="G-t", option=text, by=text, note=text, decided=T0 + 4)
    return run


def test_it_says_how_the_run_ended_and_what_every_gate_came_to():
    text = summary([told(*feat_005(fail=True))], [])

    assert text.startswith(
        "## ❌ plan feat-005: failed\n\n17 items: 13 passed, 3 skipped, 1 failed.  \n21 acts in 2 h 17 min;"
    )
    assert "Cost: $1.19, told by 2 of 21 acts; 58,300 tokens in, 11,900 out." in text
    assert rows(text, "What did not pass") == [
        [
            "G-029",
            "failed",
            "0.883 &lt; 0.90, and no iteration is left",
            "major: PLAYBOOK.md:41: No path for the reader who only wants to run the skill once",
        ]
    ]
    assert rows(text, "Gates")[3] == ["G-029", "❌ failed", "0.708 → 0.861 → 0.883", "0.90", "3"]


def test_a_small_cost_is_not_told_as_nothing():
    run = Run(plan_of([task("t")], []))
    run.start(1, "t")
    run.end(3, "t", 2, outcome="success", state="passed", usage={"usd": 0.0004})

    assert "Cost: $0.0004, told by 1 of 1 act." in summary([told(run.plan, run.records)], [])


def test_a_run_that_passed_has_no_table_of_failures():
    text = summary([told(*feat_005())], [])

    assert text.startswith("## ✅ plan feat-005: passed")
    assert "### What did not pass" not in text


def test_a_replayed_run_says_that_no_agent_ran():
    plan, records = feat_005()
    records[0]["header"]["replayed"] = "replayed from recordings/a, no agent ran"

    assert "\nReplayed from recordings/a, no agent ran.  \n" in summary([told(plan, records)], [])
    assert "eplayed" not in summary([told(*feat_005())], [])


def test_a_run_without_an_end_is_unfinished():
    text = summary([told(*feat_005(until=3000))], [])

    assert "plan feat-005: unfinished" in text


def test_several_plans_are_told_side_by_side_first_and_those_that_did_not_run_as_well():
    text = summary(
        [told(*feat_005()), told(*feat_005(fail=True))],
        [Refusal(plan="x.plan.yaml", reasons=("x:1:2: a|b",))],
    )
    lines = text.splitlines()

    assert lines[2:5] == [
        "| x.plan.yaml | ❌ not run |  |  |  |",
        "| feat-005 | ✅ passed | 17 of 17 | 2 h 38 min | $1.19 |",
        "| feat-005 | ❌ failed | 13 of 17 | 2 h 17 min | $1.19 |",
    ]
    assert "* x:1:2: a&#124;b" in lines


def test_who_let_it_through_when_and_why_is_said():
    run = broken("fine")

    assert rows(summary([told(run.plan, run.records)], []), "What people decided")[0][2:] == [
        "fine",
        "fine",
        "2026-01-31 09:00:04 UTC",
        "fine",
    ]


def test_the_chart_has_every_act_in_its_track():
    chart, left_out = gantt(feat_005()[0], read(*feat_005(), now=LATER))

    assert left_out == 0
    lanes = [row.strip().removeprefix("section ") for row in chart.splitlines() if "section" in row]
    assert sorted(lanes) == LANES
    assert "    ✕ TASK-423 i1 :crit, 1769850414000, 1086000ms" in chart
    assert all(LANGUAGE.fullmatch(row) for row in chart.splitlines())


def test_a_chart_of_many_acts_leaves_out_the_shortest():
    plan, records = wide(400)
    history = read(plan, records, now=LATER)

    chart, left_out = gantt(plan, history)

    assert left_out == len(history.acts) - BARS > 0
    assert len(chart) < 50_000  # Mermaid draws no longer text


def test_what_does_not_fit_is_cut_between_blocks_and_said():
    text = bounded(["a" * 50, "b" * 50, "c" * 50], 140)

    assert text.startswith("a" * 50 + "\n\n*Cut off here")
    assert len(text) <= 140


@pytest.mark.parametrize("limit", [0, 10, 100, 700, 5_000, 1_000_000])
def test_a_summary_is_never_longer_than_it_may_be(limit: int):
    one = told(*wide(400), warnings=("ü" * 5000,) * 500)

    text = summary([one] * 30, [], limit)

    assert len(text.encode()) <= limit
    assert text.count("```") % 2 == 0


@given(NASTY)
@settings(max_examples=60, deadline=None)
def test_no_text_of_others_is_more_than_text_in_it(text: str):
    run = broken(text)
    one = told(run.plan, run.records, warnings=(text,), notes=(text,), questions=(("t", text),))

    made = summary([one], [Refusal(plan=text, reasons=(text,))])
    tokens = MarkdownIt("commonmark").enable("table").parse(made)
    inside = {child.type for token in tokens for child in token.children or ()}
    fences = [token for token in tokens if token.type == "fence"]

    assert not [
        row for row in made.splitlines() if row.lstrip().startswith("::") or re.search(r"##\w*\[", row)
    ]
    assert inside <= {"text", "text_special", "hardbreak", "softbreak"}
    assert {t.type for t in tokens if "html" in t.type or t.type == "code_block"} == set()
    assert [fence.info for fence in fences] == ["mermaid"]
    assert all(LANGUAGE.fullmatch(row) for row in fences[0].content.splitlines())
