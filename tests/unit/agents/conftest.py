import os
import secrets
import select
import sys

import pytest

from orchharness.agents.local import LocalProcess
from orchharness.core.acts import Finished, Lost, SpawnRequest

SECONDS = 20  # far more than anything here takes; a hang ends as a failure


class Acts:
    """Makes requests, each in a folder of its own, and waits for their ends."""

    def __init__(self, root):
        self.root = root
        self.keys = []

    def request(self, argv=(), *, key=None, **more):
        number = len(self.keys) + 1
        key = key or secrets.token_hex(16)
        folder = more.pop("folder", None) or self.root / f"act-{number}"
        folder.mkdir(exist_ok=True)
        self.keys.append(key)
        values = {"act": f"T-{number}.i1.a1", "kind": "command", "cwd": str(self.root), **more}
        return SpawnRequest(key=key, folder=str(folder), argv=tuple(argv), **values)

    def spawn(self, *argv, **more):
        request = self.request(argv, **more)
        return LocalProcess.spawn(request, request.argv)

    def python(self, code, *words, **more):
        return self.spawn(sys.executable, "-c", code, *words, **more)

    def wait(self, handle):
        """Poll until it is over, woken by the leader's end."""
        while not isinstance(result := LocalProcess.poll(handle), Finished | Lost):
            self.wait_for_leader(handle)
        return result

    def wait_for_leader(self, handle):
        descriptor = LocalProcess.wake(handle)
        if descriptor is not None:
            try:
                assert select.select([descriptor], [], [], SECONDS)[0], "the act did not end"
            finally:
                os.close(descriptor)


@pytest.fixture
def acts(tmp_path):
    made = Acts(tmp_path)
    yield made
    left = LocalProcess.sweep(made.keys)
    LocalProcess.end([found.pid for found in left])
    assert left == [], "a test left processes behind"


@pytest.fixture
def line_from(tmp_path):
    """A fifo: its path, and a function that waits for the next line something writes to it."""
    path = tmp_path / "fifo"
    os.mkfifo(path)
    descriptor = os.open(path, os.O_RDWR)  # also a writer, so that it never ends
    file = os.fdopen(descriptor, "rb", buffering=0)

    def read():
        assert select.select([file], [], [], SECONDS)[0], "nothing was written"
        return file.readline().decode().strip()

    yield path, read
    file.close()
