"""What is looked at before an act and after it: evidence for tasks, untouched inputs for judges."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from typing import Any

from orchharness import private
from orchharness.core.acts import Finished, Outcome
from orchharness.core.plan import EMPTY
from orchharness.errors import OrchError
from orchharness.record import record
from orchharness.redact import MARK, Redactor
from orchharness.run.act import ActRequest
from orchharness.run.former import NAMED
from orchharness.run.hidden import redactor_of

_SNAPSHOT = "snapshot.json"
_TAIL = 2000  # bytes of a log that a message shows
_MORE = 16 * 1024  # bytes before them that are looked at


@record
class Finding:
    """What is known of an act that is over."""

    outcome: Outcome
    detail: str = ""
    exit: int | None = None
    outputs: Mapping[str, Any] = field(default=EMPTY)
    changed: bool = True
    evaluation: Mapping[str, Any] = field(default=EMPTY)
    summary: str | None = None
    retry_after: float | None = None


def with_secrets(env: Mapping[str, str], secret: Mapping[str, str]) -> dict[str, str]:
    """The environment with `${NAME}` of the caller's filled in, for these entries, where the plan wrote it.

    Raises:
        OrchError: the caller's environment has no such variable.
    """
    filled = dict(env)
    for entry, written in secret.items():
        names = set(NAMED.findall(written))
        unknown = sorted(names - os.environ.keys())
        if unknown:
            msg = f"the environment has no {unknown[0]!r}, which the plan's env asks for"
            raise OrchError(msg)
        # What a template brought in is data: a `${NAME}` in it stays as it is.
        parts = NAMED.split(env[entry])
        values = [os.environ[n] if n in names else f"${{{n}}}" for n in parts[1::2]]
        filled[entry] = "".join(part + value for part, value in zip(parts[::2], [*values, ""], strict=True))
    return filled


def before_task(request: ActRequest) -> dict[str, Any]:
    """The snapshot of everything the task may write or must produce; stored, so that any process can compare."""
    if not request.outputs and not request.writes:
        return {}
    from orchharness.workspace.declared import Declared, watched
    from orchharness.workspace.snapshots import snapshot

    path = Path(request.folder, _SNAPSHOT)
    if path.exists():  # the act was spawned before, by a process that is gone
        try:
            found: dict[str, Any] = json.loads(path.read_bytes())
        except ValueError as error:
            msg = f"the snapshot of what was there before the act is damaged: {error}"
            raise OrchError(msg) from None
        return found
    kept = _before_limited(request)
    if kept is None:
        declared = [Declared.from_record(o) for o in request.outputs]
        kept = snapshot(request.workspace, watched(declared, request.writes), skip=request.run_folder)
    _keep(request, kept)
    return kept


def _before_limited(request: ActRequest) -> dict[str, Any] | None:
    """What was there before an act that was limited, and whose work counts as this one's.

    None: there was none, or its snapshot is not whole. Then what is there now counts as old, which is strict.
    """
    if not request.goes_on_from:
        return None
    from orchharness.workspace.files import open_regular

    try:
        with open_regular(f"{request.goes_on_from}/{_SNAPSHOT}") as file:
            text = file.read().decode()
        found = json.loads(text)
    except (OSError, ValueError):
        return None
    # Where a name was redacted, the file of that name would look new.
    return found if isinstance(found, dict) and MARK not in text else None


def _keep(request: ActRequest, seen: Mapping[str, Any]) -> None:
    path = Path(request.folder, _SNAPSHOT)
    part = path.with_suffix(".part")
    part.unlink(missing_ok=True)  # the folder is the agent's: a link there must not be followed
    private.write(part, json.dumps(seen))
    part.rename(path)


def after_task(request: ActRequest, answer: Finished, before: Mapping[str, Any]) -> Finding:
    """The evidence of a task's act; what the agent says of itself can make it fail, never pass.

    Raises:
        OrchError: evidence cannot be looked at.
        OSError: the disk fails.
    """
    if answer.trouble:
        if answer.trouble == "limited" and (request.outputs or request.writes):
            # The next attempt is compared with it, and the agent could write where it lies.
            _keep(request, before)
        return _in_trouble(request, answer)
    if not answer.ok:
        said = answer.detail or (f"exit status {answer.exit}" if answer.exit else "the agent did not succeed")
        return Finding(
            outcome=Outcome.EXIT, detail=_with_tail(request, said), exit=answer.exit, summary=answer.summary
        )
    if request.worktree and (left := _left_its_branch(request)):
        return Finding(outcome=Outcome.EVIDENCE, detail=left, exit=answer.exit, summary=answer.summary)
    if not request.outputs and not request.writes:
        return Finding(
            outcome=Outcome.SUCCESS, detail=answer.detail, exit=answer.exit, summary=answer.summary
        )
    from orchharness.workspace.declared import Declared
    from orchharness.workspace.evidence import collect
    from orchharness.workspace.store import Store

    evidence = collect(
        request.workspace,
        [Declared.from_record(o) for o in request.outputs],
        request.writes,
        before,
        iteration=request.iteration,
        answer=answer.answer,
        store=Store(Path(request.store)),
        earlier=request.earlier,
        skip=request.run_folder,
    )
    return Finding(
        outcome=Outcome.SUCCESS if evidence.ok else Outcome.EVIDENCE,
        detail="\n".join(
            filter(None, [evidence.detail, answer.detail, *(() if evidence.detail else evidence.warnings)])
        ),
        exit=answer.exit,
        outputs=evidence.outputs,
        changed=evidence.changed,
        summary=answer.summary,
    )


def _left_its_branch(request: ActRequest) -> str:
    from orchharness.run.branches import left

    return left(request.workspace, request.worktree["branch"], request.worktree["repository"])


def before_critic(request: ActRequest) -> dict[str, Any]:
    """Refuse to judge when what judges is not what it was.

    Raises:
        OrchError: gate inputs, or what the checks will read, changed.
    """
    _refuse_changed(request)
    return {}


def _refuse_changed(request: ActRequest) -> None:
    from orchharness.workspace.gate_inputs import Frozen, changed, tests_changed
    from orchharness.workspace.snapshots import verify

    wrong = changed([Frozen.from_record(f) for f in request.frozen])
    for watched in request.watched:
        wrong += tests_changed(
            Path(request.workspace), watched["paths"], watched["seen"], skip=Path(request.run_folder)
        )
    if wrong:
        msg = f"gate inputs changed: {', '.join(dict.fromkeys(wrong))}"
        raise OrchError(msg)
    touched = verify(request.staged) + verify(request.live)
    if touched:
        names = ", ".join(os.path.relpath(p, request.workspace) if p in request.live else p for p in touched)
        msg = f"what is judged was changed while it was judged: {names}"
        raise OrchError(msg)


def after_critic(request: ActRequest, answer: Finished, before: Mapping[str, Any]) -> Finding:
    """The evaluation a critic left, if what it judged and what judges are still the same bytes.

    Raises:
        OrchError: they are not.
    """
    del before
    _refuse_changed(request)
    if answer.trouble:
        return _in_trouble(request, answer)
    if not answer.ok:
        said = answer.detail or f"exit status {answer.exit}"
        return Finding(outcome=Outcome.EXIT, detail=_with_tail(request, said), exit=answer.exit)
    try:
        evaluation = json.loads((Path(request.folder) / "evaluation.json").read_bytes())
    except (OSError, ValueError) as error:
        return Finding(
            outcome=Outcome.ERROR, detail=f"the critic left no evaluation: {error}", exit=answer.exit
        )
    return Finding(outcome=Outcome.SUCCESS, exit=answer.exit, evaluation=evaluation)


def _in_trouble(request: ActRequest, answer: Finished) -> Finding:
    """Not the agent but its engine is why it is not ok: there is no work to be looked at."""
    if answer.trouble == "limited":
        return Finding(
            outcome=Outcome.LIMITED,
            detail=answer.detail,
            exit=answer.exit,
            summary=answer.summary,
            retry_after=answer.retry_after,
        )
    said = answer.detail or "its engine does not know the caller"
    return Finding(
        outcome=Outcome.REFUSED, detail=_with_tail(request, said), exit=answer.exit, summary=answer.summary
    )


def _with_tail(request: ActRequest, said: str) -> str:
    """The message with the ends of what the act printed, on stdout and on stderr.

    What a client prints is for programs, and its plugin has said what it means.
    """
    from orchharness.agents.client_run import SPEC

    redactor = redactor_of(request.hidden)
    logs = ("stderr.log",) if Path(request.folder, SPEC).exists() else ("stdout.log", "stderr.log")
    tails = (_tail(f"{request.folder}/{name}", redactor) for name in logs)
    lines = f"\n{said}\n"
    return "\n".join([said, *(tail for tail in tails if tail and f"\n{tail}\n" not in lines)])


def _tail(path: str, redactor: Redactor) -> str:
    """The end of a log; empty when it is none any more: a FIFO that an agent put there must not stop us.

    It is redacted before it is cut: of half a value nobody can tell what it is.
    """
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW), "rb") as file:  # noqa: PTH123
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _TAIL - _MORE))
            text = redactor.text((file.read() or b"").decode(errors="replace"))
            return text[-_TAIL:].strip() if size > _TAIL else text.strip()
    except OSError:
        return ""
