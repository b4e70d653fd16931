"""The look at a client before the first spawn. It executes the client, with a time limit; only then is it asked."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from orchharness.agents.command import resolve
from orchharness.core.acts import Preflight, PreflightRequest
from orchharness.errors import OrchError

if TYPE_CHECKING:
    from orchharness.agents.client import Client

LIMIT = 12.0  # seconds for one question
_VERSION = re.compile(r"\d+\.\d+\.\d+[\w.+-]*")


def look_at(
    client: Client,
    request: PreflightRequest,
    look: Callable[[Sequence[str], Mapping[str, str]], Preflight | None] | None,
) -> Preflight:
    """See `Client.preflight`."""
    env = {**os.environ, **client.environment(request.options, request.env)}
    name = request.options.get("program") or client.program
    try:
        program = resolve(name, request.cwd if os.path.isdir(request.cwd) else "/", env)  # noqa: PTH112
    except OrchError as error:
        return Preflight(
            missing=f"{error}; install it with `{client.install}`, or name it with the option `program`"
        )
    status, text = ask([program, "--version"], env)
    if status != 0:
        return Preflight(fault=f"`{name} --version` {_ending(status)}: {text}")
    found = _VERSION.search(text)
    version = found[0] if found else ""
    warnings = []
    if version not in client.known:
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
    import subprocess

    try:
        done = subprocess.run(  # noqa: S603 - words, no shell
            list(words),
            env=dict(env),
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=limit,
            check=False,
            start_new_session=True,
        )
    except subprocess.TimeoutExpired:
        return None, f"no end within {limit:g} s"
    except OSError as error:
        return None, str(error)
    return done.returncode, " ".join(done.stdout.decode(errors="replace").split())[-1000:]


def _ending(status: int | None) -> str:
    return "does not work" if status is None else f"ends with {status}"
