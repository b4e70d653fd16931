"""One declared output, looked at after the act: what of it can be believed, or why nothing can."""

from __future__ import annotations

import errno
import os
import posixpath
import stat
from collections.abc import Mapping
from dataclasses import field
from typing import Any, assert_never

from orchharness.core.plan import EMPTY, Must, OutputKind
from orchharness.record import record
from orchharness.workspace.declared import ANSWER, RUN, Declared
from orchharness.workspace.documents import schema_problem
from orchharness.workspace.files import identity, inside, same_identity, shown, type_of
from orchharness.workspace.matching import find, find_named, is_glob
from orchharness.workspace.snapshots import how_written
from orchharness.workspace.store import Store

_OF_THE_FILE = {errno.EACCES, errno.EPERM, errno.ENOENT, errno.ENOTDIR, errno.EINVAL, errno.ELOOP}
_UNTOUCHED = "was not written by this act: it existed before and is untouched"
_REWRITTEN = "was only rewritten with the same bytes: new content is asked for (`must: change`)"


class NoEvidenceError(Exception):
    """The output cannot be believed; the message says what was seen."""


@record
class Situation:
    """What the outputs of one act are held against. `root` is the real path of the workspace."""

    root: str
    before: Mapping[str, Any]
    first: bool  # iteration 1: outputs must be written by this very act
    store: Store
    answer: str | None = None
    earlier: Mapping[str, Any] = field(default_factory=dict)
    skip: str | None = None


@record
class Artifact:
    """One file of an output, as it is recorded."""

    path: str
    sha256: str
    size: int
    how: str

    def to_record(self) -> dict[str, Any]:
        """The value as JSON."""
        return {"path": self.path, "sha256": self.sha256, "size": self.size, "how": self.how}


def examine(situation: Situation, declared: Declared, warnings: list[str]) -> list[Artifact]:
    """The files of the output, kept in the store.

    Args:
        situation: What was before the act.
        declared: The output.
        warnings: What is odd but does not fail the output is added here.

    Raises:
        NoEvidenceError: the output is missing, empty, not written, outside, or does not fit its schema.
        OSError: the disk is full, or fails.
    """
    match declared.kind:
        case OutputKind.ANSWER:
            artifacts = [_answer(situation)]
        case OutputKind.STDOUT:
            artifacts = [_keep(situation, declared, declared.path, "created")]
        case OutputKind.RUN:
            artifacts = [_single(situation, declared)]
        case OutputKind.FILE if _is_glob(situation, declared):
            artifacts = _matches(situation, declared, warnings)
        case OutputKind.FILE:
            artifacts = [_single(situation, declared)]
        case _:
            assert_never(declared.kind)
    _long_enough(declared, artifacts)
    _fits(situation.store, declared, artifacts)
    return artifacts


def _is_glob(situation: Situation, declared: Declared) -> bool:
    """A file that has the pattern for its name (`pages/[id].tsx`) is that file."""
    return is_glob(declared.path) and not os.path.lexists(posixpath.join(situation.root, declared.path))


def _answer(situation: Situation) -> Artifact:
    if situation.answer is None:
        msg = "does not exist: the agent gave no final text"
        raise NoEvidenceError(msg)
    try:
        data = situation.answer.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        data = situation.answer.encode("utf-8", "replace")
    stored = situation.store.put_bytes(data)
    return Artifact(path=ANSWER, sha256=stored.sha256, size=stored.size, how="created")


def _single(situation: Situation, declared: Declared) -> Artifact:
    """The one file that the path names."""
    artifact = _keep(situation, declared, declared.path)
    if situation.first and not _fulfils(declared.must, artifact.how):
        raise NoEvidenceError(_REWRITTEN if artifact.how == "rewritten" else _UNTOUCHED)
    return artifact


def _matches(situation: Situation, declared: Declared, warnings: list[str]) -> list[Artifact]:
    """The matches of a glob that are this task's, at least one of them as `must` demands."""
    found = find(situation.root, [declared.path], situation.skip)
    if not found:
        msg = "does not exist: no file matches"
        raise NoEvidenceError(msg)
    earlier = {entry["path"] for entry in situation.earlier.get(declared.name, ())}
    artifacts, odd = [], []
    for path in found:
        own = declared.must is Must.EXIST or _recorded(path) in earlier
        if not own and _is_untouched(situation, path):
            continue
        try:
            artifact = _keep(situation, declared, path)
        except NoEvidenceError as error:
            odd.append(_odd_match(situation, path, str(error)))
        else:
            if own or artifact.how != "existed":
                artifacts.append(artifact)
    if not artifacts:
        raise NoEvidenceError("; ".join(odd) or f"was not written by this act: {_none_touched(len(found))}")
    warnings.extend(declared.problem(f"{reason}; it is left out") for reason in odd)
    if situation.first and not any(_fulfils(declared.must, artifact.how) for artifact in artifacts):
        raise NoEvidenceError(_REWRITTEN)
    return artifacts


