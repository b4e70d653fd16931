"""What a judgement must find as it was put out: workspace files at the digests of whoever wrote them last.

Later tasks may edit a file in place. What counts is the last act in the run that declares it: any other change
came from nobody, and a judgement over it would be one of different bytes.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchharness.core.plan import OutputKind, Workspace
from orchharness.run.frozen import is_in_worktree
from orchharness.run.parts import host_of

if TYPE_CHECKING:
    from orchharness.core.orchestrator import Orchestrator
    from orchharness.core.plan import Gate
    from orchharness.core.records import TaskRecord
    from orchharness.run.parts import Parts


def live_digests(run: Orchestrator, gate: Gate, parts: Parts, words: Iterable[str]) -> dict[str, str]:
    """Workspace path -> digest, for what the gate's members wrote and for what its checks name.

    Args:
        run: Where the records are.
        gate: The gate.
        parts: Where the plan's tasks work.
        words: Words of the checks' commands, and recorded paths; those that are nobody's output are left out.
    """
    host, workspace = host_of(parts.plan, gate), parts.workspace_of_gate(gate)
    if host is not None:  # others do not write there
        return {str(workspace / path): digest for path, digest in _files_of(run.tasks[host.id]).items()}
    wanted = {path for member in gate.of for path in _shared_files_of(run.tasks[member])}
    wanted.update(_relative(word, workspace) for word in words)
    last = _last_written(run)
    return {str(workspace / path): last[path] for path in sorted(wanted & last.keys())}


def expected_tests(
    run: Orchestrator, gate: Gate, parts: Parts, watched: tuple[Mapping[str, Any], ...]
) -> tuple[Mapping[str, Any], ...]:
    """The watched test files, with those pinned that tasks outside the gate have put out since the run began."""
    if not watched:
        return ()
    isolated = is_in_worktree(parts.plan, gate)  # then others' work comes in as it is merged there
    released = _last_written(run, besides=frozenset(gate.of), everywhere=isolated)
    workspace = parts.workspace_of_gate(gate) if isolated else parts.workspace
    if not released:
        return watched
    from orchharness.workspace.gate_inputs import watch_tests

    skip = parts.skipped(workspace)
    pinned = []
    for tests in watched:
        now = watch_tests(workspace, tests["paths"], skip=skip)
        made = {path: digest for path, digest in now.items() if released.get(path) == digest}
        pinned.append({**tests, "seen": {**tests["seen"], **made}})
    return tuple(pinned)


def _last_written(
    run: Orchestrator, besides: frozenset[str] = frozenset(), *, everywhere: bool = False
) -> dict[str, str]:
    """Path -> the digest that the last act which declares it left there; `everywhere`: or in its own workspace."""
    done = [t for t in run.tasks.values() if t.outputs and t.id not in besides]
    found: dict[str, str] = {}
    for record in sorted(done, key=lambda t: t.ended or 0.0):
        found |= _files_of(record) if everywhere else _shared_files_of(record)
    return found


def _shared_files_of(record: TaskRecord) -> dict[str, str]:
    return _files_of(record) if record.task.workspace is Workspace.SHARED else {}


def _files_of(record: TaskRecord) -> dict[str, str]:
    """The files of its workspace that the task put out. What only had to exist is nobody's work."""
    names = [o.name for o in record.task.outputs if o.kind is OutputKind.FILE and o.must != "exist"]
    return {_plain(e["path"]): e["sha256"] for name in names for e in record.outputs.get(name, ())}


def _plain(path: str) -> str:
    return os.path.normpath(path)


def _relative(word: str, workspace: Path) -> str:
    """The word as a path of the workspace; anything else matches nothing."""
    if word.startswith("/"):
        return os.path.relpath(word, workspace) if word.startswith(f"{workspace}/") else ""
    return _plain(word) if word else ""
