"""Acts that a supervisor starts: the asking side. `supervisor` is the program.

Starting a process holds up whoever does it until the new program is loaded. With a supervisor that is another
process, and no shell is needed to wait for the act. It is a service, not a need: while it is not ready, when it is
gone, and for what it does not take, acts are started as they are without it.

*   A request is sent and nothing is waited for: the handle that comes back knows no pid yet. The supervisor stores
    the one that does. The act's end of a pipe is open until it is over; when the supervisor dies, all are closed.
*   An act that no supervisor came to start is told by its missing `pid`, and is started by whoever asked for it.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress

from orchharness.agents import proc, supervisor
from orchharness.agents.command import marker_of
from orchharness.core.acts import Handle, SpawnRequest
from orchharness.record import record

_WORTH = 20  # acts from which on it saves more than it costs


@record(kw_only=False)
class Asked:
    """An act that a supervisor was asked for. `end` is readable when it is over."""

    request: SpawnRequest
    argv: tuple[str, ...]
    handle: Handle
    end: int


class Supervision:
    """At most one supervisor, of this process."""

    def __init__(self) -> None:
        self._pid = 0
        self.channel: socket.socket | None = None  # readable when it becomes ready, and when it is gone
        self._ready = False
        self._asked: dict[str, Asked] = {}  # by key
        self._untidy: set[str] = set()  # keys of acts that left processes behind
        # Acts are cancelled in threads, and a number that one closes is another's next file.
        self._lock = threading.Lock()

    # ---- the process -------------------------------------------------------------------------

    def begin(self) -> None:
        """Start a supervisor and do not wait for it. Where none can be started, there is none."""
        if self.channel is not None or not sys.executable or not proc.supported():
            return
        with suppress(OSError):
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            ours.setblocking(False)  # noqa: FBT003
            with theirs:
                try:
                    self._pid = _execute(theirs.fileno())
                except BaseException:
                    ours.close()
                    raise
            self.channel, self._ready = ours, False

    def end(self) -> None:
        """Ask for nothing any more. While acts go on, the supervisor stays; it ends with the last of them."""
        left = any(self.runs(key) for key in list(self._asked))
        if self.channel is not None:
            self._hang_up()
        if self._pid:
            proc.reap(self._pid, wait=not left)
        for key in list(self._asked):
            self.forget(key)

    def _hang_up(self) -> None:
        assert self.channel is not None
        with suppress(OSError):
            self.channel.shutdown(
                socket.SHUT_RDWR
            )  # a forked copy of the descriptor must not keep it waiting
        self.channel.close()
        self.channel = None

    def _answers(self) -> bool:
        """Whether there is one, and it has said that it is ready."""
        if self.channel is not None and not self._ready:
            try:
                self._ready = self.channel.recv(1) == b"+"
            except BlockingIOError:
                return False
            except OSError:
                self._ready = False
            if not self._ready:
                self._hang_up()
        return self.channel is not None

    # ---- acts --------------------------------------------------------------------------------

    def spawn(
        self,
        request: SpawnRequest,
        argv: tuple[str, ...],
        kind: str,
        words: Sequence[str],
        env: Mapping[str, str],
    ) -> Handle | None:
        """The handle of the act it was asked for; None when there is no supervisor, or none for such an act."""
        if not self._answers():
            return None
        data = {
            **proc.here()._asdict(),
            "folder": request.folder,
            "marker": marker_of(request.key),
            "key": request.key,
            "supervisor": self._pid,
        }
        head = json.dumps({"kind": kind, "api": 1, "data": data})[:-2]
        message = _message(request, head, words, env)
        end = self._send(message) if message else None
        if end is None:
            return None
        handle = Handle(kind=kind, data={**data, "pid": 0, "start": 0})
        self._asked[request.key] = Asked(request, argv, handle, end)
        return handle

    def _send(self, message: bytes) -> int | None:
        """The descriptor that tells the end of the act asked for; None when it could not be asked for."""
        assert self.channel is not None
        try:
            end, tell = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            self.channel.sendmsg(
                [message], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, tell.to_bytes(4, sys.byteorder))]
            )
        except OSError as error:
            os.close(end)
            if not isinstance(error, BlockingIOError):
                self._hang_up()
            return None
        finally:
            os.close(tell)
        return end

    def asked(self, key: str) -> Asked | None:
        """What a supervisor was asked for with this key, unless its end was taken in."""
        return self._asked.get(key)

    def runs(self, key: str) -> bool:
        """Whether its supervisor will yet tell the end of it."""
        with self._lock:
            asked = self._asked.get(key)
            try:
                while asked is not None and os.read(asked.end, 1):
                    self._untidy.add(key)
            except BlockingIOError:
                return True
        return False

    def is_tidy(self, key: str) -> bool:
        """Whether it is over and its supervisor saw that nothing is left of it."""
        return key in self._asked and not self.runs(key) and key not in self._untidy

    def wake(self, key: str) -> int | None:
        """A descriptor that is readable when it is over; the caller closes it. None for acts of no supervisor."""
        with self._lock:
            asked = self._asked.get(key)
            return os.dup(asked.end) if asked is not None else None

    def forget(self, key: str) -> None:
        """Its end was taken in, or nobody waits for it."""
        with self._lock:
            asked = self._asked.pop(key, None)
            self._untidy.discard(key)
            if asked is not None:
                os.close(asked.end)


SUPERVISION = Supervision()


@contextmanager
def supervised(acts: int) -> Iterator[None]:
    """Inside, acts that allow it are started by a supervisor, where so many make that worth it."""
    if acts < _WORTH or SUPERVISION.channel is not None:
        yield
        return
    SUPERVISION.begin()
    try:
        yield
    finally:
        SUPERVISION.end()


def _message(request: SpawnRequest, head: str, words: Sequence[str], env: Mapping[str, str]) -> bytes | None:
    """The request as it is sent; None when it is none that can be."""
    where = os.path.normpath(request.cwd)  # a shell that goes there says so; some programs look
    pairs = (f"{name}={value}" for name, value in {**env, "PWD": where}.items())
    parts = (request.folder, request.cwd, head, str(len(words)), *words, *pairs)
    text = "\0".join(parts)
    try:
        message = os.fsencode(text)
    except UnicodeEncodeError:
        return None
    return message if len(message) <= supervisor.LARGEST and text.count("\0") == len(parts) - 1 else None


def _execute(channel: int) -> int:
    program = sys.executable
    actions = [
        (os.POSIX_SPAWN_DUP2, channel, 0),
        (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
        (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
        *((os.POSIX_SPAWN_CLOSE, fd) for fd in proc.inheritable()),
    ]
    # -I -S: nothing of the environment or of installed packages has a say in it.
    argv = (program, "-I", "-S", "-E", supervisor.__file__)
    return os.posix_spawn(
        program,
        argv,
        os.environ,
        file_actions=actions,
        setsid=True,
        setsigmask=(),
        setsigdef=supervisor.RESET,
    )
