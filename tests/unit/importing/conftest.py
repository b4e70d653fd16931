"""What the tests of the import share."""

from __future__ import annotations

import pytest

from orchharness.importing import About, import_plan
from orchharness.planfile import read_plan


@pytest.fixture
def imported(tmp_path):
    """The plan, loaded as pytest would, with the notes about one thing by their text."""

    def imported(text: str | bytes, *, name: str = "source.yaml", leave_unknown: bool = False):
        data = text.encode() if isinstance(text, str) else text
        made = import_plan(data, name, leave_unknown=leave_unknown)
        plan = None
        if made.plan is not None:
            path = tmp_path / "made.plan.yaml"
            plan = read_plan(path, root=tmp_path, kinds={}, critic_kinds={}, text=made.plan.encode())
        notes = {about: {n.text: n.lines for n in made.notes if n.about is about} for about in About}
        return plan, notes, made

    return imported
