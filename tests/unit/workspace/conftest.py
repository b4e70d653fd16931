"""A workspace, a store, and one act in between, without processes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from orchharness.core.plan import Output, OutputKind
from orchharness.workspace.evidence import Evidence, collect, declare, snapshot, watched
from orchharness.workspace.store import Store


class Bench:
    """Declares outputs, takes the snapshot, lets `work` happen, and collects."""

    def __init__(self, root: Path) -> None:
        self.workspace = root / "workspace"
        self.run_files = root / "run" / "files"
        self.folder = root / "run" / "acts" / "A.i1.a1"
        for folder in (self.workspace, self.run_files, self.folder):
            folder.mkdir(parents=True)
        self.store = Store(root / "run" / "store")

    def output(self, path: str = "", *, name: str = "out", kind: str = "file", **options: object) -> Output:
        return Output(name=name, kind=OutputKind(kind), path=path, **options)

    def act(
        self,
        work: Callable[[], object],
        *outputs: Output,
        writes: tuple[str, ...] = (),
        iteration: int = 1,
        answer: str | None = None,
        earlier: dict | None = None,
    ) -> Evidence:
        declared = [declare(output, self.run_files, self.folder) for output in outputs]
        before = json.loads(json.dumps(snapshot(self.workspace, watched(declared, writes))))
        work()
        return collect(
            self.workspace,
            declared,
            writes,
            before,
            iteration=iteration,
            answer=answer,
            store=self.store,
            earlier=earlier or {},
        )

    def write(self, path: str, content: str | bytes = "text") -> Path:
        target = self.workspace / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content.encode() if isinstance(content, str) else content)
        return target


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)
