"""The same evidence and the same gates where xdist's workers execute the acts."""

from __future__ import annotations

from typing import Any

import pytest

BAD = "import json\nprint(json.dumps({'criteria': {'c': 0.5}, 'total': 1.0}))\n"
PLAN = """
limits: {parallel: 4}
critics:
  low: {run: [python, judges/low.py], criteria: {c: 1}}
  dead: {run: [python, judges/dead.py], criteria: {c: 1}}
  edited: {run: [python, judges/edited.py], criteria: {c: 1}}
tasks:
  liar: {run: 'true', outputs: {a: liar.md}}
  low: {run: [sh, -c, 'echo $ORCH_ITERATION > low.md'], outputs: {a: low.md}, gate: {critics: [low], max_iterations: 2}}
  dead: {run: [sh, -c, 'echo x > dead.md'], outputs: {a: dead.md}, gate: {critics: [dead]}}
  slow: {run: [sleep, '981'], timeout: 1s}
  odd: {run: 'no-such-program'}
  after: {needs: [dead], run: 'true'}
"""
TAMPER = """
critics: {judge: {run: [python, judges/edited.py], criteria: {c: 1}}}
tasks:
  work: {run: [sh, -c, 'echo x > a.md; cp judges/good.py judges/edited.py'], outputs: {a: a.md}, gate: {critics: [judge], max_iterations: 1}}
"""


@pytest.mark.timeout(60)
def test_workers_give_the_same_verdicts(play: Any, alive: Any) -> None:
    play.file("judges/low.py", BAD)
    play.file("judges/edited.py", BAD)
    play.file("judges/good.py", BAD.replace("0.5", "1"))
    play.file("judges/dead.py", "import os; os.kill(os.getpid(), 9)\n")
    play.plan(PLAN)
    play.plan(TAMPER, "tamper")

    play.run("-n", "2", subprocess=True)

    play.outcomes(passed=3, failed=4, errors=2, skipped=1)
    play.says(
        "output 'a' (liar.md): does not exist", "0.50 < 0.90", "killed by SIGKILL", "timed out after 1 s"
    )
    play.says("gate inputs changed: ", "command not found: 'no-such-program'")
    assert not alive("sleep\x00981")
