"""The documentation of these tests is true."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from agent_clients import BASE, CLAUDE, FURTHER, MAIN, MORE, ROOT, Client
from model_script import directives, read_fault
from sessions import Project

TEXT = (ROOT / "docs/real-clients.md").read_text()


@pytest.mark.timeout(120)
@pytest.mark.parametrize("client", [CLAUDE], ids=str)
def test_the_plan_of_the_documentation_passes(project: Project, client: Client) -> None:
    (plan,) = re.findall(r"^```yaml\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
    (project.folder / "a.plan.yaml").write_text(plan)
    ended = project.run()

    assert ended.status == 0, ended.out
    assert (project.folder / "hello.txt").read_text() == "hello, world"


def test_every_directive_of_the_documentation_is_one() -> None:
    told = re.findall(r"`(\[\[.*?\]\])`", TEXT)
    read = [directive for text in told for directive in directives(text.replace("VALUE", "{}"))]

    assert len(read) == len(told) == 8
    assert {name for name, _ in read} == {"write", "bash", "say", "json", "fail"}
    for name, text in read:
        assert name != "fail" or read_fault(text).kind


@pytest.mark.parametrize("folder", ["clients", "more-clients"])
def test_versions_are_pinned_and_no_lock_names_an_address(folder: str) -> None:
    wanted = json.loads((ROOT / f"tests/agents/{folder}/package.json").read_text())["dependencies"]
    lock = (ROOT / f"tests/agents/{folder}/package-lock.json").read_text()
    packages = json.loads(lock)["packages"]

    assert "resolved" not in lock
    assert {name: packages[f"node_modules/{name}"]["version"] for name in wanted} == wanted


@pytest.mark.parametrize(
    ("clients", "folder"),
    [
        pytest.param(MAIN, BASE, id="clients"),
        pytest.param(FURTHER, MORE, id="more", marks=pytest.mark.more),
    ],
)
def test_the_installed_clients_are_those_of_the_lock(clients: tuple[Client, ...], folder: Path) -> None:
    for client in clients:
        assert not client.missing()
        made = json.loads((client.package / "package.json").read_text())["version"]
        place = "clients" if folder == BASE else "more-clients"
        lock = json.loads((ROOT / f"tests/agents/{place}/package-lock.json").read_text())["packages"]

        assert made == lock[f"node_modules/{client.package.relative_to(folder)}"]["version"]
