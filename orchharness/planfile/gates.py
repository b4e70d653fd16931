"""Gates: what one judges, and its settings, laid over `defaults.gate`."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final, NamedTuple

from orchharness.core.plan import Agent, Combine, Critic, Gate, OnExhausted, Severity, is_template
from orchharness.planfile.checks import read_checks
from orchharness.planfile.context import Context
from orchharness.planfile.drafts import GateDraft
from orchharness.planfile.edges import check_direction
from orchharness.planfile.matrix import Copies, near, titled
from orchharness.planfile.menders import read_refine
from orchharness.planfile.names import Draft, Names, in_words, tasks_of
from orchharness.planfile.nodes import Node, Scalar, Sequence
from orchharness.planfile.order import check_beside
from orchharness.planfile.people import check_human, is_human, options_of, question_of
from orchharness.planfile.problems import FieldError, listed
from orchharness.planfile.refining import read_plateau, warn_of_plateau
from orchharness.planfile.shapes import Fields
from orchharness.planfile.shared import check_matrix
from orchharness.planfile.values import ratio
from orchharness.record import record

_FOR_CRITICS: Final = ("samples", "confirm_on_fail", "plateau")
_NOT_OVER_GATES: Final = (
    "checks",
    "critics",
    "refine",
    "combine",
    "block_on",
    "min_iterations",
    *_FOR_CRITICS,
)
_FROM_DEFAULTS_OVER_GATES: Final = ("threshold", "on_exhausted")


class Staff(NamedTuple):
    """Who may be named: agents and critics."""

    agents: Mapping[str, Agent]
    critics: Mapping[str, Critic]


@record(kw_only=False)
class Laid:
    """The keys of a gate laid over those of `defaults.gate`."""

    own: Fields
    defaults: Fields | None
    only: tuple[str, ...] | None = None  # the defaults that apply; None: all

    def source(self, key: str) -> Fields:
        """Which of the two has the key."""
        usable = key not in self.own and (self.only is None or key in self.only)
        return self.defaults if self.defaults is not None and usable else self.own

    def get(self, key: str, default: Any = None) -> Any:
        """The value that counts."""
        return self.source(key).get(key, default)


def resolve_members(context: Context, gate: GateDraft, names: Names) -> None:
    """Find what a gate that stands alone judges; what is wrong is noted."""
    if not gate.alone or gate.fields.broken:
        return
    words: tuple[Scalar, ...] = gate.fields.get("of", ())
    if is_human(gate) and not words and "of" not in gate.fields:
        if "needs" not in gate.fields:
            what = (
                f"gate {gate.id!r} asks about nothing: write 'of: [ids]', or 'needs: [ids]' for when it asks"
            )
            context.problems.add(gate.key, what)
        return
    if not words and ("of" not in gate.fields or gate.fields.get("of") is not None):
        context.problems.add(
            gate.key, f"gate {gate.id!r} stands alone: write 'of: [tasks, tracks, phases or gates]'"
        )
    for word in words:
        try:
            _add_member(gate, context.word(word), names)
        except FieldError as error:
            context.problems.add(error.node, f"of: {error.message}")
    if gate.members and gate.of_gates:
        what = "'of' names gates and tasks: a gate is over the one or the other"
        context.problems.add(gate.fields.at("of"), what)


def add_judged(gate: GateDraft) -> None:
    """A gate waits for what it judges: the members, or their own gates."""
    for member in gate.members:
        own = member.gate
        gate.needs[own.id if own and own is not gate else member.id] = None
    for other in gate.of_gates:
        gate.needs[other.id] = None


def build_gate(
    context: Context, draft: GateDraft, defaults: Fields | None, names: Names, staff: Staff
) -> Gate:
    """The gate itself; what is wrong with it is noted."""
    human = is_human(draft)
    laid = Laid(
        draft.fields, defaults, () if human else _FROM_DEFAULTS_OVER_GATES if draft.of_gates else None
    )
    nobody = human or bool(draft.of_gates)
    checks = () if nobody else read_checks(context, laid.get("checks"), draft, names)
    named = () if nobody else _critics(context, laid, staff, draft)
    exhausted = OnExhausted(laid.get("on_exhausted", OnExhausted.FAIL))
    if human:
        check_human(context, draft)
    else:
        _check_sense(context, draft, laid)
    least, most = laid.get("min_iterations", 1), 1 if nobody else laid.get("max_iterations", 3)
    if least > most:
        key = "min_iterations" if "min_iterations" in draft.fields else "max_iterations"
        context.problems.add(
            draft.fields.at(key),
            f"gate {draft.id!r}: min_iterations {least} is more than max_iterations {most}",
        )
    plateau = None if draft.of_gates else read_plateau(context, laid.get("plateau"))
    warn_of_plateau(context, draft, plateau, most)
    refining = read_refine(context, draft, None if draft.of_gates else laid.get("refine"), staff.agents)
    aggregate = laid.get("aggregate", Combine.MEAN) if draft.of_gates else None
    return Gate(
        id=draft.id,
        phase=draft.phase.id,
        track=draft.track,
        order=draft.order,
        line=draft.key.line,
        owner=draft.owner.id if draft.owner else None,
        of=tuple(member.id for member in draft.members),
        of_gates=tuple(gate.id for gate in draft.of_gates),
        needs=tuple(draft.needs),
        aggregate=Combine(aggregate) if aggregate else None,
        checks=checks,
        critics=named,
        threshold=_threshold(context, laid),
        combine=Combine(laid.get("combine", Combine.ALL)),
        block_on=Severity(laid.get("block_on")) if laid.get("block_on") else None,
        samples=laid.get("samples", 1),
        confirm_on_fail=laid.get("confirm_on_fail", 0),
        min_iterations=least,
        max_iterations=most,
        plateau=plateau,
        refine=refining.who,
        mender=refining.mender,
        session=refining.session,
        on_exhausted=exhausted,
        human=human,
        question=question_of(context, draft, exhausted),
        options=options_of(context, draft, exhausted, names),
        title=title_of(context, draft.fields, draft.base, draft.copies),
        base=draft.base,
        matrix=context.templates.matrix,
        scope=context.scope,
        tags=read_tags(draft.fields),
    )


def check_scores(
    context: Context, gates: Mapping[str, Gate], names: Names, critics: Mapping[str, Critic]
) -> None:
    """Note gates over gates that have no score."""
    for gate in gates.values():
        for other in () if gate.human else gate.of_gates:
            judged = gates[other]
            if not judged.of_gates and not any(critics[name].criteria for name in judged.critics):
                node = names.gates[gate.id].fields.at("of")
                context.problems.add(
                    node, f"gate {other!r} has no score to aggregate: it has no critic with criteria"
                )


def title_of(context: Context, fields: Fields, base: str, copies: Copies) -> str | None:
    """The title; that of a copy says which one it is, with the whole values."""
    title: str | None = fields.get("title")
    if not copies:
        return title
    if title is None or not is_template(title):
        return titled(title or base, copies)
    try:
        return context.templates.render(fields.at("title"))
    except FieldError as error:
        context.problems.add(error.node, f"title: {error.message}")
        return title


def read_tags(fields: Fields) -> tuple[str, ...]:
    """`tags` and `marks` together, once each."""
    words: tuple[Scalar, ...] = (*fields.get("tags", ()), *fields.get("marks", ()))
    return tuple(dict.fromkeys(word.text for word in words))


def _add_member(gate: GateDraft, word: Scalar, names: Names) -> None:
    named = names.find(word, gate).drafts
    gates = [draft for draft in named if isinstance(draft, GateDraft)]
    # What a phase's own gates judge of it is their own copy of it.
    tasks = [task for draft in named for task in tasks_of(draft) if near(task.copies, gate.copies)]
    if not tasks and not gates:
        raise FieldError(word, f"{in_words(named[0])} has no tasks to judge")
    known = {task.id for task in gate.members} | {other.id for other in gate.of_gates}
    needed: list[Draft] = [*gates, *tasks]
    for item in needed:
        check_direction(gate, item, word)
    gate.of_gates += [item for item in gates if item.id not in known]
    gate.members += [task for task in tasks if task.id not in known]


def _critics(context: Context, laid: Laid, staff: Staff, draft: GateDraft) -> tuple[str, ...]:
    found: dict[str, None] = {}
    critics = staff.critics
    for word in laid.get("critics", ()):
        name = context.known(word, critics)
        if name is not None:
            found[name] = None
            agent = staff.agents.get(critics[name].agent or "")
            for used in (critics[name], agent):
                if used is not None:
                    check_matrix(context, used, draft.copies, f"gate {draft.id!r}", word)
        elif "critics" not in context.unread:
            guess = context.problems.guess(word.text, critics)
            context.problems.add(
                word, f"unknown critic {word.text!r}{guess} (in 'critics': {listed(critics)})"
            )
    check_beside(context, draft.id, laid.get("critics", ()), found, critics)
    return tuple(found)


def _check_sense(context: Context, draft: GateDraft, laid: Laid) -> None:
    own, problems = draft.fields, context.problems
    _warn_of_failures(context, draft)
    if draft.of_gates:
        for key in _NOT_OVER_GATES:
            if key in own:
                problems.add(
                    own.key(key),
                    f"{key!r} on a gate over gates: it only aggregates their scores; leave it out",
                )
        if own.get("max_iterations", 1) != 1:
            problems.add(
                own.at("max_iterations"),
                "more than one iteration of a gate over gates is not supported yet: write 1",
            )
        return
    if "aggregate" in own and draft.alone:
        problems.add(
            own.key("aggregate"), "'aggregate' is for gates over gates: write 'combine' for several critics"
        )
    if not own.broken and not any(_names_judges(laid, key) for key in ("checks", "critics")):
        problems.add(draft.key, f"gate {draft.id!r} has neither 'checks' nor 'critics': nobody judges")
    elif not own.broken and not _names_judges(laid, "critics"):
        for key in _FOR_CRITICS:
            if key in own:
                what = f"{key!r} is about critics, and gate {draft.id!r} has checks only: leave it out"
                problems.add(own.key(key), what)


def _warn_of_failures(context: Context, draft: GateDraft) -> None:
    owners = [task for task in (*draft.members, *(gate.owner for gate in draft.of_gates)) if task is not None]
    names = [task.id for task in owners if task.fields.get("allow_failure") and task is not draft.owner]
    if names:
        who = ", ".join(map(repr, names))
        what = f"gate {draft.id!r} judges {who}, which may fail (allow_failure): then it is skipped"
        context.problems.warn(draft.key, what)


def _names_judges(laid: Laid, key: str) -> bool:
    source = laid.source(key)
    value = source.get(key)
    if isinstance(value, Sequence):
        return bool(value.items)
    # Written wrongly is noted already: do not say that it is missing, too.
    return bool(value) if value is not None else key in source


def _threshold(context: Context, laid: Laid) -> Decimal:
    node: Node | None = laid.get("threshold")
    try:
        return Decimal("0.90") if node is None else ratio(context.templates.render(node, "a number"), node)
    except FieldError as error:
        context.problems.add(error.node, f"threshold: {error.message}")
        return Decimal("0.90")
