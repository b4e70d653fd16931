"""Words for people, out of anything."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchharness.report.text import clean, duration, entries, line, mapping, moment, number, plural, size


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0.00 s"),
        (0.344, "0.34 s"),
        (9.994, "9.99 s"),
        (9.996, "10.0 s"),
        (59.94, "59.9 s"),
        (59.96, "1 min"),
        (65, "1 min 05 s"),
        (3600, "1 h"),
        (3599.7, "1 h"),
        (7380, "2 h 03 min"),
        (273600, "3 d 04 h"),
        (-5, "0.00 s"),
    ],
)
def test_durations_have_two_units_at_most(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("dirty", "text"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07shown", "shown"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x9b31mred", "red"),
        ("a\x00b\x07c\x7f", "abc"),
        ("abc\u202ecba\u2066", "abccba"),
        ("a\r\nb\rc", "a\nb\nc"),
        ("caf\udce9", "caf\ufffd"),
        (None, ""),
        (12.5, "12.5"),
        ({"a": [1, None]}, '{"a": [1, null]}'),
    ],
)
def test_control_characters_are_taken_out(dirty, text):
    assert clean(dirty) == text


def test_long_text_is_cut_and_says_so():
    assert clean("x" * 10_000, 10) == "x" * 10 + "… (9,990 characters more)"


@given(
    value=st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(st.characters()), st.lists
    )
    | st.binary()
)
def test_anything_becomes_clean_text(value):
    text = clean(value)

    assert not any(ord(c) < 32 and c not in "\n\t" for c in text)
    text.encode()
    line(value), mapping(value), entries(value), number(value), size(value)


def test_a_time_that_cannot_be_is_said():
    assert moment(1e300) == "an impossible time"
    assert moment(0) == "1970-01-01 00:00:00 UTC"


def test_numbers_that_are_none():
    assert [number(v) for v in (True, "1", float("nan"), 10**400, 3)] == [None, None, None, None, 3.0]


def test_sizes_and_counts():
    assert [size(n) for n in (812, 3400, 12_000_000, 5e12, None)] == [
        "812 B",
        "3.4 kB",
        "12 MB",
        "5000.0 GB",
        "",
    ]
    assert [plural(1, "task"), plural(1200, "task")] == ["1 task", "1,200 tasks"]
