"""Recording: what each act was asked and what it left, written when the act is over, before it is journalled.

So a session that dies in between finds the act again when it is resumed, and records it then.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchharness.core.acts import Outcome
from orchharness.core.instructions import StartTask
from orchharness.core.plan import Workspace
from orchharness.errors import OrchError
from orchharness.recording.asked import Question, name_of
from orchharness.recording.folder import RecordingFolder
from orchharness.recording.found import Found
from orchharness.recording.redacting import recorded_by
from orchharness.recording.texts import texts_of
from orchharness.recording.which import belongs, is_model
from orchharness.report.text import plural

if TYPE_CHECKING:
    from orchharness.core.orchestrator import Orchestrator
    from orchharness.run.act import ActRequest, ActResult
    from orchharness.run.entries import Start
    from orchharness.run.parts import Parts

# What is no answer of the agent's says nothing about its work, and must not take the place of what does.
_ANSWERS = {Outcome.SUCCESS, Outcome.EXIT, Outcome.EVIDENCE, Outcome.TIMEOUT, Outcome.IDLE}


class Recorder:
    """Records one run. With `everything`, also commands, checks and critics that are no models."""

    source = ""  # agents run

    def __init__(
        self, folder: RecordingFolder, *, everything: bool = False, versions: Mapping[str, str]
    ) -> None:
        self.folder = folder
        self._everything, self._versions = everything, versions
        self._asked: dict[str, dict[str, Any]] = {}
        self._wanted: set[str] = set()  # what is to be recorded of this session
        self._kept: set[str] = set()
        self._worked: set[str] = set()  # tasks of which an act was recorded
        self._told: set[str] = set()  # those of them that a fault names
        self._faults: list[str] = []

    def begin(self, parts: Parts, session: Path) -> None:
        """Write the header: what follows belongs to this plan.

        Raises:
            OrchError: another plan of the folder is recorded there.
            OSError: the disk fails.
        """
        self._parts, self._session = parts, session
        plan = parts.plan
        file = Path(plan.path).name
        other = self._recorded_file()
        if other not in {"", file} and Path(plan.path).with_name(other).exists():
            msg = (
                f"{self.folder.root} is the recording of {other!r}, which has the id {plan.id!r} as well: "
                "give one of the two another 'plan: …'"
            )
            raise OrchError(msg)
        told = {"orchharness", *(agent.kind for agent in plan.agents.values())}  # not what else is installed
        self.folder.write_header(
            {
                "plan": plan.id,
                "file": file,
                "plan_sha256": plan.digest,
                "records": "all" if self._everything else "models",
                "versions": {n: v for n, v in self._versions.items() if n in told},
            }
        )

    def _recorded_file(self) -> str:
        """The name of the plan file that was recorded before; empty where nobody can tell."""
        if not self.folder.exists:
            return ""
        try:
            return posixpath.basename(str(self.folder.header().get("file", "")))
        except OrchError:
            return ""  # damaged, or of another format: it is made anew

    def note(self) -> str:
        """What the run's first record says of it."""
        return f"recorded to {self.folder.root.parent.name}/{self.folder.root.name}"

    def asks(self, start: Start, request: ActRequest) -> ActRequest:
        """Remember what is asked; the agent is asked it unchanged, also where it cannot be recorded."""
        name = name_of(request.act)
        try:
            if self._everything or is_model(self._parts.plan, start):
                self._wanted.add(name)
                texts = texts_of(self._parts, request.folder, self._session, recorded_by(self._parts))
                self._asked[request.act] = Question(request, texts, self._parts.plan).value()
            else:
                self.folder.forget(name)  # of a recording of everything: it would be replayed, as it was then
        except Exception as error:  # noqa: BLE001 - what cannot be recorded must not end what can be done
            self._failed(name, error)
        return request

    def over(self, start: Start, request: ActRequest | None, result: ActResult) -> None:
        """Record the act; what cannot be recorded is said at the end, the run goes on."""
        asked = self._asked.pop(result.act, None)
        name = name_of(result.act)
        if asked is None or request is None or result.outcome not in _ANSWERS:
            return
        texts = texts_of(self._parts, request.folder, self._session, recorded_by(self._parts))
        try:
            found = Found(self.folder, request, result, texts)
            self.folder.write_act(name, {"asked": asked, **found.value()}, found.files)
        except Exception as error:  # noqa: BLE001 - what cannot be recorded must not end what can be done
            self._failed(name, error)
        else:
            self._kept.add(name)
            if isinstance(start, StartTask):
                self._worked.add(start.task)

    def _failed(self, name: str, error: Exception) -> None:
        self._told.add(name)
        self._faults.append(f"{name} was not recorded: {error}")

    def end(self, run: Orchestrator, acts: set[str]) -> list[str]:
        """Remove what the run has no more, when all of the plan was run; what to warn of.

        Args:
            run: The run, which is over.
            acts: The names of all acts of the run whose results count, earlier sessions included.
        """
        names = {name_of(act) for act in acts}
        plan = run.plan
        whole = len(run.selected) == len(plan.tasks) + len(plan.gates) and run.stop is None
        if whole:
            try:
                self.folder.prune(names)
            except Exception as error:  # noqa: BLE001
                self._faults.append(f"old recordings were not removed: {error}")
        missing = sorted(self._wanted - self._kept - self._told)
        if missing:
            self._faults.append(f"not recorded, for lack of an answer: {', '.join(missing)}")
        reused = sorted(
            n for n in names - self._wanted if not self.folder.has(n) and belongs(plan, n, self._everything)
        )
        if reused:
            self._faults.append(
                f"taken over from a run that was not recorded, so a replay will miss: {', '.join(reused)}; "
                f"to record all of it: {self.folder.again} --orch-fresh"
            )
        committed = [task for task in sorted(self._worked) if self._has_commits(task)]
        if committed:
            self._faults.append(
                f"commits are not recorded, only files: in a replay the branches stay at the commit where the run "
                f"began, and what merges them gets nothing: {', '.join(committed)}"
            )
        return self._faults

    def _has_commits(self, task: str) -> bool:
        """Whether the branch of the task's worktree is elsewhere than where it began; False without a worktree."""
        parts = self._parts
        if parts.plan.worker(task).workspace is not Workspace.WORKTREE:
            return False
        from orchharness.run.worktrees import branch_of
        from orchharness.workspace.git import in_repository

        branch = f"refs/heads/{branch_of(parts.directory.run_id, task)}"
        try:
            found = in_repository(parts.base.common, "for-each-ref", "--format=%(objectname)", branch)
        except OrchError:
            return True  # nobody can tell, and silence would say that there are none
        return found.strip() != parts.base.commit

    def lines(self) -> list[str]:
        """For the terminal."""
        return [f"recorded: {plural(len(self._kept), 'act')} to {self.folder.root}"]
