"""The built-in agent kinds: `command` executes a `run`, `python` calls a function in a process of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orchharness.core.acts import Handle, Kind, PollResult, SpawnRequest
from orchharness.hookspecs import hookimpl

if TYPE_CHECKING:
    from collections.abc import Sequence


def _python_options() -> type[Any]:
    from orchharness.agents.options import PythonOptions

    return PythonOptions


@hookimpl
def orchharness_agent_kinds() -> Sequence[Kind]:
    """See the hook."""
    return (Kind(name="command"), Kind(name="python", options=_python_options))


@hookimpl
def orchharness_spawn(request: SpawnRequest) -> Handle:
    """See the hook."""
    from orchharness.agents.command import words_of
    from orchharness.agents.local import LocalProcess

    words = _call(request) if request.kind == "python" else words_of(request)
    # The act of a judge may be one that pays a model: its end does not depend on a supervisor.
    return LocalProcess.spawn(request, words, supervised="ORCH_TASK" in request.env)


@hookimpl
def orchharness_poll(handle: Handle) -> PollResult:
    """See the hook."""
    from orchharness.agents.local import LocalProcess

    return LocalProcess.poll(handle)


@hookimpl
def orchharness_cancel(handle: Handle) -> bool:
    """See the hook."""
    from orchharness.agents.local import LocalProcess

    return LocalProcess.cancel(handle)


def _call(request: SpawnRequest) -> tuple[str, ...]:
    """The words that call the function. Its arguments go by file: they may be long, and `ps` shows words."""
    import json
    import sys
    from pathlib import Path

    from orchharness.agents import call
    from orchharness.errors import OrchError

    target = request.options.get("call")
    if not isinstance(target, str):
        msg = f"{request.act}: an agent of kind 'python' needs `call: module:function`"
        raise OrchError(msg)
    path = Path(request.folder, "call-args.json")
    path.write_text(json.dumps(request.options.get("args"), default=dict), encoding="utf-8")
    # By path, and -P: nothing in the working directory can take the place of a module that is needed to start.
    return (sys.executable, "-P", call.__file__, target, str(path))
