"""One act on disk: what was asked (`request.json`) and what came of it (`result.json`).

Any process can execute an act from its folder alone: finished → read the result; alive → poll it; else spawn.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from orchharness.core.acts import Outcome, SpawnRequest
from orchharness.core.plan import EMPTY
from orchharness.record import field, record

_encode = json.JSONEncoder(separators=(",", ":"), default=dict).encode


@record
class ActRequest:
    """What is to be executed. JSON types; paths are absolute.

    `spawn.env` may hold `${NAME}` of the caller's environment in `secret` entries: they are looked up when the
    act is spawned and never stored.
    """

    act: str
    key: str
    role: Literal["task", "critic"]
    item: str
    folder: str
    spawn: SpawnRequest
    iteration: int = 1
    workspace: str = ""
    run_folder: str = ""  # is skipped by globs of a workspace that holds it
    store: str = ""
    outputs: tuple[Mapping[str, Any], ...] = ()  # `Declared`, as JSON
    writes: tuple[str, ...] = ()
    goes_on_from: str = ""  # the folder of the act that was limited, whose work counts as this one's
    earlier: Mapping[str, Any] = field(default=EMPTY)  # outputs of the iteration before
    inputs: Mapping[str, Any] = field(default=EMPTY)  # what it reads, for the record
    artifacts: Mapping[str, Any] = field(default=EMPTY)  # what a critic judges, for the record
    staged: Mapping[str, str] = field(default=EMPTY)  # path of a read-only copy -> sha256
    live: Mapping[str, str] = field(default=EMPTY)  # workspace path that checks read -> sha256
    frozen: tuple[Mapping[str, Any], ...] = ()  # gate inputs, as JSON of `Frozen`
    watched: tuple[Mapping[str, Any], ...] = ()  # {"paths", "seen"} of pytest checks
    worktree: Mapping[str, str] = field(default=EMPTY)  # {"branch", "repository"} of a task that has one
    secret: Mapping[str, str] = field(default=EMPTY)
    hidden: tuple[str, ...] = ()  # the caller's variables whose values nothing that is kept may hold
    timeout: float | None = None
    idle_timeout: float | None = None


@record
class ActResult:
    """What came of it. It counts only with the key that the journal holds."""

    act: str
    key: str
    outcome: Outcome
    started: float
    ended: float
    seconds: float
    detail: str = ""
    exit: int | None = None
    outputs: Mapping[str, Any] = field(default=EMPTY)
    changed: bool = True
    evaluation: Mapping[str, Any] = field(default=EMPTY)
    summary: str | None = None
    session: str | None = None
    usage: Mapping[str, Any] = field(default=EMPTY)
    retry_after: float | None = None  # of one that ended `limited`
    # The run's disk took nothing more: this says nothing of the act, which is looked at again.
    disk: bool = False


def is_disk(error: BaseException | None) -> bool:
    """Whether a disk that is full or cannot be written is behind the error."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EROFS}:
            return True
        error = error.__cause__ or error.__context__
    return False


def _dump(value: ActRequest | ActResult | SpawnRequest) -> dict[str, Any]:
    found = {name: getattr(value, name) for name in type(value).__dataclass_fields__}
    return {n: v for n, v in found.items() if v is not None and v is not EMPTY and v != ()}


def write_request(request: ActRequest) -> None:
    """Store the request in the act's folder, which must exist; atomically, since there may be one already."""
    record = _dump(request)
    record["spawn"] = _dump(request.spawn)
    spare = Path(request.folder) / "request.json.part"
    spare.unlink(missing_ok=True)  # the folder is the agent's: a link there must not be followed
    _write(spare, record)
    spare.rename(spare.with_suffix(""))


def read_request(folder: Path) -> ActRequest:
    """The request stored in an act's folder."""
    record = json.loads((folder / "request.json").read_bytes())
    spawn = record.pop("spawn")
    spawn["argv"] = tuple(spawn.get("argv", ()))
    for name in ("outputs", "writes", "frozen", "watched", "hidden"):
        record[name] = tuple(record.get(name, ()))
    return ActRequest(**record, spawn=SpawnRequest(**spawn))


def write_result(folder: Path, result: ActResult) -> None:
    """Store the result, atomically: who sees the file sees all of it."""
    spare = folder / "result.json.part"
    _write(spare, _dump(result))
    spare.rename(folder / "result.json")


def read_result(folder: Path, key: str) -> ActResult | None:
    """The stored result if there is one with that key."""
    try:
        record = json.loads((folder / "result.json").read_bytes())
        if record.get("key") != key:
            return None
        return ActResult(**{**record, "outcome": Outcome(record["outcome"])})
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None  # the folder is the agent's: whatever it left there under that name is no result of ours


def _write(path: Path, record: Mapping[str, Any]) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        data = memoryview(_encode(record).encode("utf-8", "surrogateescape"))
        while data:
            data = data[os.write(fd, data) :]
    finally:
        os.close(fd)
