"""How the controller puts down an act for a worker: a file, since an order to a worker can only be an index."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

if TYPE_CHECKING:
    from xdist.workermanage import WorkerController


class Dispatch:
    """A folder of this session alone. A worker looks there when it is told to run an item."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="orchharness-"))

    def put(self, node: WorkerController, folder: str) -> None:
        """The folder of the act that the worker executes next."""
        target = self._of(node)
        part = target.with_suffix(".part")
        part.write_bytes(os.fsencode(folder))
        part.replace(target)

    def notes(self, node: WorkerController) -> list[str]:
        """What the worker had to say of its collection."""
        try:
            return cast("list[str]", json.loads(self._of(node).with_suffix(".notes").read_bytes()))
        except (FileNotFoundError, ValueError):
            return []

    def close(self) -> None:
        """Nothing is put down any more, and what is there is not found."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _of(self, node: WorkerController) -> Path:
        return self.folder / str(node.workerinput["workerid"])


DISPATCH: pytest.StashKey[Dispatch] = pytest.StashKey()
