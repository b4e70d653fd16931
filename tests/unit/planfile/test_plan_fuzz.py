"""Whatever a file holds, reading it ends in a plan that fits the schema, or in a `PlanError` with a place; and soon.

ORCH_TEST_EXAMPLES=20000 runs it long. `make fuzz` looks on with coverage to guide it.
"""

from __future__ import annotations

import os
import tracemalloc
from copy import deepcopy
from typing import Any

import plan_properties
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from plan_properties import BROKEN, FEAT, PLANS, check

from orchharness.core.plan import Plan
from orchharness.errors import PlanError

LONG = int(os.environ.get("ORCH_TEST_EXAMPLES", "0"))
SETTINGS = settings(
    max_examples=LONG or 120, deadline=None, suppress_health_check=list(HealthCheck), derandomize=not LONG
)
WORDS = [
    "orchharness: 1\n", "tasks:", "tracks:", "phases:", "gates:", "agents:", "critics:", "execution:", "vars:",
    "  a: {run: x}\n", "{", "}", "[", "]", ": ", ", ", "- ", "\n", "  ", "*a", "&a ", "!t ", "<<: ", "'", '"', "|\n", "~",
    "of", "needs", "inputs", "outputs", "gate", "true", "1", "0.5", "x.y", "t.*", "./f", "run:z", "{{ vars.a }}", "{% if",
    "\t", "\r", "\ufeff", "\u202e", "\x85", "\u2028", "\x00", "{{ x }}", "[[", "#", "%", "@", "`", "?", "---", "...", "<<<<<<< ",
]  # fmt: skip
VALUES: list[Any] = [
    None, True, False, 0, 1, -1, 92, 0.5, 1e308, float("inf"), float("nan"), 10**30, "", " ", "a", "x.y", "t.*", "./f", "/etc",
    "../x", "~", "run:z", "{{ vars.a }}", "{{ x", "{% if %}", "30m", "30", "\x1b[31m", "\u202e", "é" * 70, "a" * 200, "*", "**/x**",
    "a && b", "echo 'x", [], {}, [None], [[]], {"run": "x"}, {"id": "a"}, [{"id": "a"}], ["a", "a"], "G-1", "true", "2 days",
]  # fmt: skip
KEYS = [
    "run", "agent", "needs", "inputs", "outputs", "writes", "gate", "of", "checks", "critics", "threshold", "tasks", "tracks",
    "phases", "id", "kind", "name", "depends_on", "rnu", "x-y", "", "é", "1", "true", "<<", "prompt", "env", "retry", "timeout",
    "path", "from", "schema", "title", "resources", "vars", "limits", "criteria", "cross_pollination", "execution", "orchharness",
]  # fmt: skip


@given(st.binary(max_size=300))
@SETTINGS
def test_random_bytes_end_in_a_plan_or_in_problems(data):
    check(data)


@given(st.lists(st.sampled_from(WORDS), max_size=40))
@SETTINGS
def test_words_of_the_language_in_any_order_end_in_a_plan_or_in_problems(words):
    check("".join(words).encode())


@given(st.data())
@settings(SETTINGS, max_examples=LONG or 150)
def test_a_plan_that_was_damaged_ends_in_a_plan_or_in_problems(data):
    path = data.draw(st.sampled_from([*PLANS, *BROKEN]))
    text = path.read_bytes()
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(text)))
        stop = min(len(text), start + data.draw(st.integers(0, 40)))
        text = text[:start] + data.draw(st.sampled_from(["", "x", *WORDS])).encode() + text[stop:]
    check(text, path)


@given(st.data())
@settings(SETTINGS, max_examples=LONG or 200)
def test_a_plan_with_other_keys_and_values_ends_in_a_plan_or_in_problems(data):
    path = data.draw(st.sampled_from(PLANS))
    tree = yaml.safe_load(path.read_text())
    for _ in range(data.draw(st.integers(1, 3))):
        _mutate(tree, data)
    check(yaml.safe_dump(tree, allow_unicode=True, sort_keys=False).encode(), path)


