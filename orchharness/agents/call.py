"""Calls a function for an act: `python call.py MODULE:FUNCTION [ARGS.json]`. Standard library only.

The function gets one `Act`, or nothing when it takes nothing. What it returns becomes part of `ORCH_RESULT`.
Ends with 0, with 1 and a traceback when the function raised, with 2 and one line when it cannot be called.
"""

from __future__ import annotations

import importlib
import inspect
import json
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from orchharness.record import record

_SUMMARY = 200


@record
class Act:
    """What the function is about. Several paths are a list; names are in lower case."""

    task: str
    iteration: int
    inputs: Mapping[str, str | list[str]]
    outputs: Mapping[str, str | list[str]]
    prompt: str | None
    findings: Any
    args: Any


class CallError(Exception):
    """The function cannot be called; printed as one line."""


def main(words: list[str]) -> int:
    """Call the function; the exit status."""
    if not words:
        print("usage: call.py MODULE:FUNCTION [ARGS.json]", file=sys.stderr)  # noqa: T201
        return 2
    try:
        sys.path[:0] = [folder for folder in (str(Path.cwd()), os.environ.get("ORCH_PLAN_DIR")) if folder]
        function = _load(words[0])
        args = json.loads(Path(words[1]).read_text(encoding="utf-8")) if len(words) > 1 else None
        result = function(_act(args)) if _takes_an_act(words[0], function) else function()
        _leave(words[0], result)
    except CallError as error:
        print(f"python: {error}", file=sys.stderr)  # noqa: T201 - this is the act's own stderr
        return 2
    return 0


def _load(target: str) -> Callable[..., Any]:
    module_name, _, name = target.partition(":")
    if not module_name or not name:
        msg = f"call {target!r} is not of the form 'module:function'"
        raise CallError(msg)
    try:
        value: Any = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
            raise  # the module is there, something it imports is not
        msg = f"call {target!r}: there is no module {error.name!r} in the working directory, the plan's folder or installed"
        raise CallError(msg) from None
    for part in name.split("."):
        if not hasattr(value, part):
            msg = f"call {target!r}: {module_name!r} has no {name!r}"
            raise CallError(msg)
        value = getattr(value, part)
    if not callable(value):
        msg = f"call {target!r}: {name!r} is no function"
        raise CallError(msg)
    return value  # type: ignore[no-any-return]


def _takes_an_act(target: str, function: Callable[..., Any]) -> bool:
    if inspect.iscoroutinefunction(function):
        msg = f"call {target!r}: the function is async; call one that runs it, as with asyncio.run()"
        raise CallError(msg)
    try:
        signature = inspect.signature(function)
    except (ValueError, TypeError):
        return True
    for arguments in ((Act,), ()):
        try:
            signature.bind(*arguments)
        except TypeError:
            continue
        return bool(arguments)
    msg = f"call {target!r}: the function must take one argument or none, it is {signature}"
    raise CallError(msg)


def _act(args: Any) -> Act:
    prompt, findings = os.environ.get("ORCH_PROMPT"), os.environ.get("ORCH_FINDINGS")
    return Act(
        task=os.environ.get("ORCH_TASK", ""),
        iteration=int(os.environ.get("ORCH_ITERATION", "1")),
        inputs=_paths("ORCH_INPUT_"),
        outputs=_paths("ORCH_OUTPUT_"),
        prompt=Path(prompt).read_text(encoding="utf-8") if prompt else None,
        findings=json.loads(Path(findings).read_text(encoding="utf-8")) if findings else None,
        args=args,
    )


def _paths(prefix: str) -> dict[str, str | list[str]]:
    found: dict[str, str | list[str]] = {}
    for name, value in os.environ.items():
        if name.startswith(prefix):
            found[name.removeprefix(prefix).lower()] = value.split("\n") if "\n" in value else value
    return found


def _leave(target: str, result: Any) -> None:
    """Merge what the function returned into the result file."""
    if result is None:
        return
    if isinstance(result, str):
        result = {"summary": result.strip().partition("\n")[0][:_SUMMARY], "answer": result}
    if not isinstance(result, Mapping):
        msg = f"call {target!r} returned a {type(result).__name__}; return a text, a mapping for ORCH_RESULT, or nothing"
        raise CallError(msg)
    path = Path(os.environ.get("ORCH_RESULT") or "agent-result.json")
    before = json.loads(path.read_text(encoding="utf-8")) if path.exists() and path.stat().st_size else {}
    try:
        text = json.dumps({**before, **result}, allow_nan=False)
    except (TypeError, ValueError) as error:
        msg = f"call {target!r} returned what JSON cannot hold: {error}"
        raise CallError(msg) from None
    path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
