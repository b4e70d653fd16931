"""The index over `writes` finds every two patterns that may mean one file, and no pair twice."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchharness.core.plan import Task
from orchharness.planfile.paths import literal_prefix, may_meet
from orchharness.planfile.writes import WriteIndex

PARTS = st.sampled_from(["a", "ab", "a*", "*", "**", "?b", "a.md", "b.md", "*.md", "ab*", "a[bc]"])
PATTERNS = st.lists(st.lists(PARTS, min_size=1, max_size=3).map("/".join), max_size=12, unique=True)


def task(name: str, pattern: str) -> Task:
    return Task(id=name, phase="p", track="t", order=0, line=1, kind="command", writes=(pattern,))


@given(PATTERNS)
@settings(max_examples=300, deadline=None, derandomize=True)
def test_every_pair_that_may_meet_is_found_once(patterns):
    index = WriteIndex(task(f"t{n}", pattern) for n, pattern in enumerate(patterns))
    found = [tuple(sorted(pair)) for pair in index.meeting_pairs()]
    expected = {tuple(sorted(pair)) for pair in combinations(patterns, 2) if may_meet(*pair)}

    assert len(found) == len(set(found))
    assert set(found) == expected


@given(PATTERNS, st.lists(PARTS, min_size=1, max_size=3).map("/".join))
@settings(max_examples=300, deadline=None, derandomize=True)
def test_every_writer_of_a_path_is_found(patterns, path):
    index = WriteIndex(task(f"t{n}", pattern) for n, pattern in enumerate(patterns))
    found = sorted(pattern for _, pattern in index.writers(path))

    assert found == sorted(pattern for pattern in patterns if may_meet(path, pattern))


@pytest.mark.parametrize(
    ("one", "other", "meet"),
    [
        ("**/a.md", "**/b.md", False),
        ("docs", "docs/a.md", True),
        ("docs/*.md", "docs/a.md", True),
        ("*/docs", "x/docs/a.md", True),
        ("**/a.md", "docs/a.md", True),
    ],
)
def test_a_file_behind_wildcards_is_no_folder(one, other, meet):
    assert may_meet(one, other) is meet
    assert literal_prefix(one) != one or one == "docs"
