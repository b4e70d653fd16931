"""What a task's `when` reads of inputs: their content, from the store, at the digests that were released."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orchharness.core.weighing import weigh
from orchharness.errors import ConditionError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchharness.core.events import ConditionEvaluated
    from orchharness.core.orchestrator import Orchestrator
    from orchharness.workspace.store import Store


def evaluated(run: Orchestrator, store: Store, task: str, at: float) -> ConditionEvaluated:
    """Whether the task's `when` holds; what cannot be read or told is in the event, as its error."""

    def content(name: str) -> Any:
        spec = run.plan.tasks[task]
        entries = run.inputs_of(spec)[name]
        gathered = any(i.gathered for i in spec.inputs if i.name == name)
        found = [_parsed(store, entry) for entry in entries]
        return found if gathered or len(found) != 1 else found[0]

    return weigh(run, task, at, content)


def _parsed(store: Store, entry: Mapping[str, Any]) -> Any:
    if "evaluation" in entry:
        return entry["evaluation"]
    from orchharness.workspace.documents import NotJsonError, parse_json
    from orchharness.workspace.files import shown

    try:
        return parse_json(store.read(entry["sha256"]))
    except NotJsonError as error:
        msg = f"{shown(entry['path'])} {error}"
        raise ConditionError(msg) from None
    except OSError as error:
        msg = f"{shown(entry['path'])} cannot be read: {error.strerror}"
        raise ConditionError(msg) from None
