"""What is executed for a request: the words, the environment, and the faults that show before any spawn."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256

from orchharness.agents.proc import MARKER
from orchharness.core.acts import SpawnRequest
from orchharness.core.isolation import BRANCH, PLACES
from orchharness.errors import OrchError

_SCRUBBED = ("PYTEST_", "COV_", "ORCH_")
# What is written there acts on the whole job of a GitHub runner: only a plan's own `env` gives it to an agent.
_JOB_FILES = {f"GITHUB_{name}" for name in ("ENV", "PATH", "OUTPUT", "STATE", "STEP_SUMMARY")}
_HEX = frozenset("0123456789abcdef")
_DIGITS = 16


def marker_of(key: str) -> str:
    """`ORCH_ACT_<16 hex>=1`: its *name* is unique, so that an act within an act does not overwrite it."""
    digits = key[:_DIGITS].lower()
    if len(digits) < _DIGITS or not _HEX.issuperset(digits):
        digits = sha256(key.encode()).hexdigest()[:_DIGITS]
    return f"{MARKER}{digits}=1"


def words_of(request: SpawnRequest) -> tuple[str, ...]:
    """The words of a `run`; a shell text becomes the words that start a shell.

    Raises:
        OrchError: there are none.
    """
    if not request.argv:
        msg = f"{request.act}: an agent of kind {request.kind!r} executes a command: give it a `run`"
        raise OrchError(msg)
    return ("/bin/sh", "-c", request.argv[0]) if request.shell else request.argv


def environment(request: SpawnRequest) -> dict[str, str]:
    """The caller's environment without what belongs to test runs and outer acts, the request's, and the marker.

    Where it works in a worktree, git finds the repository by that folder alone.
    The markers of outer acts stay: whoever cancels those must find this act too.
    """
    env = {
        name: value
        for name, value in os.environ.items()
        if name.startswith(MARKER) or not (name.startswith(_SCRUBBED) or name in _JOB_FILES)
    }
    if BRANCH in request.env:
        env = {name: value for name, value in env.items() if name not in PLACES}
    env.update(request.env)
    name, _, value = marker_of(request.key).partition("=")
    env[name] = value
    return env


def resolve(program: str, cwd: str, env: Mapping[str, str]) -> str:
    """The absolute path of the program, as the started process would find it.

    Raises:
        OrchError: the working directory or the program is not there, or is not executable.
    """
    if not os.path.isdir(cwd):  # noqa: PTH112 - pathlib costs 5 ms
        msg = (
            f"the working directory {cwd!r} does not exist"
            if not os.path.lexists(cwd)
            else f"{cwd!r} is no directory"
        )
        raise OrchError(msg)
    if "/" in program:
        path = os.path.join(cwd, program)  # noqa: PTH118
        fault = _fault(path)
        if fault:
            msg = f"command {fault}: {program!r}"
            raise OrchError(msg)
        return path
    folders = env.get("PATH", os.defpath).split(os.pathsep)
    path, fault = _search(program, (os.path.join(cwd, folder) for folder in folders))  # noqa: PTH118
    if fault:
        msg = f"command {fault}: {program!r}"
        raise OrchError(msg)
    return path


def with_odd_names(argv: Sequence[str], env: dict[str, str]) -> tuple[tuple[str, ...], dict[str, str]]:
    """Words and environment such that names which a shell would drop (`a-b`) reach the program all the same."""
    odd = [name for name in env if not (name.isidentifier() and name.isascii())]
    if not odd:
        return tuple(argv), env
    given = tuple(f"{name}={env[name]}" for name in odd)
    rest = {name: value for name, value in env.items() if name not in odd}
    return ("/usr/bin/env", *given, *argv), rest


def _search(program: str, folders: Iterable[str]) -> tuple[str, str]:
    worst = "not found"
    for folder in folders if program else ():
        path = os.path.join(folder, program)  # noqa: PTH118
        fault = _fault(path)
        if not fault:
            return path, ""
        if fault == "is not executable":
            worst = fault
    return "", worst


def _fault(path: str) -> str:
    if os.access(path, os.X_OK):
        return "is a directory" if os.path.isdir(path) else ""  # noqa: PTH112
    return "is not executable" if os.path.isfile(path) else "not found"  # noqa: PTH113
