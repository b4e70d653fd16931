"""What the chaos tests share: projects in folders of their own, and what an undisturbed run of a plan comes to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest
from chaos_facts import Facts, facts
from chaos_plans import plan_of
from chaos_project import Project

Make = Callable[..., Project]


@pytest.fixture(scope="session")
def pyc(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where all sessions keep bytecode."""
    return tmp_path_factory.getbasetemp() / "chaos-pyc"


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, pyc: Path) -> Callable[[str], Facts]:
    """What a plan comes to when nothing happens to it."""

    @cache
    def find(shape: str) -> Facts:
        project = Project(tmp_path_factory.mktemp("undisturbed") / shape, plan_of(shape), pyc=pyc)
        (project.root / "given").mkdir()
        session = project.run()
        assert session.status == 0, session.text
        return facts(project)

    return find


@pytest.fixture
def project(tmp_path: Path, pyc: Path) -> Iterator[Make]:
    """Makes projects, and leaves no process of them behind."""
    made: list[Project] = []

    def make(plan: str, name: str = "p") -> Project:
        made.append(Project(tmp_path / f"project-{len(made)}", plan, name=name, pyc=pyc))
        (made[-1].root / "given").mkdir()
        return made[-1]

    yield make
    for one in made:
        one.end_all()
