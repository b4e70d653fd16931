"""An agent kind `fill`, a critic kind `wordlist`, a log of finished tasks, a section of the report: all hooks of orchharness."""

# ruff: noqa: D103 - what a hook does is described in orchharness.hookspecs
import os
import platform
import sys
from pathlib import Path
from typing import Any

from orchharness import (
    CriticRequest,
    Evaluation,
    Handle,
    Kind,
    LocalProcess,
    PollResult,
    Preflight,
    PreflightRequest,
    Section,
    SpawnRequest,
    Table,
    hookimpl,
)


def _options(name: str) -> type[Any]:
    from orchharness_example import options  # imports pydantic, so only when a plan uses the kind

    model: type[Any] = getattr(options, name)
    return model


@hookimpl
def orchharness_agent_kinds() -> list[Kind]:
    return [
        Kind(name="fill", options=lambda: _options("Fill")),
        Kind(name="wordlist", role="critic", options=lambda: _options("WordList")),
    ]


@hookimpl
def orchharness_preflight(request: PreflightRequest) -> Preflight:
    if not request.options["text"].strip():
        return Preflight(fault="`text` has no words, so there is nothing to answer: write what it says")
    return Preflight(version=f"python {platform.python_version()}")


@hookimpl
def orchharness_spawn(request: SpawnRequest) -> Handle:
    text = request.options["text"].replace("{prompt}", request.prompt or "")
    return LocalProcess.spawn(request, (sys.executable, "-c", "import sys; print(sys.argv[1])", text))


@hookimpl
def orchharness_poll(handle: Handle) -> PollResult:
    return LocalProcess.poll(handle)


@hookimpl
def orchharness_cancel(handle: Handle) -> bool:
    return LocalProcess.cancel(handle)


@hookimpl
def orchharness_critic(request: CriticRequest) -> Evaluation:
    found = []
    for name, paths in request.artifacts.items():
        words = {word for path in paths for word in Path(path).read_text(errors="replace").lower().split()}
        found += [(name, word) for word in request.options["forbid"] if word.lower() in words]
    clean = len(request.artifacts) - len({name for name, _ in found})
    score = {
        "score": clean / len(request.artifacts) if request.artifacts else 0.0,
        "why": f"{len(found)} forbidden words",
    }
    findings = [
        {
            "severity": "minor",
            "task": name.partition(".")[0],
            "what": f"{name} says {word!r}",
            "fix": "say it otherwise",
        }
        for name, word in found
    ]
    return Evaluation(criteria=dict.fromkeys(request.criteria, score), findings=tuple(findings))


@hookimpl
def orchharness_update(event: Any) -> None:
    if type(event).__name__ == "TaskFinished" and "EXAMPLE_LOG" in os.environ:
        with Path(os.environ["EXAMPLE_LOG"]).open("a") as log:
            log.write(f"{event.task} {event.outcome} {event.seconds:.1f} s\n")


@hookimpl
def orchharness_report_section(view: Any) -> Section | None:
    rows = tuple((task.id, task.time, task.summary) for task in view.tasks if task.agent.endswith("(fill)"))
    return Section("Filled in", (Table(("Task", "Time", "What it said"), rows),)) if rows else None
