"""The scripted server itself, asked by hand as clients ask."""

from __future__ import annotations

import contextlib
import http.client
import json
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from model_script import Call, Conversation, Fault, Say, Script, Tool, Turn, directives, filled, read_fault
from model_server import ModelServer

WRITE = Tool(name="Write", schema={"properties": {"file_path": {}, "content": {}}, "required": ["file_path"]})
BASH = Tool(name="Bash", schema={"properties": {"command": {"type": "string"}}, "required": ["command"]})


def talk(prompt: str, *more: Turn, tools: tuple[Tool, ...] = (WRITE, BASH)) -> Conversation:
    return Conversation(turns=(Turn(role="user", text=prompt), *more), tools=tools)


def result(number: int = 1) -> list[Turn]:
    return [Turn(role="tool", text="ok")] * number


def post(server: ModelServer, path: str, body: dict[str, Any]) -> tuple[int, dict[str, str], str]:
    return ask(server.url, path, body)


def ask(url: str, path: str, body: dict[str, Any]) -> tuple[int, dict[str, str], str]:
    with contextlib.closing(http.client.HTTPConnection(url.removeprefix("http://"), timeout=10)) as wire:
        wire.request("POST", path, json.dumps(body), {"content-type": "application/json"})
        answer = wire.getresponse()
        return (
            answer.status,
            {name.lower(): value for name, value in answer.getheaders()},
            answer.read().decode(),
        )


def test_a_hanging_answer_ends_when_the_server_does(server: ModelServer) -> None:
    ended = threading.Event()

    def wait() -> None:
        with pytest.raises((http.client.HTTPException, ConnectionError)):
            post(
                server,
                "/v1/messages",
                {"messages": [{"role": "user", "content": "[[fail:hang]]"}], "tools": [{"name": "x"}]},
            )
        ended.set()

    threading.Thread(target=wait, daemon=True).start()
    while not server.requests:
        threading.Event().wait(0.01)
    still = not ended.is_set()
    server.closing.set()

    assert still
    assert ended.wait(10)


def test_directives_are_followed_one_answer_each() -> None:
    prompt = "please [[write:a.md:text: more]] and [[bash:ls]] then [[say:over]]"

    first, second, last = (Script().answer(talk(prompt, *result(number))) for number in range(3))

    assert first == Call(tool=WRITE, arguments={"file_path": "a.md", "content": "text: more"})
    assert second == Call(tool=BASH, arguments={"command": "ls"})
    assert last == Say(text="over")


def test_a_new_text_of_the_user_begins_again() -> None:
    turns = [*result(), Turn(role="assistant", text="done"), Turn(role="user", text="again [[bash:ls]]")]

    assert Script().answer(talk("[[bash:pwd]]", *turns)) == Call(tool=BASH, arguments={"command": "ls"})


def test_what_a_client_adds_is_no_text_of_the_user() -> None:
    added = Turn(role="user", text="<system-reminder>\nbe quick [[bash:rm]]\n</system-reminder>")

    assert Script().answer(talk("[[bash:ls]]", added)) == Call(tool=BASH, arguments={"command": "ls"})


def test_without_a_tool_that_writes_the_shell_does() -> None:
    answer = Script().answer(talk("[[write:a b.md:it's]]", tools=(BASH,)))

    assert answer == Call(tool=BASH, arguments={"command": "printf %s 'it'\"'\"'s' > 'a b.md'"})


def test_json_may_hold_brackets() -> None:
    assert directives('x [[json:{"a": [[1, 2]]}]] [[say:y]]') == [("json", '{"a": [[1, 2]]}'), ("say", "y")]


def test_a_fault_counts_its_times_and_then_the_work_goes_on() -> None:
    script = Script()
    prompt = "[[fail:429 times=2 retry-after=3]][[bash:ls]]"

    answers = [script.answer(talk(prompt)) for _ in range(3)]

    assert answers[0] == answers[1] == Fault(kind="429", times=2, retry_after="3")
    assert isinstance(answers[2], Call)


def test_a_fault_after_a_call_comes_after_it() -> None:
    prompt = "[[bash:ls]][[fail:500]]"

    assert isinstance(Script().answer(talk(prompt)), Call)
    assert Script().answer(talk(prompt, *result())) == Fault(kind="500")


