"""What an act produced, found on disk: the only thing that can pass a task.

Every declared output must exist, be a regular file inside the workspace or the run (links followed), not be
empty, be written by this act (as its `must` says), and fit its schema. All that is wrong is told at once.
The bytes that were looked at are put in the store, and their digest is what is recorded.

From iteration 2 on outputs must only exist and not be empty (and fit their schema): what an earlier iteration
wrote, and what is still there, stays the task's.

Recorded paths: relative to the workspace for its files, `run:<name>` for files of the run, `from:stdout` and
`from:answer` for what the agent said. (A workspace file that is called like one of those is `./run:x`.)
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Any

from orchharness.core.plan import EMPTY, OutputKind
from orchharness.record import record
from orchharness.workspace.declared import Declared, declare, watched
from orchharness.workspace.outputs import NoEvidenceError, Situation, examine
from orchharness.workspace.snapshots import differs, snapshot, survey, verify
from orchharness.workspace.store import Store

__all__ = ["Declared", "Evidence", "collect", "declare", "snapshot", "verify", "watched"]


@record
class Evidence:
    """What was found. `outputs`: name -> list of `{"path", "sha256", "size", "how"}`, of the good outputs.

    `detail` names every output that failed, a line each. `changed`: whether anything the act may write has
    other bytes than before it.
    """

    ok: bool
    detail: str = ""
    outputs: Mapping[str, list[dict[str, Any]]] = field(default_factory=dict)
    changed: bool = True
    warnings: tuple[str, ...] = ()


def collect(  # noqa: PLR0913 - each is a fact about the act, named at the call
    workspace: str | os.PathLike[str],
    declared: Sequence[Declared],
    writes: Sequence[str],
    before: Mapping[str, Any],
    *,
    iteration: int,
    answer: str | None,
    store: Store,
    earlier: Mapping[str, Any] = EMPTY,
    skip: str | os.PathLike[str] | None = None,
) -> Evidence:
    """The evidence of an act that is over.

    Args:
        workspace: The folder the act worked in.
        declared: What it had to produce.
        writes: What it was allowed to change.
        before: The snapshot of `watched(declared, writes)` from before the act.
        iteration: From 1.
        answer: The agent's final text.
        store: Where artifacts are kept.
        earlier: `outputs` of the iteration before.
        skip: The run directory, when it is inside the workspace.

    Raises:
        OrchError: a pattern leaves the workspace, or a schema cannot be used.
        OSError: the disk is full, or fails.
    """
    if not declared and not writes:
        return Evidence(ok=True)
    run = os.fspath(skip) if skip is not None else None
    situation = Situation(
        root=os.path.realpath(workspace),
        before=before,
        first=iteration == 1,
        store=store,
        answer=answer,
        earlier=earlier,
        skip=run,
    )
    outputs: dict[str, list[dict[str, Any]]] = {}
    problems: list[str] = []
    warnings: list[str] = []
    for output in declared:
        try:
            outputs[output.name] = [a.to_record() for a in examine(situation, output, warnings)]
        except NoEvidenceError as error:
            problems.append(output.problem(str(error)))
    return Evidence(
        ok=not problems,
        detail="\n".join(problems),
        outputs=outputs,
        changed=_said_otherwise(declared, outputs, earlier) or _wrote_otherwise(situation, declared, writes),
        warnings=tuple(warnings),
    )


def _said_otherwise(
    declared: Sequence[Declared], outputs: Mapping[str, Any], earlier: Mapping[str, Any]
) -> bool:
    """Whether an output outside the workspace differs from that of the iteration before."""
    return any(
        {entry["sha256"] for entry in outputs.get(output.name, ())}
        != {entry["sha256"] for entry in earlier.get(output.name, ())}
        for output in declared
        if output.kind is not OutputKind.FILE
    )


def _wrote_otherwise(situation: Situation, declared: Sequence[Declared], writes: Sequence[str]) -> bool:
    """Whether a file of the workspace was created, deleted, or has other bytes than before the act."""
    files = [output for output in declared if output.kind is OutputKind.FILE]
    after = survey(situation.root, watched(files, writes), skip=situation.skip, known=situation.before)
    before = {path: seen for path, seen in situation.before.items() if not path.startswith("/")}
    return differs(before, after)
