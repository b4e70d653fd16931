"""Replaying: an act that was recorded becomes a process that puts the recorded bytes where they belong.

Rules that hold here:
  * An act of a model is replayed or fails; its plugin is not called, whatever the recording holds or lacks.
  * Acts that were not recorded and are no model's (commands, checks) are carried out: gates judge recorded work by
    real checks. In a recording of everything they miss as well.
  * Only what the task declares can be written: a recording is a file of the project, and anybody may have edited it.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchharness import private
from orchharness.core.acts import Outcome
from orchharness.core.plan import EMPTY, Must, OutputKind
from orchharness.errors import OrchError
from orchharness.recording import player
from orchharness.recording.asked import Question, name_of
from orchharness.recording.folder import RecordingFolder
from orchharness.recording.miss import differs, unknown
from orchharness.recording.reach import covers
from orchharness.recording.redacting import asked_by
from orchharness.recording.texts import Texts, texts_of
from orchharness.recording.which import is_asked, is_model
from orchharness.report.text import plural
from orchharness.run.act import write_request
from orchharness.workspace.declared import ANSWER, RUN, STDOUT
from orchharness.workspace.files import below, inside
from orchharness.workspace.snapshots import verify

if TYPE_CHECKING:
    from orchharness.core.orchestrator import Orchestrator
    from orchharness.run.act import ActRequest, ActResult
    from orchharness.run.entries import Start
    from orchharness.run.parts import Parts

_ANSWER_LIMIT = 1 << 20  # bytes of a result file that are read


class Replayer:
    """Replays one run."""

    def __init__(self, folder: RecordingFolder) -> None:
        self.folder = folder
        self.source = f"{folder.root.parent.name}/{folder.root.name}"
        self.replayed = 0
        self._really = 0
        self._everything = False
        self._seconds = 0

    def begin(self, parts: Parts, session: Path) -> None:
        """Look whether there is a recording of this plan.

        Raises:
            OrchError: there is none, or it cannot be used.
        """
        self._parts, self._session = parts, session
        header = self.folder.header()
        if header.get("plan") != parts.plan.id:
            raise self.folder.damaged("recording.json", f"it is of plan {header.get('plan')!r:.80}")
        self._everything = header.get("records") == "all"

    def note(self) -> str:
        """What the run's first record says of it."""
        return f"replayed from {self.source}, no agent ran"

    def asks(self, start: Start, request: ActRequest) -> ActRequest:
        """The act that replays what was recorded; the act itself where it is to be carried out.

        Raises:
            OrchError: what is asked is not what was recorded, nothing was recorded, or it cannot be used.
            OSError: what the act reads cannot be read.
        """
        name = name_of(request.act)
        found = self.folder.act(name)
        model = is_model(self._parts.plan, start)
        if is_asked(self._parts.plan, start) or (found is None and not (model or self._everything)):
            self._really += 1
            return request
        texts = texts_of(self._parts, request.folder, self._session, asked_by(self._parts))
        asked = Question(request, texts, self._parts.plan).value()
        if found is None:
            raise unknown(name, asked, self.folder)
        if found.get("asked") != asked:
            raise differs(name, found.get("asked"), asked, self.folder)
        replayed = self._replayed(name, request, found, texts)
        write_request(replayed)
        self.replayed += 1
        self._seconds += _number(found.get("seconds"))
        return replayed

    def over(self, start: Start, request: ActRequest | None, result: ActResult) -> None:
        """Nothing is recorded."""

    def end(self, run: Orchestrator, acts: set[str]) -> list[str]:
        """Nothing to warn of."""
        del run, acts
        return []

    def lines(self) -> list[str]:
        """For the terminal."""
        took = f", which took {self._seconds} s when recorded" if self._seconds else ""
        told = f"{self.note()}: {plural(self.replayed, 'act')} replayed{took}"
        if self._really == 1:
            told += "; 1 act that is no model's was carried out"
        elif self._really:
            told += f"; {self._really} acts that are no model's were carried out"
        return [told]

    # ---- the act -----------------------------------------------------------------------------

    def _replayed(self, name: str, request: ActRequest, found: Mapping[str, Any], texts: Texts) -> ActRequest:
        try:
            script = self._script(name, request, found, texts)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise self.folder.damaged(f"{name}.json", f"{type(error).__name__}: {error}") from None
        path = Path(request.folder, "replay.json")
        private.write(path, json.dumps(script))
        spawn = request.spawn
        return replace(
            request,
            # What the plan asks of the caller's environment was for the agent, and need not be there.
            secret=EMPTY,
            spawn=replace(
                spawn,
                kind="command",
                argv=(sys.executable, "-I", "-S", player.__file__, str(path)),
                shell=False,
                prompt=None,
                options=EMPTY,
                session=None,
                env={n: v for n, v in spawn.env.items() if n not in request.secret},
            ),
        )

    def _script(
        self, name: str, request: ActRequest, found: Mapping[str, Any], texts: Texts
    ) -> dict[str, Any]:
        outcome = Outcome(found["outcome"])
        result = {n: found[n] for n in ("summary", "session", "usage") if n in found}
        files: list[dict[str, Any]] = []
        prints: dict[str, Any] | None = None
        for entry in found["files"]:
            source = self.folder.file(entry)
            if entry["path"] == ANSWER:
                result["answer"] = Path(source).read_bytes().decode("utf-8", "surrogateescape")
            elif entry["path"] == STDOUT:
                prints = {"source": source}
            else:
                files.append({**self._target(name, request, entry["path"]), **_of(entry), "source": source})
                _refuse_done(request, entry["path"], files[-1])
        if outcome is not Outcome.SUCCESS and outcome is not Outcome.EVIDENCE:
            result["status"] = f"{outcome}, as recorded"
        detail = texts.here(str(found.get("detail", "")))
        return {
            "files": files,
            "deleted": [self._target(name, request, path) for path in found.get("deleted", ())],
            "prints": prints,
            "leaves": self._leaves(name, request, texts.here_all(result), found, texts),
            "says": f"{detail}\n" if detail else "",
            "exit": _exit_of(outcome, found),
        }

    def _leaves(
        self,
        name: str,
        request: ActRequest,
        result: Mapping[str, Any],
        found: Mapping[str, Any],
        texts: Texts,
    ) -> dict[str, str]:
        """The files that the act leaves in its own folder."""
        folder = request.folder
        text = json.dumps(result)
        if len(text) > _ANSWER_LIMIT:
            msg = (
                f"{name}: an answer of more than {_ANSWER_LIMIT} bytes cannot be replayed: not supported yet"
            )
            raise OrchError(msg)
        leaves = {f"{folder}/agent-result.json": text}
        if request.role == "critic" and "evaluation" in found:
            leaves[f"{folder}/evaluation.json"] = json.dumps(texts.here_all(found["evaluation"]))
        return leaves

    def _target(self, name: str, request: ActRequest, path: str) -> dict[str, str]:
        """Where a recorded file belongs.

        Raises:
            OrchError: not where this task may write.
        """
        root, patterns = request.workspace, [*request.writes]
        for output in request.outputs:
            if output["kind"] == OutputKind.RUN and path.startswith(RUN):
                root = output["root"]
                patterns.append(RUN + os.path.relpath(output["path"], root))  # noqa: PTH118
            elif output["kind"] == OutputKind.FILE:
                patterns.append(output["path"])
        try:
            target = below(root, path.removeprefix(RUN))
        except OrchError as error:
            raise self.folder.damaged(f"{name}.json", f"it names the path {path!r:.200}: {error}") from None
        if not covers(patterns, path):
            why = f"it would write {path!r:.200}, which is no output of the task and not in its 'writes'"
            raise self.folder.damaged(f"{name}.json", why)
        real, allowed = os.path.realpath(target), os.path.realpath(root)
        if not inside(real, allowed):
            raise self.folder.damaged(f"{name}.json", f"{path!r:.200} leads out of the workspace here")
        return {"target": target, "inside": root}


def _refuse_done(request: ActRequest, path: str, entry: Mapping[str, Any]) -> None:
    """Refuse where nobody could tell afterwards that the act wrote the file.

    Raises:
        OrchError: the file is there, with the recorded bytes, and the task must change it.
    """
    changes = any(
        o["must"] == Must.CHANGE and o["kind"] == OutputKind.FILE and covers([o["path"]], path)
        for o in request.outputs
    )
    if not changes or request.iteration > 1 or verify({entry["target"]: entry["sha256"]}):
        return
    msg = (
        f"{path!r} holds already what the recording writes, and the task must change it: a plan that is replayed "
        "needs the workspace as it was, give it one of its own with 'workspace: {copy: …}'"
    )
    raise OrchError(msg)


def _of(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {"sha256": entry["sha256"], "executable": bool(entry.get("executable"))}


def _number(value: Any) -> int:
    return value if type(value) is int and value > 0 else 0


def _exit_of(outcome: Outcome, found: Mapping[str, Any]) -> int:
    if outcome in {Outcome.SUCCESS, Outcome.EVIDENCE}:
        return 0
    status = found.get("exit")
    return status if type(status) is int and 0 < status < 256 else 1  # noqa: PLR2004 - what a process can say
