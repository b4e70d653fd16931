"""What an act left, as it is recorded: how it ended, what it said, and the files that it wrote, without secrets."""

from __future__ import annotations

import json
import os
import posixpath
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchharness.core.plan import OutputKind
from orchharness.errors import OrchError
from orchharness.recording.asked import name_of
from orchharness.workspace.declared import RUN, Declared, watched
from orchharness.workspace.files import open_regular
from orchharness.workspace.snapshots import how_written, survey
from orchharness.workspace.store import Store

if TYPE_CHECKING:
    from orchharness.recording.folder import RecordingFolder
    from orchharness.recording.texts import Texts
    from orchharness.run.act import ActRequest, ActResult


class Found:
    """What an act left, as it is recorded."""

    def __init__(self, folder: RecordingFolder, request: ActRequest, result: ActResult, texts: Texts) -> None:
        self._folder, self._texts = folder, texts
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
