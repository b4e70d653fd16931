"""The wires that the scripted model speaks: a request becomes a conversation, an answer becomes its bytes.

Every answer costs 100 tokens in and 10 out, so that a test can count answers by the usage that a user is shown.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from typing import Any, Protocol

from model_script import Call, Conversation, Say, Tool, Turn

TOKENS_IN = 100
TOKENS_OUT = 10
MODEL = "fake-1"
NUMBERS = itertools.count(1)


class Wire(Protocol):
    """One API."""

    def read(self, body: dict[str, Any], path: str) -> Conversation:
        """What the request holds."""

    def whole(self, answer: Say | Call) -> dict[str, Any]:
        """The answer in one piece."""

    def pieces(self, answer: Say | Call) -> Iterator[str]:
        """The answer as server-sent events."""

    def error(self, status: int, message: str) -> dict[str, Any]:
        """A refusal."""


def event(value: dict[str, Any], name: str = "") -> str:
    """One server-sent event."""
    head = f"event: {name}\n" if name else ""
    return f"{head}data: {json.dumps(value)}\n\n"


def joined(content: Any) -> str:
    """The text of a content, which is a text or a list of parts."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "\n".join(part.get("text") or "" for part in content if isinstance(part, dict))
    return ""


class Messages:
    """Anthropic's Messages."""

    def read(self, body: dict[str, Any], path: str) -> Conversation:
        turns = [Turn(role="system", text=joined(body.get("system")))]
        for message in body.get("messages", ()):
            content = message["content"]
            blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
            results = [block for block in blocks if block["type"] == "tool_result"]
            turns += [Turn(role="tool", text=joined(block.get("content"))) for block in results]
            if text := joined([block for block in blocks if block["type"] == "text"]):
                turns.append(Turn(role=message["role"], text=text))
        tools = [
            Tool(name=tool["name"], schema=tool.get("input_schema", {})) for tool in body.get("tools", ())
        ]
        return Conversation(turns=tuple(turns), tools=tuple(tools), stream=bool(body.get("stream")))

    def whole(self, answer: Say | Call) -> dict[str, Any]:
        number = next(NUMBERS)
        if isinstance(answer, Say):
            block: dict[str, Any] = {"type": "text", "text": answer.text}
        else:
            block = {
                "type": "tool_use",
                "id": f"toolu_{number}",
                "name": answer.tool.name,
                "input": answer.arguments,
            }
        return {
            "id": f"msg_{number}",
            "type": "message",
            "role": "assistant",
            "model": MODEL,
            "content": [block],
            "stop_reason": "end_turn" if isinstance(answer, Say) else "tool_use",
            "stop_sequence": None,
            "usage": {"input_tokens": TOKENS_IN, "output_tokens": TOKENS_OUT},
        }

    def pieces(self, answer: Say | Call) -> Iterator[str]:
        whole = self.whole(answer)
        (block,) = whole["content"]
        begun = {
            **whole,
            "content": [],
            "stop_reason": None,
            "usage": {"input_tokens": TOKENS_IN, "output_tokens": 1},
        }
        if isinstance(answer, Say):
            empty, delta = {**block, "text": ""}, {"type": "text_delta", "text": answer.text}
        else:
            empty = {**block, "input": {}}
            delta = {"type": "input_json_delta", "partial_json": json.dumps(answer.arguments)}
        ended = {"stop_reason": whole["stop_reason"], "stop_sequence": None}
        for value in (
            {"type": "message_start", "message": begun},
            {"type": "content_block_start", "index": 0, "content_block": empty},
            {"type": "content_block_delta", "index": 0, "delta": delta},
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": ended, "usage": {"output_tokens": TOKENS_OUT}},
            {"type": "message_stop"},
        ):
            yield event(value, str(value["type"]))

    def error(self, status: int, message: str) -> dict[str, Any]:
        names = {
            401: "authentication_error",
            403: "permission_error",
            429: "rate_limit_error",
            529: "overloaded_error",
        }
        kind = names.get(status, "api_error" if status >= 500 else "invalid_request_error")
        return {
            "type": "error",
            "error": {"type": kind, "message": message},
            "request_id": f"req_{next(NUMBERS)}",
        }


