"""`orchharness diff [RUN1 [RUN2]]`: what changed between two runs in verdicts, scores, time and money."""

from __future__ import annotations

import argparse
import sys

from orchharness.cli import UsageError
from orchharness.cli.project import Project, chosen_run, names_of, project_of, runs_in
from orchharness.cli.table import table
from orchharness.errors import JournalError
from orchharness.report.compare import ItemSums, Pair, RunSums, pairs, sums
from orchharness.report.text import dollars, duration, plural
from orchharness.run.directory import RunDirectory
from orchharness.run.past import read_run

_SAME = 0.05  # share of the time that a difference must have to be shown as one


def diff(asked: argparse.Namespace) -> int:
    """Show it. That they differ is no failure.

    Raises:
        UsageError: there is no such run, or none to compare it with.
        JournalError: a journal cannot be read.
    """
    project = project_of(asked)
    chosen = _chosen(project, asked.before, asked.after)
    before, after = (sums(read_run(run).records) for run in chosen)
    found = pairs(before, after)
    if asked.json:
        import json

        items = [
            {
                "id": pair.id,
                "differs": pair.differs,
                "before": pair.before.to_record() if pair.before else None,
                "after": pair.after.to_record() if pair.after else None,
            }
            for pair in found
        ]
        record = {"before": before.to_record(), "after": after.to_record(), "items": items}
        sys.stdout.write(json.dumps(record, indent=1) + "\n")
        return 0
    sys.stdout.write(_runs(before, after) + _items(found))
    return 0


def _chosen(project: Project, before: str | None, after: str | None) -> tuple[RunDirectory, RunDirectory]:
    """The two runs: those named; the one named and the one before it; the two newest that came to an end.

    Raises:
        UsageError: there is no such run, or none to compare it with.
    """
    if before is not None and after is not None:
        return chosen_run(project, before), chosen_run(project, after)
    newest = chosen_run(project, before)  # says where runs were looked for when there are none
    every = runs_in(project.homes)
    later = newest if before is not None else next(filter(_is_finished, every), newest)
    earlier = (r for r in every if r.root.parent == later.root.parent and r.run_id < later.run_id)
    found = next(filter(_is_finished, earlier), None)
    if found is None:
        msg = f"before run {names_of([later])} no run of its plan came to an end: there is nothing to compare it with"
        raise UsageError(msg)
    return found, later


def _is_finished(run: RunDirectory) -> bool:
    try:
        return sums(read_run(run).records).state != "running"
    except JournalError:  # who names it is told
        return False


def _runs(before: RunSums, after: RunSums) -> str:
    rows = [
        ["", before.run, after.run, "CHANGE"],
        ["plan", before.plan, after.plan, "" if before.plan == after.plan else "another plan"],
        ["state", before.state, after.state, ""],
        ["time", duration(before.seconds), duration(after.seconds), _longer(before.seconds, after.seconds)],
        ["acts", f"{before.acts:,}", f"{after.acts:,}", _more(before.acts, after.acts)],
        ["tokens", _known(before.tokens), _known(after.tokens), _more(before.tokens, after.tokens)],
        ["cost", _dollars(before.usd), _dollars(after.usd), _dearer(before.usd, after.usd)],
    ]
    return table(rows)


def _items(found: list[Pair]) -> str:
    differing = [pair for pair in found if pair.differs]
    alike = len(found) - len(differing)
    told = f"\n{plural(alike, 'item')} ended alike\n" if alike else ""
    if not differing:
        return told
    rows = [["ITEM", "STATE", "SCORE", "ITERATIONS", "TIME", "COST"], *map(_row, differing)]
    return "\n" + table(rows) + told


def _row(pair: Pair) -> list[str]:
    if pair.before is None or pair.after is None:
        there = "only in the later run" if pair.before is None else "only in the earlier run"
        one = pair.after or pair.before or ItemSums()
        return [
            pair.id,
            f"{one.state}, {there}",
            one.score or "",
            str(one.iterations or ""),
            duration(one.seconds),
            "",
        ]
    old, new = pair.before, pair.after
    cost = "" if old.usd is None and new.usd is None else _from(_dollars(old.usd), _dollars(new.usd))
    return [
        pair.id,
        _from(old.state, new.state),
        _from(old.score or "", new.score or ""),
        _from(str(old.iterations or ""), str(new.iterations or "")),
        _from(duration(old.seconds), duration(new.seconds)),
        cost,
    ]


def _from(old: str, new: str) -> str:
    return new if old == new else f"{old or 'none'} → {new or 'none'}"


def _longer(old: float, new: float) -> str:
    if abs(new - old) <= _SAME * max(old, new):
        return "about the same"
    return f"{duration(abs(new - old))} {'longer' if new > old else 'shorter'}"


def _more(old: float | None, new: float | None) -> str:
    if old is None or new is None or old == new:
        return ""
    return f"{new - old:+,}"


def _dearer(old: float | None, new: float | None) -> str:
    if old is None or new is None or abs(new - old) < 0.00005:
        return ""
    return f"{'+' if new > old else '-'}{_dollars(abs(new - old))}"


def _known(count: int | None) -> str:
    return "unknown" if count is None else f"{count:,}"


def _dollars(usd: float | None) -> str:
    return "unknown" if usd is None else dollars(usd)
