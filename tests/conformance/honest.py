"""The suite for the honest plugin and for those that are made from it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from orchharness.testing import AgentConformance, Work


class Honest(AgentConformance):
    plugin = "orchharness_honest"
    kind = "honest"
    absent = Work(options={"program": "no-such-program"})

    @pytest.fixture(autouse=True)
    def _client(self, package: Path) -> None:
        self.use(package)

    def use(self, package: Path) -> None:
        fake = str(package / "tests/fake_client.py")
        self.quick, self.slow, self.failing = (
            Work(options={"program": sys.executable, "args": [fake, mode]})
            for mode in ("quick", "slow", "failing")
        )


def rules_of(suite: type) -> dict[str, str]:
    """Rule -> the method that tests it."""
    found = {name: getattr(getattr(suite, name), "rule", None) for name in dir(suite)}
    return {rule: name for name, rule in found.items() if rule is not None}
