"""Templates in a plan: paths are rendered when the plan is read, everything else is only checked.

Plain references such as `{{ vars.skill }}` are understood here; Jinja is imported for anything beyond them.
Paths know the variables and a few harmless filters, so that reading a plan cannot be made to run for ever.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from orchharness.core.plan import EMPTY, is_template
from orchharness.planfile.nodes import Node
from orchharness.planfile.problems import FieldError, Problems, listed
from orchharness.planfile.values import text_of
from orchharness.record import record

if TYPE_CHECKING:
    from jinja2 import nodes
    from jinja2.sandbox import SandboxedEnvironment

NAMES: Final = ("vars", "plan_dir", "root", "inputs", "outputs", "iteration", "findings")
MAX_RENDERED: Final = 1 << 20
_SIMPLE: Final = re.compile(r"\{\{\s*([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)\s*\}\}", re.ASCII)
_CONSTANTS: Final = frozenset({"true", "false", "none", "True", "False", "None"})
_PATH_FILTERS: Final = frozenset(
    {"lower", "upper", "trim", "title", "capitalize", "default", "d", "string", "replace"}
)
# fmt: off
_PATH_NODES: Final = frozenset({
    "Template", "Output", "TemplateData", "Name", "Getattr", "Getitem", "Const", "Filter", "Concat", "CondExpr",
    "Compare", "Operand", "And", "Or", "Not", "Test",
})
# fmt: on


class Use(NamedTuple):
    """A name that a template reads, with what is taken from it: `inputs.notes` is ("inputs", "notes")."""

    name: str
    member: str | None


class TemplateError(Exception):
    """A template that cannot be parsed or rendered; the message says why."""


@record
class Scope:
    """What a template may read besides the variables. None: the members are not known here, so not checked."""

    names: tuple[str, ...] = NAMES
    inputs: Collection[str] | None = None
    outputs: Collection[str] | None = None
    shared: bool = False  # an agent or critic: whose matrix it is rendered for is not known here


ANY_SCOPE: Final = Scope(shared=True)


@record(kw_only=False)
class Templates:
    """The templates of one plan; `variables` holds the final values."""

    problems: Problems
    variables: Mapping[str, str]
    matrix: Mapping[str, str] = EMPTY

    def render(self, node: Node, what: str = "text") -> str:
        """The text with the variables put in.

        Raises:
            FieldError: it is no text, or a template that paths do not know.
        """
        scalar = text_of(node, what)
        if not is_template(scalar.text):
            return scalar.text
        try:
            parts = _simple_parts(scalar.text)
            return self._render_parts(parts) if parts is not None else self._render_jinja(scalar.text)
        except TemplateError as error:
            raise FieldError(node, str(error)) from None

    def check(self, text: str, node: Node, scope: Scope = ANY_SCOPE, where: str = "") -> frozenset[Use]:
        """Note what is wrong with a template that is rendered later; the names it reads."""
        if not is_template(text):
            return frozenset()
        try:
            uses = uses_of(text)
        except TemplateError as error:
            self.problems.add(node, f"{where}{error}")
            return frozenset()
        for use in sorted(uses, key=str):
            fault = self.fault(use, scope)
            if fault:
                self.problems.add(node, f"{where}{fault}")
        return uses

    def render_known(self, text: str, known: Mapping[str, str]) -> str | None:
        """The text if it reads nothing but variables and the names in `known`, else None. Notes nothing."""
        parts = _simple_parts(text) if len(text) <= 4_096 else None
        if parts is None:
            return None
        for place in range(1, len(parts), 2):
            name = parts[place]
            first, _, member = name.partition(".")
            values = self._known().get(first)
            value = known.get(name) if values is None else values.get(member)
            if value is None:
                return None
            parts[place] = value
        return "".join(parts)

    def fault(self, use: Use, scope: Scope) -> str:
        """What is wrong with reading that name, or nothing."""
        if use.name == "matrix" and "vars" in scope.names:
            return "" if scope.shared else self._matrix_fault(use)
        if use.name not in scope.names:
            guess = self._guess(use.name, scope)
            return f"template: unknown name {use.name!r}{guess} (known here: {', '.join(scope.names)})"
        if use.member is None:
            return ""
        known: Collection[str] | None = {
            "vars": self.variables,
            "inputs": scope.inputs,
            "outputs": scope.outputs,
        }.get(use.name)
        if known is None or use.member in known:
            return ""
        guess = self.problems.guess(use.member, known)
        return f"template: no {use.member!r} in {use.name}{guess} (there: {listed(known)})"

    def _guess(self, name: str, scope: Scope) -> str:
        for space, members in (
            ("vars", self.variables),
            ("inputs", scope.inputs),
            ("outputs", scope.outputs),
        ):
            if space in scope.names and name in (members or ()):
                return f"; did you mean {f'{space}.{name}'!r}?"
        return self.problems.guess(name, scope.names)

    def _known(self) -> dict[str, Mapping[str, str]]:
        return {"vars": self.variables, "matrix": self.matrix}

    def _matrix_fault(self, use: Use) -> str:
        if not self.matrix:
            return "template: there is no 'matrix' here: write one on the task, its track or its phase"
        if use.member is None or use.member in self.matrix:
            return ""
        guess = self.problems.guess(use.member, self.matrix)
        return f"template: no {use.member!r} in matrix{guess} (there: {listed(self.matrix)})"

    def _render_parts(self, parts: list[str]) -> str:
        rendered = list(parts)
        for place in range(1, len(parts), 2):
            names = parts[place].split(".")
            if len(names) != 2 or names[0] not in {"vars", "matrix"}:
                what = (
                    f"template: paths and thresholds see only vars.NAME and matrix.NAME, not {parts[place]!r}"
                )
                raise TemplateError(what)
            fault = self.fault(Use(names[0], names[1]), Scope(names=("vars",)))
            if fault:
                raise TemplateError(fault)
            rendered[place] = self._known()[names[0]][names[1]]
        return _bounded("".join(rendered))

    def _render_jinja(self, text: str) -> str:
        tree = _parse(text)
        _refuse_more_than_paths_need(tree)
        for use in sorted(_uses_of_tree(tree), key=str):
            fault = self.fault(use, Scope(names=("vars",)))
            if fault:
                raise TemplateError(fault)
        try:
            return _bounded(
                _environment().from_string(text).render(**{n: _Members(v) for n, v in self._known().items()})
            )
        except TemplateError:
            raise
        except Exception as error:  # noqa: BLE001 - a filter given odd arguments raises whatever it likes
            raise TemplateError(f"template: {error}") from None


class _Members:
    """Values for Jinja: `vars.items` is the variable of that name, never a method of dict."""

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values

    def __getitem__(self, name: str) -> str:
        return self._values[name]


def uses_of(text: str) -> frozenset[Use]:
    """The names that a template reads.

    Raises:
        TemplateError: it does not parse.
    """
    parts = _simple_parts(text)
    if parts is None:
        return _uses_of_tree(_parse(text))
    names = (part.split(".") for part in parts[1::2])
    return frozenset(Use(name[0], name[1] if len(name) > 1 else None) for name in names)


def _simple_parts(text: str) -> list[str] | None:
    """Text, reference, text, …, when the template holds nothing but plain references."""
    parts = _SIMPLE.split(text)
    if any(is_template(part) for part in parts[::2]) or any(part in _CONSTANTS for part in parts[1::2]):
        return None
    return parts


def _bounded(text: str) -> str:
    if len(text) > MAX_RENDERED:
        raise TemplateError(f"template: the result is longer than {MAX_RENDERED} characters")
    return text


@cache
def _environment() -> SandboxedEnvironment:
    # Here and not at the top: plans without such templates must not pay for Jinja.
    from jinja2 import StrictUndefined
    from jinja2.sandbox import SandboxedEnvironment

    environment = SandboxedEnvironment(undefined=StrictUndefined, keep_trailing_newline=True)
    environment.filters["replace"] = _replace
    # Jinja computes `"x" * 10 ** 9` when it is only asked for the names, unless the operators are intercepted.
    environment.intercepted_binops = frozenset({"*", "**", "%"})
    return environment


def _replace(text: Any, old: Any, new: Any) -> str:
    text, old, new = str(text), str(old), str(new)
    if len(text) + (len(text) + 1) * len(new) > MAX_RENDERED:
        raise TemplateError("template: replace makes too much of it")
    return str(text.replace(old, new))


def _parse(text: str) -> nodes.Template:
    from jinja2 import TemplateError as JinjaError
    from jinja2 import TemplateSyntaxError

    try:
        tree = _environment().parse(text)
        _refuse_unknown_filters(tree)
    except TemplateSyntaxError as error:
        line = f" (line {error.lineno} of the text)" if "\n" in text else ""
        raise TemplateError(f"template: {error.message}{line}") from None
    except RecursionError:
        raise TemplateError("template: nested too deeply") from None
    except (JinjaError, ValueError, OverflowError) as error:
        raise TemplateError(f"template: {error}") from None
    return tree


def _refuse_unknown_filters(tree: nodes.Template) -> None:
    from jinja2 import nodes

    environment = _environment()
    for node in tree.find_all((nodes.Filter, nodes.Test)):
        known = environment.filters if isinstance(node, nodes.Filter) else environment.tests
        if node.name not in known:
            raise TemplateError(f"template: no {type(node).__name__.lower()} is named {node.name!r}")
    for refused in (nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends):
        if tree.find(refused) is not None:
            raise TemplateError("template: a template of a plan cannot load another one")


def _refuse_more_than_paths_need(tree: nodes.Template) -> None:
    from jinja2 import nodes

    for node in tree.find_all(nodes.Node):
        if type(node).__name__ not in _PATH_NODES:
            raise TemplateError(
                "template: paths and thresholds know only names, comparisons and simple filters"
            )
        if isinstance(node, nodes.Filter) and node.name not in _PATH_FILTERS:
            raise TemplateError(
                f"template: paths do not know the filter {node.name!r}, only {listed(sorted(_PATH_FILTERS), most=9)}"
            )


def _uses_of_tree(tree: nodes.Template) -> frozenset[Use]:
    from jinja2 import meta, nodes

    try:
        free = meta.find_undeclared_variables(tree) - set(_environment().globals)
        uses = {Use(name, None) for name in free}
        for node in [*tree.find_all(nodes.Getattr), *tree.find_all(nodes.Getitem)]:
            assert isinstance(node, nodes.Getattr | nodes.Getitem)
            if isinstance(node.node, nodes.Name) and node.node.name in free:
                uses.add(Use(node.node.name, _member(node)))
    except RecursionError:
        raise TemplateError("template: nested too deeply") from None
    except Exception as error:  # noqa: BLE001 - the code generator refuses some trees that parse
        raise TemplateError(f"template: {error}") from None
    return frozenset(uses)


def _member(node: nodes.Getattr | nodes.Getitem) -> str | None:
    from jinja2 import nodes

    if isinstance(node, nodes.Getattr):
        return node.attr
    return node.arg.value if isinstance(node.arg, nodes.Const) and isinstance(node.arg.value, str) else None
