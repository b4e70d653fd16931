"""`orchharness check`: everything that is wrong with plans, at its place. Nothing is run."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from orchharness.cli.plans import Reader
from orchharness.errors import OrchError, PlanError
from orchharness.report.text import plural

if TYPE_CHECKING:
    from orchharness.core.plan import Plan


def check(asked: argparse.Namespace) -> int:
    """Print faults and warnings; 1 when there are faults, or there is no plan."""
    reader = Reader(asked, asked.plans)
    if not reader.paths:
        sys.stderr.write(f"no plans there: their names are {reader.globs()}\n")
        return 1
    faults = [_check(reader, path, strict=asked.strict) for path in reader.paths]
    return 1 if any(faults) else 0


def _check(reader: Reader, path: Path, *, strict: bool) -> bool:
    """Whether something is wrong with the plan; what, is printed."""
    try:
        plan = reader.read(path, strict=strict)
    except PlanError as error:
        sys.stdout.write(f"{error}\n")
        return True
    for warning in plan.warnings:
        sys.stdout.write(f"warning: {warning}\n")
    shown = _shown(path)
    if not reader.is_plan(path):
        sys.stdout.write(
            f"{shown}: pytest takes files named {reader.globs()} for plans, so it would not run this one: "
            "rename it, or add a glob to 'orch_plan_files'\n"
        )
        return True
    missing = _no_recording(plan)
    if missing:
        sys.stdout.write(f"{'' if strict else 'warning: '}{shown}: {missing}\n")
        if strict:
            return True
    counts = f"{plural(len(plan.tasks), 'task')}, {plural(len(plan.gates), 'gate')}"
    sys.stdout.write(f"{shown}: {counts}, no fault\n")
    return False


def _no_recording(plan: Plan) -> str:
    """Why a plan that says `replay: true` cannot be replayed; empty when it can, or does not say so."""
    if not plan.replay:
        return ""
    from orchharness.recording import recording_of

    try:
        recording_of(plan, Path.cwd()).header()
    except OrchError as error:
        return f"replay: true, but {error}"
    return ""


def _shown(path: Path) -> str:
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
