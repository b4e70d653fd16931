"""Reference pages out of the code, as Markdown. It needs no Sphinx: `python docs/_ext/orch_reference.py hooks`.

Nothing here is typed a second time: keys, meanings and defaults come from the tables by which plans are read, hooks
from their specifications, options from the parsers, records of the journal from their classes.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping

from orch_commands import commands, options, statuses
from orch_hooks import hooks
from orch_language import language
from orch_runs import environment, journal, outcomes, states

PAGES: Mapping[str, Callable[[], str]] = {
    one.__name__: one
    for one in (language, hooks, options, commands, statuses, journal, states, outcomes, environment)
}

if __name__ == "__main__":
    print("\n".join(PAGES[name]() for name in sys.argv[1:] or PAGES))
