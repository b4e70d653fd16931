"""`vars` of a plan, given on the command line, and of a fragment, given where it is included."""

from __future__ import annotations

import re
from collections.abc import Mapping as AbstractMapping
from typing import Final

from orchharness.planfile.nodes import Fragment, Mapping, Node, Scalar
from orchharness.planfile.problems import FieldError, Problems, listed
from orchharness.planfile.schema import VARIABLE
from orchharness.planfile.shapes import Fields
from orchharness.planfile.templates import Templates
from orchharness.planfile.values import text_of

NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_ONCE: Final = " (agents and critics of a fragment see none: they are made once)"


def read_variables(plan: Fields, given: AbstractMapping[str, str], problems: Problems) -> dict[str, str]:
    """The final values of the variables; what is missing or unknown is noted."""
    declared: dict[str, tuple[Scalar, Node | None]] = plan.get("vars", {})
    for name in given:
        if name not in declared and not plan.is_unread("vars"):
            guess = problems.guess(name, declared)
            problems.add(
                None,
                f"--orch-var {name}: the plan has no variable {name!r}{guess} (it has: {listed(declared)})",
            )
    values: dict[str, str] = {}
    for name, (key, node) in declared.items():
        values[name] = given.get(name, "")  # so that a wrong variable is not unknown as well
        if not NAME.fullmatch(name):
            problems.add(key, f"{name!r} cannot be a variable's name: letters, digits and _ only")
        if node is None:
            continue
        try:
            values[name] = _value(node, given.get(name), _missing(key), problems)
        except FieldError as error:
            problems.add(error.node, f"variable {name!r}: {error.message}")
    return values


def read_given(fragment: Fragment, outer: Templates) -> dict[str, str]:
    """The final values of the fragment's variables; what is missing or unknown is noted at both places."""
    problems, values = outer.problems, dict[str, str]()
    for name, (key, _) in fragment.given.items():
        if name not in fragment.declared:
            guess = problems.guess(name, fragment.declared)
            what = f"with: {fragment.shown} has no variable {name!r}{guess} (it has: {listed(fragment.declared)})"
            problems.add(key, what)
    for name, (key, node) in fragment.declared.items():
        values[name] = ""
        given = fragment.given.get(name)
        what = f"{fragment.shown} needs the variable {name!r} (line {key.line} there): write 'with: {{{name}: …}}'"
        if node is None:
            continue
        try:
            text = None if given is None else _given(given[1], outer)
            values[name] = _value(node, text, FieldError(fragment.at, what), problems)
        except FieldError as error:
            at = given[1] if error.node is None and given else error.node
            about = "" if at is fragment.at else f"variable {name!r}: "
            problems.add(at, about + error.message)
    return values


def _given(node: Node, outer: Templates) -> str:
    if isinstance(node, Scalar) and not node.plain and not node.text:
        return ""
    try:
        return outer.render(node, "a text")
    except FieldError as error:
        blind = isinstance(node, Scalar) and "matrix" in node.text and not outer.matrix
        raise FieldError(error.node, error.message + (_ONCE if blind else "")) from None


def _value(node: Node, given: str | None, missing: FieldError, problems: Problems) -> str:
    if not isinstance(node, Mapping):
        node_text = node.text if isinstance(node, Scalar) and not node.plain else None
        if given is not None:
            return given
        if isinstance(node, Scalar) and node.value is None:
            raise missing
        return node_text if node_text is not None else text_of(node).text
    fields = VARIABLE.read(node, problems)
    value = given
    if value is None and fields.get("default") is not None:
        value = text_of(fields.at("default")).text if not _is_quoted_empty(fields.at("default")) else ""
    if value is None:
        if fields.get("required") is False or fields.broken:
            return ""
        raise missing
    choices: tuple[Scalar, ...] | None = fields.get("choices")
    if choices is not None and value not in {choice.text for choice in choices}:
        place = None if given is not None else fields.at("default")
        words = [choice.text for choice in choices]
        raise FieldError(place, f"{value!r} is not one of {listed(words)}{problems.guess(value, words)}")
    return value


def _is_quoted_empty(node: Node) -> bool:
    return isinstance(node, Scalar) and not node.plain and not node.text


def _missing(key: Scalar) -> FieldError:
    return FieldError(key, f"there is no value: give it with --orch-var {key.text}=VALUE")
