"""Whatever a file holds, reading it ends in a plan or in a `PlanError`."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchharness.core.acts import Kind
from orchharness.core.plan import Plan
from orchharness.errors import PlanError
from orchharness.planfile import read_plan

FEAT = Path(__file__).parents[2] / "data/plans/feat-005/feat-005.plan.yaml"
KINDS = {"claude": Kind(name="claude", is_model=True)}
SETTINGS = settings(
    max_examples=120, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True
)
WORDS = [
    "orchharness: 1\n", "tasks:", "tracks:", "phases:", "gates:", "agents:", "critics:", "execution:", "vars:",
    "  a: {run: x}\n", "{", "}", "[", "]", ": ", ", ", "- ", "\n", "  ", "*a", "&a ", "!t ", "<<: ", "'", '"', "|\n", "~",
    "of", "needs", "inputs", "outputs", "gate", "true", "1", "0.5", "x.y", "t.*", "./f", "run:z", "{{ vars.a }}", "{% if",
]  # fmt: skip


def read(data: bytes) -> Plan | PlanError:
    try:
        return read_plan(FEAT, root=FEAT.parent, cwd=FEAT.parent, kinds=KINDS, critic_kinds={}, text=data)
    except PlanError as error:
        return error


@given(st.binary(max_size=300))
@SETTINGS
def test_random_bytes_end_in_a_plan_or_in_problems(data):
    read(data)


@given(st.lists(st.sampled_from(WORDS), max_size=40))
@SETTINGS
def test_words_of_the_language_in_any_order_end_in_a_plan_or_in_problems(words):
    read("".join(words).encode())


@given(st.data())
@settings(SETTINGS, max_examples=150)
def test_a_plan_that_was_damaged_ends_in_a_plan_or_in_problems(data):
    text = FEAT.read_text()
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(text)))
        stop = min(len(text), start + data.draw(st.integers(0, 40)))
        text = text[:start] + data.draw(st.sampled_from(["", "x", *WORDS])) + text[stop:]
    read(text.encode())


def _values(depth: int = 2) -> st.SearchStrategy[str]:
    words = st.sampled_from(
        ["x", "a", "a.o", "3", "0.5", "true", "~", "''", "./f", "'{{ vars.a }}'", "'*'", "30m", "{}", "[]"]
    )
    if not depth:
        return words
    inner = _values(depth - 1)
    lists = st.lists(inner, max_size=3).map(lambda items: "[" + ", ".join(items) + "]")
    keys = st.sampled_from(
        ["run", "of", "critics", "path", "from", "file", "agent", "prompt", "kind", "to", "a", "mode"]
    )
    maps = st.dictionaries(keys, inner, max_size=3).map(
        lambda entries: "{" + ", ".join(f"{key}: {value}" for key, value in entries.items()) + "}"
    )
    return words | lists | maps


@pytest.mark.parametrize("place", ["task", "plan", "gate", "critic"])
@given(st.data())
@settings(SETTINGS, max_examples=60)
def test_any_value_at_any_key_ends_in_a_plan_or_in_problems(place, data):
    from orchharness.planfile import schema

    table = {"task": schema.TASK, "plan": schema.PLAN, "gate": schema.GATE, "critic": schema.CRITIC}[place]
    keys = data.draw(st.lists(st.sampled_from(sorted(table.keys)), max_size=4, unique=True))
    body = ", ".join(f"{key}: {data.draw(_values())}" for key in keys)
    start = "orchharness: 1\nvars: {a: b}\nagents: {x: {run: y}}\n"
    text = {
        "task": f"{start}tasks: {{a: {{{body}}}}}",
        "plan": "{" + body + "}",
        "gate": f"{start}tasks: {{a: {{run: x, outputs: {{o: o}}}}}}\ngates: {{G: {{{body}}}}}",
        "critic": f"{start}tasks: {{a: {{run: x, gate: {{critics: [c]}}}}}}\ncritics: {{c: {{{body}}}}}",
    }[place]
    read(text.encode())
