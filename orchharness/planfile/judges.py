"""What judges rely on: the files that check and critic commands name, and who may change them.

Files that nobody writes are inputs of the gate: they are pinned when the run starts. What a task may write and
declares as its output is what is judged. What it may write besides is a fault: it could change its own judge.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from orchharness.core.plan import Command, Critic, Gate, Must, OutputKind, Task, Workspace
from orchharness.planfile.checks import command_words
from orchharness.planfile.context import Context
from orchharness.planfile.files import absolute, existing_file
from orchharness.planfile.names import Names
from orchharness.planfile.paths import may_meet
from orchharness.planfile.writes import WriteIndex, is_apart
from orchharness.record import record

_SHOWN = 5  # tasks in a warning


class _File(NamedTuple):
    """A file that a command names; `inside`: its path in the workspace, where tasks may write it."""

    path: str
    inside: str | None


@record(frozen=False)
class Judges:
    """The gates and critics of a plan, with what tasks may write."""

    context: Context
    gates: dict[str, Gate]
    critics: dict[str, Critic]
    index: WriteIndex
    names: Names

    def pin(self) -> None:
        """Add the files that the commands name to the inputs of the checks and critics; note own judges."""
        files = {
            name: self._files(critic.command, self.context.within(critic.scope))
            for name, critic in self.critics.items()
        }
        for name, critic in self.critics.items():
            self.critics[name] = replace(critic, inputs=self._pinned(critic.inputs, files[name]))
        for gate in list(self.gates.values()):
            for name in gate.critics:
                self._refuse_writers(gate, files[name], f"critic {name!r} of its gate {gate.id!r}")
            if gate.checks:
                self._pin_checks(gate)

    def warn(self) -> None:
        """Warn of critics that are the agent whose work they judge, and of checks that look where the work is not."""
        for gate in self.gates.values():
            self._warn_of_checks_elsewhere(gate)
            members = self.names.gates[gate.id].members if gate.critics else []
            agents = {member.agent.id: member for member in members if member.agent is not None}
            for name in gate.critics:
                agent = self.critics[name].agent
                if agent is not None and gate.mender is not None and gate.mender.agent == agent:
                    what = f"critic {name!r} of gate {gate.id!r} is the agent {agent!r} itself, which mends for it"
                    self.context.problems.warn(self.names.gates[gate.id].key, what)
                if agent is not None and agent in agents:
                    what = f"the agent {agent!r} itself, which does task {agents[agent].id!r}"
                    node = self.names.gates[gate.id].key
                    self.context.problems.warn(node, f"critic {name!r} of gate {gate.id!r} is {what}")

    def _warn_of_checks_elsewhere(self, gate: Gate) -> None:
        """Checks of a gate over several tasks run in the plan's workspace; a check with artifacts looks at these."""
        if len(gate.of) == 1 or all(check.sources for check in gate.checks):
            return
        members = self.names.gates[gate.id].members
        away = [
            repr(task.id)
            for task in members
            if task.fields.get("workspace", Workspace.SHARED) != Workspace.SHARED
        ]
        if away:
            shown = ", ".join(away[:_SHOWN]) + (", …" if len(away) > _SHOWN else "")
            what = (
                f"the checks of gate {gate.id!r} run in the plan's workspace, but {shown} have workspaces of "
                "their own, so their files are not there: let one task bring them together and check that in its own gate, "
                "or name the outputs in the check's 'inputs'"
            )
            self.context.problems.warn(self.names.gates[gate.id].key, what)

    def _pin_checks(self, gate: Gate) -> None:
        checks = []
        draft = self.names.gates[gate.id]
        context = self.context.at(draft.key, draft.copies)
        for check in gate.checks:
            files = self._files(check.command, context)
            self._refuse_writers(gate, files, f"a check of its gate {gate.id!r}")
            checks.append(replace(check, inputs=self._pinned(check.inputs, files, gate)))
        self.gates[gate.id] = replace(gate, checks=tuple(checks))

    def _files(self, command: Command | None, context: Context) -> list[_File]:
        base, found = self.context.base, []
        for word in command_words(context, command):
            path = existing_file(base, word)
            if path is None:
                continue
            path = Path(absolute(path))
            # What the workspace is copied from stays as it is, whatever is written in the copy.
            original = self.context.copied and Path(word).is_absolute()
            inside = path.relative_to(base).as_posix() if path.is_relative_to(base) and not original else None
            found.append(_File(str(path), inside))
        return found

    def _pinned(
        self, listed: tuple[str, ...], files: list[_File], gate: Gate | None = None
    ) -> tuple[str, ...]:
        unwritten = (f.path for f in files if f.inside is None or not any(self._writers(f.inside, gate)))
        return tuple(dict.fromkeys([*listed, *unwritten]))

    def _writers(self, path: str, gate: Gate | None) -> Iterator[Task]:
        """Who may write what a check of the gate finds there: what others write elsewhere is not what it finds."""
        for task, _ in self.index.writers(path):
            if gate is None or not is_apart(task) or task.id in gate.of:
                yield task

    def _refuse_writers(self, gate: Gate, files: list[_File], judge: str) -> None:
        for _, inside in files:
            writers = {task.id: task for task, _ in self.index.writers(inside)} if inside else {}
            own = [name for name in (*gate.of, gate.id) if name in writers] if writers else []
            if inside is None or not own or any(_is_output(writers[name], inside) for name in own):
                continue
            who = f"task {own[0]!r}" if own[0] != gate.id else "the mender"
            self.context.problems.add(
                self.names.gates[gate.id].key,
                f"{who} may write {inside!r}, which {judge} uses: take the file out of its 'writes', "
                "or keep what judges outside of what it may write",
            )


def _is_output(task: Task, path: str) -> bool:
    return any(
        o.kind is OutputKind.FILE and o.must is not Must.EXIST and may_meet(path, o.path)
        for o in task.outputs
    )
