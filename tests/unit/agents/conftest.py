import os
import select
from contextlib import ExitStack

import pytest
from local_acts import SECONDS, acts_in, supervisor


@pytest.fixture(params=["by itself", "supervised"])
def acts(tmp_path, request):
    with ExitStack() as stack:
        if request.param == "supervised":
            stack.enter_context(supervisor())
        yield stack.enter_context(acts_in(tmp_path, supervised=request.param == "supervised"))


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
