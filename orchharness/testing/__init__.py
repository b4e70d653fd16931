"""For those who test plans and plugins: kind `scripted`, functions that run a plan, and the conformance suites.

An ordinary plugin, on the public API alone. Nobody gets it without asking: `from orchharness.testing import *` in a
`conftest.py` that pytest loads at its start brings the hooks, and only these. Judgements have processes of their
own, which import that file, so this works with and without xdist.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from orchharness import (
    CriticRequest,
    Evaluation,
    Handle,
    Kind,
    LocalProcess,
    PollResult,
    SpawnRequest,
    hookimpl,
)

if TYPE_CHECKING:
    from orchharness.testing.conformance import AgentConformance as AgentConformance
    from orchharness.testing.critic_conformance import CriticConformance as CriticConformance
    from orchharness.testing.session import Played as Played
    from orchharness.testing.session import Session as Session
    from orchharness.testing.session import run_plan as run_plan
    from orchharness.testing.session import start_plan as start_plan
    from orchharness.testing.trial import Work as Work

__all__ = [
    "orchharness_agent_kinds",
    "orchharness_cancel",
    "orchharness_critic",
    "orchharness_poll",
    "orchharness_spawn",
]
_ELSEWHERE = {
    "AgentConformance": "conformance",
    "CriticConformance": "critic_conformance",
    "Played": "session",
    "Session": "session",
    "Work": "trial",
    "run_plan": "session",
    "start_plan": "session",
}


def _agent_options() -> type[Any]:
    from orchharness.testing.options import Agent

    return Agent


def _critic_options() -> type[Any]:
    from orchharness.testing.options import Critic

    return Critic


@hookimpl
def orchharness_agent_kinds() -> list[Kind]:
    """See the hook."""
    return [
        Kind(name="scripted", options=_agent_options),
        Kind(name="scripted", role="critic", options=_critic_options),
    ]


@hookimpl
def orchharness_spawn(request: SpawnRequest) -> Handle:
    """See the hook. The script goes by file; the program is the standard library's alone, so it starts in 15 ms."""
    import json
    from pathlib import Path

    from orchharness.testing import scripted

    script = Path(request.folder, "script.json")
    script.write_text(json.dumps({"act": request.act, **request.options}, default=dict), encoding="utf-8")
    return LocalProcess.spawn(request, (sys.executable, "-I", "-S", scripted.__file__, str(script)))


@hookimpl
def orchharness_poll(handle: Handle) -> PollResult:
    """See the hook."""
    return LocalProcess.poll(handle)


@hookimpl
def orchharness_cancel(handle: Handle) -> bool:
    """See the hook."""
    return LocalProcess.cancel(handle)


@hookimpl
def orchharness_critic(request: CriticRequest) -> Evaluation:
    """See the hook."""
    from orchharness.testing.judging import judge

    answer: Evaluation = judge(request)
    return answer


def __getattr__(name: str) -> Any:
    if name not in _ELSEWHERE:
        msg = f"module 'orchharness.testing' has no attribute {name!r}"
        raise AttributeError(msg)
    from importlib import import_module

    return getattr(import_module(f"orchharness.testing.{_ELSEWHERE[name]}"), name)
