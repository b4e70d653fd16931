"""The JSON Schema of plans: made from the tables that read them, and good to have in an editor."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from orchharness.planfile import schema as tables
from orchharness.planfile.export import json_schema
from orchharness.planfile.meanings import _ANYWHERE, _THERE, meaning
from orchharness.planfile.shapes import ANYWHERE, Either, Named, Table

TABLES = sorted((value for value in vars(tables).values() if isinstance(value, Table)), key=lambda t: t.what)


@pytest.fixture(scope="module")
def made(kinds):
    return json_schema(*kinds)


@pytest.fixture(scope="module")
def accepts(made):
    from jsonschema import Draft202012Validator

    Draft202012Validator.check_schema(made)
    validator = Draft202012Validator(made)
    return lambda plan: validator.is_valid({"orchharness": 1, **plan})


def inner(shape):
    match shape:
        case Table():
            yield shape
            for other in shape.keys.values():
                yield from inner(other)
        case Named():
            yield from inner(shape.shape)
        case Either():
            yield from inner(shape.table)


def test_every_key_of_the_language_says_in_an_editor_what_it_means():
    silent = [
        f"{table.what}: {key}"
        for table in {*TABLES, *inner(tables.PLAN)}
        for key in [*table.keys, *ANYWHERE]
        if not meaning(table.what, key)
    ]

    assert silent == []


def test_no_meaning_is_left_of_a_key_that_is_gone():
    known = {table.what: {*table.keys} for table in {*TABLES, *inner(tables.PLAN)}}
    everywhere = {key for keys in known.values() for key in keys} | set(ANYWHERE)

    assert set(_THERE) - set(known) == set()
    assert {f"{what}: {key}" for what in _THERE for key in set(_THERE[what]) - known[what]} == set()
    assert set(_ANYWHERE) - everywhere == set()


def test_every_table_is_closed_but_for_keys_that_are_ignored(made):
    objects = [d for d in made["$defs"].values() if "properties" in d and "." not in d.get("title", "")]
    closed = [
        d
        for d in objects
        if d.get("additionalProperties") is False and d["patternProperties"] == {"^x-": True}
    ]

    assert len(objects) > 15
    assert closed == objects


def test_options_of_a_kind_are_those_of_its_model(accepts):
    def agent(**keys):
        return accepts({"agents": {"w": keys}, "tasks": {"a": {"agent": "w"}}})

    assert agent(kind="claude", model="opus", turns=3)
    assert agent(kind="slurm", partition="long", run=["make"])
    assert agent(kind="plain", **{"x-mine": 1})
    assert not agent(kind="claude", turns="many")
    assert not agent(kind="claude", modle="opus")
    assert not agent(kind="slurm")
    assert not agent(kind="plain", colour="red")
    assert not agent(kind="clade")
    assert not agent(model="opus")


def test_a_critic_is_a_command_an_agent_with_a_prompt_or_of_a_kind(accepts):
    def critic(**keys):
        return accepts({"critics": {"c": keys}, "tasks": {"a": {"run": "make"}}})

    assert critic(run="judge", criteria={"clarity": 1})
    assert critic(agent="w", prompt={"file": "rubric.md"})
    assert critic(kind="rubric", sharp=True, criteria={"clarity": "1.0"}, timeout="5m")
    assert not critic(agent="w")
    assert not critic(kind="rubric", sharp="maybe")
    assert not critic(run="judge", threshold=0.9)


def test_a_gate_on_a_task_judges_that_task_and_one_that_stands_alone_says_what(accepts):
    judged = {"checks": [{"run": "true"}]}

    assert accepts({"tasks": {"a": {"run": "make", "gate": judged}}})
    assert accepts({"tasks": {"a": {"run": "make"}}, "gates": {"G": {"of": ["a"], **judged}}})
    assert not accepts({"tasks": {"a": {"run": "make", "gate": {"of": ["a"], **judged}}}})
    assert not accepts({"tasks": {"a": {"run": "make"}}, "gates": {"G": judged}})


def test_a_matrix_has_lists_of_plain_values(accepts):
    def matrix(values):
        return accepts({"tasks": {"a": {"run": "make", "matrix": values}}})

    assert matrix({"os": ["linux", 3.1, True, "{{ vars.x }}"]})
    assert not matrix({})
    assert not matrix({"os": "linux"})
    assert not matrix({"os": []})
    assert not matrix({"o-s": ["linux"]})
    assert not matrix({"include": [{"os": "mac"}]})


def test_a_group_has_tasks_of_its_own_or_includes_them(accepts):
    def track(**keys):
        return accepts({"tracks": {"t": keys}})

    tasks = {"a": {"run": "make"}}

    assert track(include="parts/lint.yaml", **{"with": {"target": "src", "level": 2}}, matrix={"os": ["a"]})
    assert accepts({"phases": {"p": {"include": "lint.yaml"}}})
    assert not track(include="lint.yaml", tasks=tasks)
    assert not track(tasks=tasks, **{"with": {"target": "src"}})
    assert not track(include="/etc/lint.yaml")
    assert not track(include="other.plan.yaml")
    assert not track(matrix={"os": ["a"]})


@pytest.mark.parametrize(
    ("time", "right"),
    [
        *((time, True) for time in ("90s", "1h30m", "PT1H30M", "p1d", "1.5h")),
        *((time, False) for time in ("30", "30 minutes", "", "P", "-5m", "30m1h")),
    ],
)
def test_a_time_span_has_its_unit(accepts, time, right):
    assert accepts({"tasks": {"a": {"run": "make", "timeout": time}}}) is right


def test_what_it_says_is_json_that_an_editor_can_load(made, tmp_path: Path):
    text = json.dumps(made)

    assert json.loads(text)["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert "orchharness" in json.loads(text)["required"]
    assert len(text) < 100_000
