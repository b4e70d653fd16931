"""What acts printed, on its way to a terminal."""

from __future__ import annotations

import os
from itertools import pairwise
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from orchharness.live.output import Cleaner, chosen_log, last_line
from orchharness.redact import Redactor

NOISE = "one\x1b[31mred\x1b[0m\r\ntwo\x1b]8;;http://x\x1b\\link\x1b]8;;\x07\rthree\x1b(B\x9b2J\x00\u202eend\n"


@given(cuts=st.lists(st.integers(0, len(NOISE)), max_size=8))
def test_escapes_vanish_wherever_the_text_is_cut(cuts: list[int]):
    places = [0, *sorted(cuts), len(NOISE)]
    cleaner = Cleaner()
    pieces = [cleaner.feed(NOISE[a:b]) for a, b in pairwise(places)]
    text = "".join(pieces) + cleaner.feed("", last=True)

    assert text == "onered\ntwolink\nthreeend\n"


@given(text=st.text(alphabet="\x1b[]0;mA\x07\\\r\n\x9b \x00é", max_size=60), size=st.integers(1, 7))
def test_nothing_that_a_terminal_acts_on_comes_through(text: str, size: int):
    cleaner = Cleaner()
    pieces = [cleaner.feed(text[n : n + size]) for n in range(0, len(text), size)]
    found = "".join(pieces) + cleaner.feed("", last=True)

    assert not any((ord(c) < 32 and c not in "\n\t") or 0x7F <= ord(c) <= 0x9F for c in found)


def test_the_last_line_is_the_newest_of_all_that_an_act_printed(tmp_path: Path):
    (tmp_path / "agent").mkdir()
    for at, name in ((30, "stdout.log"), (40, "agent/stdout.log"), (50, "stderr.log")):
        (tmp_path / name).write_text(f"from {name}\n")
        os.utime(tmp_path / name, (at, at))
    (tmp_path / "stderr.log").write_text("")
    found = last_line(tmp_path, Redactor())

    assert (found.text, found.at) == ("from agent/stdout.log", 40)


def test_a_progress_bar_is_told_by_its_last_state(tmp_path: Path):
    (tmp_path / "stdout.log").write_text("begin\n10 %\r50 %\r90 %")

    assert last_line(tmp_path, Redactor()).text == "90 %"


def test_a_judge_is_shown_by_what_its_commands_printed(tmp_path: Path):
    (tmp_path / "stdout.log").write_text("")
    (tmp_path / "critic-stdout.log").write_text("{}\n")

    assert chosen_log(tmp_path, stderr=False).name == "critic-stdout.log"
    assert chosen_log(tmp_path, stderr=True).name == "stderr.log"
