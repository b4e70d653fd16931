"""Why this file exists.

* The gallery's sample project has tests of its own, which are not this project's. They run in the fresh copies of
  the sample that the gallery's plans make, where the modules they test are written.
* What starts the tests in the background (nohup, a shell's `&`) lets them ignore signals, and every session that a
  test starts would ignore them too. The tests that send signals need the ordinary meaning.
"""

import signal

collect_ignore = ["plans/gallery/sample"]
pytest_plugins = ["pytester"]  # only the topmost conftest may name plugins

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
for number in (signal.SIGHUP, signal.SIGQUIT, signal.SIGTERM):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, signal.SIG_DFL)
