"""The public API: what plugins may import. Names are looked up when they are used, so importing this is free."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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
    from orchharness.errors import OrchError
    from orchharness.hookspecs import hookimpl

__all__ = [
    "CriticRequest",
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
    "Unknown",
    "Verbatim",
    "hookimpl",
]

_ELSEWHERE = {
    "LocalProcess": "orchharness.agents.local",
    "OrchError": "orchharness.errors",
    "Section": "orchharness.core.section",
    "Table": "orchharness.core.section",
    "Text": "orchharness.core.section",
    "Verbatim": "orchharness.core.section",
    "hookimpl": "orchharness.hookspecs",
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
