"""The supervisor: a small program that starts acts on request, waits for them and writes their exit files.

Run as `python -I -S -E supervisor.py` with one end of a `SOCK_SEQPACKET` pair as its standard input; it imports
nothing of orchharness. A request is one message, NUL between the parts: folder, working directory, the head of
`handle.json`, the number of words, the words, `NAME=value`…; with it comes a descriptor that is closed when the act
is over. A `+` is written to that before, when some of the act's group were still there.

*   It says `+` on its channel when it is ready. After the last request it waits for its last act, and ends.
*   `pid` is created exclusively before anything is started: what somebody else claimed is not started again.
*   An act stays a zombie until its status is written: whoever sees it gone finds its `exit`.
*   The folder is the act's own: nothing in it may make this process wait, for all acts would.
"""

from __future__ import annotations

import errno
import os
import select
import signal
import socket
import sys
from contextlib import suppress

LARGEST = 1 << 16  # bytes of a request
# What is ignored or handled here or by the caller must not be so in an act.
RESET = tuple(
    getattr(signal, name)
    for name in (
        "SIGINT",
        "SIGQUIT",
        "SIGTERM",
        "SIGHUP",
        "SIGPIPE",
        "SIGXFSZ",
        "SIGCHLD",
        "SIGUSR1",
        "SIGUSR2",
    )
    if hasattr(signal, name)
)
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
_AGAIN = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_NONBLOCK
_LOG = os.O_WRONLY | os.O_CREAT | os.O_APPEND
_NOT_FOUND, _NOT_STARTED, _NO_FOLDER = 127, 126, 2  # the status of a shell that could not


class Supervisor:
    """Starts and reaps. `channel` brings the requests."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._buffer = bytearray(LARGEST)
        self._acts: dict[int, tuple[bytes, int]] = {}  # pid -> folder, and the descriptor that tells the end

    def run(self) -> None:
        """Until nobody can ask any more and the last act is over."""
        reader, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)  # it stays to write what became of the acts
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        waiting = select.poll()
        waiting.register(reader, select.POLLIN)
        waiting.register(self._channel, select.POLLIN)
        self._channel.send(b"+")
        asked = True
        while asked or self._acts:
            for descriptor, _ in waiting.poll():
                if descriptor == reader:
                    os.read(reader, 4096)
                elif not self._take():
                    waiting.unregister(self._channel)
                    asked = False
            while self._reap():
                pass

    def _take(self) -> bool:
        """Carry out a request; False when no more can come."""
        try:
            size, more, _, _ = self._channel.recvmsg_into(
                [self._buffer], socket.CMSG_SPACE(4), socket.MSG_CMSG_CLOEXEC
            )
        except OSError:
            return False
        if not size:
            return False
        if more:
            tell = int.from_bytes(more[0][2], sys.byteorder)
            pid = start(bytes(self._buffer[:size]))
            if pid is None:
                os.close(tell)
            else:
                self._acts[pid] = (bytes(self._buffer[: self._buffer.index(0)]), tell)
        return True

    def _reap(self) -> bool:
        """See to one act that has ended; whether there was one."""
        try:
            ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return False
        if ended is None:
            return False
        pid = ended.si_pid
        folder, tell = self._acts.pop(pid)
        _kill_group(pid, signal.SIGKILL)  # while its leader is not reaped the number is no other group's
        record_end(folder, ended.si_status + (0 if ended.si_code == os.CLD_EXITED else 128))
        os.waitpid(pid, 0)
        if _kill_group(pid, 0):
            _write(tell, b"+")
        os.close(tell)
        return True


def start(request: bytes) -> int | None:
    """The pid of the act that was started; None when it was not: another did it, or `exit` and `stderr.log` say why."""
    folder, cwd, handle, count, *rest = request.split(b"\0")
    words = rest[: int(count)]
    env = dict(pair.split(b"=", 1) for pair in rest[int(count) :])
    try:
        claim = os.open(folder + b"/pid", _NEW, 0o600)
    except OSError:
        return None
    try:
        pid = _spawn(folder, cwd, words, env)
        if pid is not None:
            _write(claim, b"%d\n" % pid)
            _store(folder, handle + b', "pid": %d, "start": %d}}' % (pid, _start_time(pid)))
    finally:
        os.close(claim)
    return pid


def _spawn(folder: bytes, cwd: bytes, words: list[bytes], env: dict[bytes, bytes]) -> int | None:
    try:
        os.chdir(cwd)
    except OSError as error:
        _not_started(folder, cwd, error, _NO_FOLDER)
        return None
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, folder + b"/stdout.log", _LOG, 0o600),
        (os.POSIX_SPAWN_OPEN, 2, folder + b"/stderr.log", _LOG, 0o600),
    ]
    shell = [b"/bin/sh", *words]
    for argv in (words, shell):
        try:
            return os.posix_spawn(
                argv[0], argv, env, file_actions=actions, setsid=True, setsigmask=(), setsigdef=RESET
            )
        except OSError as error:
            # A text without `#!` is for the shell, as it is where a shell starts it.
            if error.errno != errno.ENOEXEC or argv is shell:
                status = _NOT_FOUND if error.errno == errno.ENOENT else _NOT_STARTED
                _not_started(folder, words[0], error, status)
                break
    return None


def _not_started(folder: bytes, what: bytes, error: OSError, status: int) -> None:
    """Say it where the act's own errors are, and end it with what a shell would."""
    try:
        log = os.open(folder + b"/stderr.log", _LOG | os.O_NONBLOCK | os.O_NOFOLLOW, 0o600)
    except OSError:
        pass
    else:
        _write(log, what + b": " + os.fsencode(str(error.strerror)) + b"\n")
        os.close(log)
    record_end(folder, status)


def record_end(folder: bytes, status: int) -> None:
    """Write the exit file. What the act put there under that name is no status of ours.

    On a full disk the status goes to the end of `pid`, which has its room already.
    """
    path = folder + b"/exit"
    for _ in range(2):
        try:
            file = os.open(path, _NEW, 0o600)
        except FileExistsError:
            with suppress(OSError):
                os.unlink(path)  # noqa: PTH108 - pathlib costs as much as all the rest
        except OSError:
            break
        else:
            written = _write(file, b"%d\n" % status)
            os.close(file)
            if written:
                return
            break
    with suppress(OSError):
        claim = os.open(folder + b"/pid", os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK)
        _write(claim, b"%d\n" % status)
        os.close(claim)


def _store(folder: bytes, text: bytes) -> None:
    try:
        file = os.open(folder + b"/handle.json", _AGAIN, 0o600)
    except OSError:
        return  # `pid` and the act's marker find it
    _write(file, text)
    os.close(file)


def _start_time(pid: int) -> int:
    """In clock ticks since the machine started: makes the pid a process's and no later one's."""
    try:
        file = os.open(f"/proc/{pid}/stat", os.O_RDONLY)
    except OSError:
        return 0
    text = os.read(file, 4096)
    os.close(file)
    return int(text[text.rindex(b")") + 2 :].split()[19])


def _write(file: int, text: bytes) -> bool:
    """Whether it could be: the disk may be full, or nobody listens any more."""
    try:
        os.write(file, text)
    except OSError:
        return False
    return True


def _kill_group(group: int, number: int) -> bool:
    try:
        os.killpg(group, number)
    except OSError:
        return False
    return True


if __name__ == "__main__":
    Supervisor(socket.socket(fileno=0)).run()
