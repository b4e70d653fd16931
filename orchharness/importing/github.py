"""GitHub Actions workflows: a job is a task, its `run` steps are one command.

Rules that hold here:
  * What would run otherwise than it did there does not run: such a step becomes a line that fails and says why.
  * Steps that only prepare a fresh machine (checkout, setup-…, cache, artifacts) are told, and left out.
  * Every step is a subshell under `set -e`, as it was a shell of its own there.
"""

from __future__ import annotations

import re
from typing import Final

from orchharness.importing import values
from orchharness.importing.draft import Draft, Group, Ref, Task
from orchharness.importing.notes import Source, shown
from orchharness.importing.words import DEPENDENCIES
from orchharness.planfile.nodes import Mapping, Node, Scalar, Sequence

_PREPARES: Final = re.compile(
    r"actions/(checkout|setup-[\w-]+|cache(/\w+)?|upload-artifact|download-artifact)(@.*)?"
    r"|[\w.-]+/(setup-[\w.-]+|[\w-]*rust-cache|rust-toolchain|ruby-setup)(@.*)?",
    re.IGNORECASE,
)
_FROM_CALLER: Final = re.compile(r"\$\{\{\s*(?:secrets|env|vars)\.([A-Za-z_][A-Za-z0-9_]*)\s*\}\}")
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SHELLS: Final = {"": "", "bash": "set -o pipefail\n", "sh": ""}
_TOLD: Final = (
    "runs-on",
    "permissions",
    "concurrency",
    "environment",
    "outputs",
    "container",
    "services",
    "strategy",
)
_HEAD: Final = ("on", "permissions", "concurrency", "run-name", "defaults", "env")


def read_actions(source: Source) -> Draft:
    """The draft of it."""
    tree = source.tree
    draft = Draft(root=Group(name="", place=tree))
    draft.title = values.line(source.value(tree, "name"))
    top = source.value(tree, "env")
    default = source.value(source.value(tree, "defaults"), "run")
    jobs = source.value(tree, "jobs")
    assert isinstance(tree, Mapping)
    for key in _HEAD:
        if key in tree.entries and key not in {"env", "defaults"}:
            source.notes.left(f"{key}: when and how the workflow is started there", source.key(tree, key))
            source.told(tree.value(key))
    for name, (_, body) in (jobs.entries if isinstance(jobs, Mapping) else {}).items():
        assert isinstance(jobs, Mapping)
        place = source.key(jobs, name)
        if not isinstance(body, Mapping):
            source.notes.left(f"job {shown(name)} is no mapping", place)
            continue
        draft.root.tasks.append(_Job(source, name, place, body).task(draft.root, top, default))
    return draft


