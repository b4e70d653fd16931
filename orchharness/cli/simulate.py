"""`orchharness simulate`: how long a plan takes, and what it costs, played on a virtual clock.

The report is a file of its own, never in a run's folder: what was only simulated must not lie where proof is looked for.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchharness.cli import UsageError
from orchharness.cli.plans import one_plan
from orchharness.errors import JournalError, OrchError

if TYPE_CHECKING:
    from orchharness.core.plan import Plan
    from orchharness.simulate.given import Given, Premise
    from orchharness.simulate.study import Simulation, Width
    from orchharness.simulate.telling import Told

MARK = b"orchharness-simulated"  # in the head of every report of a simulation
_HEAD = 4096


def simulate(asked: argparse.Namespace) -> int:
    """Play it and print what came of it; 1 when the plan is wrong. How the runs end is no matter of the status.

    Raises:
        UsageError: an option says something of what the plan does not have.
        OrchError: the report cannot be written.
    """
    read = one_plan(asked)
    if read is None:
        return 1
    plan = read.plan
    target = _target(asked, plan)
    from orchharness.simulate.given import premise
    from orchharness.simulate.study import simulate as played
    from orchharness.simulate.telling import Teller

    given = _given(asked, plan, read.root)
    try:
        held = premise(plan, given)
    except OrchError as error:
        raise UsageError(str(error)) from None
    with _little_garbage():
        teller = Teller() if target is not None or asked.start is not None else None
        found = played(plan, held.assumed, asked.parallel, asked.runs, asked.seed, teller)
        _show(asked, plan, held, found, target, teller.told if teller else [])
    return 0


@contextmanager
def _little_garbage() -> Iterator[None]:
    """The plan stays and each run is dropped whole: looking through all of it again and again is for nothing."""
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(200_000, 10, 10)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


def _given(asked: argparse.Namespace, plan: Plan, root: Path) -> Given:
    from orchharness.simulate.given import Given

    journals = list(_journals(asked, plan, root)) if asked.from_runs else []
    earlier = None
    if asked.from_runs:
        from orchharness.simulate.measured import measured

        earlier = measured(journals)
    return Given(
        durations=asked.duration,
        fails=asked.fail,
        dies=asked.die,
        prices=asked.cost,
        again=asked.again,
        earlier=earlier,
        runs=len(journals),
    )


def _journals(asked: argparse.Namespace, plan: Plan, root: Path) -> Iterator[Sequence[Any]]:
    """The records of the plan's earlier runs, newest first; one that cannot be read is said and passed over."""
    from orchharness.cli.project import project_of
    from orchharness.run.directory import plan_folder
    from orchharness.run.past import read_run, runs_of

    where = argparse.Namespace(root=str(root), orch_dir=asked.orch_dir)
    for home in project_of(where).homes:
        for run in runs_of(plan_folder(home, plan.id, plan.path)):
            try:
                yield read_run(run).records
            except JournalError as error:
                sys.stderr.write(f"orchharness: not used: {error}\n")


# ---- what came of it -----------------------------------------------------------------------------


def _show(
    asked: argparse.Namespace,
    plan: Plan,
    held: Premise,
    found: Simulation,
    target: Path | None,
    told: Sequence[Told],
) -> None:
    width = next(w for w in found.widths if w.agents == found.shown)
    if found.runs > 1 and (target is not None or asked.start is not None):
        from orchharness.simulate.telling import tell

        told = tell(plan, held.assumed, width.agents, found.seed, width.typical)
    lines = _day(plan, told, asked.start)
    if target is not None:
        _write_report(plan, held, told, width, found, target, asked.start or 0.0)
    if asked.json:
        import json

        from orchharness.simulate.show import record_of

        record = record_of(plan, held.texts, found) | {"report": str(target) if target else None}
        sys.stdout.write(json.dumps(record | ({"day": lines} if lines else {}), indent=1) + "\n")
        return
    from orchharness.simulate.show import section, text

    parts = [text(plan, held.texts, found, width)]
    which = "" if found.runs == 1 else f", run {width.typical + 1:,} of {found.runs:,}, of median length"
    if lines:
        parts.append(section(f"The day, with {width.agents:,} at once{which}", lines))
    if target is not None:
        parts.append(f"report, marked as simulated: {target}\n")
    sys.stdout.write("\n".join(parts))


def _day(plan: Plan, told: Sequence[Told], start: float | None) -> list[str]:
    if start is None:
        return []
    from orchharness.simulate.day import day

    return day(plan, told, start)


def _target(asked: argparse.Namespace, plan: Plan) -> Path | None:
    """Where the report goes.

    Raises:
        UsageError: there is a file that is no report of a simulation: it is not replaced.
    """
    if asked.report == "-":
        return None
    target = Path(asked.report or f"{plan.id}.simulated.html")
    if target.is_dir() or not target.parent.is_dir():
        msg = f"--report {str(target)!r}: name a file in a folder that exists, like plan.html"
        raise UsageError(msg)
    if os.path.lexists(target) and not _is_simulated(target):
        msg = f"{str(target)!r} is no report of a simulation and is left as it is: --report FILE names another file"
        raise UsageError(msg)
    return target


def _is_simulated(path: Path) -> bool:
    with suppress(OSError):
        if path.is_file() and not path.is_symlink():
            with path.open("rb") as file:
                return MARK in file.read(_HEAD)
    return False


def _write_report(
    plan: Plan,
    held: Premise,
    told: Sequence[Told],
    width: Width,
    found: Simulation,
    target: Path,
    start: float,
) -> None:
    from orchharness.report import write_report
    from orchharness.simulate.telling import records_of

    which = (
        "" if found.runs == 1 else f"shown is run {width.typical + 1:,} of {found.runs:,}, of median length"
    )
    texts = [text for text in (*held.texts, f"at most {width.agents:,} acts at once", which) if text]
    header = {"simulated": texts, "parallel": width.agents, "seed": found.seed}
    records = records_of(plan, told, start, header)
    try:
        write_report(plan, records, target, now=records[-1]["at"])
    except OSError as error:
        msg = f"the report cannot be written: {error}; --report FILE puts it elsewhere"
        raise OrchError(msg) from None
