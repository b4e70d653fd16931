"""The built-in critic kinds: deterministic `checks`, a `command`, or an `agent` with a rubric."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchharness.core.acts import CriticRequest, Evaluation, Kind
from orchharness.hookspecs import hookimpl

if TYPE_CHECKING:
    from collections.abc import Sequence


@hookimpl
def orchharness_agent_kinds() -> Sequence[Kind]:
    """See the hook."""
    return tuple(Kind(name=name, role="critic") for name in ("checks", "command", "agent"))


@hookimpl
def orchharness_critic(request: CriticRequest) -> Evaluation:
    """See the hook. Each kind is imported only when it judges."""
    if request.kind == "checks":
        from orchharness.critics.checks import judge
    elif request.kind == "command":
        from orchharness.critics.command import judge
    else:
        from orchharness.critics.agent import judge
    return judge(request)
