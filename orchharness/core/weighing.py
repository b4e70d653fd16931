"""Whether a task's `when` holds, as an event that says what it looked at."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from orchharness.core.conditions import Values, evaluate
from orchharness.core.events import ConditionEvaluated
from orchharness.core.expressions import parse
from orchharness.errors import OrchError

if TYPE_CHECKING:
    from orchharness.core.orchestrator import Orchestrator
    from orchharness.core.plan import Condition
    from orchharness.core.releasing import Standing


class _UnknownError(OrchError):
    """Nobody knows what an input will hold."""


def weigh(
    run: Orchestrator, task: str, at: float, content: Callable[[str], Any] | None = None
) -> ConditionEvaluated:
    """Evaluate all that stands on the task, its track and its phase; the first that does not hold decides.

    Args:
        run: The run, in which nothing has happened since the task was found in `weighing`.
        task: Its id.
        at: The time, in seconds since the epoch.
        content: Input -> its parsed content; may raise an OrchError. None: what asks for any is taken to hold.
    """
    told: dict[str, Any] = {
        "at": at,
        "task": task,
        "name": run.weighing[task],
        "read": run.read_by_when(task),
    }
    for condition in run.plan.tasks[task].when:
        try:
            holds = evaluate(parse(condition.text), _values(run, condition, content))
        except _UnknownError:
            continue
        except OrchError as error:
            return ConditionEvaluated(holds=False, expression=condition.text, error=str(error), **told)
        if not holds:
            return ConditionEvaluated(holds=False, expression=condition.text, **told)
    return ConditionEvaluated(holds=True, **told)


def _values(run: Orchestrator, condition: Condition, content: Callable[[str], Any] | None) -> Values:
    def standing(item: str) -> Standing:
        return run.standing(condition.ids.get(item, item))

    return Values(
        variables=run.plan.vars if condition.scope is None else condition.scope.vars,
        content=content or _unknown,
        status=lambda item: standing(item).state,
        score=lambda item: _number(standing(item).score),
        verdict=lambda item: standing(item).state,
    )


def _number(score: str | None) -> float | None:
    return None if score is None else float(score)


def _unknown(name: str) -> Any:
    raise _UnknownError(name)
