"""What every part of reading a plan shares: the problems, the folders, the variables, the templates."""

from __future__ import annotations

from collections.abc import Container
from collections.abc import Mapping as AbstractMapping
from dataclasses import field, replace
from pathlib import Path

from orchharness.core.acts import Kind
from orchharness.core.plan import Retry, Scope, is_template
from orchharness.planfile.matrix import Copies, seen_in, values_of
from orchharness.planfile.nodes import Fragment, Inside, Node, Outside, Scalar, fragment_of, prefixes
from orchharness.planfile.problems import Problems
from orchharness.planfile.templates import Templates, uses_of
from orchharness.planfile.variables import read_given
from orchharness.record import record


@record(frozen=False)
class Defaults:
    """`defaults` of the plan, but for the gate's."""

    timeout: float | None = None
    idle_timeout: float | None = None
    retry: Retry = field(default_factory=Retry)


@record(frozen=False)
class Context:
    """One plan file while it is read."""

    problems: Problems
    root: Path
    plan_dir: Path
    cwd: Path
    kinds: AbstractMapping[str, Kind]
    critic_kinds: AbstractMapping[str, Kind]
    templates: Templates
    given: frozenset[str] = frozenset()  # the variables that were given on the command line
    base: Path = Path()  # the folder that the workspace begins as: the root, or what `copy` names
    copied: bool = False
    counters: dict[str, int] = field(default_factory=dict)
    defaults: Defaults = field(default_factory=Defaults)
    unread: frozenset[str] = frozenset()  # sections that could not be read: what they would name is not known
    definitions: dict[str, None] = field(default_factory=dict)
    fragments: tuple[str, ...] = ()  # absolute paths
    matrix_reads: dict[int, frozenset[str]] = field(default_factory=dict)  # of an agent or critic

    fragment: Fragment | None = None
    scope: Scope | None = None  # the values and the folder of the fragment
    _scopes: dict[tuple[int, tuple[int, ...]], Scope] = field(default_factory=dict)
    _plan: Context | None = None

    def at(self, node: Node, copies: Copies = ()) -> Context:
        """The context of what stands there, inside of these copies: of its file's values, and of `matrix`."""
        fragment, plan = fragment_of(node), self._plan or self
        if fragment is None and not copies:
            return plan
        seen = values_of(seen_in(copies, fragment))
        if fragment is None:
            return replace(plan, templates=replace(plan.templates, matrix=seen), _plan=plan)
        scope = plan.scope_of(fragment, copies)
        return replace(
            plan,
            templates=replace(plan.templates, variables=scope.vars, matrix=seen),
            plan_dir=fragment.path.parent,
            given=frozenset(),
            fragment=fragment,
            scope=scope,
            _plan=plan,
        )

    def word(self, scalar: Scalar) -> Scalar:
        """The word, rendered where it is a template of a fragment: what was handed over names something outside."""
        if self.fragment is None or not is_template(scalar.text):
            return scalar
        rendered = self.templates.render(scalar)
        handed_over = self.fragment.given.keys() & {use.member for use in uses_of(scalar.text)}
        return Outside(scalar, rendered) if handed_over else Inside(scalar, rendered)

    def known(self, scalar: Scalar, names: Container[str]) -> str | None:
        """Which of the names the word means: one of its own file, or of those that include it."""
        word = self.word(scalar)
        return next((p + word.text for p in prefixes(word, lexical=True) if p + word.text in names), None)

    def scope_of(self, fragment: Fragment, copies: Copies) -> Scope:
        """The values of the fragment's variables, rendered where it is included."""
        key = (id(fragment), tuple(id(copy) for copy in copies))
        found = self._scopes.get(key)
        if found is None:
            outer = self.at(fragment.at, copies).templates
            folder = str(fragment.path.parent)
            found = self._scopes[key] = Scope(vars=read_given(fragment, outer), folder=folder)
        return found

    def within(self, scope: Scope | None) -> Context:
        """The context of an agent or critic that was read with that scope."""
        if scope is None:
            return self._plan or self
        return replace(
            self, templates=replace(self.templates, variables=scope.vars), plan_dir=Path(scope.folder)
        )
