"""`explained`: the explanation of a plan written in a test."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from orchharness.core.acts import Kind
from orchharness.explain import explain
from orchharness.planfile import read_plan

ROOT = Path(__file__).parents[3]


def _options():
    from pydantic import BaseModel

    class Options(BaseModel):
        model: str = "large"
        allow: list[str] = []

    return Options


KINDS = {"command": Kind(name="command"), "model": Kind(name="model", options=_options, is_model=True)}
CRITIC_KINDS = {name: Kind(name=name, role="critic") for name in ("checks", "command", "agent")}


@pytest.fixture
def read(tmp_path: Path):
    def read(text: str):
        where = {"root": tmp_path, "cwd": tmp_path, "kinds": KINDS, "critic_kinds": CRITIC_KINDS}
        return read_plan(tmp_path / "p.plan.yaml", text=("orchharness: 1\n" + dedent(text)).encode(), **where)

    return read


@pytest.fixture
def explained(read):
    return lambda text: explain(read(text))


@pytest.fixture(scope="session")
def feat_005():
    """The plan of the decision that this is all about, with its own estimates."""
    path = ROOT / "plans/feat-005.plan.yaml"
    return read_plan(path, root=ROOT, cwd=ROOT, kinds=KINDS, critic_kinds=CRITIC_KINDS)
