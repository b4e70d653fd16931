"""What of an earlier run counts now: definitions, files that judge, and the bytes on the disk are compared.

Rules that hold here:
  * A workspace file is compared with the digest of the last act that put it out. What an act of the journal may
    have written since is that act's business; any other change is a reason to do the work again.
  * Files that judge are compared with what they were when they were frozen. A gate whose judge is another one
    judges again, and a warning says so.
  * Nothing is changed here; what is decided goes into the journal as `RunResumed`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatch
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchharness import private
from orchharness.core.definition import QUESTION, changes, definition_of
from orchharness.core.events import DecisionTaken, JudgementStarted, TaskFinished, TaskStarted
from orchharness.core.gating import CHECKS
from orchharness.core.outlook import outlook_of
from orchharness.core.past import item_of
from orchharness.core.plan import OutputKind, Workspace
from orchharness.core.resuming import Resumption
from orchharness.core.terms import terms_of
from orchharness.errors import OrchError
from orchharness.run.worktrees import branch_of, digest_at_base, is_away, put_back
from orchharness.workspace.files import read_digest

if TYPE_CHECKING:
    from orchharness.core.plan import Plan, Task
    from orchharness.run.frozen import FrozenInputs
    from orchharness.run.parts import Parts
    from orchharness.run.past import Earlier

DEFINITION, GATE_INPUTS, BUDGETS = "definition.json", "gate-inputs.json", "budgets.json"
OUTLOOK = "outlook.json"  # for those who watch the run
_RUN = "run:"
_SAID = "from:"


def keep(session: Path, plan: Plan, frozen: FrozenInputs) -> None:
    """Store what a later session compares with, and what those need to know who only see the run's folder."""
    _write(session / DEFINITION, definition_of(plan))
    _write(session / OUTLOOK, outlook_of(plan))
    if plan.gates:
        _write(session / GATE_INPUTS, frozen.to_record())
    terms = terms_of(plan)
    if terms is not None:
        _write(session / BUDGETS, terms.to_record())


