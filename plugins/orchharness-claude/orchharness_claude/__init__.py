"""Agent kind `claude`: Claude Code, one headless turn an act."""

# ruff: noqa: D103 - what a hook does is described in orchharness.hookspecs
import os
import re
from collections.abc import Mapping, Sequence
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
    ask,
    hookimpl,
)
from orchharness_claude.output import parse

CLIENT = Client(
    program="claude",
    install="npm install -g @anthropic-ai/claude-code@2.1.197",
    parse=parse,
    known=("2.1.197",),
    env={
        "CLAUDE_CODE_DISABLE_ATTACHMENTS": "1",  # an @name in a prompt or a finding would put that file into it
        "CLAUDE_CODE_DISABLE_BACKGROUND_TASKS": "1",  # nothing that is left running outlives the act
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "CLAUDE_CODE_MAX_RETRIES": "1",
        "DISABLE_AUTOUPDATER": "1",
        "DISABLE_ERROR_REPORTING": "1",
        "DISABLE_TELEMETRY": "1",
    },
    unknown=("No conversation found",),
    shorten=('{"type":"stream_event"',),  # one for every few words: signs of life, and nothing more
)
_VALUES = ("model", "permission_mode", "system_prompt", "append_system_prompt", "max_turns", "max_budget_usd")
_SESSION = r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"
_LOGINS = ("ANTHROPIC_", "CLAUDE_CODE_USE_", "CLAUDE_CODE_OAUTH_TOKEN", "AWS_BEARER_TOKEN_BEDROCK")


def _options() -> type[Any]:
    from orchharness_claude.options import Claude  # imports pydantic, so only when a plan uses the kind

    return Claude


@hookimpl
def orchharness_agent_kinds() -> list[Kind]:
    return [Kind(name="claude", options=_options, is_model=True)]


@hookimpl
def orchharness_spawn(request: SpawnRequest) -> Handle:
    from uuid import UUID

    words = _words(request)
    session = request.session if request.session and re.fullmatch(_SESSION, request.session) else None
    fresh = str(UUID(bytes=_sixteen(request.key), version=4))
    return CLIENT.spawn(
        request,
        (*words, f"--session-id={fresh}"),
        resume=(*words, f"--resume={session}") if session else None,
        memo={"resumed": request.session, "denials": request.options.get("denials")},
    )


@hookimpl
def orchharness_poll(handle: Handle) -> PollResult:
    return CLIENT.poll(handle)


@hookimpl
def orchharness_cancel(handle: Handle) -> bool:
    return LocalProcess.cancel(handle)


@hookimpl
def orchharness_preflight(request: PreflightRequest) -> Preflight:
    def look(program: Sequence[str], env: Mapping[str, str]) -> Preflight | None:
        bypass = request.options.get("permission_mode") == "bypassPermissions"
        if bypass and os.geteuid() == 0 and not env.get("IS_SANDBOX"):
            return Preflight(
                fault="claude takes no `permission_mode: bypassPermissions` from root; in a container that may be lost, "
                "write `env: {IS_SANDBOX: '1'}`"
            )
        if any(name.startswith(_LOGINS) for name in env):
            return None
        status, _ = ask([*program, "auth", "status"], env)
        return (
            None
            if status == 0
            else Preflight(warnings=("claude is not logged in: run `claude`, then `/login`",))
        )

    return CLIENT.preflight(request, look)


def _sixteen(key: str) -> bytes:
    from hashlib import sha256

    return sha256(key.encode()).digest()[:16]


def _words(request: SpawnRequest) -> tuple[str, ...]:
    options = request.options
    words = [
        "-p",
        "--output-format=stream-json",
        "--verbose",
        "--include-partial-messages",
        *options.get("args", ()),
    ]
    words += [
        f"--{name.replace('_', '-')}={options[name]}" for name in _VALUES if options.get(name) is not None
    ]
    words += ["--add-dir", request.folder, *CLIENT.folders(request), *options.get("add_dirs", ())]
    for name, tools in (("--allowed-tools", "allowed_tools"), ("--disallowed-tools", "denied_tools")):
        if options.get(tools):
            words += [name, *options[tools]]
    return tuple(words)