def _odd_match(situation: Situation, path: str, reason: str) -> str:
    """Why a match is no evidence. One that this act made a way out of the workspace fails the whole output."""
    link = os.path.realpath(posixpath.join(situation.root, path))
    message = f"{shown(path)} {reason}"
    if not inside(link, situation.root) and situation.before.get(path, EMPTY).get("outside") != link:
        raise NoEvidenceError(message)
    return message


def _keep(situation: Situation, declared: Declared, path: str, how: str | None = None) -> Artifact:
    """The file, in the store, with how it was written."""
    real, status = _regular(situation, declared, path)
    before = situation.before.get(path)
    try:
        if before is not None and "sha256" in before and same_identity(before, identity(status)):
            sha256, size = before["sha256"], status.st_size
            if not situation.store.has(sha256, size):
                sha256, size = _put(situation.store, real)
        else:
            sha256, size = _put(situation.store, real)
        now = identity(os.stat(real))
    except OSError as error:
        if error.errno not in _OF_THE_FILE:
            raise
        msg = f"cannot be read: {error.strerror}"
        raise NoEvidenceError(msg) from None
    how = how or how_written(before, sha256, now)
    label = _recorded(path) if declared.kind is OutputKind.FILE else declared.label
    return Artifact(path=label, sha256=sha256, size=size, how=how)


def _put(store: Store, real: str) -> tuple[str, int]:
    stored = store.put(real)
    return stored.sha256, stored.size


def _regular(situation: Situation, declared: Declared, path: str) -> tuple[str, os.stat_result]:
    """The real path of a regular file that lies where outputs may lie, and its status."""
    absolute = posixpath.join(situation.root, path)
    if not os.path.lexists(absolute):
        raise NoEvidenceError("does not exist" + _near_miss(situation, path))
    real = os.path.realpath(absolute)
    allowed = [situation.root, *([os.path.realpath(declared.root)] if declared.root else [])]
    if not any(inside(real, root) for root in allowed):
        place = "the workspace" if declared.kind is OutputKind.FILE else "the run"
        msg = f"is outside {place} (a link to {shown(real)})"
        raise NoEvidenceError(msg)
    try:
        status = os.stat(absolute)
    except OSError as error:
        why = "leads back to itself" if error.errno == errno.ELOOP else f"leads nowhere: {shown(real)}"
        msg = f"is a link that {why}"
        raise NoEvidenceError(msg) from None
    if not stat.S_ISREG(status.st_mode):
        raise NoEvidenceError(_not_regular(path, status.st_mode))
    return real, status


def _not_regular(path: str, mode: int) -> str:
    if stat.S_ISDIR(mode):
        return f"is a folder, not a file: write {shown(path + '/**')} to mean everything in it"
    return f"is {type_of(mode)}, not a regular file"


def _near_miss(situation: Situation, path: str) -> str:
    """Where else below the workspace a file of that name is: the likely slip is a wrong folder."""
    found = find_named(situation.root, posixpath.basename(path), situation.skip)
    if not found:
        return ""
    return f"; a file of that name is at {', '.join(shown(place) for place in found)}"


def _is_untouched(situation: Situation, path: str) -> bool:
    """Whether a look at the times is enough to know that nobody wrote it: most matches of a glob."""
    before, absolute = situation.before.get(path, EMPTY), posixpath.join(situation.root, path)
    if "outside" in before:
        return bool(before["outside"] == os.path.realpath(absolute))
    try:
        return "sha256" in before and same_identity(before, identity(os.stat(absolute)))
    except OSError:
        return False


def _fulfils(must: Must, how: str) -> bool:
    match must:
        case Must.CHANGE:
            return how in {"created", "changed"}
        case Must.WRITTEN:
            return how != "existed"
        case Must.EXIST:
            return True


def _long_enough(declared: Declared, artifacts: list[Artifact]) -> None:
    """One file must be; beside it, empty ones (`__init__.py`) are as good as any."""
    longest = max(artifact.size for artifact in artifacts)
    if longest >= declared.min_bytes:
        return
    if longest:
        msg = f"has {_bytes(longest)}, at least {declared.min_bytes} were asked for"
        raise NoEvidenceError(msg)
    raise NoEvidenceError("is empty" if len(artifacts) == 1 else f"is empty: all {len(artifacts)} files are")


def _fits(store: Store, declared: Declared, artifacts: list[Artifact]) -> None:
    """Every file of the output fits the schema."""
    if declared.schema is None:
        return
    problems = []
    for artifact in artifacts:
        problem = schema_problem(store.read(artifact.sha256), declared.schema)
        if problem is not None:
            problems.append(problem if len(artifacts) == 1 else f"{shown(artifact.path)} {problem}")
    if problems:
        raise NoEvidenceError("; ".join(problems))


def _recorded(path: str) -> str:
    """The path as it is recorded: a workspace file never looks like a file of the run."""
    return f"./{path}" if path.startswith((RUN, "from:")) else path


def _none_touched(count: int) -> str:
    if count == 1:
        return "the one file that matches existed before and is untouched"
    return f"the {count} files that match existed before and are untouched"


def _bytes(count: int) -> str:
    return "1 byte" if count == 1 else f"{count} bytes"
