"""`orchharness import`: a plan out of what people already have, and a list of what did not come over.

The plan goes to standard output or to `-o FILE`, the list to standard error. Nothing is written unless the plan
loads, and no existing file is replaced without being told to.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchharness.cli import UsageError
from orchharness.errors import OrchError, PlanError
from orchharness.planfile.files import MAX_BYTES

if TYPE_CHECKING:
    from orchharness.errors import Problem
    from orchharness.importing import Imported, Note

STDIN = "-"
MAX_LINES = 6  # of one note


class _UnwritableError(OrchError):
    """The plan cannot be written."""


def importing(asked: argparse.Namespace) -> int:
    """Make the plan; 1 when there are contradictions, or the file cannot be read or is of no known shape.

    Raises:
        UsageError: the file is not there, or the one to write is.
        OrchError: the plan cannot be written, or does not load.
    """
    from orchharness.importing import UnreadableError, import_plan

    target = _target(asked)
    data, shown = _data(asked.file)
    try:
        made = import_plan(data, shown, leave_unknown=asked.leave_out_unknown)
    except UnreadableError as error:
        return _refuse(asked, shown, error.problems)
    if made.plan is not None:
        _check(made.plan, target or Path(f"{_stem(shown)}.plan.yaml"))
        if target is not None:
            _write(target, made.plan, overwrite=asked.overwrite)
    if asked.json:
        _say(_as_json(made, shown, target))
    elif made.plan is not None and target is None:
        _say(made.plan)
    if not asked.json:
        sys.stdout.flush()  # the plan first, where both are one terminal
        sys.stderr.write(_listed(made, shown, target))
    return 0 if made.plan is not None else 1


def _target(asked: argparse.Namespace) -> Path | None:
    if asked.output is None:
        return None
    path = Path(asked.output)
    if path.is_dir():
        msg = f"-o {asked.output!r} is a folder: name a file in it"
        raise UsageError(msg)
    if os.path.lexists(path) and not asked.overwrite:
        msg = f"-o {asked.output!r} is there already: name another file, or add --overwrite to replace it"
        raise UsageError(msg)
    return path


def _data(file: str) -> tuple[bytes, str]:
    if file == STDIN:
        return sys.stdin.buffer.read(MAX_BYTES + 1), "stdin"
    path = Path(file)
    if path.is_dir():
        msg = f"{file!r} is a folder: name one file"
        raise UsageError(msg)
    try:
        with path.open("rb") as opened:
            return opened.read(MAX_BYTES + 1), file
    except (OSError, ValueError) as error:
        msg = f"{file!r} cannot be read: {getattr(error, 'strerror', None) or error}"
        raise UsageError(msg) from None


def _check(text: str, path: Path) -> None:
    """Load it as pytest would; that it does not is our fault, never that of who wrote the file."""
    from orchharness.planfile import read_plan

    path = path.absolute()
    root = Path.cwd() if path.is_relative_to(Path.cwd()) else path.parent
    try:
        read_plan(path, root=root, kinds={}, critic_kinds={}, text=text.encode())
    except PlanError as error:
        msg = (
            "the plan made of this file does not load, so it was not written. That is a fault of orchharness, not "
            f"of the file: please report it with this message\n{error}"
        )
        raise _UnwritableError(msg) from None


def _write(path: Path, text: str, *, overwrite: bool) -> None:
    try:
        with path.open("w" if overwrite else "x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        msg = f"{str(path)!r} cannot be written: {error.strerror}"
        raise _UnwritableError(msg) from None


def _refuse(asked: argparse.Namespace, shown: str, problems: list[Problem]) -> int:
    if asked.json:
        errors = [
            {"line": p.location.line, "column": p.location.column, "message": p.message} for p in problems
        ]
        _say(_dumped({"file": shown, "read_as": None, "plan": None, "notes": [], "errors": errors}))
    else:
        sys.stderr.write("".join(f"{problem}\n" for problem in problems))
        sys.stderr.write(f"{shown}: no plan was made\n")
    return 1


def _as_json(made: Imported, shown: str, target: Path | None) -> str:
    said: dict[str, Any] = {
        "file": shown,
        "read_as": made.dialect,
        "plan": made.plan if target is None else None,
        "written": str(target) if target is not None and made.plan is not None else None,
        "tasks": made.tasks,
        "gates": made.gates,
        "notes": [{"about": str(n.about), "text": n.text, "lines": list(n.lines)} for n in made.notes],
        "errors": [],
    }
    return _dumped(said)


def _dumped(said: dict[str, Any]) -> str:
    return json.dumps(said, indent=2, ensure_ascii=False) + "\n"


def _listed(made: Imported, shown: str, target: Path | None) -> str:
    rows: list[str] = []
    about = None
    for note in made.notes:
        if note.about is not about:
            about = note.about
            rows.append(_heading(about, shown))
        rows.append(_row(note, shown))
    if made.plan is None:
        rows.append(f"{shown}: no plan was made: take the contradictions out of it first")
        if any(note.text.endswith("which is not in the file") for note in made.notes):
            rows.append(
                "with --leave-out-unknown, dependencies on what is not in the file are left out and listed"
            )
    elif target is not None:
        rows.append(f"{target} is written: see what it will do with 'orchharness explain {target}'")
    return "".join(f"{row}\n" for row in rows)


def _heading(about: str, shown: str) -> str:
    return {
        "contradiction": f"{shown} contradicts itself:",
        "carried over": "carried over:",
        "renamed": "renamed:",
        "not carried over": "not carried over:",
        "contradiction in the state": "contradictions in its state (a plan holds none, so nothing of it came over):",
        "to do": "for you to do:",
    }[about]


def _row(note: Note, shown: str) -> str:
    if note.about == "contradiction" and note.lines:
        more = [f"line {line}" for line in note.lines[1:MAX_LINES]]
        return f"  {shown}:{note.lines[0]}: {note.text}" + (f" (and {', '.join(more)})" if more else "")
    if not note.lines:
        return f"  {note.text}"
    first = ", ".join(map(str, note.lines[:MAX_LINES]))
    rest = len(note.lines) - MAX_LINES
    more_lines = f" and {rest} more" if rest > 0 else ""
    return f"  {note.text} ({'line' if len(note.lines) == 1 else 'lines'} {first}{more_lines})"


def _say(text: str) -> None:
    sys.stdout.write(text)


def _stem(shown: str) -> str:
    return Path(shown).name.partition(".")[0] or "imported"
