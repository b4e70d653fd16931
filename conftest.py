"""Why this file exists.

* The gallery's sample project has tests of its own, which are not this project's. They run in the fresh copies of
  the sample that the gallery's plans make, where the modules they test are written.
* What starts the tests in the background (nohup, a shell's `&`) lets them ignore signals, and every session that a
  test starts would ignore them too. The tests that send signals need the ordinary meaning.
* Sessions that a test starts keep their folders in one of this session. Where all sessions of the user have theirs,
  the one that ends next removes what earlier ones left, hundreds of megabytes after a run of all tests.
"""

import os
import signal

import pytest

collect_ignore = ["plans/gallery/sample"]
pytest_plugins = ["pytester"]  # only the topmost conftest may name plugins

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
for number in (signal.SIGHUP, signal.SIGQUIT, signal.SIGTERM):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, signal.SIG_DFL)


@pytest.fixture(scope="session", autouse=True)
def _sessions_apart(tmp_path_factory: pytest.TempPathFactory) -> None:
    os.environ["PYTEST_DEBUG_TEMPROOT"] = str(tmp_path_factory.mktemp("sessions"))
