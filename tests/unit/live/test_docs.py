"""The page about watching shows what is there."""

from __future__ import annotations

import re
from pathlib import Path

from live_scenes import LANES, scene

from orchharness.cli.parser import parse
from orchharness.live.drawing import drawn
from orchharness.live.scene import beat
from orchharness.pytest_plugin import showing

PAGE = (Path(__file__).parents[3] / "docs/live.md").read_text()
VIEW, LINE = re.findall(r"^```text\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
(COMMAND,) = re.findall(r"^\$ orchharness (.*)$", PAGE, re.MULTILINE)

SCENE = scene(*LANES, plan="feat-005")


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
