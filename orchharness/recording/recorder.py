"""Recording: what each act was asked and what it left, written when the act is over, before it is journalled.

So a session that dies in between finds the act again when it is resumed, and records it then.
"""

from __future__ import annotations

import json
import os
import posixpath
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchharness.core.acts import Outcome
from orchharness.core.instructions import StartTask
from orchharness.core.plan import OutputKind, Workspace
from orchharness.errors import OrchError
from orchharness.recording.asked import Question, name_of
from orchharness.recording.folder import RecordingFolder
from orchharness.recording.redacting import recorded_by
from orchharness.recording.texts import Texts, texts_of
from orchharness.recording.which import belongs, is_model
from orchharness.workspace.declared import RUN, Declared, watched
from orchharness.workspace.files import open_regular
from orchharness.workspace.snapshots import how_written, survey
from orchharness.workspace.store import Store

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
            found = _Found(self, request, result, texts)
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
        return [f"recorded: {len(self._kept)} act{'s' * (len(self._kept) != 1)} to {self.folder.root}"]


class _Found:
    """What an act left, as it is recorded."""

    def __init__(self, recorder: Recorder, request: ActRequest, result: ActResult, texts: Texts) -> None:
        self._folder, self._texts = recorder.folder, texts
        self._request, self._result = request, result
        self._name = name_of(result.act)
        self.files: dict[str, bytes] = {}  # place in the recording -> bytes

    def value(self) -> dict[str, Any]:
        """The record; `files` are filled on the way."""
        result = self._result
        found: dict[str, Any] = {
            "outcome": str(result.outcome),
            "exit": result.exit,
            "detail": self._text(result.detail),
            "summary": self._text(result.summary),
            "session": f"session of {self._name}" if result.session else None,
            "usage": dict(result.usage),
            # To the second: two recordings of the same work should be the same text.
            "seconds": round(result.seconds),
            "evaluation": self._texts.stored_all(result.evaluation) if result.evaluation else None,
            "deleted": list(self._deleted()),
        }
        entries = [*self._written(), *self._said()]
        return {n: v for n, v in found.items() if v not in (None, "", [], {})} | {"files": entries}

    def _text(self, text: str | None) -> str:
        text = text or ""
        if self._result.session:
            text = text.replace(self._result.session, f"session of {self._name}")
        return self._texts.stored(text)

    # ---- files -------------------------------------------------------------------------------

    def _watched(self) -> list[str]:
        request = self._request
        if request.role != "task":
            return []
        return watched([Declared.from_record(o) for o in request.outputs], request.writes)

    def _before(self) -> dict[str, Any]:
        try:
            found: dict[str, Any] = json.loads(Path(self._request.folder, "snapshot.json").read_bytes())
        except OSError:
            return {}  # it declares nothing
        return found

    def _after(self) -> dict[str, Any]:
        request = self._request
        return survey(request.workspace, self._watched(), skip=request.run_folder)

    def _deleted(self) -> Iterator[str]:
        after = self._after()
        for path, seen in self._before().items():
            if "sha256" in seen and path not in after:
                yield self._label(path)

    def _written(self) -> Iterator[dict[str, Any]]:
        """The files that the act wrote, of those that it may write."""
        before = self._before()
        for path, seen in sorted(self._after().items()):
            if "sha256" not in seen or how_written(before.get(path), seen["sha256"], seen) == "existed":
                continue
            real = os.path.realpath(posixpath.join(self._request.workspace, path))
            with open_regular(real) as file:
                data = file.read()
            yield self._keep(self._label(path), data, executable=os.access(real, os.X_OK))

    def _label(self, path: str) -> str:
        """A file of the workspace by its relative path, one of the run as `run:name`.

        Raises:
            OrchError: its name holds what must not be recorded, and under another name it would be another file.
        """
        if path.startswith("/"):
            (root,) = {o["root"] for o in self._request.outputs if o["kind"] == OutputKind.RUN}
            path = RUN + posixpath.relpath(path, root)
        shown = self._texts.without_secrets(path)
        if shown != path:
            msg = f"the name of the file {shown!r} holds a secret, or what looks like one; name it otherwise"
            raise OrchError(msg)
        return path

    def _said(self) -> Iterator[dict[str, Any]]:
        """What the agent printed or answered, where that is an output."""
        kinds = {o["name"]: o["kind"] for o in self._request.outputs}
        for name, entries in self._result.outputs.items():
            if kinds.get(name) not in {OutputKind.ANSWER, OutputKind.STDOUT}:
                continue
            for entry in entries:
                data = Store(Path(self._request.store)).read(entry["sha256"])
                if kinds[name] == OutputKind.ANSWER:
                    text = data.decode("utf-8", "surrogateescape")
                    data = self._text(text).encode("utf-8", "surrogateescape")
                yield self._keep(entry["path"], data, executable=False)

    def _keep(self, label: str, data: bytes, *, executable: bool) -> dict[str, Any]:
        from hashlib import sha256

        data = self._texts.redacted(data)
        place = self._folder.place(self._name, label.replace(":", "/"), data)
        self.files[place] = data
        found: dict[str, Any] = {
            "path": label,
            "file": place,
            "sha256": sha256(data).hexdigest(),
            "size": len(data),
        }
        return {**found, "executable": True} if executable else found
