"""Runs one program for a critic and keeps what it printed in a file of the act."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from orchharness import private
from orchharness.errors import OrchError
from orchharness.record import record

_LINES = 20
_CHARACTERS = 2000
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
_WORD_BEGUN = re.compile(r"\A[\w+/=.~-]+")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


@record
class Job:
    """What to run. With `shell`, `argv` is one text. `log` takes stdout, and stderr as well if `apart` is False."""

    argv: Sequence[str]
    cwd: str
    env: Mapping[str, str]
    log: Path
    shell: bool = False
    apart: bool = True
    timeout: float | None = None


def environment(*more: Mapping[str, str]) -> dict[str, str]:
    """This process's environment, and more over it."""
    env = dict(os.environ)
    for values in more:
        env.update(values)
    return env


def run(job: Job) -> int | None:
    """The exit status (negative for a death by signal); None when the time was up.

    With `apart` False it gets a process group of its own, and what is left of that is killed afterwards.

    Raises:
        OrchError: it cannot be started.
    """
    import subprocess  # noqa: S404

    if not job.argv:
        msg = "there is no command to execute"
        raise OrchError(msg)
    words = ["/bin/sh", "-c", job.argv[0]] if job.shell else list(job.argv)
    with open(job.log, "wb", opener=private.opener) as log:  # noqa: PTH123 - pathlib takes no opener
        try:
            process = subprocess.Popen(  # noqa: S603 - running the plan's commands is what this is for
                words,
                cwd=job.cwd,
                env=dict(job.env),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=None if job.apart else log,
                process_group=None if job.apart else 0,
            )
        except (OSError, ValueError) as error:
            raise OrchError(_reason(words[0], job.cwd, error)) from None
    try:
        return process.wait(job.timeout)
    except subprocess.TimeoutExpired:
        return None
    finally:
        if job.apart:
            process.kill()
        else:
            _kill_group(process.pid)
        process.wait()


def tail(path: Path) -> str:
    """The last lines of what was printed, without colours and control characters."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - 4 * _CHARACTERS))
        text = file.read().decode(errors="replace")
    text = _CONTROLS.sub("", _ESCAPES.sub("", text.replace("\r\n", "\n"))).strip()
    text = "\n".join(text.splitlines()[-_LINES:])
    # Of half a word nobody can tell whether it is half a secret.
    return _WORD_BEGUN.sub("", text[-_CHARACTERS:], count=1) if len(text) > _CHARACTERS else text


def ending(status: int) -> str:
    """The exit status in words."""
    import signal

    if status >= 0:
        return f"exit {status}"
    return f"killed by {signal.Signals(-status).name}"


def _kill_group(group: int) -> None:
    import signal

    try:
        os.killpg(group, signal.SIGKILL)
    except OSError:
        return


def _reason(program: str, cwd: str, error: Exception) -> str:
    if not Path(cwd).is_dir():
        return f"the working directory {cwd!r} does not exist"
    if isinstance(error, FileNotFoundError):
        return f"command not found: {program!r}"
    if isinstance(error, PermissionError):
        return f"command is not executable: {program!r}"
    return f"command {program!r} cannot be started: {error}"