def _mutate(tree: dict[str, Any], data: st.DataObject) -> None:
    """Change one place of the tree: another value, a key that is gone, renamed or new, or another part of the tree."""
    places: list[tuple[Any, Any]] = []
    _collect(tree, places)
    if not places:
        return
    parent, key = places[data.draw(st.integers(0, len(places) - 1))]
    other_parent, other_key = places[data.draw(st.integers(0, len(places) - 1))]
    # A copy: what is put in may be changed in its turn, and must not be another value for the next example.
    value = deepcopy(data.draw(st.sampled_from(VALUES)))
    match data.draw(st.sampled_from(["value", "remove", "rename", "add", "move"])):
        case "value":
            parent[key] = value
        case "remove":
            del parent[key]
        case "rename" if isinstance(parent, dict):
            parent[data.draw(st.sampled_from(KEYS))] = parent.pop(key)
        case "add" if isinstance(parent, dict):
            parent[data.draw(st.sampled_from(KEYS))] = value
        case _:
            parent[key] = deepcopy(other_parent[other_key])


def _collect(tree: Any, places: list[tuple[Any, Any]]) -> None:
    entries = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in entries:
        places.append((tree, key))
        _collect(value, places)


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
@settings(SETTINGS, max_examples=LONG or 60)
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
    check(text.encode())


START = "orchharness: 1\ntasks:\n"
MEGABYTES = 5 << 20
BOMBS = {
    "brackets": "[" * MEGABYTES,
    "nested mappings": "{a: " * 100_000,
    "aliases of aliases": "x-a: &a [1, 2, 3, 4]\n"
    + "".join(f"x-{n}: &b{n} [{', '.join([f'*b{n - 1}' if n else '*a'] * 9)}]\n" for n in range(20)),
    "one long key": START + "  " + "k" * (MEGABYTES - 100) + ": {run: x}\n",
    "one long value": START + "  a: {run: " + "k" * (MEGABYTES - 100) + "}\n",
    "one long template": START + "  a: {run: [x, '" + "{{ vars.a }}" * 300_000 + "']}\n",
    "deep template": START + "  a: {run: [x, '{{ " + "(" * 100_000 + " }}']}\n",
    "power in a template": START + "  a: {run: x, outputs: {o: '{{ 9 ** 9 ** 9 }}'}}\n",
    "unknown keys": START + "  a: {run: x, " + ", ".join(f"key{n}: 1" for n in range(200_000)) + "}\n",
    "unknown needs": START + "".join(f"  t{n}: {{run: x, needs: [q{n}]}}\n" for n in range(50_000)),
    "all in one cycle": START + "".join(f"  t{n}: {{run: x, needs: [t{(n + 1) % 50_000}]}}\n" for n in range(50_000)),
    "globs that may all meet": START
    + "".join(f"  t{n}: {{run: x, writes: ['{'*/' * 8}{n % 50}*']}}\n" for n in range(2_000)),
    "a glob of stars": START
    + f"  a: {{run: x, writes: ['{'*a' * 2_000}']}}\n  b: {{run: x, writes: ['{'a*' * 2_000}']}}\n",
    "duplicate keys": "a: 1\n" * 500_000,
    "quotes that never end": "'" * MEGABYTES,
    "a number of digits": START + "  a: {run: x, timeout: " + "9" * 1_000_000 + "}\n",
    "dashes": "- " * 1_000_000,
    "a regular expression": START + "  a: {run: x, gate: {checks: [{file: {path: x, matches: '" + "(" * 5_000 + "'}}]}}\n",
}  # fmt: skip


@pytest.mark.parametrize("name", BOMBS)
def test_no_file_takes_long_or_much_memory(name, monkeypatch):
    monkeypatch.setattr(plan_properties, "SECONDS", 20.0)
    data = BOMBS[name].encode()[:MEGABYTES]

    found = check(data)

    assert isinstance(found, (Plan, PlanError))


@pytest.mark.parametrize("name", ["aliases of aliases", "nested mappings", "brackets", "power in a template"])
def test_what_is_small_stays_small_in_memory(name):
    data = BOMBS[name].encode()[:200_000]
    check(FEAT.read_bytes())
    tracemalloc.start()
    try:
        check(data)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 100 << 20
