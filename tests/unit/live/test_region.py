from __future__ import annotations

import os
from collections.abc import Iterator

import pyte
import pytest

from orchharness.live.region import Region


class Fed:
    """An emulated terminal behind a pipe."""

    def __init__(self, columns: int = 20, rows: int = 6) -> None:
        self.screen = pyte.HistoryScreen(columns, rows, history=100)
        self.stream = pyte.ByteStream(self.screen)
        self.ours, self.theirs = os.pipe()
        self.region = Region(self.theirs)

    def write(self, text: str) -> None:
        os.write(self.theirs, text.replace("\n", "\r\n").encode())

    @property
    def lines(self) -> list[str]:
        self.stream.feed(os.read(self.ours, 65536) if self._waiting() else b"")
        return [row.rstrip() for row in self.screen.display]

    def _waiting(self) -> bool:
        import select

        return bool(select.select([self.ours], [], [], 0)[0])


@pytest.fixture
def fed() -> Iterator[Fed]:
    made = Fed()
    yield made
    os.close(made.ours)
    os.close(made.theirs)


def test_lines_are_drawn_below_the_cursor_and_the_cursor_stays(fed: Fed):
    fed.write("one\nha")
    fed.region.draw(["first", "second"])
    drawn = fed.lines
    fed.region.clear()
    fed.write("lf\n")

    assert drawn == ["one", "ha", "first", "second", "", ""]
    assert fed.lines == ["one", "half", "", "", "", ""]


def test_room_is_made_at_the_end_of_the_screen(fed: Fed):
    fed.write("1\n2\n3\n4\n5\n6")
    fed.region.draw(["first", "second"])
    drawn = fed.lines
    fed.region.clear()
    fed.write("\n7")

    assert drawn == ["3", "4", "5", "6", "first", "second"]
    assert fed.lines == ["3", "4", "5", "6", "7", ""]
    assert "".join(fed.screen.history.top[0][n].data for n in range(20)).rstrip() == "1"


def test_fewer_lines_leave_nothing_of_more(fed: Fed):
    fed.write("x")
    fed.region.draw(["aaa", "bbb", "ccc"])
    fed.region.draw(["d"])

    assert fed.lines == ["x", "d", "", "", "", ""]


def test_a_line_that_is_wider_than_it_seemed_is_cut_by_the_terminal(fed: Fed):
    fed.write("x")
    fed.region.draw(["w" * 50, "next"])
    drawn = fed.lines
    fed.region.clear()
    fed.write("\n" + "y" * 25)

    assert drawn == ["x", "w" * 20, "next", "", "", ""]
    assert fed.lines == ["x", "y" * 20, "yyyyy", "", "", ""]  # and long lines of others are wrapped again


def test_colours_of_the_region_do_not_reach_what_is_written_after_it(fed: Fed):
    fed.region.draw(["\x1b[31mred"])
    fed.region.clear()
    fed.write("plain")

    assert fed.lines[0] == "plain"
    assert fed.screen.buffer[0][0].fg == "default"


def test_a_screen_is_never_cleared_from_its_first_place(fed: Fed):
    fed.region.draw(["first"])
    fed.region.clear()
    data = os.read(fed.ours, 65536)

    assert data.count(b"J") == data.count(b"\x1b[C\x1b[J") == 2  # tmux would keep it as history


def test_what_stands_beside_the_cursor_is_gone_as_well(fed: Fed):
    fed.region.draw(["first"])
    fed.write("\n")  # somebody typed a line: the cursor is in the region
    fed.region.clear()

    assert fed.lines == [""] * 6


def test_nothing_is_written_where_nothing_is_shown(fed: Fed):
    fed.region.clear()
    fed.region.draw([])

    assert not fed._waiting()


def test_what_a_signal_interrupts_as_soon_as_it_is_seen_is_cleared_all_the_same(
    fed: Fed, monkeypatch: pytest.MonkeyPatch
):
    def seen(data: bytes) -> None:
        write(data)
        raise KeyboardInterrupt

    fed.write("one\n")
    write = fed.region._write
    monkeypatch.setattr(fed.region, "_write", seen)
    with pytest.raises(KeyboardInterrupt):
        fed.region.draw(["first", "second"])
    monkeypatch.undo()
    drawn = fed.lines
    fed.region.clear()

    assert drawn == ["one", "", "first", "second", "", ""]
    assert fed.lines == ["one", "", "", "", "", ""]
