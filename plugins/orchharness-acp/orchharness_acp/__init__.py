"""Agent kind `acp`: any program that speaks the Agent Client Protocol over its standard input and output.

*   A supervisor process of its own (`orchharness_acp.supervise`) talks to the agent: the act outlives the
    orchestrator, and is found, polled and ended like any local process.
*   Only that process imports asyncio and the protocol's package.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from orchharness import (
    Handle,
    Kind,
    LocalProcess,
    PollResult,
    Preflight,
    PreflightRequest,
    SpawnRequest,
    hookimpl,
)

if TYPE_CHECKING:
    from collections.abc import Sequence


def _options() -> type[Any]:
    from orchharness_acp.options import Acp

    return Acp


@hookimpl
def orchharness_agent_kinds() -> Sequence[Kind]:
    """See the hook."""
    return (Kind(name="acp", options=_options, is_model=True),)


@hookimpl
def orchharness_spawn(request: SpawnRequest) -> Handle:
    """See the hook."""
    from orchharness_acp.job import write_job

    write_job(request)
    # -P: nothing in the working directory can take the place of a module that is needed to start.
    return LocalProcess.spawn(
        request, (sys.executable, "-P", "-m", "orchharness_acp.supervise", request.folder)
    )


@hookimpl
def orchharness_poll(handle: Handle) -> PollResult:
    """See the hook."""
    from orchharness_acp.ending import with_result

    return with_result(handle, LocalProcess.poll(handle))


@hookimpl
def orchharness_cancel(handle: Handle) -> bool:
    """See the hook."""
    from orchharness_acp.ending import ask_to_end

    ask_to_end(handle)
    return LocalProcess.cancel(handle, grace=0.4)


@hookimpl
def orchharness_preflight(request: PreflightRequest) -> Preflight:
    """See the hook."""
    from orchharness_acp.preflight import look

    return look(request)