def test_a_question_without_tools_uses_no_fault_up() -> None:
    script = Script()
    prompt = "[[fail:500 once]][[say:over]]"

    assert script.answer(talk(prompt, tools=())) == Say(text="over")
    assert script.answer(talk(prompt)) == Fault(kind="500", times=1)


def test_a_script_of_the_server_comes_first() -> None:
    script = Script()
    script.fail("529 once")

    assert script.answer(talk("[[say:x]]")) == Fault(kind="529", times=1)
    assert script.answer(talk("[[say:x]]")) == Say(text="x")


@pytest.mark.parametrize("text", ["200", "slow", "429 twice", "cut for=ever"])
def test_a_fault_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"a fault is|is none of"):
        read_fault(text)


def test_what_a_tool_requires_is_filled() -> None:
    schema = {
        "type": "object",
        "properties": {
            "who": {"enum": ["user", "model"]},
            "n": {"type": "INTEGER"},
            "free": {"type": "string"},
        },
        "required": ["who", "n"],
    }

    assert filled(schema) == {"who": "user", "n": 1}


def test_every_request_is_kept(server: ModelServer) -> None:
    post(server, "/v1/messages", {"system": "be good", "messages": [{"role": "user", "content": "hello"}]})
    (kept,) = server.requests

    assert "hello" in kept
    assert kept.says("be good", "system")
    assert not kept.says("hello", "assistant")


CHAT = {"type": "function", "function": {"name": "bash", "parameters": BASH.schema}}
MADE = {"name": "bash", "input_schema": BASH.schema}
FORM = {"type": "function", "name": "bash", "parameters": BASH.schema}
GOOGLE = {"functionDeclarations": [{"name": "run_shell_command", "parametersJsonSchema": BASH.schema}]}
WIRES: dict[str, Callable[[str], dict[str, Any]]] = {
    "/v1/messages": lambda text: {"messages": [{"role": "user", "content": text}], "tools": [MADE]},
    "/v1/responses": lambda text: {
        "input": [{"role": "user", "content": [{"type": "input_text", "text": text}]}],
        "tools": [FORM],
    },
    "/v1/chat/completions": lambda text: {"messages": [{"role": "user", "content": text}], "tools": [CHAT]},
    "/v1beta/models/x:generateContent": lambda text: {
        "contents": [{"role": "user", "parts": [{"text": text}]}],
        "tools": [GOOGLE],
    },
}


@pytest.mark.parametrize("path", WIRES)
@pytest.mark.parametrize("stream", [False, True])
def test_every_wire_says_and_calls_and_fails(server: ModelServer, path: str, stream: bool) -> None:
    body = WIRES[path]
    place = path.replace(":g", ":streamG") if stream else path
    said = post(server, place, {**body("[[say:hello there]]"), "stream": stream})
    called = post(server, place, {**body("[[bash:ls -la]]"), "stream": stream})
    failed = post(server, place, {**body("[[fail:429 retry-after=7]]"), "stream": stream})

    assert said[0] == called[0] == 200
    assert "hello there" in said[2]
    assert "ls -la" in called[2]
    assert ("data: " in said[2]) is stream
    assert failed[0] == 429
    assert failed[1]["retry-after"] == "7"
    assert "rate limit" in json.loads(failed[2])["error"]["message"]


@pytest.mark.parametrize("path", WIRES)
def test_a_cut_stream_is_no_whole_answer(server: ModelServer, path: str) -> None:
    with pytest.raises((http.client.IncompleteRead, ConnectionResetError)):
        post(server, path, {**WIRES[path]("[[fail:cut]]"), "stream": True})


def test_tokens_are_counted_always_alike(server: ModelServer) -> None:
    assert json.loads(post(server, "/v1/messages/count_tokens", {})[2]) == {"input_tokens": 100}
    assert post(server, "/v1/elsewhere", {})[0] == 404


def test_as_a_program_it_prints_its_address() -> None:
    words = [
        sys.executable,
        str(Path(__file__).with_name("model_server.py")),
        "--port",
        "0",
        "--fail",
        "500 once",
    ]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as program:
        try:
            assert program.stdout
            address = program.stdout.readline().strip()
            status, _, _ = ask(address, "/v1/messages", WIRES["/v1/messages"]("x"))
        finally:
            program.terminate()

    assert address.startswith("http://127.0.0.1:")
    assert status == 500
