"""What the scripted model answers: the prompt says it.

A directive is `[[name:text]]` in the last text of the user. They are followed in order, one answer each:

    [[write:FILE:TEXT]]   a call of the client's own tool that writes files (of its shell, where it offers none)
    [[bash:COMMAND]]      a call of the client's own shell
    [[say:TEXT]]          the closing text, after the calls; several are joined by blank lines; "done" without any
    [[json:VALUE]]        the same, for a JSON value, which may hold brackets
    [[fail:FAULT]]        a fault here: a status (401, 429, 500, 529 ...), `cut` or `hang`. After it may stand `once` or
                          `times=N` (else for ever) and `retry-after=SECONDS`: [[fail:429 once retry-after=1]]

The place in the list is told by the number of tool results that follow the text, so that the server keeps nothing
of a conversation: a client that was killed and resumes goes on where it was. Only the faults that end are counted.
"""

from __future__ import annotations

import json
import re
import shlex
import threading
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

START = re.compile(r"\[\[(write|bash|say|json|fail)(?::|\]\])")
REMINDER = re.compile(r"<system-reminder>.*?</system-reminder>", re.DOTALL)
SHELLS = ("bash", "shell", "exec_command", "run_shell_command", "local_shell")
COMMANDS = ("command", "cmd")
FILES = ("file_path", "filePath", "path")
TEXTS = ("content", "text")


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """A text of the conversation. `role`: user, assistant, tool (the result of a call) or system."""

    role: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """A tool that the client offers. `form`: how its wire names it (function, custom, local_shell)."""

    name: str
    schema: dict[str, Any] = field(default_factory=dict)
    form: str = "function"

    def property(self, names: tuple[str, ...]) -> str:
        """The first of `names` that is an argument of this tool, or nothing."""
        known = self.schema.get("properties", {})
        return next((name for name in names if name in known), "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """What a request holds, whichever its wire."""

    turns: tuple[Turn, ...]
    tools: tuple[Tool, ...] = ()
    stream: bool = False
    schema: dict[str, Any] | None = None  # the answer has to be JSON of this shape


@dataclass(frozen=True, slots=True, kw_only=True)
class Say:
    """The closing text."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call of one of the client's tools."""

    tool: Tool
    arguments: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What goes wrong. `kind`: a status as text, `cut` or `hang`. `times` None: for ever."""

    kind: str
    times: int | None = None
    retry_after: str | None = None


Answer = Say | Call | Fault


def read_fault(text: str) -> Fault:
    """The fault that `text` describes.

    Raises:
        ValueError: a word is none of the known ones.
    """
    kind, *words = text.split()
    if not (kind in {"cut", "hang"} or re.fullmatch(r"[45]\d\d", kind)):
        raise ValueError(f"{text!r}: a fault is a status from 400 on, cut or hang")
    times: int | None = None
    after = None
    for word in words:
        name, _, value = word.partition("=")
        match name:
            case "once":
                times = 1
            case "times":
                times = int(value)
            case "retry-after":
                after = value
            case _:
                raise ValueError(f"{text!r}: {word!r} is none of once, times=N, retry-after=SECONDS")
    return Fault(kind=kind, times=times, retry_after=after)


def directives(text: str) -> list[tuple[str, str]]:
    """The directives of a text in order, as (name, argument)."""
    found = []
    place = 0
    while match := START.search(text, place):
        name = match[1]
        if match[0].endswith("]]"):
            found.append((name, ""))
            place = match.end()
            continue
        if name == "json":
            end = match.end() + json.JSONDecoder().raw_decode(text[match.end() :])[1]
        else:
            end = text.find("]]", match.end())
        if end < 0:
            break
        found.append((name, text[match.end() : end]))
        place = end + 2
    return found


class Script:
    """Turns conversations into answers. Used by many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._used: Counter[str] = Counter()
        self._queued: list[Fault] = []

    def fail(self, text: str) -> None:
        """Let the next requests fail, whatever they ask: the text of a `fail` directive."""
        self._queued.append(read_fault(text))

    def answer(self, talk: Conversation) -> Answer:
        """What comes next in this conversation."""
        if talk.schema is not None:
            return Say(text=json.dumps(filled(talk.schema)))
        if fault := self._from_outside():
            return fault
        prompt, results = last_prompt(talk.turns)
        closing: list[str] = []
        for name, text in directives(prompt):
            match name:
                case "say" | "json":
                    closing.append(text)
                case "fail":
                    fault = read_fault(text)
                    # What a client asks beside its work (a title, say) offers no tools, and must not use a fault up.
                    if results == 0 and talk.tools and self._due(prompt + text, fault):
                        return fault
                case _ if results:
                    results -= 1
                case _ if talk.tools:
                    return written(talk.tools, text) if name == "write" else shell(talk.tools, text)
                case _:
                    pass  # a call without tools to make it with
        return Say(text="\n\n".join(closing) or "done")

    def _from_outside(self) -> Fault | None:
        with self._lock:
            for fault in list(self._queued):
                used = str(id(fault))
                self._used[used] += 1
                if fault.times is None or self._used[used] <= fault.times:
                    return fault
        return None

    def _due(self, name: str, fault: Fault) -> bool:
        with self._lock:
            self._used[name] += 1
            return fault.times is None or self._used[name] <= fault.times


def last_prompt(turns: tuple[Turn, ...]) -> tuple[str, int]:
    """The last text of the user, without what clients add to it, and how many tool results follow it."""
    results = 0
    for turn in reversed(turns):
        if turn.role == "tool":
            results += 1
        elif turn.role == "user" and (text := REMINDER.sub("", turn.text).strip()):
            return text, results
    return "", results


def written(tools: tuple[Tool, ...], text: str) -> Answer:
    """The call that writes a file: `FILE:TEXT`."""
    name, _, content = text.partition(":")
    for tool in tools:
        where, what = tool.property(FILES), tool.property(TEXTS)
        if "write" in tool.name.lower() and where and what:
            return Call(tool=tool, arguments={**filled(tool.schema), where: name, what: content})
    return shell(tools, f"printf %s {shlex.quote(content)} > {shlex.quote(name)}")


def shell(tools: tuple[Tool, ...], command: str) -> Answer:
    """The call that runs a command."""
    for tool in tools:
        if tool.name.lower() not in SHELLS:
            continue
        if tool.form == "local_shell":
            return Call(tool=tool, arguments={"command": ["bash", "-c", command]})
        if where := tool.property(COMMANDS):
            listed = tool.schema["properties"][where].get("type") == "array"
            value = ["bash", "-c", command] if listed else command
            return Call(tool=tool, arguments={**filled(tool.schema), where: value})
    offered = ", ".join(sorted(tool.name for tool in tools))
    return Say(text=f"no tool of these runs a command: {offered}")


def filled(schema: dict[str, Any]) -> Any:
    """A small value that fits a JSON schema: what is required, and nothing else."""
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema.get("type", "object" if "properties" in schema else "string")
    match kind.lower() if isinstance(kind, str) else kind:
        case "object":
            known = schema.get("properties", {})
            return {name: filled(known.get(name, {})) for name in schema.get("required", ())}
        case "array":
            return []
        case "boolean":
            return False
        case "integer" | "number":
            return 1
        case _:
            return "as asked"
