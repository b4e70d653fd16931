"""Agent kind `codex`: Codex CLI, one `codex exec` an act."""

# ruff: noqa: D103 - what a hook does is described in orchharness.hookspecs
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
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
from orchharness_codex.output import Thread, parse

CLIENT = Client(
    program="codex",
    install="npm install -g @openai/codex@0.169.0",
    parse=parse,
    known=("0.169.0",),
    unknown=("no rollout found",),
)


def _options() -> type[Any]:
    from orchharness_codex.options import Codex  # imports pydantic, so only when a plan uses the kind

    return Codex


@hookimpl
def orchharness_agent_kinds() -> list[Kind]:
    return [Kind(name="codex", options=_options, is_model=True)]


@hookimpl
def orchharness_spawn(request: SpawnRequest) -> Handle:
    words = _words(request)
    thread = Thread.read_from(request.session)
    return CLIENT.spawn(
        request,
        (*words, "-"),
        resume=(*words, "resume", thread.id, "-") if thread else None,
        memo={"resumed": request.session},
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
        fault = "" if request.options.get("sandbox") == "danger-full-access" else _no_sandbox(program, env)
        return Preflight(fault=fault, warnings=() if fault else _no_login(program, env))

    return CLIENT.preflight(request, look)


def _no_sandbox(program: Sequence[str], env: Mapping[str, str]) -> str:
    status, text = ask([*program, "sandbox", "--", "true"], env)
    if status == 0:
        return ""
    return (
        f"codex cannot sandbox commands here, so each of them would fail: {text}; install bubblewrap, or, in a "
        "container that may be lost, write `sandbox: danger-full-access`"
    )


def _no_login(program: Sequence[str], env: Mapping[str, str]) -> tuple[str, ...]:
    """Without an account codex may wait for one for ever. Providers of the user's own need none."""
    if _own_provider(env) or env.get("OPENAI_API_KEY") or env.get("CODEX_API_KEY"):
        return ()
    status, _ = ask([*program, "login", "status"], env)
    return () if status == 0 else ("codex is not logged in: run `codex login`",)


def _own_provider(env: Mapping[str, str]) -> tuple[str, Mapping[str, Any]] | None:
    """The provider that the user's configuration names and describes, with its settings."""
    import tomllib

    home = Path(env.get("CODEX_HOME") or Path(env.get("HOME", "/"), ".codex"))
    try:
        config = tomllib.loads((home / "config.toml").read_text(encoding="utf-8"))
        name = config["model_provider"]
        return name, dict(config["model_providers"][name])
    except (OSError, ValueError, KeyError, TypeError):
        return None  # codex itself says what is wrong with its configuration


def _few_retries(request: SpawnRequest) -> dict[str, Any]:
    """One more try, where the user says nothing of it: with its own 4 and 5 codex takes minutes to give up.

    Of the providers that codex brings along nothing can be set.
    """
    env = {**os.environ, **CLIENT.environment(request.options, request.env)}
    name, settings = _own_provider(env) or ("", {})
    if not name.replace("_", "").replace("-", "").isalnum():
        return {}
    wanted = {"request_max_retries": 1, "stream_max_retries": 1}
    return {f"model_providers.{name}.{n}": value for n, value in wanted.items() if n not in settings}


def _words(request: SpawnRequest) -> tuple[str, ...]:
    options = request.options
    sandbox = options.get("sandbox", "workspace-write")
    words = ["exec", "--json", "--skip-git-repo-check", "--sandbox", sandbox]
    settings: dict[str, Any] = {"analytics.enabled": False, "check_for_update_on_startup": False}
    settings |= _few_retries(request)
    if options.get("network"):
        settings["sandbox_workspace_write.network_access"] = True
    if options.get("effort"):
        settings["model_reasoning_effort"] = options["effort"]
    if options.get("append_system_prompt"):
        settings["developer_instructions"] = options["append_system_prompt"]
    for name, value in settings.items():
        words += ["--config", f"{name}={json.dumps(value)}"]  # a JSON text is one of TOML too
    for name in ("model", "profile"):
        if options.get(name):
            words.append(f"--{name}={options[name]}")
    if sandbox == "workspace-write":
        for folder in (*CLIENT.folders(request, "ORCH_OUTPUT_"), *options.get("add_dirs", ())):
            words.append(f"--add-dir={folder}")
    return (*words, *options.get("args", ()))
