"""A model server on the loopback interface whose answers are written in the prompt; nothing but the standard library.

Rules: what a prompt says decides what is answered (see model_script.py); every request is kept; it listens on
127.0.0.1 only. By hand:

    python tests/agents/model_server.py --port 8799
    ANTHROPIC_BASE_URL=http://127.0.0.1:8799 ANTHROPIC_API_KEY=dummy claude -p 'do [[write:hello.txt:hi]]' ...

It speaks Anthropic's /v1/messages, OpenAI's /v1/responses and /v1/chat/completions, and Google's generateContent.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import socket
import struct
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from model_script import Answer, Conversation, Fault, Script
from model_wires import TOKENS_IN, Wire, wire_of

REASONS = {
    401: "invalid x-api-key",
    403: "this key may not use this model",
    429: "this request would exceed your rate limit",
    500: "internal server error",
    529: "overloaded",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request as it came. `talk` is None where it was not about an answer of the model."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: Any
    talk: Conversation | None
    at: float

    def __contains__(self, text: str) -> bool:
        """Whether some turn of the conversation says `text`."""
        return self.says(text)

    def says(self, text: str, role: str = "") -> bool:
        """Whether some turn, of this role where one is named, says `text`."""
        turns = self.talk.turns if self.talk else ()
        return any(text in turn.text for turn in turns if role in {"", turn.role})

    def results(self) -> int:
        """How many tool results it holds."""
        return sum(turn.role == "tool" for turn in self.talk.turns) if self.talk else 0


class ModelServer(ThreadingHTTPServer):
    """The server. `requests` are all that came, in their order."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, port: int = 0, *, log: bool = False) -> None:
        self.requests: list[Request] = []
        self.script = Script()
        self.closing = threading.Event()
        self.log = log
        super().__init__(("127.0.0.1", port), Handler)

    @property
    def url(self) -> str:
        """Its address, without a slash at the end."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def asked(self, text: str = "") -> list[Request]:
        """The requests for an answer with tools whose conversation holds `text`: the turns of an agent's work."""
        return [
            request for request in self.requests if request.talk and request.talk.tools and text in request
        ]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that go away in the middle are what many a test is about."""
        if not isinstance(sys.exc_info()[1], ConnectionError | TimeoutError):
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    server: ModelServer
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self._keep(None, None)
        self._send(200, {}, body=False)

    def do_GET(self) -> None:
        self._keep(None, None)
        if self.path.split("?")[0].endswith("/models"):
            entry = {
                "id": "fake-1",
                "type": "model",
                "object": "model",
                "display_name": "fake",
                "owned_by": "nobody",
            }
            self._send(200, {"object": "list", "data": [entry], "has_more": False})
        else:
            self._send(404, {"error": {"message": f"nothing is at {self.path}"}})

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers.get("content-length") or 0))
        try:
            body = json.loads(raw or b"{}")
        except ValueError:
            body = None
        path = self.path.split("?")[0]
        wire = wire_of(path)
        if wire is None or not isinstance(body, dict):
            self._keep(body, None)
            self._other(path)
            return
        talk = wire.read(body, path)
        self._keep(body, talk)
        self._answer(wire, talk, self.server.script.answer(talk))

    def _other(self, path: str) -> None:
        if path.endswith("/count_tokens"):
            self._send(200, {"input_tokens": TOKENS_IN})
        elif path.endswith(":countTokens"):
            self._send(200, {"totalTokens": TOKENS_IN})
        else:
            self._send(404, {"error": {"message": f"nothing is at {path}"}})

    def _answer(self, wire: Wire, talk: Conversation, answer: Answer) -> None:
        if isinstance(answer, Fault):
            if answer.kind.isdigit():
                status = int(answer.kind)
                after = {"retry-after": answer.retry_after} if answer.retry_after else {}
                self._send(
                    status, wire.error(status, REASONS.get(status, "as the script says")), headers=after
                )
            else:
                self._break_off(answer)
        elif talk.stream:
            self._begin_stream()
            for piece in wire.pieces(answer):
                self._chunk(piece)
            self.wfile.write(b"0\r\n\r\n")
        else:
            self._send(200, wire.whole(answer))

    def _break_off(self, fault: Fault) -> None:
        self._begin_stream()
        self._chunk(": the beginning\n\n")
        self.close_connection = True
        if fault.kind == "hang":
            self.server.closing.wait()
        else:
            # Closed with unsent data and no lingering: the client sees a reset, not an end.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def _begin_stream(self) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()

    def _chunk(self, piece: str) -> None:
        data = piece.encode()
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.wfile.flush()

    def _send(
        self,
        status: int,
        value: dict[str, Any],
        *,
        body: bool = True,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        data = json.dumps(value).encode()
        self.send_response(status)
        for name, text in {"content-type": "application/json", **(headers or {})}.items():
            self.send_header(name, text)
        self.send_header("content-length", str(len(data) if body else 0))
        self.end_headers()
        if body:
            self.wfile.write(data)

    def _keep(self, body: Any, talk: Conversation | None) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        method = self.command
        kept = Request(
            method=method, path=self.path, headers=headers, body=body, talk=talk, at=time.monotonic()
        )
        self.server.requests.append(kept)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 -- the name of the base class
        if self.server.log:
            super().log_message(format, *args)


@contextlib.contextmanager
def serving(port: int = 0, *, log: bool = False) -> Iterator[ModelServer]:
    """A server that answers while the block runs."""
    server = ModelServer(port, log=log)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.closing.set()
        server.shutdown()
        server.server_close()
        thread.join(5)


def main() -> None:
    """Serve until Ctrl-C."""
    options = argparse.ArgumentParser(description="A model server whose answers are written in the prompt.")
    options.add_argument("--port", type=int, default=0, help="default: a free one, which is printed")
    options.add_argument(
        "--fail", action="append", default=[], metavar="FAULT", help="for instance '429 once'"
    )
    given = options.parse_args()
    with serving(given.port, log=True) as server, contextlib.suppress(KeyboardInterrupt):
        for text in given.fail:
            server.script.fail(text)
        print(server.url, flush=True)  # noqa: T201
        threading.Event().wait()


if __name__ == "__main__":
    main()
