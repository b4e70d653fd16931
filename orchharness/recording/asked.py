"""What an act is asked, as a JSON value in which nothing is different on another machine or in another run.

Two acts that are asked the same get equal values: that is how a recording is found to fit.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchharness.record import record
from orchharness.workspace.files import open_regular
from orchharness.workspace.store import Store

if TYPE_CHECKING:
    from orchharness.core.plan import Plan
    from orchharness.recording.texts import Texts
    from orchharness.run.act import ActRequest

_ATTEMPT = re.compile(r"\.a[0-9]+(?:\.r[0-9]+)?$")
_OURS = "ORCH_"  # variables that the harness gives; what they say is asked in other words, or is a path


def name_of(act: str) -> str:
    """The act without its attempt: `EN-027.i2` of `EN-027.i2.a1`."""
    return _ATTEMPT.sub("", act)


@record(kw_only=False)
class Question:
    """Makes the value of one act."""

    request: ActRequest
    texts: Texts
    plan: Plan

    def value(self) -> dict[str, Any]:
        """What is asked; empty entries are left out.

        Raises:
            OrchError: the run's store is damaged.
            OSError: what the act reads cannot be read.
        """
        found = self._task() if self.request.role == "task" else self._judgement()
        found["iteration"] = self.request.iteration
        found["env"] = self._env()
        stored: dict[str, Any] = self.texts.stored_all({n: v for n, v in found.items() if v not in _EMPTY})
        if "prompt" in stored:
            stored["prompt"] = stored["prompt"].split("\n")  # one line each: so it can be read, and compared
        return stored

    def _task(self) -> dict[str, Any]:
        request, spawn = self.request, self.request.spawn
        return {
            "agent": _agent(spawn.kind, spawn.argv, shell=spawn.shell, options=spawn.options),
            "cwd": spawn.cwd,
            "findings": self._findings(),
            "inputs": {n: self._entries(n, entries) for n, entries in request.inputs.items()},
            "outputs": {o["name"]: self._output(o) for o in request.outputs},
            "prompt": spawn.prompt,
            "session": "goes on" if spawn.session else "",
            "writes": list(request.writes),
        }

    def _judgement(self) -> dict[str, Any]:
        asked = json.loads(Path(self.request.folder, "critic-request.json").read_bytes())
        agent = asked.get("agent") or {}
        return {
            "agent": _agent(
                agent["kind"], agent.get("argv"), shell=agent.get("shell"), options=agent.get("options")
            )
            if agent
            else {},
            "artifacts": {n: self._entries(n, entries) for n, entries in self.request.artifacts.items()},
            "checks": [{n: v for n, v in c.items() if n != "env"} for c in asked.get("checks") or ()],
            "criteria": list(asked.get("criteria") or ()),
            "critic": _agent(
                asked["kind"], asked.get("argv"), shell=asked.get("shell"), options=asked.get("options")
            ),
            "evaluations": asked.get("evaluations") or {},
            "judges": self._judges(asked.get("plugins") or ()),
            "prompt": asked.get("prompt"),
            "reads": {path: self._digest_of_file(path) for path in self.request.live},
        }

    def _env(self) -> dict[str, str]:
        """What the plan itself gives; of the caller's values only their names, as the plan wrote them."""
        request = self.request
        env: Mapping[str, str] = request.spawn.env
        if request.role == "critic":
            asked = json.loads(Path(request.folder, "critic-request.json").read_bytes())
            env = asked.get("env") or {}
        given = {n: v for n, v in env.items() if not n.startswith(_OURS)}
        return {**given, **request.secret}

    def _findings(self) -> Any:
        path = self.request.spawn.findings
        return json.loads(Path(path).read_bytes()) if path else {}

    def _entries(self, name: str, entries: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
        return [{**entry, "sha256": self._digest(name, entry)} for entry in entries]

    def _digest(self, name: str, entry: Mapping[str, Any]) -> str:
        request = self.request
        if "sha256" not in entry:  # a verdict, which is given as a file
            return self._digest_of_file(f"{request.folder}/inputs/{name}/{entry['item']}.json")
        if request.role == "critic" or "item" in entry:
            store = Store(Path(request.folder).parents[1] / "store")  # a judgement's request does not name it
            return self.texts.digest(store.read(entry["sha256"]))
        return self._digest_of_file(os.path.join(request.workspace, entry["path"]))  # noqa: PTH118

    def _digest_of_file(self, path: str) -> str:
        with open_regular(os.path.realpath(path)) as file:
            return self.texts.digest(file.read())

    def _output(self, declared: Mapping[str, Any]) -> dict[str, Any]:
        return {n: v for n, v in declared.items() if n not in {"name", "root"} and v not in _EMPTY}

    def _judges(self, plugins: Iterable[str]) -> dict[str, str]:
        """The files that this gate judges with, but for those of every gate: what the plan's own say is asked here."""
        plan = self.plan
        told = {plan.path, *plan.definitions, *plugins}
        return {
            f["original"]: self._digest_of_file(f["copy"])
            for f in self.request.frozen
            if f["original"] not in told
        }


_EMPTY: tuple[Any, ...] = (None, "", (), [], {})


def _agent(kind: str, argv: Any, *, shell: Any, options: Any) -> dict[str, Any]:
    # An option that is not given says nothing: a later version of the plugin may have more of them.
    given = {n: v for n, v in (options or {}).items() if v not in _EMPTY}
    found = {"kind": kind, "run": list(argv or ()), "shell": bool(shell), "options": given}
    return {n: v for n, v in found.items() if v}
