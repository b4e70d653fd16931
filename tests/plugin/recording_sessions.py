"""What the tests of recordings share: a model that notes every call, a plan with one, and its recording."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

MODEL = """
import json, sys
from pathlib import Path

from orchharness import Kind, LocalProcess, Preflight, hookimpl
from orchharness.testing import scripted

HERE = Path(__file__).parent


def _options():
    from orchharness.testing.options import Agent

    return Agent


@hookimpl
def orchharness_agent_kinds():
    return [Kind(name="model", options=_options, is_model=True)]


@hookimpl
def orchharness_preflight(request):
    (HERE / "looked").touch()
    return Preflight()


@hookimpl
def orchharness_spawn(request):
    script = Path(request.folder, "script.json")
    script.write_text(json.dumps({"act": request.act, **request.options}, default=dict))
    words = (sys.executable, "-I", "-S", scripted.__file__, str(script))
    noting = 'echo "$0" >>"$1" && shift && exec "$@"'  # by the agent itself: to be asked again is no second start
    return LocalProcess.spawn(request, ("sh", "-c", noting, request.act, str(HERE / "called"), *words))


@hookimpl
def orchharness_poll(handle):
    return LocalProcess.poll(handle)


@hookimpl
def orchharness_cancel(handle):
    return LocalProcess.cancel(handle)
"""
GUIDE = """orchharness: 1
workspace: {copy: src}
agents:
  author:
    kind: model
    script:
      - task: guide
        iteration: 1
        do:
          - write: {text: "a first draft\\n"}
          - result: {session: abc-123, summary: in a hurry, usage: {input_tokens: 10, output_tokens: 5, usd: 0.25}}
      - {task: guide, iteration: 2, do: [{write: {text: "a better draft\\n"}}]}
  judge:
    kind: model
    script:
      - iteration: 1
        do: {say: '{"criteria": {"clarity": {"score": 0.5, "why": "short"}}, "findings": [{"what": "no examples", "task": "guide", "severity": "major"}]}'}
      - {do: {say: '{"criteria": {"clarity": {"score": 0.95}}, "findings": []}'}}
critics:
  editor: {agent: judge, prompt: Is it clear?, criteria: {clarity: 1}}
tasks:
  facts: {run: [sh, -c, "echo 42 > facts.txt"], outputs: {n: facts.txt}}
  guide:
    agent: author
    prompt: "Write {{ outputs.text }} with {{ inputs.n }}."
    inputs: {n: facts.n}
    outputs: {text: docs/guide.md}
    gate: {critics: [editor], checks: [{file: {path: docs/guide.md, contains: draft}}]}
"""
ACTS = ["guide.i1", "G-guide.i1.editor", "guide.i2", "G-guide.i2.editor"]


def project(pytester: pytest.Pytester, text: str = GUIDE) -> Path:
    """A project with a model and a plan `a`."""
    pytester.makeconftest(MODEL)
    (pytester.path / "src").mkdir(exist_ok=True)
    (pytester.path / "src/readme.md").write_text("what is there before\n")
    return write_plan(pytester, text)


def write_plan(pytester: pytest.Pytester, text: str) -> Path:
    path: Path = pytester.path / "a.plan.yaml"
    path.write_text(text)
    return path


def calls(pytester: pytest.Pytester) -> list[str]:
    """The acts for which a model was started since the last look."""
    noted = pytester.path / "called"
    found = noted.read_text().split() if noted.exists() else []
    noted.unlink(missing_ok=True)
    return found


def recording(pytester: pytest.Pytester) -> Path:
    path: Path = pytester.path / "recordings/a"
    return path


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def forge(file: Path, change: Any) -> None:
    """Change an act's record as somebody would who knows how its digest is made."""
    value = json.loads(file.read_text())
    value.pop("digest")
    change(value)
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    file.write_text(json.dumps({**value, "digest": sha256(text.encode()).hexdigest()}))
