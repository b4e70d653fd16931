"""A few seeded cases of faults at random moments; `make chaos` plays a thousand of them."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from chaos_cases import Case, play

SEED = int(os.environ.get("CHAOS_SEED", "0"))
CASES = 8


@pytest.mark.parametrize("number", range(SEED * 1_000_000, SEED * 1_000_000 + CASES))
def test_whatever_is_killed_nothing_is_lost_started_twice_left_behind_or_hangs(
    tmp_path: Path, pyc: Path, undisturbed, number: int
):
    outcome = play(Case.of(number), tmp_path / "case", pyc, undisturbed)

    campaign = Path(__file__).with_name("campaign.py")
    alone = f"alone: {sys.executable} {campaign} --only {number}"
    assert not outcome.harm, "\n".join([str(outcome), alone, *outcome.said])
