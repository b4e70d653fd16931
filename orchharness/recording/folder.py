"""The folder of one plan's recording: a header, one JSON file per act, and beside it what the act wrote.

    recordings/<plan>/recording.json         the header: format, plan, what was recorded, versions
    recordings/<plan>/EN-027.i2.json         what the act was asked, and what came of it
    recordings/<plan>/EN-027.i2/docs/a.md    what it wrote, as text
    recordings/<plan>/store/<sha256>         what is large, or no text

Keys are sorted, each stands on a line of its own, and nothing says when it was written. Every act's file holds the
digest of the rest of it, and the digests of the files beside it: what is damaged is refused, with its path.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Collection, Mapping
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchharness.errors import OrchError
from orchharness.record import record
from orchharness.workspace.files import inside, open_regular, relative

if TYPE_CHECKING:
    from orchharness.core.plan import Plan

FORMAT = 1
HEADER = "recording.json"
STORE = "store"
_BESIDE = "recordings"  # the folder beside the plan; `pytest_plugin.RECORDINGS` is the same
_AS_WRITTEN = "evaluation"
_READABLE = 256 * 1024  # bytes; a larger file is kept by its digest
_MOST = 64 * 1024 * 1024  # bytes of one act's file


@record(kw_only=False)
class RecordingFolder:
    """Reads and writes the recording. `again` is the command that records again, for messages."""

    root: Path
    again: str

    @property
    def exists(self) -> bool:
        """Whether anything was recorded."""
        return (self.root / HEADER).is_file()

    # ---- reading -----------------------------------------------------------------------------

    def header(self) -> dict[str, Any]:
        """The header.

        Raises:
            OrchError: there is none, it is damaged, or of another format.
        """
        if not self.exists:
            msg = f"there is no recording: {self.root / HEADER} does not exist; to make it: {self.again}"
            raise OrchError(msg)
        found = self._read(HEADER)
        if found.get("format") != FORMAT:
            known = f"this version of orchharness reads format {FORMAT}"
            msg = f"{self.root / HEADER}: the recording has format {found.get('format')!r:.40}, {known}; record again: {self.again}"
            raise OrchError(msg)
        return found

    def act(self, name: str) -> dict[str, Any] | None:
        """What is recorded of the act; None when nothing is.

        Raises:
            OrchError: it is damaged.
        """
        if not self.has(name):
            return None
        found = self._read(f"{name}.json")
        kept = found.pop("digest", None)
        if kept != _digest(found) or found.get("act") != name:
            raise self.damaged(f"{name}.json", "what it holds is not what was recorded")
        return found

    def has(self, name: str) -> bool:
        """Whether anything is recorded of the act."""
        return os.path.lexists(self.root / f"{name}.json")

    def file(self, entry: Mapping[str, Any]) -> str:
        """The absolute path of a recorded file, whose bytes are the recorded ones.

        Raises:
            OrchError: it is not there, is another file by now, or would be outside of the recording.
        """
        name = entry.get("file")
        try:
            path = self.root / relative(str(name))
        except OrchError as error:
            raise self.damaged(HEADER, f"it names the file {name!r:.200}: {error}") from None
        real = os.path.realpath(path)
        if not inside(real, os.path.realpath(self.root)):
            raise self.damaged(str(name), "it leads out of the recording")
        try:
            with open_regular(real) as file:
                found = sha256(file.read()).hexdigest()
        except OSError as error:
            raise self.damaged(str(name), str(error.strerror)) from None
        if found != entry.get("sha256"):
            raise self.damaged(str(name), "its bytes are not the recorded ones")
        return real

    def damaged(self, name: str, why: str) -> OrchError:
        """The error that says so, and what to do."""
        return OrchError(f"the recording is damaged: {self.root / name}: {why}; record again: {self.again}")

    def _read(self, name: str) -> dict[str, Any]:
        try:
            with open_regular(os.fspath(self.root / name)) as file:
                found = json.loads(file.read(_MOST))
        except (OSError, ValueError, RecursionError) as error:
            raise self.damaged(name, f"it cannot be read: {error}") from None
        if not isinstance(found, dict):
            raise self.damaged(name, "it is no JSON object")
        return found

    # ---- writing -----------------------------------------------------------------------------

    def write_header(self, header: Mapping[str, Any]) -> None:
        """Write the header.

        Raises:
            OSError: the disk fails.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        self._write(HEADER, {"format": FORMAT, **header})

    def write_act(self, name: str, found: Mapping[str, Any], files: Mapping[str, bytes]) -> None:
        """Replace what is recorded of the act; `files` are those beside it, by their place in the recording.

        Raises:
            OSError: the disk fails.
        """
        beside = self.root / name
        if beside.is_dir() and not beside.is_symlink():
            shutil.rmtree(beside)
        for place, data in files.items():
            path = self.root / relative(place)
            path.parent.mkdir(parents=True, exist_ok=True)
            _replace(path, data)
        value = {**found, "act": name, "seconds": self._seconds(name, found)}
        self._write(f"{name}.json", {**value, "digest": _digest(value)})

    def _seconds(self, name: str, found: Mapping[str, Any]) -> Any:
        """How long the act took; of one that did the same before, what is recorded: nothing else would be new."""
        try:
            before = self.act(name) or {}
        except OrchError:
            before = {}
        same = _digest({**before, "act": "", "seconds": 0}) == _digest({**found, "act": "", "seconds": 0})
        return before["seconds"] if same and "seconds" in before else found.get("seconds", 0)

    def place(self, act: str, path: str, data: bytes) -> str:
        """Where in the recording a file of the act is kept: readable beside it, or in the store."""
        if len(data) <= _READABLE and _is_text(data) and "/." not in f"/{path}":
            return f"{act}/{path}"
        return f"{STORE}/{sha256(data).hexdigest()}"

    def forget(self, name: str) -> None:
        """Remove what is recorded of the act, if anything is.

        Raises:
            OSError: the disk fails.
        """
        (self.root / f"{name}.json").unlink(missing_ok=True)
        shutil.rmtree(self.root / name, ignore_errors=True)

    def prune(self, keep: Collection[str]) -> None:
        """Remove what belongs to no act of these names.

        Raises:
            OSError: the disk fails.
        """
        used: set[str] = set()
        for path in sorted(self.root.glob("*.json")):
            name = path.name.removesuffix(".json")
            if path.name == HEADER:
                continue
            if name not in keep:
                self.forget(name)
                continue
            used |= {str(entry.get("file")) for entry in self._read(path.name).get("files", ())}
        for path in (self.root / STORE).glob("*"):
            if f"{STORE}/{path.name}" not in used:
                path.unlink()

    def _write(self, name: str, value: Mapping[str, Any]) -> None:
        text = json.dumps(_sorted(value), indent=1, ensure_ascii=False, default=dict)
        _replace(self.root / name, f"{text}\n".encode("utf-8", "backslashreplace"))


def recording_of(plan: Plan, cwd: Path) -> RecordingFolder:
    """The plan's recording, whether there is one or not; `cwd` is where messages say to record again."""
    path = Path(plan.path)
    again = f"pytest {os.path.relpath(path, cwd)} --orch-record"
    return RecordingFolder(path.parent / _BESIDE / plan.id, again)


def _sorted(value: Any) -> Any:
    """The value with its keys sorted, but for an evaluation: findings stand in the next prompt as the judge wrote them."""
    if isinstance(value, Mapping):
        return {n: value[n] if n == _AS_WRITTEN else _sorted(value[n]) for n in sorted(value)}
    return [_sorted(v) for v in value] if isinstance(value, list | tuple) else value


def _replace(path: Path, data: bytes) -> None:
    part = path.with_name(f".{path.name}.part")
    part.write_bytes(data)
    part.replace(path)


def _is_text(data: bytes) -> bool:
    try:
        return "\0" not in data.decode("utf-8")
    except UnicodeDecodeError:
        return False


def _digest(value: Mapping[str, Any]) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=dict)
    return sha256(text.encode()).hexdigest()