class Responses:
    """OpenAI's responses."""

    def read(self, body: dict[str, Any], path: str) -> Conversation:
        turns = [Turn(role="system", text=body.get("instructions") or "")]
        given = body.get("input", ())
        for item in [{"role": "user", "content": given}] if isinstance(given, str) else given:
            kind = item.get("type", "message")
            if kind == "message":
                turns.append(Turn(role=item["role"], text=joined(item["content"])))
            elif kind.endswith("_output"):
                turns.append(Turn(role="tool", text=json.dumps(item.get("output"))))
        tools = [
            Tool(name=tool.get("name", tool["type"]), schema=tool.get("parameters") or {}, form=tool["type"])
            for tool in body.get("tools", ())
        ]
        return Conversation(turns=tuple(turns), tools=tuple(tools), stream=bool(body.get("stream")))

    def whole(self, answer: Say | Call) -> dict[str, Any]:
        number = next(NUMBERS)
        usage = {
            "input_tokens": TOKENS_IN,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": TOKENS_OUT,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": TOKENS_IN + TOKENS_OUT,
        }
        head = {"id": f"resp_{number}", "object": "response", "model": MODEL, "status": "completed"}
        return {**head, "output": [self._item(answer, number)], "usage": usage}

    def _item(self, answer: Say | Call, number: int) -> dict[str, Any]:
        if isinstance(answer, Say):
            content = [{"type": "output_text", "text": answer.text, "annotations": []}]
            return {"type": "message", "id": f"msg_{number}", "role": "assistant", "content": content}
        called = {"id": f"fc_{number}", "call_id": f"call_{number}", "status": "completed"}
        if answer.tool.form == "local_shell":
            return {"type": "local_shell_call", **called, "action": {"type": "exec", **answer.arguments}}
        arguments = json.dumps(answer.arguments)
        return {"type": "function_call", **called, "name": answer.tool.name, "arguments": arguments}

    def pieces(self, answer: Say | Call) -> Iterator[str]:
        whole = self.whole(answer)
        (item,) = whole["output"]
        begun = {**whole, "status": "in_progress", "output": [], "usage": None}
        values: list[dict[str, Any]] = [{"type": "response.created", "response": begun}]
        values.append({"type": "response.output_item.added", "output_index": 0, "item": item})
        if isinstance(answer, Say):
            place = {"item_id": item["id"], "output_index": 0, "content_index": 0}
            values.append({"type": "response.output_text.delta", **place, "delta": answer.text})
        values.append({"type": "response.output_item.done", "output_index": 0, "item": item})
        values.append({"type": "response.completed", "response": whole})
        for number, value in enumerate(values):
            yield event({**value, "sequence_number": number}, value["type"])

    def error(self, status: int, message: str) -> dict[str, Any]:
        names = {401: "invalid_api_key", 429: "rate_limit_exceeded"}
        kind = "server_error" if status >= 500 else "invalid_request_error"
        return {"error": {"message": message, "type": kind, "param": None, "code": names.get(status)}}


