import os
import secrets
import select
import sys
from contextlib import contextmanager

from orchharness.agents.local import LocalProcess
from orchharness.agents.start import resolved
from orchharness.agents.supervised import SUPERVISION
from orchharness.core.acts import Finished, Handle, Lost, SpawnRequest

SECONDS = 20  # far more than anything here takes; a hang ends as a failure


class Acts:
    """Makes requests, each in a folder of its own, and waits for their ends."""

    def __init__(self, root, *, supervised=False):
        self.root = root
        self.keys = []
        self.supervised = supervised

    def request(self, argv=(), *, key=None, **more):
        number = len(self.keys) + 1
        key = key or secrets.token_hex(16)
        folder = more.pop("folder", None) or self.root / f"act-{number}"
        folder.mkdir(exist_ok=True)
        self.keys.append(key)
        values = {"act": f"T-{number}.i1.a1", "kind": "command", "cwd": str(self.root), **more}
        return SpawnRequest(key=key, folder=str(folder), argv=tuple(argv), **values)

    def spawn(self, *argv, **more):
        return self.start(self.request(argv, **more))

    def start(self, request):
        return LocalProcess.spawn(request, request.argv, supervised=self.supervised)

    def python(self, code, *words, **more):
        return self.spawn(sys.executable, "-c", code, *words, **more)

    def stored(self, handle):
        """The handle as another process finds it. The one that a supervised act began with does not know its pid."""
        while not (data := resolved(handle.data))["pid"]:
            pass
        return Handle(kind=handle.kind, data=data)

    def pid(self, handle):
        return self.stored(handle).data["pid"]

    def wait(self, handle, poll=LocalProcess.poll):
        """Poll until it is over, woken by the leader's end."""
        while not isinstance(result := poll(handle), Finished | Lost):
            self.wait_for_leader(handle)
        return result

    def wait_for_leader(self, handle):
        descriptor = LocalProcess.wake(handle)
        if descriptor is not None:
            try:
                assert select.select([descriptor], [], [], SECONDS)[0], "the act did not end"
            finally:
                os.close(descriptor)


@contextmanager
def acts_in(folder, *, supervised=False):
    """Acts in that folder; none of their processes may be left."""
    made = Acts(folder, supervised=supervised)
    yield made
    left = LocalProcess.sweep(made.keys)
    LocalProcess.end([found.pid for found in left])
    assert left == [], "a test left processes behind"


@contextmanager
def supervisor():
    """A supervisor that is ready."""
    SUPERVISION.begin()
    try:
        assert select.select([SUPERVISION.channel], [], [], SECONDS)[0], "the supervisor did not become ready"
        yield
    finally:
        SUPERVISION.end()
