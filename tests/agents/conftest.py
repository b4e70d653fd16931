"""Fixtures of the tests with real clients, and the table of what a user sees."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from agent_clients import Client
from model_server import ModelServer, serving
from sessions import Project

SEEN = pytest.StashKey[Path]()  # the table's rows, a file each: of this session alone, and of all its workers
SHOWN = 150  # characters of a cell


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "more: a client of `make agents-more`, which takes longer")
    given = getattr(config, "workerinput", {}).get("seen")
    config.stash[SEEN] = Path(given or tempfile.mkdtemp(prefix="seen-"))
    if given is None:
        config.add_cleanup(lambda: shutil.rmtree(config.stash[SEEN]))


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Workers put their rows where this session looks for them."""
    node.workerinput["seen"] = str(node.config.stash[SEEN])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    rows = sorted(json.loads(row.read_text()) for row in config.stash[SEEN].glob("*.json"))
    if not rows:
        return
    terminalreporter.section(f"what a user sees (no network but loopback: {os.environ.get('ALONE')})")
    before = ""
    for case, client, number, said in rows:
        if case != before:
            terminalreporter.write_line(case.replace("_", " "))
            before = case
        name = client if number == 0 else "  and then"
        terminalreporter.write_line(f"  {name:<14} {said[:SHOWN]}")


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with serving() as running:
        yield running


@pytest.fixture
def project(
    tmp_path: Path, client: Client, server: ModelServer, request: pytest.FixtureRequest
) -> Iterator[Project]:
    """A project for one client, whose sessions are put into the table."""
    if "ALONE" not in os.environ:
        pytest.fail("real clients are started where no network is: run `make test-agents`")
    if missing := client.missing():
        pytest.fail(missing)
    folder = tmp_path / "project"
    folder.mkdir()
    project = Project(folder=folder, client=client, server=server)
    yield project
    project.clean()
    case = request.node.originalname.removeprefix("test_")
    for number, said in enumerate(project.seen()):
        row = json.dumps([case, client.name, number, said])
        (request.config.stash[SEEN] / f"{case}-{client.name.replace(': ', '-')}-{number}.json").write_text(
            row
        )
