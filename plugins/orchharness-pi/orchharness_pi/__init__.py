"""Agent kind `pi`: the pi coding agent, one headless turn an act."""

# ruff: noqa: D103 - what a hook does is described in orchharness.hookspecs
import re
from typing import Any

from orchharness import (
    Client,
    Handle,
    Kind,
    LocalProcess,
    PollResult,
    Preflight,
    PreflightRequest,
    SpawnRequest,
    hookimpl,
)
from orchharness_pi.output import parse

CLIENT = Client(
    program="pi",
    install="npm install -g @mariozechner/pi-coding-agent@0.73.1",
    parse=parse,
    known=("0.73.1",),
    env={"PI_OFFLINE": "1", "PI_SKIP_VERSION_CHECK": "1", "PI_TELEMETRY": "0"},
    unknown=("No session found",),
    shorten=('{"type":"message_update"',),  # each repeats the whole message so far: 2,000 words make 20 MB
)
_SESSION = r"[0-9A-Za-z][0-9A-Za-z-]*"


def _options() -> type[Any]:
    from orchharness_pi.options import Pi  # imports pydantic, so only when a plan uses the kind

    return Pi


@hookimpl
def orchharness_agent_kinds() -> list[Kind]:
    return [Kind(name="pi", options=_options, is_model=True)]


@hookimpl
def orchharness_spawn(request: SpawnRequest) -> Handle:
    words = _words(request)
    # pi takes a path there too; what was once read from its output is never one.
    session = request.session if request.session and re.fullmatch(_SESSION, request.session) else None
    return CLIENT.spawn(
        request,
        words,
        resume=(*words, "--session", session) if session else None,
        memo={"resumed": request.session, "counts_tokens": request.options.get("counts_tokens", True)},
    )


@hookimpl
def orchharness_poll(handle: Handle) -> PollResult:
    return CLIENT.poll(handle)


@hookimpl
def orchharness_cancel(handle: Handle) -> bool:
    return LocalProcess.cancel(handle)


@hookimpl
def orchharness_preflight(request: PreflightRequest) -> Preflight:
    return CLIENT.preflight(request)


def _words(request: SpawnRequest) -> tuple[str, ...]:
    options = request.options
    words = ["--print", "--mode", "json"]
    for name in ("provider", "model", "thinking", "system_prompt", "append_system_prompt"):
        if options.get(name):
            words += [f"--{name.replace('_', '-')}", options[name]]
    if options.get("allowed_tools"):
        words += ["--tools", ",".join(options["allowed_tools"])]
    return (*words, *options.get("args", ()))
