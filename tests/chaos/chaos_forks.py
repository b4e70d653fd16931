"""Resumes one killed run many times, each time from a journal that is cut at another byte. Reads JSON, prints JSON.

Sessions are forks of this process, which has imported everything: a session takes a tenth of its usual time.
"""

# ruff: noqa: T201
from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import pytest
from chaos_facts import facts
from chaos_project import Project

# What a session imports on its way.
import orchharness.pytest_plugin.loop
import orchharness.run.resume
import orchharness.workspace.evidence
import orchharness.workspace.gate_inputs  # noqa: F401

_WORDS = ["-p", "no:cacheprovider", "-p", "no:hypothesispytest", "-p", "no:timeout", "--orch-resume"]


def session(out: Path) -> int:
    """The exit status of a session in a fork; what it printed is in `out`."""
    pid = os.fork()
    if pid:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    target = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(target, 1)
    os.dup2(target, 2)
    status = 99
    try:
        status = int(pytest.main(_WORDS))
    finally:
        sys.stdout.flush()
        os._exit(status)


def main() -> None:
    """Every size in its turn, from the same bytes on the disk."""
    given: dict[str, Any] = json.load(sys.stdin)
    project = Project.on_disk(Path(given["folder"]))
    folders = (project.root, project.log, project.state)
    saved = Path(given["folder"], "saved")
    for folder in folders:
        shutil.copytree(folder, saved / folder.name, symlinks=True)
    out = saved / "out.txt"
    for size in given["sizes"]:
        for folder in folders:
            for entry in folder.iterdir():
                shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()
            shutil.copytree(saved / folder.name, folder, symlinks=True, dirs_exist_ok=True)
        os.truncate(given["journal"], size)
        status = session(out)
        found = facts(project)
        end = {"size": size, "status": status, "text": out.read_text(), "starts": dict(found.starts)}
        print(json.dumps(end | {"states": dict(found.states), "files": dict(found.files)}), flush=True)


if __name__ == "__main__":
    main()
