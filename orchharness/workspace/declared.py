"""What an act has to leave behind, as JSON: plan outputs with their paths made definite."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from orchharness.core.plan import Must, Output, OutputKind
from orchharness.record import record
from orchharness.workspace.files import below, relative, shown

STDOUT = "from:stdout"
ANSWER = "from:answer"
RUN = "run:"


@record
class Declared:
    """One output of one act.

    `path` is a workspace path or glob for `FILE`, and absolute for `RUN` and `STDOUT`, which lie in `root`.
    """

    name: str
    kind: OutputKind
    path: str = ""
    root: str = ""
    must: Must = Must.WRITTEN
    schema: str | None = None
    min_bytes: int = 1

    @property
    def label(self) -> str:
        """How the output's place is called in messages and records; the pattern, for files of the workspace."""
        match self.kind:
            case OutputKind.FILE:
                return self.path
            case OutputKind.RUN:
                return RUN + posixpath.relpath(self.path, self.root)
            case OutputKind.STDOUT:
                return STDOUT
            case OutputKind.ANSWER:
                return ANSWER

    def to_record(self) -> dict[str, Any]:
        """The value as JSON."""
        return asdict(self)

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Declared:
        """The inverse of `to_record`."""
        return cls(**{**record, "kind": OutputKind(record["kind"]), "must": Must(record["must"])})

    def problem(self, reason: str) -> str:
        """The message about this output."""
        return f"output {self.name!r} ({shown(self.label)}): {reason}"


def declare(output: Output, run_files: Path, folder: Path) -> Declared:
    """The output of a plan, made definite for one act.

    Args:
        output: As in the plan, its path rendered.
        run_files: The folder in which `run:` files are.
        folder: The act's own folder.

    Raises:
        OrchError: the path leaves the workspace, or the folder of the run's files.
    """
    path, root = "", ""
    match output.kind:
        case OutputKind.FILE:
            path = relative(output.path) or "**"
        case OutputKind.RUN:
            root = str(run_files)
            path = below(root, output.path)
        case OutputKind.STDOUT:
            root = str(folder)
            path = posixpath.join(root, "stdout.log")
        case OutputKind.ANSWER:
            pass
    return Declared(
        name=output.name,
        kind=output.kind,
        path=path,
        root=root,
        must=output.must,
        schema=output.schema,
        min_bytes=output.min_bytes,
    )


def watched(declared: Iterable[Declared], writes: Iterable[str]) -> list[str]:
    """The patterns whose snapshot is needed before the act: what it may write, and what it must."""
    places = [d.path for d in declared if d.kind in {OutputKind.FILE, OutputKind.RUN}]
    return list(dict.fromkeys([*writes, *places]))
