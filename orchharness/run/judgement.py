"""The act of one judgement: copies of what is judged, what judges, and what both must still be afterwards."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchharness.core.acts import CriticRequest, SpawnRequest
from orchharness.core.gating import CHECKS
from orchharness.core.isolation import BRANCH
from orchharness.core.plan import CheckKind, Workspace
from orchharness.record import record
from orchharness.run.act import ActRequest, write_request
from orchharness.run.frozen import is_in_worktree, tests_of
from orchharness.run.parts import (
    Parts,
    as_paths,
    asked_from_caller,
    env_name,
    host_of,
    known_to,
    origin,
    word_of,
    write_json,
    write_text,
)
from orchharness.run.pinned import expected_tests, live_digests
from orchharness.run.worktrees import branch_of, tests_at_base

if TYPE_CHECKING:
    from orchharness.core.orchestrator import Orchestrator, StartJudgement
    from orchharness.core.plan import Check, Gate
    from orchharness.run.frozen import FrozenInputs
    from orchharness.workspace.store import Store


@record
class _Staged:
    """What a judgement works with: its folder, the copies, its environment, the values of its templates."""

    folder: Path
    paths: Mapping[str, tuple[str, ...]]
    env: dict[str, str]
    values: dict[str, Any]


@record
class Judgement:
    """One judgement to be prepared."""

    parts: Parts
    store: Store
    frozen: FrozenInputs
    plugins: tuple[str, ...]
    run: Orchestrator
    start: StartJudgement

    @property
    def gate(self) -> Gate:
        """The gate that is judged."""
        return self.parts.plan.gates[self.start.gate]

    def request(self, key: str) -> ActRequest:
        """The act, written to its folder.

        Raises:
            OrchError: a template cannot be rendered, or a stored artifact is damaged.
            OSError: the disk fails.
        """
        start, gate, parts = self.start, self.gate, self.parts
        artifacts = self.run.artifacts_of(gate)
        staged = self._stage(artifacts)
        checks = start.critic == CHECKS
        asked = self._checks(staged, key) if checks else self._critic(staged, key)
        critic = None if checks else parts.plan.critics[start.critic]
        secret = asked_from_caller(critic.env) if critic else {}
        # The judge's own process has the values; what is stored must not put the plan's text over them.
        stored = {name: value for name, value in asked.env.items() if name not in secret}
        stored_request = asdict(asked) | {"env": stored, "plugins": list(self.plugins)}
        write_json(staged.folder / "critic-request.json", stored_request)
        frozen, watched = self.frozen.of(gate.id)
        workspace, host = parts.workspace, host_of(parts.plan, gate) if checks else None
        if host is not None and host.workspace is Workspace.WORKTREE:
            workspace = parts.workspace_of(host)
            watched = tests_at_base(parts, gate.id, tests_of(gate))
        act = ActRequest(
            act=start.act,
            key=key,
            role="critic",
            item=gate.id,
            folder=str(staged.folder),
            spawn=SpawnRequest(
                key=key,
                act=start.act,
                kind="command",
                folder=str(staged.folder),
                cwd=str(staged.folder / "gate"),
                # -P: a file of the workspace must not be imported instead of a module of the judge
                argv=(sys.executable, "-P", "-m", "orchharness.critics.act", str(staged.folder)),
                env=staged.env,
            ),
            iteration=start.iteration,
            workspace=str(workspace),
            run_folder=parts.skipped(workspace),
            artifacts={name: [origin(e) for e in entries] for name, entries in artifacts.items()},
            staged={
                path: entry["sha256"]
                for name, paths in staged.paths.items()
                for path, entry in zip(paths, artifacts[name], strict=True)
            },
            live=live_digests(self.run, gate, parts, self._words(asked)) if checks else {},
            frozen=frozen,
            watched=expected_tests(self.run, gate, parts, watched),
            secret=secret,
            hidden=parts.hidden,
            timeout=critic.timeout if critic else None,
            idle_timeout=critic.idle_timeout if critic else None,
        )
        write_request(act)
        return act

    def _stage(self, artifacts: Mapping[str, list[dict[str, Any]]]) -> _Staged:
        from orchharness.workspace.staging import stage_artifacts

        start, gate, parts = self.start, self.gate, self.parts
        folder = parts.new_folder(start.act)
        judged = folder / "gate"
        judged.mkdir(mode=0o700)
        copies = stage_artifacts(self.store, judged, artifacts)
        paths = {name: tuple(str(p) for p in found) for name, found in copies.items()}
        names = _short_names(gate, paths)
        env = parts.env(folder, iteration=start.iteration, attempt=start.attempt)
        env |= {"ORCH_GATE": gate.id, "ORCH_GATE_DIR": str(judged), "ORCH_SAMPLE": str(start.sample)}
        env |= {env_name("ORCH_INPUT_", n): "\n".join(p) for n, p in names.items()}
        values = {
            **known_to(gate),
            "iteration": start.iteration,
            "findings": [],
            "inputs": as_paths(names),
            "outputs": self._outputs(),
        }
        if start.critic == CHECKS and is_in_worktree(parts.plan, gate):
            env[BRANCH] = branch_of(parts.directory.run_id, gate.of[0])
        return _Staged(folder=folder, paths=paths, env=env, values=values)

    def _outputs(self) -> dict[str, str]:
        """For checks, which run in the workspace: the live paths of what the gate's members put out."""
        found: dict[str, str] = {}
        for task_id in self.gate.of:
            task = self.parts.plan.tasks[task_id]
            for name, path in self.parts.output_paths(task, self.parts.workspace_of(task)).items():
                found.setdefault(name, path)
        return found

    def _critic(self, staged: _Staged, key: str) -> CriticRequest:
        start, parts = self.start, self.parts
        critic, folder = parts.plan.critics[start.critic], staged.folder
        values = (
            staged.values
            | parts.file_of(critic)
            | {"criteria": {n: str(w) for n, w in critic.criteria.items()}}
        )
        env = staged.env
        read: dict[str, Any] = {}
        if critic.after:
            read = self.run.read_by(start.gate, critic.id)
            env["ORCH_EVALUATIONS"] = write_json(folder / "evaluations.json", read)
            values["evaluations"] = read
        prompt = None if critic.prompt is None else parts.rendered_prompt(critic.prompt, values)
        if prompt is not None:
            env["ORCH_PROMPT"] = write_text(folder / "prompt.md", prompt)
        env |= parts.render_map(critic.env, values)
        agent: dict[str, Any] = {}
        if critic.agent is not None:
            spec = parts.plan.agents[critic.agent]
            values |= parts.file_of(spec)
            agent = {
                "kind": spec.kind,
                "argv": list(self.frozen.substitute(parts.argv(spec.command, values))),
                "shell": spec.command.shell if spec.command else False,
                "options": parts.render_any(spec.options, values),
            }
        return CriticRequest(
            key=key,
            act=start.act,
            gate=start.gate,
            critic=critic.id,
            kind=critic.kind,
            iteration=start.iteration,
            folder=str(folder),
            cwd=str(folder / "gate"),
            workspace=str(parts.workspace),
            argv=self.frozen.substitute(parts.argv(critic.command, values)),
            shell=critic.command.shell if critic.command else False,
            prompt=prompt,
            agent=agent,
            criteria=tuple(critic.criteria),
            artifacts=dict(staged.paths),
            evaluations=read,
            env={**env, "ORCH_RESULT": str(folder / "answer.json")},
            options=parts.render_any(critic.options, values),
            timeout=critic.timeout,
        )

    def _checks(self, staged: _Staged, key: str) -> CriticRequest:
        workspace = str(self.parts.workspace_of_gate(self.gate))
        return CriticRequest(
            key=key,
            act=self.start.act,
            gate=self.start.gate,
            critic=CHECKS,
            kind=CHECKS,
            iteration=self.start.iteration,
            folder=str(staged.folder),
            cwd=workspace,
            workspace=workspace,
            checks=tuple(self._check(c, workspace, staged) for c in self.gate.checks),
            artifacts=dict(staged.paths),
            env=staged.env,
        )

    def _check(self, check: Check, workspace: str, staged: _Staged) -> dict[str, Any]:
        members = self.gate.of
        found: dict[str, Any] = {
            "kind": str(check.kind),
            "name": check.name,
            "task": members[0] if members else None,
            "cwd": workspace,
            "env": dict(staged.env),
            "timeout": check.timeout,
            "options": self.parts.render_any(check.options, staged.values),
        }
        if check.kind is CheckKind.RUN:
            argv = self.parts.argv(check.command, staged.values)
            found["argv"] = list(self.frozen.substitute(argv))
            found["shell"] = check.command.shell if check.command else False
        return found

    def _words(self, asked: CriticRequest) -> list[str]:
        """What the checks name: words of their commands, and what their `inputs` mean."""
        words = [word for check in asked.checks for word in check.get("argv", ())]
        for check in self.gate.checks:
            for source in check.sources:
                known = self.run.tasks.get(source.item)
                entries = known.released.get(source.output or "", ()) if known else ()
                words += [entry["path"] for entry in entries]
        return words


def _short_names(gate: Gate, paths: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """`inputs.name` for a gate over one task, `inputs.TASK_name` for any."""
    found = {word_of(name): value for name, value in paths.items()}
    if len(gate.of) == 1:
        found |= {name.rpartition(".")[2]: value for name, value in paths.items()}
    return found
