"""What judges is frozen when the run starts: gates use the copies, and a changed original is an error.

Gate inputs are the plan, the files that define critics, and the files that check and critic commands name.
A word of a command that is the declared output of a task is what is judged, not what judges.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchharness.core.plan import CheckKind, OutputKind, Scope, Workspace, is_template
from orchharness.errors import OrchError
from orchharness.run.directory import passed_over
from orchharness.run.parts import host_of

if TYPE_CHECKING:
    from orchharness.core.plan import Agent, Command, Critic, Gate, Plan
    from orchharness.run.surroundings import Surroundings
    from orchharness.workspace.gate_inputs import Frozen


Watched = tuple[Mapping[str, Any], ...]  # {"paths", "seen"} of each check that runs tests


class FrozenInputs:
    """The gate inputs of one run."""

    def __init__(self, plan: Plan, where: Surroundings, workspace: Path, target: Path) -> None:
        """Freeze everything the plan's gates rely on.

        Raises:
            OSError: a file cannot be read, or the copy not written.
        """
        self._workspace = workspace
        self._plan, self._root = plan, where.root
        self._skip = passed_over(workspace, where.home, target.parent)
        self._of: dict[str, tuple[str, ...]] = {}
        self._own: dict[str, tuple[str, ...]] = {}
        self._frozen: dict[str, Frozen] = {}
        self._watched: dict[str, Watched] = {}
        judging = {g.id: g for g in plan.gates.values() if g.checks or g.critics}
        if not judging:
            return
        from orchharness.workspace.gate_inputs import freeze

        self._products = [o.path for t in plan.tasks.values() for o in t.outputs if o.kind is OutputKind.FILE]
        always = [plan.path, *plan.definitions]
        told = {plan.path, *plan.fragments}
        for gate in judging.values():
            files = [*where.plugins, *self._files_of(gate)]
            self._own[gate.id] = tuple(dict.fromkeys(p for p in files if p not in told))
            self._of[gate.id] = tuple(dict.fromkeys([*always, *files]))
            if not is_in_worktree(plan, gate):
                self._watched[gate.id] = tuple(self._tests_of(gate))
        wanted = dict.fromkeys(path for paths in self._of.values() for path in paths)
        frozen = freeze([Path(p) for p in wanted], target)
        self._frozen = frozen

    def of(self, gate: str) -> tuple[tuple[Mapping[str, Any], ...], Watched]:
        """The gate's frozen files and watched tests, as JSON."""
        paths = self._of.get(gate, ())
        return tuple(self._frozen[p].to_record() for p in paths), self._watched.get(gate, ())

    def gone_on_with(self, gate: str, before: tuple[Mapping[str, Any], ...]) -> tuple[Mapping[str, Any], ...]:
        """What must not change of `before`, which an earlier session froze for a judgement, as JSON.

        The plan, and what in it judges elsewhere, people may edit between two sessions: it counts as it is now.
        """
        own = self._own.get(gate, ())
        others = (p for p in self._of.get(gate, ()) if p not in own)
        return (
            *(entry for entry in before if entry["original"] in own),
            *(self._frozen[p].to_record() for p in others),
        )

    def digests(self) -> dict[str, dict[str, str]]:
        """Gate -> path of each file that its own judges read -> SHA-256.

        The plan and its fragments are none here: what of them changed is told by item.
        """
        return {gate: {p: self._frozen[p].sha256 for p in paths} for gate, paths in self._own.items()}

    def to_record(self) -> dict[str, Any]:
        """What a later session compares with, as JSON."""
        return {"files": self.digests(), "tests": {gate: list(w) for gate, w in self._watched.items() if w}}

    def watch(self, gate: str, watched: Watched) -> None:
        """Compare the gate's tests with what they were when the run began, in an earlier session."""
        self._watched[gate] = watched

    def substitute(self, argv: tuple[str, ...]) -> tuple[str, ...]:
        """The command with every frozen file replaced by its copy."""
        if not argv or not self._frozen:
            return argv
        from orchharness.workspace.gate_inputs import substitute

        return substitute(argv, self._frozen, (self._workspace, Path(self._plan.path).parent, self._root))

    def changed(self, expected: Callable[[str, Watched], Watched]) -> dict[str, list[str]]:
        """Gate -> its inputs that are not what they were, for gates that have any.

        `expected` adds to the watched tests of a gate what was released since.
        """
        if not self._frozen:
            return {}
        from orchharness.workspace.gate_inputs import changed, tests_changed

        wrong = set(changed(list(self._frozen.values())))
        found: dict[str, list[str]] = {}
        for gate, paths in self._of.items():
            bad = [p for p in paths if p in wrong]
            for watched in expected(gate, self._watched.get(gate, ())):
                bad += tests_changed(self._workspace, watched["paths"], watched["seen"], skip=self._skip)
            if bad:
                found[gate] = list(dict.fromkeys(bad))
        return found

    def _files_of(self, gate: Gate) -> list[str]:
        found: list[str] = []
        here = Path(self._plan.path).parent
        for check in gate.checks:
            found += check.inputs
            found += self._words(gate, check.command, (self._workspace,))
        for name in gate.critics:
            critic = self._plan.critics[name]
            found += [*critic.inputs, *self._words(gate, critic.command, (here, self._root), critic)]
            if critic.agent is not None:
                agent = self._plan.agents[critic.agent]
                found += self._words(gate, agent.command, (here, self._root), agent)
        return found

    def _words(
        self, gate: Gate, command: Command | None, bases: Sequence[Path], used: Agent | Critic | None = None
    ) -> list[str]:
        if command is None:
            return []
        from orchharness.run.judges import module_files, with_imports, words_of
        from orchharness.workspace.gate_inputs import command_files

        words = [w for w in (self._known(gate, used, word) for word in words_of(command)) if w is not None]
        if command.shell:
            words.insert(0, "sh")  # every word of it may be a file, none is the program
        files = [*command_files(words, list(bases)), *module_files(words, bases)]
        own = [p for p in files if not self._is_product(p)]
        return [str(p) for p in with_imports(own) if not self._is_product(p)]

    def _known(self, gate: Gate, used: Agent | Critic | None, word: str) -> str | None:
        """The word, rendered with what is known before anything runs; None when it needs more."""
        if not is_template(word):
            return word
        from orchharness.workspace.templates import render

        own = gate.scope if used is None else used.scope
        scope = own or Scope(vars=self._plan.vars, folder=str(Path(self._plan.path).parent))
        known = {
            "vars": dict(scope.vars),
            "matrix": dict(gate.matrix),
            "plan_dir": scope.folder,
            "root": str(self._root),
        }
        try:
            return render(word, known)
        except OrchError:
            return None

    def _is_product(self, path: Path) -> bool:
        if not path.is_relative_to(self._workspace):
            return False
        relative = str(path.relative_to(self._workspace))
        return any(fnmatch(relative, pattern) for pattern in self._products)

    def _tests_of(self, gate: Gate) -> list[dict[str, Any]]:
        from orchharness.workspace.gate_inputs import watch_tests

        return [
            {"paths": paths, "seen": watch_tests(self._workspace, paths, skip=self._skip)}
            for paths in tests_of(gate)
        ]


def is_in_worktree(plan: Plan, gate: Gate) -> bool:
    """Whether the gate's checks run in a worktree: their tests are compared with those that it began with."""
    host = host_of(plan, gate)
    return host is not None and host.workspace is Workspace.WORKTREE


def tests_of(gate: Gate) -> list[list[str]]:
    """The paths of each of its checks that runs tests."""
    found = (_test_paths(check.kind, check.options, check.command) for check in gate.checks)
    return [paths for paths in found if paths is not None]


def _test_paths(kind: CheckKind, options: Mapping[str, Any], command: Command | None) -> list[str] | None:
    """The paths whose tests a check runs: a `pytest` check, or a command that is pytest."""
    if kind is CheckKind.PYTEST:
        paths = options.get("paths", ["."])
        return [paths] if isinstance(paths, str) else list(paths)
    if command is None or command.shell:
        return None
    names = [Path(w).name for w in command.argv[:4]]
    if not any(n in {"pytest", "py.test"} for n in names):
        return None
    after = command.argv[names.index("pytest" if "pytest" in names else "py.test") + 1 :]
    return [w for w in after if not w.startswith("-") and not is_template(w)] or ["."]
