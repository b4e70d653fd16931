"""What a run hides: the caller's values that its plan passes through, and what looks like a key.

Rules that hold here:
  * The names are stored, in the journal's header and in every request; who needs the values looks them up.
  * An event is redacted before it is applied: what follows from it, is journalled, shown or told holds no value.
  * What a person answers is kept as it was said.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from orchharness.core import events as ev
from orchharness.record import record
from orchharness.redact import SHORTEST, Redactor
from orchharness.run.former import NAMED, former, given, note

if TYPE_CHECKING:
    from orchharness.core.plan import Plan
    from orchharness.run.act import ActResult

_SECRET = re.compile(r"TOKEN|SECRET|PASS|KEY|CREDENTIAL|AUTH|PIN\b", re.IGNORECASE)
# Where things are and how they are written is no secret: every path would be unreadable.
_OPEN = frozenset(
    {
        "HOME", "HOSTNAME", "LANG", "LANGUAGE", "LOGNAME", "PATH", "PWD", "PYTHONPATH", "SHELL", "TERM", "TMPDIR",
        "TZ", "USER", "VIRTUAL_ENV",
    }
)  # fmt: skip
_OPEN_FAMILIES = ("LC_", "XDG_")
_TEXTS: Mapping[type[Any], Sequence[str]] = {
    ev.RunResumed: ("dropped",),
    ev.TaskFinished: ("detail", "summary", "session"),
    ev.JudgementFinished: ("detail", "evaluation"),
    ev.ConditionEvaluated: ("error",),
    ev.GateInputsChanged: ("paths",),
    ev.StopRequested: ("reason",),
    ev.HookFailed: ("error",),
    ev.RunFinished: ("reason",),
}
_PLACES: Mapping[type[Any], Sequence[str]] = {
    ev.TaskFinished: ("outputs", "inputs"),
    ev.JudgementFinished: ("artifacts",),
}


@record
class Hidden:
    """What one run hides. `names` are variables of the caller's environment."""

    names: tuple[str, ...]
    redactor: Redactor
    warnings: tuple[str, ...] = ()


def hidden_by(plan: Plan, environ: Mapping[str, str]) -> Hidden:
    """What a run of the plan hides in that environment.

    A value that is part of a name or path in the plan is none: without these nobody could tell what happened.
    """
    names, warnings, words = [], [], None
    for name in sorted(_passed_through(plan)):
        value = environ.get(name, "").strip()
        if len(value) < SHORTEST:
            if value and _SECRET.search(name):
                warnings.append(
                    f"the value of {name!r} has fewer than {SHORTEST} characters: it cannot be redacted"
                )
            continue
        if words is None:
            words = "\n".join(_words(plan))
        if value not in words:
            names.append(name)
    return Hidden(names=tuple(names), redactor=redactor_of(names, environ), warnings=tuple(warnings))


def learn(plan: Plan, names: Iterable[str], keys: Iterable[str]) -> None:
    """Hide as well what living acts of an earlier session were given, where the environment has other values now.

    `names` are the variables that the session hid, `keys` those of its acts.
    """
    asked = _asked(plan)
    found = given({*names, *_passed_through(plan)}, [_secret(env) for env in asked], keys)
    words = "\n".join(_words(plan)) if found else ""
    note(value for value in found if value.strip() not in words)


def redactor_of(names: Iterable[str], environ: Mapping[str, str] | None = None) -> Redactor:
    """The redactor for the values that these variables have in this process's environment, and for former ones."""
    found = os.environ if environ is None else environ
    return _made((*(found.get(name, "") for name in names), *former()))


@lru_cache(maxsize=16)
def _made(values: tuple[str, ...]) -> Redactor:
    return Redactor(values)


def redacted(event: ev.Event, redactor: Redactor) -> ev.Event:
    """The event without what must not be stored; the same one where there is nothing of that."""
    changed: dict[str, Any] = {}
    for name in _TEXTS.get(type(event), ()):
        value = getattr(event, name)
        if value:
            found = redactor.json(value)
            if found is not value and found != value:
                changed[name] = found
    for name in _PLACES.get(type(event), ()):
        value = getattr(event, name)
        if value:
            found = _without_places(value, redactor)
            if found != value:
                changed[name] = found
    if isinstance(event, ev.RunStarted | ev.RunResumed):
        told = {n: redactor.json(event.header[n]) for n in ("warnings", "clients") if n in event.header}
        if told:
            changed["header"] = {**event.header, **told}
    return replace(event, **changed) if changed else event


def redacted_result(result: ActResult, redactor: Redactor) -> ActResult:
    """The result as it may be stored."""
    return replace(
        result,
        detail=redactor.text(result.detail),
        summary=redactor.json(result.summary),
        session=redactor.json(result.session),
        evaluation=redactor.json(result.evaluation),
        outputs=_without_places(result.outputs, redactor),
    )


def _without_places(found: Mapping[str, Any], redactor: Redactor) -> dict[str, Any]:
    """Artifacts by name, with paths that hold nothing; names and digests are the plan's and the store's."""
    return {
        name: [
            {**entry, "path": redactor.text(entry["path"])} if "path" in entry else entry for entry in entries
        ]
        for name, entries in found.items()
    }


def _passed_through(plan: Plan) -> set[str]:
    """The caller's variables that the plan's tasks and critics ask for, but for those that hold no secret."""
    names = {name for env in _asked(plan) for value in env.values() for name in NAMED.findall(value)}
    return {n for n in names if not _is_open(n)}


def _asked(plan: Plan) -> list[Mapping[str, str]]:
    """What tasks, critics and menders ask for in their environments."""
    asked = [task.env for task in plan.tasks.values()] + [critic.env for critic in plan.critics.values()]
    return asked + [gate.mender.env for gate in plan.gates.values() if gate.mender is not None]


def _secret(env: Mapping[str, str]) -> dict[str, str]:
    """The entries that hold nothing of the caller's but what is hidden."""
    found = {entry: NAMED.findall(written) for entry, written in env.items()}
    return {entry: env[entry] for entry, names in found.items() if names and not any(map(_is_open, names))}


def _is_open(name: str) -> bool:
    return name in _OPEN or name.startswith(_OPEN_FAMILIES)


def _words(plan: Plan) -> Iterator[str]:
    """The names that what is journalled is told apart by."""
    yield from (plan.id, "criteria", "findings", "severity", "critical", "passed")
    yield from plan.tasks
    yield from plan.gates
    yield from plan.agents
    for task in plan.tasks.values():
        for output in task.outputs:
            yield from (output.name, output.path)
        yield from (i.name for i in task.inputs)
        yield from task.writes
    for critic in plan.critics.values():
        yield from (critic.id, *critic.criteria)