class Comparison:
    """An earlier run, compared with the plan and the files as they are now."""

    def __init__(
        self, earlier: Earlier, parts: Parts, frozen: FrozenInputs, *, source: Parts | None = None
    ) -> None:
        """`parts` are the new session's; `source` those of the earlier run, where that is another one."""
        self._earlier, self._parts, self._frozen = earlier, parts, frozen
        self._source = source or parts
        self.warnings: list[str] = []
        self._tests: dict[str, Any] = {}
        self._digests: dict[Path, str] = {}
        self._void: dict[str, str] = {}
        self.redo: dict[str, str] = {}
        self._compare_definitions()
        self._compare_judges()

    # ---- definitions -------------------------------------------------------------------------

    def _compare_definitions(self) -> None:
        before = _read(self._earlier.session / DEFINITION)
        found = changes(before, definition_of(self._parts.plan))
        for entry, why in found.items():
            gate, _, critic = entry.partition("/")
            if critic:
                self._void_critic(gate, critic, f"{critic}: {why}")
            else:
                self.redo[entry] = why

    def _compare_judges(self) -> None:
        path = self._earlier.session / GATE_INPUTS
        before = _read(path) if path.exists() else {}
        files = before.get("files", {})
        self._tests = {gate: tuple(w) for gate, w in before.get("tests", {}).items()}
        for gate, now in self._frozen.digests().items():
            was = files.get(gate)
            if was is None or was == now or gate in self.redo:
                continue
            names = [p for p in {**was, **now} if was.get(p) != now.get(p)]
            self._judges_anew(gate, f"{', '.join(map(self._shown, names))} changed")

    def _judges_anew(self, gate: str, why: str) -> None:
        self.redo[gate] = why
        self.warnings.append(f"{gate} judges again: {why} since the run began")

    def _void_critic(self, gate: str, critic: str, why: str) -> None:
        for event in self._earlier.past.acts:
            judged = isinstance(event, JudgementStarted) and event.gate == gate and event.critic == critic
            if judged or (isinstance(event, DecisionTaken) and event.item == gate and critic == QUESTION):
                self._void[event.act] = why

    def _shown(self, path: str) -> str:
        root = self._parts.root
        return os.path.relpath(path, root) if Path(path).is_relative_to(root) else path

    # ---- bytes -------------------------------------------------------------------------------

    def look(self, found: Resumption) -> dict[str, str]:
        """Act -> why its result does not count: its bytes, or those it read, are others now."""
        void = {a: why for a, why in self._void.items() if a not in found.dropped}
        void |= self._compare_tests(found)
        for act, why in self._wrong_bytes(found):
            void.setdefault(act, why)
        return void

    def _compare_tests(self, found: Resumption) -> dict[str, str]:
        """Tests that a gate runs: those of the run's beginning, and those that tasks put out since."""
        from orchharness.run.pinned import expected_tests
        from orchharness.workspace.gate_inputs import tests_changed

        void: dict[str, str] = {}
        for gate, watched in self._tests.items():
            if gate not in found.run.gates or gate in self.redo or self._is_in_worktree(gate):
                continue
            skip = Path(self._parts.skipped(self._parts.workspace))
            pinned = expected_tests(found.run, found.run.gates[gate].gate, self._parts, watched)
            wrong = [
                path
                for tests in pinned
                for path in tests_changed(self._parts.workspace, tests["paths"], tests["seen"], skip=skip)
            ]
            wrong = [p for p in wrong if not self._is_later_work(p)]
            if not wrong:
                self._frozen.watch(gate, watched)
                continue
            why = f"{', '.join(map(self._shown, dict.fromkeys(wrong)))} changed"
            self.warnings.append(f"{gate} judges again: {why} since the run began")
            self.redo[gate] = why
            acts = (e for e, _ in found.kept if isinstance(e, JudgementStarted))
            void |= {e.act: why for e in acts if e.gate == gate and e.critic == CHECKS}
        return void

    def _is_in_worktree(self, gate: str) -> bool:
        from orchharness.run.frozen import is_in_worktree

        return is_in_worktree(self._parts.plan, self._parts.plan.gates[gate])

    def _is_later_work(self, path: str) -> bool:
        relative = os.path.relpath(path, self._parts.workspace) if path.startswith("/") else path
        plan = self._parts.plan
        menders = (gate.mender for gate in plan.gates.values() if gate.mender is not None)
        return any(_may_write(task, relative) for task in (*plan.tasks.values(), *menders))

    def _wrong_bytes(self, found: Resumption) -> Iterator[tuple[str, str]]:
        place = {e.act: n for n, e in enumerate(self._earlier.past.acts) if isinstance(e, TaskStarted)}
        last: dict[Path, tuple[str, Mapping[str, Any]]] = {}
        over = [e for e, _ in found.kept if isinstance(e, TaskFinished)]
        ends = [e for e in over if e.outputs]
        for end in ends:
            for entry in _entries(end):
                where = self._live(end.task, entry)
                if where is not None:
                    last[where] = (end.act, entry)
                if not self._is_stored(entry["sha256"]):
                    yield end.act, f"{entry['path']} is not in the store any more, or is damaged there"
        for where, (act, entry) in last.items():
            if self._digest(where) == entry["sha256"]:
                continue
            writer = self._writer_since(where, act, place, found)
            if writer == "other":
                continue
            who = (
                "was written again for a verdict that does not count"
                if writer
                else "was changed by nobody of the run"
            )
            yield act, f"{entry['path']} {who}"
        yield from self._other_inputs(found, place)
        yield from self._lost_branches(over)

    def _lost_branches(self, ends: Sequence[TaskFinished]) -> Iterator[tuple[str, str]]:
        """Tasks whose worktree is made again, and whose branch, which may hold commits of theirs, is gone."""
        plan, source = self._parts.plan, self._source
        away = [e for e in ends if e.task in plan.tasks and self._is_away(plan.tasks[e.task])]
        if not away:
            return
        from orchharness.run.branches import branches_of

        there = branches_of(self._parts.base, source.directory.run_id)
        for end in away:
            branch = branch_of(source.directory.run_id, end.task)
            if branch not in there:
                yield end.act, f"its branch {branch!r} is gone"

    def _is_away(self, task: Task) -> bool:
        return task.workspace is Workspace.WORKTREE and is_away(self._parts, task)

    def _input_digest(self, task: Task, where: Path, path: str) -> str:
        return digest_at_base(self._parts, path) if self._is_away(task) else self._digest(where)

    def _other_inputs(self, found: Resumption, place: Mapping[str, int]) -> Iterator[tuple[str, str]]:
        """Plain files that a task read, and that hold other bytes by now."""
        for end, _ in found.kept:
            for entries in end.inputs.values() if isinstance(end, TaskFinished) else ():
                for entry in entries:
                    if "item" in entry or "sha256" not in entry or not isinstance(end, TaskFinished):
                        continue
                    task = self._parts.plan.worker(end.task)
                    where = self._parts.workspace_of(task) / entry["path"]
                    if self._input_digest(task, where, entry["path"]) == entry["sha256"]:
                        continue
                    if not self._writer_since(where, end.act, place, found):
                        yield end.act, f"input file {entry['path']} changed"

    def _writer_since(self, where: Path, act: str, place: Mapping[str, int], found: Resumption) -> str:
        """Who may have written the file since the act: `other` for another act, `dropped` for a later one of its task.

        Acts that are over and whose outputs are known do not count: they would be the last ones.
        """
        own = self._earlier.past.acts[place[act]]
        kept = {e.act for e, _ in found.kept}
        since = self._earlier.past.acts[place[act] + 1 :]
        result = ""
        for event in since:
            task = _worker(self._parts.plan, event.task) if isinstance(event, TaskStarted) else None
            if task is None or not isinstance(event, TaskStarted):
                continue
            if task.workspace is Workspace.SCRATCH or not self._covers(task, where):
                continue
            mended = event.task not in self._parts.plan.tasks
            if event.act not in kept and (mended or event.task == item_of(own)):
                result = "dropped"
            else:
                return "other"
        return result

    def _covers(self, task: Task, where: Path) -> bool:
        workspace = self._parts.workspace_of(task)
        return where.is_relative_to(workspace) and _may_write(task, str(where.relative_to(workspace)))

    def _live(self, task_id: str, entry: Mapping[str, Any]) -> Path | None:
        """Where the artifact still should be; None for what an agent said, and what is made again from the store."""
        path, task = entry["path"], self._parts.plan.worker(task_id)
        rebuilt = self._source is not self._parts or (self._is_away(task) and not path.startswith(_RUN))
        if path.startswith(_SAID) or (rebuilt and is_rebuilt(self._parts.plan, task, path)):
            return None
        return live_path(self._parts, task, path)

    def _digest(self, where: Path) -> str:
        """The SHA-256 of the file; empty when there is none."""
        found = self._digests.get(where)
        if found is None:
            try:
                found = read_digest(os.path.realpath(where)).sha256
            except OSError:
                found = ""
            self._digests[where] = found
        return found

    @cached_property
    def _store(self) -> Path:
        return self._source.directory.store

    def _is_stored(self, sha256: str) -> bool:
        from orchharness.workspace.store import Store

        return self._digest(Store(self._store).path(sha256)) == sha256


