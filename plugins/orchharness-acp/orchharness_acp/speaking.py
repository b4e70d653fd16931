"""A process that speaks the Agent Client Protocol: started, asked with a time limit, ended. Imports asyncio and acp.

*   Every message, sent or read, is a line of the transcript, which is the act's `stdout.log`: a sign of life.
*   Updates are taken as they are read, in their order, before the answer that follows them is given to who waits.
*   Nothing is offered to the agent but an answer to its questions for permission: no files, no terminals.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from orchharness_acp.installing import how_to_install
from orchharness_acp.package import Connection, RequestError
from orchharness_acp.permissions import Answer
from orchharness_acp.trouble import Failure, failure_of

_LINE = 64 << 20  # bytes of a message
_CHUNK = 1 << 16
_SHOWN = 1500  # characters of a message in the transcript: its end is shown where an act failed
_GARBAGE = 200
_LEAVING = 1.0  # seconds that an agent has to end by itself once its input is closed
_ENDED = 1.0  # seconds in which the status of an agent that closed its output is waited for


class Pipe:
    """Messages, one a line, over the agent's standard input and output."""

    def __init__(self, process: asyncio.subprocess.Process, on_update: Callable[[Any], None]) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._in, self._out, self._on_update = process.stdin, process.stdout, on_update
        self._buffer = bytearray()
        self._lines: list[bytes] = []
        self.garbage = ""

    async def send(self, message: dict[str, Any]) -> None:
        """Write a message."""
        text = json.dumps(message, separators=(",", ":"))
        _note("client", text)
        self._in.write(text.encode() + b"\n")
        await self._in.drain()

    async def receive(self) -> dict[str, Any] | None:
        """The next message that asks or answers; None when there will be no more."""
        while True:
            while self._lines:
                line = self._lines.pop(0).strip()
                message = self._read(line) if line else None
                if message is not None:
                    return message
            data = await self._out.read(_CHUNK)
            if not data:
                return None
            self._buffer += data
            if b"\n" in data:
                *self._lines, rest = bytes(self._buffer).split(b"\n")
                self._buffer = bytearray(rest)
            elif len(self._buffer) > _LINE:
                self._read(bytes(self._buffer[:_GARBAGE]))
                self._buffer.clear()

    async def close(self) -> None:
        """Close the agent's input: it is asked to end."""
        with suppress(OSError):
            self._in.close()

    def _read(self, line: bytes) -> dict[str, Any] | None:
        text = line.decode(errors="replace")
        try:
            message = json.loads(line)
        except (ValueError, RecursionError):
            message = None
        _note("agent", text, is_json=message is not None)
        if not isinstance(message, dict) or not isinstance(message.get("id"), int | str | None):
            self.garbage = self.garbage or text[:_GARBAGE]
            return None
        if not isinstance(message.get("error"), dict | None):
            message["error"] = {"message": str(message["error"])}
        if message.get("method") == "session/update" and "id" not in message:
            self._on_update(message.get("params"))
            return None
        return message


class Agent:
    """The agent's process, and calls to it."""

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        on_update: Callable[[Any], None],
        permit: Callable[[Any], Answer],
    ) -> None:
        self._process, self._permit = process, permit
        self._pipe = Pipe(process, on_update)
        self._connection = Connection(self._asked, self._pipe)

    @classmethod
    async def start(
        cls, words: Sequence[str], on_update: Callable[[Any], None], permit: Callable[[Any], Answer]
    ) -> Agent:
        """Start it in this process's working directory and environment.

        Raises:
            Failure: it cannot be started.
        """
        pipe = asyncio.subprocess.PIPE
        try:
            process = await asyncio.create_subprocess_exec(*words, stdin=pipe, stdout=pipe, stderr=sys.stderr)
        except (OSError, ValueError) as error:
            why = "was not found" if isinstance(error, FileNotFoundError) else f"cannot be started: {error}"
            msg = f"the agent {words[0]!r} {why}{how_to_install(words[0])}"
            raise Failure(msg) from None
        return cls(process, on_update, permit)

    async def call(self, method: str, params: Mapping[str, Any], limit: float | None) -> Any:
        """The answer to a call.

        Raises:
            Failure: there is none within `limit` seconds, it is an error, or the agent is gone.
        """
        try:
            return await asyncio.wait_for(self._connection.send_request(method, dict(params)), limit)
        except TimeoutError:
            msg = f"the agent did not answer {method!r} within {limit:g} s{self._printed()}"
            raise Failure(msg) from None
        except RequestError as error:
            raise failure_of(method, error.code, error, error.data, time.time()) from None
        except (OSError, RuntimeError):
            msg = f"the agent {await self._gone()} before it answered {method!r}{self._printed()}"
            raise Failure(msg) from None

    async def tell(self, method: str, params: Mapping[str, Any]) -> None:
        """Say something that is not answered."""
        with suppress(OSError, RuntimeError):
            await self._connection.send_notification(method, dict(params))

    async def end(self) -> None:
        """Close its input, and wait a moment for it to end."""
        await self._connection.close()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._process.wait(), _LEAVING)

    async def _asked(self, method: str, params: Any, is_notification: bool) -> Any:  # noqa: FBT001 - acp's own form
        if is_notification:
            return None
        if method != "session/request_permission":
            raise RequestError.method_not_found(method)
        chosen = self._permit(params).option
        if chosen is None:
            return {"outcome": {"outcome": "cancelled"}}
        return {"outcome": {"outcome": "selected", "optionId": chosen}}

    async def _gone(self) -> str:
        try:
            status = await asyncio.wait_for(self._process.wait(), _ENDED)
        except TimeoutError:
            return "closed its output"
        if status >= 0:
            return f"ended with exit status {status}"
        try:
            return f"was killed by {signal.Signals(-status).name}"
        except ValueError:
            return f"was killed by signal {-status}"

    def _printed(self) -> str:
        return f"; it printed what is no message: {self._pipe.garbage!r}" if self._pipe.garbage else ""


def _note(who: str, text: str, *, is_json: bool = True) -> None:
    """A line of the transcript; of a long message the beginning, as a text."""
    if len(text) > _SHOWN or not is_json:
        text = json.dumps(text[:_SHOWN])
    with suppress(OSError):
        sys.stdout.write(f'{{"{who}": {text}}}\n')
        sys.stdout.flush()
