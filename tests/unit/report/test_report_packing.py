"""Geometry: nothing overlaps, and the axis counts as people do."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchharness.report.packing import GAP, LABEL_GAP, Block, Span, depth, fill, pack, ticks

FLOATS = st.floats(0, 1000, allow_nan=False)
SPANS = st.builds(lambda x, width: Span(x, x + width), FLOATS, st.floats(3, 200))
BLOCKS = st.lists(
    st.builds(
        lambda bar, width, key: Block(
            bar=bar, label=None if width is None else Span(bar.x0, bar.x0 + width), key=key
        ),
        SPANS,
        st.none() | st.floats(7, 80),
        st.sampled_from(["", "a", "b"]),
    ),
    max_size=30,
)


def apart(spans, gap):
    spans = sorted(spans)
    return all(a.x1 + gap <= b.x0 for a, b in pairwise(spans))


@given(blocks=BLOCKS)
def test_neither_bars_nor_labels_of_a_row_overlap(blocks):
    rows = pack(blocks)

    for row in set(rows):
        inside = [b for b, r in zip(blocks, rows, strict=True) if r == row]
        assert apart([b.bar for b in inside], GAP)
        assert apart([b.label for b in inside if b.label], LABEL_GAP)
    assert set(rows) == set(range(max(rows, default=-1) + 1))


@given(blocks=BLOCKS)
def test_without_labels_there_are_no_more_rows_than_bars_at_once(blocks):
    bare = [Block(bar=b.bar) for b in blocks]
    rows = pack(bare)
    most = max((sum(o.bar.x0 <= b.bar.x0 < o.bar.x1 for o in bare) for b in bare), default=0)

    assert max(rows, default=-1) + 1 <= most
    assert depth(b.bar for b in bare) == most


def test_blocks_of_one_task_share_a_row_where_they_can():
    blocks = [
        Block(bar=Span(0, 10), key="x"),
        Block(bar=Span(0, 10), key="a"),
        Block(bar=Span(10, 20), key="a"),
    ]

    assert pack(blocks) == [0, 1, 1]


@given(taken=st.lists(SPANS, max_size=5), wanted=st.lists(SPANS, max_size=8))
def test_further_labels_never_overlap_each_other(taken, wanted):
    shown = [w for w, fits in zip(wanted, fill(taken, wanted), strict=True) if fits]

    assert apart(shown, LABEL_GAP)
    for span in shown:
        assert all(t.x1 + LABEL_GAP <= span.x0 or span.x1 + LABEL_GAP <= t.x0 for t in taken) or not apart(
            taken, LABEL_GAP
        )


@given(span=st.floats(1e-3, 1e9))
def test_there_are_never_too_many_ticks(span):
    found = ticks(span, 12)

    assert 1 <= len(found) <= 13
    assert found[0].label == "0"
    assert len({t.label for t in found}) == len(found)


@pytest.mark.parametrize(
    ("span", "labels"),
    [
        (0.3, ["0", "0.05 s", "0.10 s"]),
        (9, ["0", "1 s", "2 s"]),
        (100, ["0", "10 s", "20 s"]),
        (3600, ["0", "5 min", "10 min"]),
        (9000, ["0", "15 min", "30 min"]),
        (126000, ["0", "3 h", "6 h"]),
        (1e6, ["0", "1 d", "2 d"]),
    ],
)
def test_ticks_are_times_that_people_count_in(span, labels):
    assert [t.label for t in ticks(span, 12)][:3] == labels
