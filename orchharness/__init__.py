"""The public API: what plugins may import. Names are looked up when they are used, so importing this is free."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from orchharness.agents.client import Client
    from orchharness.agents.client_look import ask
    from orchharness.agents.client_options import ClientOptions
    from orchharness.agents.client_output import ClientEnd, Trouble, amount, one_line, trouble_of
    from orchharness.agents.local import LocalProcess
    from orchharness.core.acts import (
        CriticRequest,
        Evaluation,
        Finished,
        Handle,
        Kind,
        Lost,
        PollResult,
        Preflight,
        PreflightRequest,
        Queued,
        Running,
        SpawnRequest,
        Unknown,
    )
    from orchharness.core.section import Section, Table, Text, Verbatim
    from orchharness.errors import EngineTroubleError, OrchError
    from orchharness.hookspecs import hookimpl

__all__ = [
    "Client",
    "ClientEnd",
    "ClientOptions",
    "CriticRequest",
    "EngineTroubleError",
    "Evaluation",
    "Finished",
    "Handle",
    "Kind",
    "LocalProcess",
    "Lost",
    "OrchError",
    "PollResult",
    "Preflight",
    "PreflightRequest",
    "Queued",
    "Running",
    "Section",
    "SpawnRequest",
    "Table",
    "Text",
    "Trouble",
    "Unknown",
    "Verbatim",
    "amount",
    "ask",
    "hookimpl",
    "one_line",
    "trouble_of",
]

_ELSEWHERE = {
    "Client": "orchharness.agents.client",
    "ClientEnd": "orchharness.agents.client_output",
    "ClientOptions": "orchharness.agents.client_options",
    "LocalProcess": "orchharness.agents.local",
    "EngineTroubleError": "orchharness.errors",
    "OrchError": "orchharness.errors",
    "Section": "orchharness.core.section",
    "Table": "orchharness.core.section",
    "Text": "orchharness.core.section",
    "Trouble": "orchharness.agents.client_output",
    "Verbatim": "orchharness.core.section",
    "amount": "orchharness.agents.client_output",
    "ask": "orchharness.agents.client_look",
    "hookimpl": "orchharness.hookspecs",
    "one_line": "orchharness.agents.client_output",
    "trouble_of": "orchharness.agents.client_output",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        msg = f"module 'orchharness' has no attribute {name!r}"
        raise AttributeError(msg)
    from importlib import import_module

    value = getattr(import_module(_ELSEWHERE.get(name, "orchharness.core.acts")), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
