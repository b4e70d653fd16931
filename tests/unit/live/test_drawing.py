from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from live_scenes import LANES, scene
from rich.cells import cell_len

from orchharness.live.drawing import drawn
from orchharness.live.scene import Lane, Row
from orchharness.report.text import line

SGR = re.compile(r"\x1b\[[0-9;]*m")


def test_a_wide_terminal_shows_everything():
    assert drawn([scene(*LANES)], 120, 20, color=False) == [
        "── demo 12 min 34 s  2 of 3 agents  6/17 passed, 1 failed  $1.20 of $20  340,000 tokens  about 48 min left",
        "  track_a  EN-027 i2        4 min 12 s  0.827 of 0.90  Writing agents/reviewer.md",
        "           G-028/ps-critic        12 s                 no output yet",
        "  track_b  waits: EN-030 for G-029 (refining), EN-031 for EN-030 (waiting) and 3 more",
    ]


def test_a_narrow_one_shows_what_there_is_room_for():
    assert drawn([scene(*LANES)], 40, 20, color=False) == [
        "── demo 12 min 34 s  2 of 3 agents",
        "    6/17 passed, 1 failed  $1.20 of $20",
        "    340,000 tokens  about 48 min left",
        "  EN-027 i2        4 min 12 s  Writing …",
        "  G-028/ps-critic        12 s  no outpu…",
        "  waits: EN-030 for G-029 (refining), E…",
    ]


def test_where_there_is_no_room_what_is_worth_least_goes_first():
    lines = drawn([scene(*LANES)], 120, 3, color=False)

    assert [text.split()[0] for text in lines] == ["──", "track_a", "and"]
    assert lines[-1] == "and 2 more lines"
    assert [text[:2] for text in drawn([scene(*LANES)], 120, 1, color=False)] == ["──"]
    assert drawn([scene(*LANES)], 120, 0, color=False) == []


def test_several_plans_share_the_room():
    lines = drawn([scene(*LANES), scene(*LANES, plan="other")], 100, 8, color=False)

    assert [n for n, text in enumerate(lines) if text.startswith("── ")] == [0, 4]


def test_notes_stand_below_the_head():
    lines = drawn([scene(*LANES, notes=("stopping: Ctrl-C",))], 120, 20, color=False)

    assert lines[1] == "  stopping: Ctrl-C"


def test_colours_change_nothing_but_colours():
    with_colours = drawn([scene(*LANES)], 80, 20, color=True)

    assert any(SGR.search(text) for text in with_colours)
    assert [SGR.sub("", text) for text in with_colours] == drawn([scene(*LANES)], 80, 20, color=False)


def test_markup_of_rich_is_text():
    lane = Lane(track="t", rows=(Row(name="a", state="running", said="[bold red]no[/] :smile: http://x 12"),))

    assert drawn([scene(lane)], 120, 9, color=False)[1].endswith("[bold red]no[/] :smile: http://x 12")


@given(st.text(max_size=80), st.text(max_size=60), st.integers(1, 150), st.integers(0, 30), st.booleans())
@pytest.mark.filterwarnings("ignore")
def test_no_text_makes_a_line_wider_or_a_line_more(
    said: str, name: str, width: int, height: int, color: bool
):
    row = Row(name=line(name), state="running", seconds=3, said=line(said))
    lines = drawn([scene(Lane(track=line(name), rows=(row,)))], width, height, color=color)

    assert len(lines) <= height
    assert all(cell_len(SGR.sub("", text)) <= width for text in lines)
    assert not any(c in SGR.sub("", text) for text in lines for c in "\n\r\x1b\x07\t")
