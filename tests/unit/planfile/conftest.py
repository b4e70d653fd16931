"""A project folder, a few kinds, and `read` for plans written in a test."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchharness.core.acts import Kind
from orchharness.errors import PlanError
from orchharness.planfile import read_plan


def _claude():
    from pydantic import BaseModel

    class Claude(BaseModel):
        model: str = "sonnet"
        turns: int = 10

    return Claude


def _slurm():
    from pydantic import BaseModel

    class Slurm(BaseModel):
        model_config = {"extra": "forbid"}
        partition: str

    return Slurm


def _rubric():
    from pydantic import BaseModel

    class Rubric(BaseModel):
        sharp: bool = False

    return Rubric


KINDS = {
    "claude": Kind(name="claude", options=_claude, is_model=True),
    "slurm": Kind(name="slurm", options=_slurm),
    "plain": Kind(name="plain"),
}
CRITIC_KINDS = {"rubric": Kind(name="rubric", role="critic", options=_rubric)}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "tests").mkdir()
    (tmp_path / "src").mkdir()
    (tmp_path / "rubrics").mkdir()
    (tmp_path / "tests/judge.py").write_text("raise SystemExit(0)\n")
    (tmp_path / "src/a.py").write_text("")
    (tmp_path / "rubrics/guide.md").write_text("Judge {{ vars.audience }}.\n")
    (tmp_path / "binary.md").write_bytes(b"\xff\xfe\x00")
    return tmp_path


@pytest.fixture(scope="session")
def kinds():
    return KINDS, CRITIC_KINDS


@pytest.fixture(scope="session")
def faults_of_shape():
    """What the JSON Schema has against a plan."""
    from jsonschema import Draft202012Validator

    from orchharness.planfile.export import json_schema
    from orchharness.planfile.nodes import to_python
    from orchharness.planfile.problems import Problems
    from orchharness.planfile.source import read_tree

    schema = Draft202012Validator(json_schema(KINDS, CRITIC_KINDS))

    def faults(data: bytes) -> list[str]:
        tree = to_python(read_tree(data.decode("utf-8-sig"), Problems("x")))
        return [f"{error.json_path}: {error.message}" for error in schema.iter_errors(tree)]

    return faults


@pytest.fixture
def read(project: Path, faults_of_shape):
    """Reads a plan of the project; keyword arguments go to `read_plan`. What it accepts, the schema accepts."""

    def read(text: str | bytes, name: str = "x.plan.yaml", **options):
        data = text if isinstance(text, bytes) else text.encode()
        where = {"root": project, "cwd": project, "kinds": KINDS, "critic_kinds": CRITIC_KINDS, **options}
        plan = read_plan(project / name, text=data, **where)
        if "kinds" not in options and len(data) < 10_000:
            assert faults_of_shape(data) == []
        return plan

    return read


@pytest.fixture
def problems(read, project: Path):
    """What is wrong with a plan: `line:column: message`, with the project's folder as <root>."""

    def problems(text: str | bytes, **options) -> list[str]:
        with pytest.raises(PlanError) as caught:
            read(text, **options)
        found = []
        for problem in caught.value.problems:
            place = problem.location
            where = f"{place.line}:{place.column}: " if place.line else ""
            found.append((where + problem.message).replace(str(project), "<root>"))
        return found

    return problems
