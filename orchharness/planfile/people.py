"""What a plan asks people: gates of kind `human`, options where a gate is exhausted, and `ask` tasks."""

from __future__ import annotations

from typing import Final

from orchharness.core.plan import Mode, OnExhausted, Option, Then
from orchharness.planfile.context import Context
from orchharness.planfile.drafts import GateDraft, PhaseDraft, TaskDraft
from orchharness.planfile.graph import Graph
from orchharness.planfile.names import Draft, Names
from orchharness.planfile.nodes import Mapping, Node, Scalar, Sequence
from orchharness.planfile.problems import FieldError
from orchharness.planfile.schema import NOT_ASKING, OPTION, SKIP
from orchharness.planfile.shapes import Fields
from orchharness.planfile.values import describe, text_of

_JUDGES: Final = (
    *("checks", "critics", "threshold", "combine", "block_on", "min_iterations", "max_iterations"),
    *("refine", "on_exhausted", "aggregate"),
)
_PASS: Final = Option(id="approve", label="approve", then=Then.PASS)
_REJECT: Final = Option(id="reject", label="reject", then=Then.FAIL)
_ACCEPT: Final = Option(id="accept", label="go on with what there is", then=Then.PASS)
_RETRY: Final = Option(id="retry", label="do the work again", then=Then.RETRY)
THEN: Final = tuple(t.value for t in Then if t is not Then.SKIP)


def is_human(gate: GateDraft) -> bool:
    """Whether nobody judges but a person."""
    return "kind" in gate.fields  # there is no other: who mistyped it is told of that alone


def check_human(context: Context, gate: GateDraft) -> None:
    """Note keys of a gate that belong to other judges than a person."""
    own = gate.fields
    for key in _JUDGES:
        if key in own:
            what = f"gate {gate.id!r} asks a person, so {key!r} has no place on it: "
            context.problems.add(own.key(key), what + "let it need a gate that has it")
    if own.get("question") is None and "question" not in own and not own.broken:
        context.problems.add(gate.key, f"gate {gate.id!r} asks nothing: write 'question: …'")


def question_of(context: Context, gate: GateDraft, exhausted: OnExhausted) -> str | None:
    """What it asks, with the plan's variables in it."""
    fields = gate.fields
    if not is_human(gate) and exhausted is not OnExhausted.ASK:
        for key in ("question", "options"):
            if key in fields:
                what = f"gate {gate.id!r} asks nobody: write 'on_exhausted: ask', or 'kind: human'"
                context.problems.add(fields.key(key), f"{key!r}: {what}")
        return None
    return _text(context, fields, "question")


def options_of(context: Context, gate: GateDraft, exhausted: OnExhausted, names: Names) -> tuple[Option, ...]:
    """What a person may choose; nothing where nobody is asked."""
    human = is_human(gate)
    if not human and exhausted is not OnExhausted.ASK:
        return ()
    node: Node | None = gate.fields.get("options")
    if node is None:
        if human:
            return (_PASS, _REJECT)
        return (_ACCEPT, *(() if gate.of_gates else (_RETRY,)), _REJECT)
    if not isinstance(node, Sequence) or not node.items:
        what = f"expected a list of {{id, label, then}}, found {describe(node)}"
        context.problems.add(node, f"options: {what}")
        return ()
    found: list[Option] = []
    for item in node.items:
        try:
            option = _option(context, gate, item, names)
        except FieldError as error:
            context.problems.add(error.node, f"options: {error.message}")
            continue
        if option is not None and any(o.id.lower() == option.id.lower() for o in found):
            context.problems.add(item, f"options: {option.id!r} is there twice")
        elif option is not None:
            found.append(option)
    return tuple(found)


def _option(context: Context, gate: GateDraft, node: Node, names: Names) -> Option | None:
    fields = OPTION.read(node, context.problems)
    if fields.broken:
        return None
    name = fields.get("id")
    for key in ("id", "then"):
        if key not in fields:
            raise FieldError(node, f"{key!r} is missing: write {{id: …, label: …, then: {'|'.join(THEN)}}}")
    if name is None or fields.get("then") is None:
        return None
    then, skip = _then(context, gate, fields.at("then"), names)
    label = context.templates.render(fields.at("label")) if fields.get("label") else name
    return Option(id=name, label=label, then=then, skip=skip)


