"""What a run keeps: states, outcomes, and the records of the journal."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import get_args

from orch_markdown import code, record, table

ROOT = Path(__file__).parents[2]


def journal() -> str:
    """One line of the journal, and every record that may stand in it."""
    from orchharness.core import events
    from orchharness.core.status import Transition
    from orchharness.journal import journal as writer
    from orchharness.journal import lines

    head = inspect.getdoc(lines) or ""
    kinds = get_args(events.Event)
    return "\n".join(
        [
            f"Format {writer.FORMAT}. " + head.partition("\n")[0] + "\n",
            "```text\n" + head.splitlines()[2].strip() + "\n```\n",
            head.partition("\n* ")[1].strip() + " " + head.partition("\n* ")[2] + "\n",
            "`n` is the number of the line, `mono` the engine's monotonic clock in seconds, `then` what the record "
            "changed: a list of transitions.\n",
            record(Transition, 3),
            "## Records\n",
            *(record(one, 3) for one in kinds),
        ]
    )


def states() -> str:
    """The closed list of states."""
    from orchharness.core import status

    rows = [
        (what, ", ".join(code(state) for state in kind), inspect.getdoc(kind) or "")
        for what, kind in (("task", status.TaskState), ("gate", status.GateState), ("run", status.RunState))
    ]
    return table(("of", "states", "how they follow"), rows)


def outcomes() -> str:
    """How an act may end, with the remarks of the source."""
    from orchharness.core.acts import Outcome

    source = inspect.getsource(Outcome)
    found = re.findall(r'^    \w+ = \(?\s*"(\w+)"\s*\)?(?:  # (.*))?$', source, re.MULTILINE)
    said = dict(found)
    said |= dict(re.findall(r'^        "(\w+)"  # (.*)$', source, re.MULTILINE))
    return table(("outcome", "meaning"), [(code(one), said.get(one, "")) for one in Outcome])


def environment() -> str:
    """The variables that acts get, as the code that gives them names them."""
    places = ["run/parts.py", "run/prepare.py", "run/judgement.py", "critics/agent.py", "core/isolation.py"]
    text = "".join((ROOT / "orchharness" / place).read_text() for place in places)
    found = sorted(set(re.findall(r"\bORCH_[A-Z]+(?:_[A-Z]+)*\b", text)))
    return ", ".join(code(name) for name in found) + "\n"
