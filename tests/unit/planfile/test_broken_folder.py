"""A folder of files with one fault each, and what each is told, beside it.

`text`: no YAML. `shape`: the JSON Schema refuses them, too. `sense`: only who reads the whole plan can tell.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from orchharness.errors import PlanError
from orchharness.planfile import read_plan
from orchharness.planfile.export import json_schema
from orchharness.planfile.nodes import to_python
from orchharness.planfile.problems import Problems
from orchharness.planfile.source import read_tree
from orchharness.plugins import PluginHost

ROOT = Path(__file__).parents[3]
BROKEN = ROOT / "tests/data/broken-plans"
FILES = {f"{path.parent.name}/{path.name}": path for path in sorted(BROKEN.rglob("*.plan.yaml"))}
PLANS = [*sorted((ROOT / "plans").rglob("*.plan.yaml"))]


@pytest.fixture(scope="module")
def host() -> PluginHost:
    return PluginHost.load(entry_points=False)


@pytest.fixture(scope="module")
def schema(host):
    return schema_of(host)


def schema_of(host: PluginHost):
    from jsonschema import Draft202012Validator

    found = json_schema(host.kinds, host.critic_kinds)
    Draft202012Validator.check_schema(found)
    return Draft202012Validator(found)


@pytest.fixture(scope="module")
def schema_with_plugins():
    return schema_of(PluginHost.load())


def tree(path: Path):
    node = read_tree(path.read_bytes().decode("utf-8-sig"), Problems(path.name))
    assert node is not None
    return to_python(node)


@pytest.mark.parametrize("name", FILES)
def test_a_broken_plan_is_refused_at_its_place_with_the_words_beside_it(name, host):
    path = FILES[name]

    with pytest.raises(PlanError) as caught:
        read_plan(path, root=path.parent, cwd=path.parent, kinds=host.kinds, critic_kinds=host.critic_kinds)

    assert (
        f"{caught.value}\n" == path.with_name(path.name.replace(".plan.yaml", ".txt")).read_bytes().decode()
    )
    assert all(problem.location.line for problem in caught.value.problems)


def test_no_broken_plan_is_without_its_words_and_no_words_without_a_plan():
    texts = {f"{path.parent.name}/{path.stem}.plan.yaml" for path in BROKEN.rglob("*.txt")}

    assert texts == set(FILES)
    assert len(FILES) > 80


@pytest.mark.parametrize("name", [name for name in FILES if name.startswith("shape/")])
def test_the_schema_refuses_what_is_wrong_by_its_shape(name, schema):
    assert not schema.is_valid(tree(FILES[name]))


@pytest.mark.parametrize("name", [name for name in FILES if name.startswith("sense/")])
def test_what_only_reading_the_whole_can_tell_is_no_fault_of_shape(name, schema):
    assert schema.is_valid(tree(FILES[name]))


@pytest.mark.parametrize("path", PLANS, ids=lambda path: path.name)
def test_the_schema_accepts_every_plan_of_the_project(path, schema_with_plugins):
    assert [error.message for error in schema_with_plugins.iter_errors(tree(path))] == []
