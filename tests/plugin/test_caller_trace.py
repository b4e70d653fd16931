"""What a journal says of the run as a whole to those who hear only of its last session."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchharness.run.surroundings import caller_trace
from orchharness.testing import run_plan

CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
OTHER = "00-1af7651916cd43dd8448eb211c80319c-c7ad6b7169203331-01"


@pytest.mark.parametrize(
    ("value", "kept"),
    [(CALLER, True), (f" {CALLER}\n", True), ("", False), (CALLER.upper(), False), (f"{CALLER}-x", False)],
)
def test_only_a_text_of_the_right_form_is_kept_as_the_callers_trace(
    value: str, kept: bool, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("TRACEPARENT", value)

    assert caller_trace() == ({"traceparent": CALLER} if kept else {})


@pytest.mark.parametrize("first", [CALLER, ""])
def test_a_resumed_run_stays_in_the_trace_that_it_began_in(tmp_path: Path, first: str):
    plan = tmp_path / "one.plan.yaml"
    plan.write_text("orchharness: 1\ntasks: {one: {run: [python, -c, 'exit(3)']}}\n")
    run_plan(plan, tmp_path, env={"TRACEPARENT": first}, timeout=14)
    played = run_plan(plan, tmp_path, "--orch-resume", env={"TRACEPARENT": OTHER}, timeout=14)

    (began,), (resumed,) = played.journal("RunStarted"), played.journal("RunResumed")
    assert began["header"].get("traceparent", "") == first
    assert resumed["header"].get("traceparent", "") == first
    told = {name: resumed["header"][name] for name in ("run", "began", "ended")}
    assert told == {"run": played.folder.name, "began": began["at"], "ended": True}
