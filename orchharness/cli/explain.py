"""`orchharness explain`: what a plan will do, before anything is spent."""

from __future__ import annotations

import argparse
import sys

from orchharness.cli.plans import one_plan
from orchharness.planfile import no_garbage


def explain(asked: argparse.Namespace) -> int:
    """Print it; 1 when the plan is wrong, and what is.

    Raises:
        UsageError: it is a folder.
    """
    found = one_plan(asked, f", or write 'pytest {asked.plan} --orch-explain'")
    if found is None:
        return 1
    from orchharness.explain import explain as explained
    from orchharness.explain import render

    with no_garbage():
        sys.stdout.write(render(found.plan, explained(found.plan), asked.shape or "text"))
    return 0
