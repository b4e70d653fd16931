"""The plan of the gallery that has real agents: run with them, it is what its recording says."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from agent_clients import CLAUDE, CODEX_CLI, ROOT, Client
from sessions import Ended, Project

GALLERY = ROOT / "plans/gallery"
PLAN = "real-agents.plan.yaml"


def bytes_below(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def verdicts(ended: Ended) -> list[str]:
    """What was said of each item and each gate, without times."""
    return sorted(re.findall(r"^(?:PASSED|FAILED|ERROR|SKIPPED|REFINE|G-\S+ ).*$", ended.out, re.MULTILINE))


@pytest.mark.timeout(240)
@pytest.mark.parametrize("client", [CLAUDE], ids=["claude and codex"])
@pytest.mark.parametrize("options", [(), ("-n", "2")], ids=["alone", "workers"])
def test_the_plan_with_real_agents_does_what_was_recorded(
    project: Project, client: Client, options: tuple[str, ...]
) -> None:
    assert not CODEX_CLI.missing()
    shutil.copytree(GALLERY, project.folder, dirs_exist_ok=True)
    project.plan_file = PLAN
    project.env |= CODEX_CLI.prepare(Path(project.env["HOME"]), project.server.url)
    live = project.run("--orch-record", *options, seconds=140)

    assert live.status == 0, live.out
    assert len(project.turns()) >= 8, "no agent ran"
    assert project.left() == []
    assert bytes_below(project.folder / "recordings") == bytes_below(GALLERY / "recordings")
    asked = len(project.server.requests)
    replayed = project.run(*options, seconds=60)

    assert replayed.status == 0, replayed.out
    assert "no agent ran" in replayed.out
    assert len(project.server.requests) == asked
    assert verdicts(replayed) == verdicts(live) != []
    assert any(said.startswith("REFINE G-handbook 0.60 < 0.85") for said in verdicts(live))
