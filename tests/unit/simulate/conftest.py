"""Plans written in a test, and FEAT-005 with its own estimates."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from orchharness.core.acts import Kind
from orchharness.planfile import read_plan

ROOT = Path(__file__).parents[3]
KINDS = {"command": Kind(name="command")}
CRITIC_KINDS = {name: Kind(name=name, role="critic") for name in ("checks", "command", "agent")}


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "xdg-cache"))


@pytest.fixture
def read(tmp_path: Path):
    def read(text: str):
        where = {"root": tmp_path, "cwd": tmp_path, "kinds": KINDS, "critic_kinds": CRITIC_KINDS}
        return read_plan(tmp_path / "p.plan.yaml", text=("orchharness: 1\n" + dedent(text)).encode(), **where)

    return read


@pytest.fixture(scope="session")
def feat_005():
    path = ROOT / "plans/feat-005.plan.yaml"
    return read_plan(path, root=ROOT, cwd=ROOT, kinds=KINDS, critic_kinds=CRITIC_KINDS)