def is_rebuilt(plan: Plan, task: Task, path: str) -> bool:
    """Whether a new run finds the artifact only in the store: its place belongs to the run."""
    return path.startswith(_RUN) or plan.copy is not None or task.workspace is not Workspace.SHARED


def live_path(parts: Parts, task: Task, path: str) -> Path:
    """Where an artifact stands that was recorded under that path."""
    if path.startswith(_RUN):
        return parts.directory.files(task.id) / path.removeprefix(_RUN)
    return parts.workspace_of(task) / path


def rebuild(found: Resumption, parts: Parts, source: Parts) -> None:
    """Take the artifacts of another run into this one: into its store, and to where its tasks look for them.

    Raises:
        OrchError: an artifact is damaged.
        OSError: the disk is full.
    """
    from orchharness.workspace.store import Store

    old, new = Store(source.directory.store), Store(parts.directory.store)
    last: dict[Path, str] = {}
    for end in (e for e, _ in found.kept if isinstance(e, TaskFinished)):
        for entry in _entries(end):
            new.put(old.path(entry["sha256"]))
            task = parts.plan.worker(end.task)
            if _is_put_back(task, entry["path"]) and is_rebuilt(parts.plan, task, entry["path"]):
                last[live_path(parts, task, entry["path"])] = entry["sha256"]
    for where, sha256 in last.items():
        put_back(where, new.read(sha256))


def _is_put_back(task: Task, path: str) -> bool:
    """Whether the artifact is put to its place at once: a worktree is made, and filled, when it is needed."""
    return not path.startswith(_SAID) and (path.startswith(_RUN) or task.workspace is not Workspace.WORKTREE)


def _entries(end: TaskFinished) -> Iterator[Mapping[str, Any]]:
    for entries in end.outputs.values():
        yield from entries


def _worker(plan: Plan, name: str) -> Task | None:
    """The task or mender; None when the plan has it no more."""
    try:
        return plan.worker(name)
    except KeyError:
        return None


def _may_write(task: Task, path: str) -> bool:
    patterns = [*task.writes, *(o.path for o in task.outputs if o.kind is OutputKind.FILE)]
    names = [os.path.normpath(p) for p in patterns]
    return any(path == p or path.startswith(f"{p}/") or fnmatch(path, p) for p in names)


def _read(path: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        msg = f"{path}: what the run was made from cannot be read ({error}): start a fresh run"
        raise OrchError(msg) from None
    return found


def _write(path: Path, value: Any) -> None:
    private.write(path, json.dumps(value, separators=(",", ":")))
