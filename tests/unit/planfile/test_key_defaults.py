"""What the schema and the reference call a default is what counts when the key is not written."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from orchharness.planfile import read_plan
from orchharness.planfile.meanings import _DEFAULTS

# One plan for each table, with MORE where one more key of it may be written.
_DONE = "run: 'true', outputs: {o: o.md}"
_TASKS = f"tasks: {{a: {{{_DONE}}}}}"
_CHECKED = "tasks: {a: {%s, gate: {checks: [%s]}}}"
_JUDGED = "critics: {c: {run: 'true', criteria: {q: 1}%s}}\ntasks: {a: {run: 'true', outputs: {o: o.md}, gate: {critics: [c]%s}}}"
_PLANS = {
    "the plan": f"{_TASKS}\nMORE",
    "limits": f"{_TASKS}\nlimits: {{resources: {{gpu: 1}}, MORE}}",
    "retry": f"tasks: {{a: {{{_DONE}, retry: {{MORE}}}}}}",
    "a track": f"tracks: {{t: {{{_TASKS}, MORE}}}}",
    "a phase": f"phases: {{p: {{{_TASKS}, MORE}}}}",
    "a task": f"tasks: {{a: {{{_DONE}, gate: {{checks: [{{file: o.md}}]}}, MORE}}}}",
    "an output": "tasks: {a: {run: 'true', outputs: {o: {path: o.md, MORE}}}}",
    "a check": _CHECKED % (_DONE, "{run: 'true', MORE}"),
    "a mender": _JUDGED % ("", ", refine: {run: 'true', MORE}"),
    "an agent of kind 'command'": "agents: {w: {run: 'true', MORE}}\ntasks: {a: {agent: w, outputs: {o: o.md}}}",
    "a critic": _JUDGED % (", MORE", ""),
    "a gate": _JUDGED % ("", ", MORE"),
    "defaults.gate": "defaults: {gate: {critics: [c], MORE}}\ncritics: {c: {run: 'true', criteria: {q: 1}}}\n"
    f"tasks: {{a: {{{_DONE}, gate: true}}}}",
    "plateau": _JUDGED % ("", ", plateau: {gain: 0.1, MORE}"),
}
_CRITICS, _, _TASK = (_JUDGED % ("", "")).partition("\n")
_OF_GATES = f"{_CRITICS}\nphases: {{p: {{{_TASK}, gates: {{G: {{of: [G-a], MORE}}}}}}}}"
CASES = [(what, key, value) for what, keys in _DEFAULTS.items() for key, value in keys.items()]


def _read(project: Path, text: str) -> object:
    text = "orchharness: 1\n" + text.replace(", }", "}")
    plan = read_plan(project / "a.plan.yaml", root=project, kinds={}, critic_kinds={}, text=text.encode())
    return dataclasses.replace(plan, digest="")


@pytest.mark.parametrize(("what", "key", "value"), CASES, ids=[f"{w}: {k}" for w, k, _ in CASES])
def test_a_plan_that_writes_a_default_is_the_plan_that_does_not(
    project: Path, what: str, key: str, value: object
):
    text = _OF_GATES if key == "aggregate" else _PLANS[what]

    plain = _read(project, text.replace("MORE", ""))
    said = _read(project, text.replace("MORE", f"{key}: {json.dumps(value)}"))

    assert said == plain


def test_another_value_than_a_default_makes_another_plan(project: Path):
    text = _PLANS["a gate"]

    assert _read(project, text.replace("MORE", "threshold: 0.8")) != _read(project, text.replace("MORE", ""))
