"""`--orch-explain`: what the session's plans will do is printed, and nothing is run, no ordinary test either."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchharness.explain import explain, render
from orchharness.planfile import no_garbage
from orchharness.pytest_plugin.collector import PlanFile, PlanItem

if TYPE_CHECKING:
    import pytest


def explain_session(session: pytest.Session) -> bool:
    """Explain every plan of which an item was chosen, as a whole.

    Raises:
        Interrupted: collection failed.
    """
    if session.testsfailed and not session.config.option.continue_on_collection_errors:
        errors = f"{session.testsfailed} error{'s' if session.testsfailed != 1 else ''} during collection"
        raise session.Interrupted(errors)
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None:
        return True
    reporter.ensure_newline()
    files: dict[PlanFile, None] = {i.plan_file: None for i in session.items if isinstance(i, PlanItem)}
    for file in files:
        with no_garbage():
            text = render(file.plan, explain(file.plan))
        reporter.write(f"\n{text}", flush=True)
    if not files:
        reporter.write_line("no plans here: there is nothing to explain")
    return True
