"""The page about watching shows what is there."""

from __future__ import annotations

import re
from pathlib import Path

from orchharness.cli.parser import parse
from orchharness.live.drawing import drawn
from orchharness.live.outlook import Left
from orchharness.live.scene import Lane, Row, Scene, beat
from orchharness.pytest_plugin import showing

PAGE = (Path(__file__).parents[3] / "docs/live.md").read_text()
VIEW, LINE = re.findall(r"^```text\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
(COMMAND,) = re.findall(r"^\$ orchharness (.*)$", PAGE, re.MULTILINE)

SCENE = Scene(
    plan="feat-005",
    run="R",
    state="running",
    seconds=754,
    passed=6,
    troubled=1,
    items=17,
    agents=2,
    limit=3,
    usd=1.2,
    tokens=340000,
    usd_limit=20.0,
    left=Left(seconds=2890.0),
    notes=(),
    lanes=(
        Lane(
            track="track_a",
            rows=(
                Row(
                    name="EN-027",
                    state="running",
                    iteration=2,
                    seconds=252,
                    score="0.827 of 0.90",
                    said="Writing agents/reviewer.md",
                ),
                Row(name="G-028/ps-critic", state="judging", iteration=1, seconds=12),
            ),
        ),
        Lane(
            track="track_b",
            waiting=5,
            waits=(("EN-030", "G-029 (refining)"), ("EN-031", "EN-030 (waiting)")),
        ),
    ),
)


def test_the_view_of_the_page_is_drawn_so():
    assert drawn([SCENE], 120, 20, color=False) == VIEW.splitlines()


def test_the_plain_line_of_the_page_is_written_so():
    assert beat([SCENE], "12:05") == LINE.strip()


def test_the_command_of_the_page_is_there():
    asked = parse(COMMAND.split())

    assert asked is not None
    assert asked.run is None


def test_the_times_and_shares_of_the_page_are_those_of_the_code():
    text = " ".join(PAGE.split())
    told = (
        "four times a second at most",
        "over in half a second has none",
        "when nothing was written for a minute",
    )

    assert all(words in text for words in told)
    assert (showing.PAUSE, showing._DELAY, showing.BEAT) == (1 / 4, 1 / 2, 60)
    assert f"half of the window's lines, and {showing._MOST} at most" in text
    assert showing._SHARE == 2