class Chat(Responses):
    """OpenAI's chat completions."""

    def read(self, body: dict[str, Any], path: str) -> Conversation:
        turns = [
            Turn(role=message["role"], text=joined(message.get("content"))) for message in body["messages"]
        ]
        offered = [tool["function"] for tool in body.get("tools") or () if tool.get("type") == "function"]
        tools = tuple(Tool(name=tool["name"], schema=tool.get("parameters") or {}) for tool in offered)
        return Conversation(turns=tuple(turns), tools=tools, stream=bool(body.get("stream")))

    def whole(self, answer: Say | Call) -> dict[str, Any]:
        number = next(NUMBERS)
        message: dict[str, Any] = {"role": "assistant", "content": None}
        if isinstance(answer, Say):
            message["content"] = answer.text
        else:
            function = {"name": answer.tool.name, "arguments": json.dumps(answer.arguments)}
            message["tool_calls"] = [
                {"index": 0, "id": f"call_{number}", "type": "function", "function": function}
            ]
        reason = "stop" if isinstance(answer, Say) else "tool_calls"
        total = TOKENS_IN + TOKENS_OUT
        usage = {"prompt_tokens": TOKENS_IN, "completion_tokens": TOKENS_OUT, "total_tokens": total}
        choice = {"index": 0, "message": message, "finish_reason": reason}
        head = {"id": f"chatcmpl-{number}", "object": "chat.completion", "created": 1, "model": MODEL}
        return {**head, "choices": [choice], "usage": usage}

    def pieces(self, answer: Say | Call) -> Iterator[str]:
        whole = self.whole(answer)
        (choice,) = whole.pop("choices")
        usage = whole.pop("usage")
        head = {**whole, "object": "chat.completion.chunk"}
        yield event({**head, "choices": [{"index": 0, "delta": choice["message"], "finish_reason": None}]})
        yield event(
            {**head, "choices": [{"index": 0, "delta": {}, "finish_reason": choice["finish_reason"]}]}
        )
        yield event({**head, "choices": [], "usage": usage})
        yield "data: [DONE]\n\n"


class Gemini:
    """Google's generateContent."""

    def read(self, body: dict[str, Any], path: str) -> Conversation:
        turns = []
        for content in body.get("contents", ()):
            parts = content.get("parts", ())
            results = [part["functionResponse"] for part in parts if "functionResponse" in part]
            turns += [Turn(role="tool", text=json.dumps(result.get("response"))) for result in results]
            if text := joined(parts).strip():
                turns.append(Turn(role="assistant" if content.get("role") == "model" else "user", text=text))
        tools = [
            Tool(name=tool["name"], schema=tool.get("parametersJsonSchema") or tool.get("parameters") or {})
            for group in body.get("tools", ())
            for tool in group.get("functionDeclarations", ())
        ]
        wanted = body.get("generationConfig", {})
        schema = wanted.get("responseJsonSchema") or wanted.get("responseSchema")
        streamed = "streamGenerateContent" in path
        return Conversation(turns=tuple(turns), tools=tuple(tools), stream=streamed, schema=schema)

    def whole(self, answer: Say | Call) -> dict[str, Any]:
        part: dict[str, Any]
        if isinstance(answer, Say):
            part = {"text": answer.text}
        else:
            part = {"functionCall": {"name": answer.tool.name, "args": answer.arguments}}
        total = TOKENS_IN + TOKENS_OUT
        usage = {"promptTokenCount": TOKENS_IN, "candidatesTokenCount": TOKENS_OUT, "totalTokenCount": total}
        content = {"role": "model", "parts": [part]}
        candidate = {"index": 0, "content": content, "finishReason": "STOP"}
        return {"candidates": [candidate], "usageMetadata": usage, "modelVersion": MODEL}

    def pieces(self, answer: Say | Call) -> Iterator[str]:
        yield event(self.whole(answer))

    def error(self, status: int, message: str) -> dict[str, Any]:
        names = {401: "UNAUTHENTICATED", 429: "RESOURCE_EXHAUSTED", 503: "UNAVAILABLE"}
        return {"error": {"code": status, "message": message, "status": names.get(status, "INTERNAL")}}


def wire_of(path: str) -> Wire | None:
    """The wire that a path belongs to."""
    if path.endswith("/messages"):
        return Messages()
    if path.endswith("/responses"):
        return Responses()
    if path.endswith("/chat/completions"):
        return Chat()
    if ":generateContent" in path or ":streamGenerateContent" in path:
        return Gemini()
    return None
