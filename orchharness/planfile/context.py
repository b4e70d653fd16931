"""What every part of reading a plan shares: the problems, the folders, the variables, the templates."""

from __future__ import annotations

from collections.abc import Mapping as AbstractMapping
from dataclasses import field, replace
from pathlib import Path

from orchharness.core.acts import Kind
from orchharness.core.plan import Retry
from orchharness.planfile.matrix import Copies, values_of
from orchharness.planfile.problems import Problems
from orchharness.planfile.templates import Templates
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
    definitions: dict[str, None] = field(default_factory=dict)
    matrix_reads: dict[int, frozenset[str]] = field(default_factory=dict)  # of an agent or critic

    def at(self, copies: Copies) -> Context:
        """The context of what is inside of these copies: its templates see `matrix`."""
        if not copies:
            return self
        return replace(self, templates=replace(self.templates, matrix=values_of(copies)))