def _then(context: Context, gate: GateDraft, node: Node, names: Names) -> tuple[Then, tuple[str, ...]]:
    if isinstance(node, Mapping):
        words: tuple[Scalar, ...] = SKIP.read(node, context.problems).get("skip", ())
        items = dict.fromkeys(i for word in words for i in _named(context, gate, word, names))
        return Then.SKIP, tuple(items)
    word = text_of(node, f"one of {', '.join(THEN)}, or {{skip: [ids]}}").text
    if word not in THEN:
        guess = context.problems.guess(word, THEN)
        raise FieldError(node, f"then: {word!r} is not one of {', '.join(THEN)}, or {{skip: [ids]}}{guess}")
    if word == Then.RETRY and not gate.members:
        what = "over gates has nobody" if gate.of_gates else "judges no task, so there is nobody"
        raise FieldError(node, f"then: gate {gate.id!r} {what} to do it again: choose another")
    return Then(word), ()


def _named(context: Context, gate: GateDraft, word: Scalar, names: Names) -> list[str]:
    """The items that the word stands for, said by that gate: those of all copies, where a matrix makes them."""
    return [item for draft in names.find(context.word(word), gate).drafts for item in _items(draft)]


def _items(named: Draft) -> list[str]:
    """The items that are left out with it: a task with its gate, a group with all that is in it."""
    if isinstance(named, TaskDraft):
        return [named.id, *([named.gate.id] if named.gate else [])]
    if isinstance(named, GateDraft):
        return [named.id]
    return [i.id for i in (named.items() if isinstance(named, PhaseDraft) else named.all_items())]


def check_skips(context: Context, names: Names, graph: Graph) -> None:
    """Note options that leave out what does not wait for the gate: it may have run before a person says so."""
    for gate in names.gates.values():
        node = gate.fields.get("options")
        for item in node.items if isinstance(node, Sequence) else ():
            then = item.value("then") if isinstance(item, Mapping) else None
            if isinstance(then, Mapping):
                _check_skip(context.at(gate.key, gate.copies), names, graph, gate, then)


def _check_skip(context: Context, names: Names, graph: Graph, gate: GateDraft, then: Mapping) -> None:
    node = then.value("skip")
    words = node.items if isinstance(node, Sequence) else [node]
    for word in words:
        assert isinstance(word, Scalar)  # it was read
        items = _named(context, gate, word, names)
        early = [i for i in items if i == gate.id or not graph.is_before(gate.id, i)]
        if early:
            who = f"{early[0]!r} does" if early[0] == word.text else f"{early[0]!r} of {word.text!r} does"
            what = f"skip: {who} not wait for gate {gate.id!r}, so it may have run by then: name what comes after"
            context.problems.add(word, what)


# ---- tasks that ask ------------------------------------------------------------------------------


def read_ask(context: Context, task: TaskDraft) -> str | None:
    """The question of a task that a person answers; None for others."""
    fields = task.fields
    if "ask" not in fields:
        return None
    for key in fields.node.entries:
        if key in NOT_ASKING:
            what = f"task {task.id!r} asks a person, so {key!r} has no place on it: leave it out"
            context.problems.add(fields.key(key), what)
    if task.gate is not None:
        what = f"task {task.id!r}: nobody judges what a person answers: leave the gate out"
        context.problems.add(task.gate.key, what)
    return _text(context, fields, "ask")


def warn_of_idle_phases(context: Context, phases: list[PhaseDraft]) -> None:
    """Warn of foreground phases in which only people work: everything waits for them."""
    for phase in phases:
        modes = [phase.mode, *(t.mode for t in phase.tracks)]
        items = phase.items()
        if Mode.FOREGROUND in modes and items and all(map(_asks, items)):
            what = (
                f"phase {phase.id!r} is foreground and holds only what a person does: nothing runs meanwhile"
            )
            context.problems.warn(phase.key, what)


def _asks(item: TaskDraft | GateDraft) -> bool:
    return is_human(item) if isinstance(item, GateDraft) else "ask" in item.fields


def _text(context: Context, fields: Fields, key: str) -> str | None:
    node: Node | None = fields.get(key)
    if node is None:
        return None
    try:
        text = context.templates.render(text_of(node, "a question"), "a question")
    except FieldError as error:
        context.problems.add(error.node, f"{key}: {error.message}")
        return ""
    if not text.strip():
        context.problems.add(node, f"{key}: it asks nothing")
    return text