class _Job:
    """One job while it is read."""

    def __init__(self, source: Source, name: str, key: Scalar, body: Mapping) -> None:
        self.source = source
        self.name = name
        self.body = body
        self.made = Task(name=name, place=key, kind="job")
        self.lines: list[str] = []

    def task(self, root: Group, top: Node | None, default: Node | None) -> Task:
        source, body, made = self.source, self.body, self.made
        made.parent = root
        made.title = values.line(source.value(body, "name"))
        for key in DEPENDENCIES:
            made.refs += [Ref(word) for word in values.words(source.value(body, key))]
        own = source.value(source.value(body, "defaults"), "run")
        self._env([top, source.value(body, "env")])
        made.timeout = values.duration(source.value(body, "timeout-minutes"), "m")
        made.allow_failure = values.text(source.value(body, "continue-on-error")) == "true"
        self._conditions()
        steps = source.value(body, "steps")
        for place, step in enumerate(steps.items if isinstance(steps, Sequence) else [], 1):
            self._step(place, step, [own, default])
        self._without_steps()
        made.command = ["bash", "-e", "-c", "\n".join(self.lines) + "\n"]
        return made

    def _conditions(self) -> None:
        condition = self.source.value(self.body, "if")
        if isinstance(condition, Scalar):
            self._fail(condition, f"the job runs only if: {condition.text}")
        for key in _TOLD:
            if key not in self.body.entries:
                continue
            place = self.source.key(self.body, key)
            if key in {"container", "services"}:
                self._fail(place, f"the job needs {key} that a plan does not start")
            else:
                more = ": it runs once" if key == "strategy" else ""
                self.source.notes.left(f"{key} of a job{more}", place)
            self.source.told(self.body.value(key))

    def _without_steps(self) -> None:
        uses = self.source.value(self.body, "uses")
        run = self.source.value(self.body, "run", "script", "command")
        if isinstance(uses, Scalar):
            self._fail(uses, f"the job is another workflow: {uses.text}")
        elif isinstance(run, Scalar):
            self._add(run.text)
        elif isinstance(run, Sequence):
            for word in values.words(run):
                self._add(word.text)
        if not any(line and not line.startswith("#") for line in self.lines):
            self._fail(self.made.place, "nothing of the job's work came over")

    def _step(self, place: int, step: Node, defaults: list[Node | None]) -> None:
        source = self.source
        title = (
            values.line(source.value(step, "name"))
            or values.line(source.value(step, "id"))
            or f"step {place}"
        )
        source.value(step, "id")
        uses, run = source.value(step, "uses"), source.value(step, "run")
        condition = source.value(step, "if")
        if isinstance(uses, Scalar):
            source.told(step)
            self._uses(title, uses)
            return
        if isinstance(step, Scalar):  # a list of commands
            self._add(step.text)
            return
        if not isinstance(run, Scalar):
            source.notes.left("a step without run and uses", step)
            return
        self._runs(title, step, run, condition, defaults)

    def _runs(
        self, title: str, step: Node, run: Scalar, condition: Node | None, defaults: list[Node | None]
    ) -> None:
        """A step that is a command; one that would run differently here fails and says why."""
        source = self.source
        shell = values.text(source.value(step, "shell")) or self._default(defaults, "shell") or ""
        folder = values.text(source.value(step, "working-directory")) or self._default(
            defaults, "working-directory"
        )
        why = self._why_not(run, condition, shell, folder)
        if why:
            self._fail(run, f"{title}: {why}")
            return
        assert isinstance(step, Mapping)
        exports = self._exports(source.value(step, "env"))
        goes_on = values.text(source.value(step, "continue-on-error")) == "true"
        limit = source.value(step, "timeout-minutes")
        if limit is not None:
            source.notes.left("timeout-minutes of a step: a task has one limit for all", limit)
        if exports is None:
            self._fail(run, f"{title}: its env takes values that only exist there")
            return
        if "GITHUB_" in run.text or "RUNNER_" in run.text:
            source.notes.left("a step reads $GITHUB_… or $RUNNER_…, which are only set there", run)
        enter = f"cd {_quoted(folder)}\n" if folder else ""
        self._add(f"{_SHELLS[shell]}{enter}{exports}{run.text}", title, goes_on=goes_on)

    def _default(self, defaults: list[Node | None], key: str) -> str | None:
        return next((found for d in defaults if (found := values.text(self.source.value(d, key)))), None)

    def _why_not(self, run: Scalar, condition: Node | None, shell: str, folder: str | None) -> str:
        if condition is not None and (values.text(condition) or "").strip(" ${}()") not in {
            "success",
            "true",
        }:
            return f"it runs only if: {values.line(condition)}"
        if shell not in _SHELLS:
            return f"it is for another shell ({shell})"
        if "${{" in run.text or (folder and "${{" in folder):
            return "it is made of values that only exist there (${{ … }})"
        return ""

    def _uses(self, title: str, uses: Scalar) -> None:
        if _PREPARES.fullmatch(uses.text.strip()):
            self.source.notes.left(
                "uses: preparing a fresh machine (checkout, setup, cache, artifacts)", uses
            )
            return
        self._fail(uses, f"{title}: it uses {uses.text}")

    def _env(self, nodes: list[Node | None]) -> None:
        for node in nodes:
            for name, (_, value) in (node.entries if isinstance(node, Mapping) else {}).items():
                assert isinstance(node, Mapping)
                self.source.key(node, name)
                kept = _env_value(value)
                if kept is None or not _NAME.fullmatch(name):
                    self.source.notes.left(f"env {shown(name)}: its value only exists there", value)
                else:
                    self.made.env[name] = kept

    def _exports(self, node: Node | None) -> str | None:
        rows = []
        for name, (_, value) in (node.entries if isinstance(node, Mapping) else {}).items():
            assert isinstance(node, Mapping)
            self.source.key(node, name)
            kept = _env_value(value)
            if kept is None or not _NAME.fullmatch(name):
                return None
            caller = re.fullmatch(r"\$\{(\w+)\}", kept)
            if caller:
                self.made.env[caller.group(1)] = kept
            rows.append(f"export {name}=" + (f'"${caller.group(1)}"' if caller else _quoted(kept)))
        return "".join(f"{row}\n" for row in rows)

    def _add(self, text: str, title: str = "", *, goes_on: bool = False) -> None:
        rows = values.cleaned(text).split("\n")
        if all(not row.strip() or row.lstrip().startswith("#") for row in rows):
            return
        self.lines += [f"# {title}"] if title else []
        # `( … ) || true` would go on inside after a failure.
        self.lines += ["set +e", "(", "set -e", *rows, ")", "set -e"] if goes_on else ["(", *rows, ")"]

    def _fail(self, place: Node, why: str) -> None:
        why = " ".join(values.cleaned(why).split())
        self.source.notes.left(f"{why}: the task fails there until you decide", place)
        self.lines.append(f"echo {_quoted(f'not filled in yet: {why}')} >&2; exit 1")


def _env_value(value: Node) -> str | None:
    """The value, `${NAME}` for what the caller has to give; None when it is made of more."""
    if not isinstance(value, Scalar):
        return None
    text = value.text.strip()
    secret = _FROM_CALLER.fullmatch(text)
    if secret:
        return "${" + secret.group(1) + "}"
    return None if "${" in text else values.cleaned(value.text)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"
