"""The look at a client before the first spawn. It executes the client, with a time limit; nothing of it stays."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from orchharness.agents.command import marker_of
from orchharness.agents.local import LocalProcess
from orchharness.core.acts import Preflight, PreflightRequest
from orchharness.errors import OrchError

if TYPE_CHECKING:
    from orchharness.agents.client import Client

LIMIT = 12.0  # seconds for one question
_ENDING = 5.0  # seconds in which all that it started is killed
_TOLD = 1 << 16  # bytes at the end of what is printed
_VERSION = re.compile(r"\d+\.\d+\.\d+[\w.+-]*")


def look_at(
    client: Client,
    request: PreflightRequest,
    look: Callable[[Sequence[str], Mapping[str, str]], Preflight | None] | None,
) -> Preflight:
    """See `Client.preflight`."""
    env = {**os.environ, **client.environment(request.options, request.env)}
    try:
        program = client.found(request.options, request.cwd if os.path.isdir(request.cwd) else "/", env)  # noqa: PTH112
    except OrchError as error:
        return Preflight(missing=str(error))
    name = client.named(request.options)
    status, text = ask([program, "--version"], env)
    if status != 0:
        return Preflight(fault=f"`{name} --version` {_ending(status)}: {text}")
    found = _VERSION.search(text)
    version = found[0] if found else ""
    warnings = []
    if client.known and version not in client.known:
        tried = ", ".join(client.known)
        warnings.append(
            f"{name} {version or 'of an unknown version'} was not tried with this plugin; {tried} was"
        )
    more = look([program], env) if look is not None else None
    if more is None:
        return Preflight(version=version, warnings=tuple(warnings))
    return Preflight(
        missing=more.missing, fault=more.fault, warnings=(*warnings, *more.warnings), version=version
    )


def ask(words: Sequence[str], env: Mapping[str, str], limit: float = LIMIT) -> tuple[int | None, str]:
    """Execute the words, in the file system's root and without input.

    Returns:
        The exit status, None when there was no end within `limit` seconds or it cannot be executed; and the end of what
        was printed, on one line.
    """
    import secrets
    import subprocess
    import tempfile

    key = secrets.token_hex(16)
    name, _, value = marker_of(key).partition("=")
    # Into a file: what the words leave behind would hold a pipe open, and that is no reason to wait.
    with tempfile.TemporaryFile() as told:
        try:
            done = subprocess.run(  # noqa: S603 - words, no shell
                list(words),
                env={**env, name: value},
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=told,
                stderr=subprocess.STDOUT,
                timeout=limit,
                check=False,
                start_new_session=True,
            )
        except subprocess.TimeoutExpired:
            return None, f"no end within {limit:g} s"
        except OSError as error:
            return None, str(error)
        finally:
            _end_all(key)
        told.seek(max(0, told.seek(0, os.SEEK_END) - _TOLD))
        return done.returncode, " ".join(told.read().decode(errors="replace").split())[-1000:]


def _end_all(key: str) -> None:
    """End what carries the mark of the key, until nothing of it is found twice: a look can miss what is just begun."""
    looks, end = 0, time.monotonic() + _ENDING
    while looks < 2 and time.monotonic() < end:  # noqa: PLR2004
        found = LocalProcess.sweep([key])
        looks = 0 if found else looks + 1
        LocalProcess.end(survivor.pid for survivor in found)
        if found:
            time.sleep(0.002)


def _ending(status: int | None) -> str:
    return "does not work" if status is None else f"ends with {status}"
