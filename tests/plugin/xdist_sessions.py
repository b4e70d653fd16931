"""What the tests of the xdist mode share: sessions in processes of their own, and what is left on disk."""

from __future__ import annotations

import json
import os
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

LIMIT = 28  # seconds a session may take; a hang is a failure here, not in the outer time limit


def session(pytester: pytest.Pytester, *args: str) -> pytest.RunResult:
    """One pytest session in a process of its own."""
    return pytester.runpytest_subprocess("-p", "no:cacheprovider", *args, timeout=LIMIT)


def plan(pytester: pytest.Pytester, text: str, name: str = "a") -> Path:
    path = pytester.path / f"{name}.plan.yaml"
    path.write_text("orchharness: 1\n" + text)
    return path


def deadly(pytester: pytest.Pytester, then: str) -> str:
    """A command that says in `spawned` that it was spawned, and the first time kills the worker that spawned it.

    The act's leader is the command's parent, and the worker is the leader's.
    """
    (pytester.path / "deadly.sh").write_text(
        "echo spawned >> spawned\n"
        "[ -e died ] || { touch died; kill -9 $(awk '{print $4}' /proc/$PPID/stat); }\n"
        f"{then}\n"
    )
    return "[sh, deadly.sh]"


def run_folder(pytester: pytest.Pytester, plan_id: str = "a") -> Path:
    """The newest run of the plan."""
    (latest,) = (pytester.path / ".orchharness").glob(f"{plan_id}-*/latest")
    return latest.resolve()


def state(pytester: pytest.Pytester, plan_id: str = "a") -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((run_folder(pytester, plan_id) / "ORCHESTRATION.yaml").read_text())
    return found


def items(pytester: pytest.Pytester, plan_id: str = "a") -> dict[str, dict[str, Any]]:
    """Item -> what the state file says of it."""
    return {
        item: facts
        for phase in state(pytester, plan_id)["phases"].values()
        for track in phase.values()
        for item, facts in track.items()
    }


def states(pytester: pytest.Pytester, plan_id: str = "a") -> dict[str, str]:
    return {item: facts["state"] for item, facts in items(pytester, plan_id).items()}


def journal(pytester: pytest.Pytester, plan_id: str = "a") -> list[dict[str, Any]]:
    lines = (run_folder(pytester, plan_id) / "journal.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def cases(path: Path) -> dict[str, tuple[str, str]]:
    """JUnit case -> (passed, failure, error or skipped; its message)."""
    found: dict[str, tuple[str, str]] = {}
    for case in ET.parse(path).getroot().iter("testcase"):
        name = f"{case.get('classname')}.{case.get('name')}"
        assert name not in found, f"{name} was reported twice"
        marks = [c for c in case if c.tag in {"failure", "error", "skipped"}]
        found[name] = (marks[0].tag, marks[0].get("message") or "") if marks else ("passed", "")
    return found


def lines_of(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def wait_for(what: Callable[[], object], seconds: float = 20.0) -> None:
    """Wait until it is so; that it never is, is a failure."""
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until, "it did not happen"
        time.sleep(0.02)


def alive(pid: int) -> bool:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return text.rpartition(")")[2].split()[0] != "Z"


def end_group(pid: int) -> None:
    """Nothing of a session stays behind when its test fails."""
    try:
        os.killpg(pid, 9)
    except ProcessLookupError:
        return
