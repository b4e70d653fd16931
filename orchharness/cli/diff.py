"""`orchharness diff`: what changed between two runs in results, scores, time and money."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence

from orchharness.cli import UsageError
from orchharness.cli.comparing import Change, Measure, Measured, both, compare, told, total
from orchharness.cli.picture import Item
from orchharness.cli.project import Project, chosen_run, names_of, project_of, runs_in
from orchharness.cli.runs import began_at
from orchharness.cli.standing import Standing
from orchharness.cli.table import table
from orchharness.errors import OrchError
from orchharness.report.text import duration, line
from orchharness.run.directory import RunDirectory

_COLUMNS = ("ITEM", "STATE", "SCORE", "ITERATIONS", "TIME", "COST", "TOKENS", "")
_NOTHING = "\u2013"
_SHARE, _SECONDS = 0.05, 1.0  # smaller differences of time are chance


def diff(asked: argparse.Namespace) -> int:
    """Print it; the exit status is 0 whatever the difference is.

    Raises:
        UsageError: there are no such runs, or no two to compare.
        OrchError: the journal of one cannot be read.
    """
    old, new = (_read(run) for run in _chosen(project_of(asked), asked.old, asked.new))
    first, second = _measured(old), _measured(new)
    changes = compare(first, second)
    if asked.json:
        import json

        found = {"old": old.to_record(), "new": new.to_record()}
        items = [change.to_record() for change in changes]
        whole = {**both(first.whole, second.whole)}
        sys.stdout.write(json.dumps({**found, "whole": whole, "items": items}, indent=1) + "\n")
    else:
        rows = [*map(_row, changes), _totals(first.whole, second.whole)]
        sys.stdout.write(_markdown(old, new, rows) if asked.markdown else _text(old, new, rows))
    return 0


def _chosen(project: Project, old: str | None, new: str | None) -> tuple[RunDirectory, RunDirectory]:
    """The two runs, the older one first where only one is named, or none.

    Raises:
        UsageError: there is none to compare with.
    """
    if old is not None and new is not None:
        return chosen_run(project, old), chosen_run(project, new)
    second = _newest_finished(project) if old is None else chosen_run(project, old)
    earlier = [
        r
        for r in runs_in([*project.homes])
        if r.root.parent == second.root.parent and r.run_id < second.run_id
    ]
    first = next(filter(_is_finished, earlier), None)
    if first is None:
        msg = f"before run {names_of([second])} no run of its plan came to an end: there is nothing to compare it with"
        raise UsageError(msg)
    return first, second


def _newest_finished(project: Project) -> RunDirectory:
    chosen_run(project, None)  # says where runs were looked for when there are none
    found = next(filter(_is_finished, runs_in(project.homes)), None)
    if found is None:
        msg = "no run came to an end yet: name two runs, as in `orchharness diff RUN1 RUN2`"
        raise UsageError(msg)
    return found


def _is_finished(run: RunDirectory) -> bool:
    return Standing(run, time.time()).finished


def _read(run: RunDirectory) -> Standing:
    found = Standing(run, time.time())
    if found.damage:
        raise OrchError(found.damage)
    return found


def _measured(one: Standing) -> Measured:
    items = {name: _measure(item) for name, item in one.picture.items.items()}
    return Measured(
        whole=total(list(items.values()), one.state, one.seconds),
        items=items,
        types={name: one.outline.type_of(name) for name in items},
    )


def _measure(item: Item) -> Measure:
    usages = [act.usage for act in item.acts]
    tokens = told(usages, "input_tokens", "output_tokens")
    return Measure(
        state=item.state,
        score=item.score,
        iterations=max([item.iteration, *(act.iteration for act in item.acts)]) or None,
        acts=len(item.acts),
        seconds=sum(act.seconds or 0.0 for act in item.acts) if item.acts else None,
        usd=told(usages, "usd"),
        tokens=None if tokens is None else int(tokens),
    )


# ---- for people ----------------------------------------------------------------------------------


def _row(change: Change) -> list[str]:
    old, new = change.old, change.new
    return [line(change.id), *_figures(old, new), "" if change.kind in {"same", "changed"} else change.kind]


def _totals(old: Measure, new: Measure) -> list[str]:
    return ["all", *_figures(old, new), ""]


def _figures(old: Measure | None, new: Measure | None) -> list[str]:
    def pair(name: str, show: Callable[[object], str]) -> str:
        before, after = ("" if (v := getattr(m, name, None)) is None else show(v) for m in (old, new))
        if old is None or new is None or before == after:
            return after if old is None or new is not None else before
        return f"{before or _NOTHING} → {after or _NOTHING}"

    return [
        pair("state", str),
        pair("score", str),
        pair("iterations", str),
        pair("seconds", lambda v: duration(float(str(v)))) + _more(old, new),
        pair("usd", lambda v: f"${float(str(v)):,.2f}"),
        pair("tokens", lambda v: f"{int(str(v)):,}"),
    ]


def _more(old: Measure | None, new: Measure | None) -> str:
    """`(+35%)`: how much longer it took, where that is worth a word."""
    if old is None or new is None or not old.seconds or new.seconds is None:
        return ""
    more = new.seconds / old.seconds - 1
    return f" ({more:+.0%})" if abs(more) >= _SHARE and abs(new.seconds - old.seconds) >= _SECONDS else ""


def _head(one: Standing) -> list[str]:
    began = one.picture.began
    return [one.directory.run_id, line(one.plan), one.state, "" if began is None else began_at(began)]


def _text(old: Standing, new: Standing, rows: Sequence[Sequence[str]]) -> str:
    runs = table([["", "RUN", "PLAN", "STATE", "BEGAN"], ["old", *_head(old)], ["new", *_head(new)]])
    return f"{runs}\n{table([_COLUMNS, *rows])}"


def _markdown(old: Standing, new: Standing, rows: Sequence[Sequence[str]]) -> str:
    from orchharness.report.harmless import markdown as md

    kept = [n for n in range(len(_COLUMNS)) if n == 0 or any(row[n] for row in rows)]
    heads = [_COLUMNS[n].lower() or "change" for n in kept]
    body = [[md(row[n]) for n in kept] for row in rows]
    lines = [f"| {' | '.join(cells)} |" for cells in (heads, ["---"] * len(kept), *body)]
    names = (", ".join(filter(None, map(md, _head(one)))) for one in (old, new))
    return f"From run {next(names)}  \nto run {next(names)}\n\n" + "\n".join(lines) + "\n"
