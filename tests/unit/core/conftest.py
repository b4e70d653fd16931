"""Every run a test of the core plays is checked for what must always hold when the test is over."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from build import Drive, Script

from orchharness.core.plan import Gate, Plan, Task


@pytest.fixture
def drive() -> Iterator[Callable[..., Drive]]:
    """Makes drives of a plan (or of items, then plans are made of them) and checks them at the end."""
    from build import plan as make_plan

    made: list[Drive] = []

    def make(
        *items: Task | Gate | Plan, script: Script | None = None, select=None, parallel=None, **more
    ) -> Drive:
        whole = items[0] if isinstance(items[0], Plan) else make_plan(*items, **more)
        made.append(Drive(whole, script or {}, selected=select, parallel=parallel))
        return made[-1]

    yield make
    for one in made:
        one.check()
