"""Starting a local process: one `posix_spawn` of a small shell that leads the act's session.

*   `pid` is created exclusively by the shell itself before it does anything: of two spawns for one folder, the
    second does nothing. So there is no moment at which an act is started and cannot be found.
*   A status for which the disk has no room goes to the end of `pid`, which has its room already.
*   The shell traps signals without handling them: when the whole group is told to end (`kill 0`), it stays to
    write the status. Programs do not inherit a trap, as they would inherit an ignored signal.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from typing import Any

from orchharness.agents import proc
from orchharness.agents.command import environment, marker_of, resolve, with_odd_names
from orchharness.agents.supervised import SUPERVISION
from orchharness.agents.supervisor import RESET
from orchharness.core.acts import Handle, SpawnRequest
from orchharness.errors import OrchError

# "$0" is the act's folder, "$1" the umask of the words, "$2" the working directory. No variables: they could be ones
# of the environment. What the shell itself writes is for its owner only.
_SHELL = (
    'trap : HUP INT QUIT TERM USR1 USR2; umask 077; set -C; { echo $$ >"$0/pid"; } 2>/dev/null || exit; set +C; '
    'umask "$1"; cd -- "$2" && shift 2 && "$@"; set -- $?; umask 077; echo $1 >"$0/exit" || echo $1 >>"$0/pid"'
)


# Children of this process whose status was not taken: pid -> key of the act. While it stands here, the number is the
# act's and no other process's, which saves looking at /proc (0.1 to 0.2 ms a look).
CHILDREN: dict[int, str] = {}


def start(request: SpawnRequest, argv: tuple[str, ...], kind: str, *, supervised: bool = False) -> Handle:
    """Start the words, or let the supervisor do it; the handle is, or will be, in the act's folder as well.

    Raises:
        OrchError: it cannot be started; nothing was.
    """
    env = environment(request)
    if not argv or not argv[0]:
        msg = f"{request.act}: there is no command to execute"
        raise OrchError(msg)
    words, env = with_odd_names((resolve(argv[0], request.cwd, env), *argv[1:]), env)
    asked = SUPERVISION.spawn(request, argv, kind, words, env) if supervised else None
    if asked is not None:
        return asked
    append = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    actions: list[Any] = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, f"{request.folder}/stdout.log", append, 0o600),
        (os.POSIX_SPAWN_OPEN, 2, f"{request.folder}/stderr.log", append, 0o600),
        *((os.POSIX_SPAWN_CLOSE, fd) for fd in proc.inheritable()),
    ]
    try:
        pid = os.posix_spawn(
            "/bin/sh",
            ("sh", "-c", _SHELL, request.folder, _umask(), request.cwd, *words),
            env,
            file_actions=actions,
            setsid=True,
            setsigmask=(),
            setsigdef=RESET,
        )
    except (OSError, ValueError) as error:
        raise OrchError(_reason(argv, words, env, error)) from None
    CHILDREN[pid] = request.key
    found = proc.look(pid)
    return _keep(request, kind, pid, found.start if found else 0)


@cache
def _umask() -> str:
    """The umask of this process. The system call that tells it would change it for other threads."""
    for line in (text_of("/proc/self/status") or "").splitlines():
        if line.startswith("Umask:"):
            return line.split()[1]
    return "077"  # a kernel older than 4.7


def _reason(argv: Sequence[str], words: Sequence[str], env: dict[str, str], error: Exception) -> str:
    import errno

    if isinstance(error, OSError) and error.errno == errno.E2BIG:
        size = sum(len(os.fsencode(word)) + 1 for word in (*words, *env, *env.values()))
        return (
            f"the command line of {argv[0]!r} and its environment are {size} bytes together, more than the system takes; "
            f"pass long text in a file (the prompt is in the file that ORCH_PROMPT names)"
        )
    return f"command {argv[0]!r} cannot be started: {error}"


def _keep(request: SpawnRequest, kind: str, pid: int, start: int) -> Handle:
    """The handle, stored in the act's folder."""
    place = proc.here()
    data = {
        **place._asdict(),
        "pid": pid,
        "start": start,
        "folder": request.folder,
        "marker": marker_of(request.key),
        "key": request.key,
    }
    text = json.dumps({"kind": kind, "api": 1, "data": data})
    try:
        descriptor = os.open(f"{request.folder}/handle.json", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            os.write(descriptor, text.encode())
        finally:
            os.close(descriptor)
    except OSError:
        pass  # a full disk: the act runs all the same, and `pid` and its marker find it again
    return Handle(kind=kind, data=data)


def find(request: SpawnRequest, kind: str) -> Handle | None:
    """The handle of an act that was started before, also when whoever started it died before it could tell."""
    asked = SUPERVISION.asked(request.key)
    if asked is not None:
        return asked.handle
    text = text_of(f"{request.folder}/handle.json")
    if text:
        try:
            stored = json.loads(text)
            if stored["data"]["key"] == request.key:
                return Handle(kind=stored["kind"], data=stored["data"], api=stored["api"])
        except (ValueError, KeyError, TypeError):
            pass  # cut off by a crash: `pid` tells
        else:
            msg = f"{request.act}: folder {request.folder!r} belongs to another act; every act needs a folder of its own"
            raise OrchError(msg)
    if text_of(f"{request.folder}/pid") is None:
        return None
    members = proc.tree({marker_of(request.key).encode()})
    leader = next((p for p in members if p.pid == p.session), None)
    return _keep(request, kind, leader.pid if leader else 0, leader.start if leader else 0)


def resolved(data: Mapping[str, Any]) -> Mapping[str, Any]:
    """The handle's data with the pid, if its supervisor has stored it by now."""
    if data["pid"]:
        return data
    with suppress(ValueError, KeyError, TypeError):
        stored: Mapping[str, Any] = json.loads(text_of(f"{data['folder']}/handle.json") or "")["data"]
        if stored["key"] == data["key"]:
            return stored
    return data


def status_of(folder: str) -> int | None:
    """The exit status that the act left; None when it has none yet."""
    text = text_of(f"{folder}/exit")
    if text and text.endswith("\n") and text.strip().isdigit():
        return int(text)
    claimed = text_of(f"{folder}/pid") or ""
    words = claimed.split()
    whole = len(words) == 2 and claimed.endswith("\n") and words[1].isdigit()  # noqa: PLR2004 - pid and status
    return int(words[1]) if whole else None


def ended_at(folder: str) -> float | None:
    """When the act left its exit status, in seconds since the epoch; None when it has none."""
    for name in ("exit", "pid") if status_of(folder) is not None else ():
        with suppress(OSError):
            return os.stat(f"{folder}/{name}").st_mtime  # noqa: PTH116 - pathlib costs 5 ms
    return None


def text_of(path: str) -> str | None:
    """The text of a small file; None when there is none."""
    try:
        # The folder is the act's: a FIFO that it put there must not stop us.
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb", buffering=0) as file:  # noqa: PTH123 - pathlib costs 5 ms
            return (file.read() or b"").decode(errors="replace")
    except OSError:
        return None
