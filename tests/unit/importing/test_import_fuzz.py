"""Whatever a file holds, importing it ends in a plan that loads, in contradictions, or in a message with a place."""

from __future__ import annotations

import re
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from import_samples import ALL

from orchharness.importing import UnreadableError, import_plan
from orchharness.planfile import read_plan

SETTINGS = settings(
    max_examples=150, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True
)
TOKENS = sorted({word for text in ALL for word in re.findall(r"[\w./{}-]+", text)})
ODD = [
    "{{ x }}",
    "{% if",
    "../x",
    "/etc/x",
    "null",
    "\t",
    "---\n",
    "&a ",
    "*a",
    "|",
    "\u202e",
    '"',
    "run:x",
    "ü",
    "[",
    "}",
    "\n- ",
]
HERE = Path(__file__).parent


def ends_well(data: bytes, *, leave: bool) -> None:
    said = "f.yaml"
    made = None
    try:
        made = import_plan(data, "f.yaml", leave_unknown=leave)
    except UnreadableError as error:
        said = str(error)

    assert said.startswith("f.yaml")
    if made is not None and made.plan is not None:
        read_plan(HERE / "f.plan.yaml", root=HERE, kinds={}, critic_kinds={}, text=made.plan.encode())


@given(st.binary(max_size=200), st.booleans())
@SETTINGS
def test_random_bytes_end_in_a_message(data, leave):
    ends_well(data, leave=leave)


@given(
    st.sampled_from(ALL),
    st.lists(st.tuples(st.integers(0, 3000), st.integers(0, 40), st.sampled_from(TOKENS + ODD)), max_size=4),
    st.booleans(),
)
@SETTINGS
def test_samples_with_words_changed_anywhere_end_well(text, changes, leave):
    for place, size, word in changes:
        at = place % (len(text) + 1)
        text = text[:at] + word + text[at + size :]

    ends_well(text.encode(), leave=leave)


@given(st.sampled_from(ALL), st.data())
@SETTINGS
def test_samples_with_lines_moved_and_repeated_end_well(text, data):
    lines = text.split("\n")
    for _ in range(data.draw(st.integers(1, 4))):
        start, size, to = (data.draw(st.integers(0, len(lines))) for _ in range(3))
        lines[to:to] = lines[start : start + size % 6]

    ends_well("\n".join(lines).encode(), leave=data.draw(st.booleans()))
