"""`when` of tasks, tracks and phases: read, and checked against all that the plan knows.

A condition may look at what is decided when it is evaluated, and at nothing else: at items that its task waits for,
directly or not, and at inputs of its task.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, NoReturn

from orchharness.core.plan import Condition, Gate, Task, TriggerRule
from orchharness.core.status import FAILURES
from orchharness.errors import ConditionError, OrchError
from orchharness.planfile.context import Context
from orchharness.planfile.drafts import GateDraft, TaskDraft
from orchharness.planfile.names import Names, in_words
from orchharness.planfile.nodes import Node, Scalar
from orchharness.planfile.problems import FieldError, listed
from orchharness.planfile.shapes import Fields
from orchharness.planfile.writes import Concurrency

if TYPE_CHECKING:
    from orchharness.core.expressions import Expression, Read


def read_conditions(context: Context, names: Names) -> None:
    """Fill in the conditions of all tasks; to be called when their inputs are known."""
    said = set[int]()  # what stands on a group is wrong once, not for each of its tasks
    for task in names.tasks.values():
        for fields in _standing_on(task):
            if fields.get("when") is None or id(fields) in said:
                continue
            try:
                task.when.append(_condition(context, task, names, fields))
            except FieldError as error:
                said.add(id(fields))
                context.problems.add(error.node, f"when: {error.message}")


def check_conditions(
    context: Context, tasks: Mapping[str, Task], gates: Mapping[str, Gate], names: Names, at: Concurrency
) -> None:
    """Note conditions that look at what is not decided yet, or at a score that no gate has; needs the graph."""
    said = set[int]()
    for task in tasks.values():
        if not task.when:
            continue
        draft = names.tasks[task.id]
        nodes = [f.at("when") for f in _standing_on(draft) if f.get("when") is not None]
        for condition, node in zip(task.when, nodes, strict=True):
            faults = [] if id(node) in said else list(_late(condition, task, gates, at))
            for what in faults:
                said.add(id(node))
                context.problems.add(node, f"when: {what}")
            if not faults:
                _warn_of_what_never_is(context, condition, task, node)


def _standing_on(task: TaskDraft) -> Iterator[Fields]:
    """What stands on the phase counts for its tracks, and that for their tasks."""
    if not task.phase.implicit:
        yield task.phase.fields
    yield task.track.fields
    yield task.fields


def _condition(context: Context, task: TaskDraft, names: Names, fields: Fields) -> Condition:
    from orchharness.core.expressions import parse

    node, text = fields.at("when"), " ".join(fields.get("when").splitlines()).strip()
    try:
        expression = parse(text)
    except ConditionError as error:
        raise FieldError(node, str(error)) from None
    own, ids = context.at(node, task.copies), dict[str, str]()
    for read in expression.reads:
        match read.what:
            case "vars":
                _check_variable(own, read.name, node)
            case "inputs":
                _check_input(context, task, read.name, node, own=fields is task.fields)
            case _:
                ids[read.name] = _item(task, names, read, node)
    _try(own, expression, node)
    return Condition(
        text=text,
        items=tuple(dict.fromkeys(ids.values())),
        ids={written: item for written, item in ids.items() if written != item},
        scope=own.scope,
        inputs=tuple(r.name for r in expression.reads if r.what == "inputs"),
    )


def _check_variable(context: Context, name: str, node: Node) -> None:
    known = context.templates.variables
    if name not in known and "vars" not in context.unread:
        guess = context.problems.guess(name, known)
        raise FieldError(node, f"no {name!r} in vars{guess} (there: {listed(known)})")


def _check_input(context: Context, task: TaskDraft, name: str, node: Node, *, own: bool) -> None:
    if not own:
        what = f"inputs.{name} belongs to one task: write this 'when' on the task that reads it"
        raise FieldError(node, what)
    known = {i.name: i for i in task.inputs}
    if name not in known:
        guess = context.problems.guess(name, known)
        raise FieldError(node, f"task {task.id!r} has no input {name!r}{guess} (it has: {listed(known)})")
    if known[name].files is not None:
        what = f"input {name!r} is a file of the workspace, which anybody may change: "
        raise FieldError(
            node, f"{what}a condition reads outputs, as TASK.output (others are not supported yet)"
        )


def _item(task: TaskDraft, names: Names, read: Read, node: Node) -> str:
    """The item that is meant."""
    assert isinstance(node, Scalar)
    drafts, many = names.find(node, task, read.name)
    if many:
        what = f"{read.name!r} stands for {len(drafts)} copies: name one of them, as in {read.what}('{drafts[0].id}')"
        raise FieldError(node, what)
    found = drafts[0]
    if not isinstance(found, TaskDraft | GateDraft):
        raise FieldError(node, f"{in_words(found)} is a group: name its tasks or gates, one by one")
    if read.what == "status" or isinstance(found, GateDraft):
        return found.id
    gate = f", or {read.what}('{found.gate.id}') for its gate" if found.gate else ""
    raise FieldError(node, f"{in_words(found)} is no gate: write status('{found.id}'){gate}")


def _try(context: Context, expression: Expression, node: Node) -> None:
    """What looks at variables alone is evaluated now: so its faults are found before anything runs."""
    from orchharness.core.conditions import Values, evaluate

    if any(read.what != "vars" for read in expression.reads):
        return
    known = Values(
        variables=context.templates.variables,
        content=_unknown,
        status=_unknown,
        score=_unknown,
        verdict=_unknown,
    )
    try:
        evaluate(expression, known)
    except KeyError:
        return  # a variable that could not be read, which is noted
    except OrchError as error:
        raise FieldError(node, str(error)) from None


def _unknown(name: str) -> NoReturn:
    raise KeyError(name)


def _late(condition: Condition, task: Task, gates: Mapping[str, Gate], at: Concurrency) -> Iterator[str]:
    for item in condition.items:
        if not at.is_behind(item, task.id):
            kind = "gate" if item in gates else "task"
            if item == task.id or item == task.gate:
                yield f"{kind} {item!r} is not over before task {task.id!r} starts: it belongs to it"
            elif at.is_behind(task.id, item):
                yield f"{kind} {item!r} comes after task {task.id!r}, which cannot know how it ends"
            else:
                yield (
                    f"task {task.id!r} does not wait for {kind} {item!r}, so it cannot know how it ends: "
                    f"write {item!r} into its 'needs'"
                )
    yield from _without_score(condition, gates)


def _without_score(condition: Condition, gates: Mapping[str, Gate]) -> Iterator[str]:
    from orchharness.core.expressions import parse

    for read in parse(condition.text).reads:
        gate = gates.get(read.name) if read.what == "score" else None
        if gate is not None and (gate.human or not (gate.critics or gate.of_gates)):
            who = "only a person judges there" if gate.human else "it has no critics"
            yield f"gate {gate.id!r} has no score, since {who}: write verdict('{gate.id}')"


def _warn_of_what_never_is(context: Context, condition: Condition, task: Task, node: Node) -> None:
    """A task that starts only when all passed cannot act on a failure."""
    from orchharness.planfile.branches import asks_only_for

    if task.trigger_rule is not TriggerRule.ALL_SUCCESS:
        return
    for item in condition.items:
        bad = FAILURES & asks_only_for(condition, item)
        if bad and item in task.needs:
            what = f"when: {item!r} is never {min(bad)!r} where task {task.id!r} may start: write 'trigger_rule: all_done' beside it"
            context.problems.warn(node, what)
