"""The suite for the honest plugin and for those that are made from it."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
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


def end_all_of(folder: Path) -> None:
    """Kill what was started for acts below the folder: what breaks rules may carry no marker."""
    mark = os.fsencode(folder)
    for name in filter(str.isdecimal, os.listdir("/proc")):
        with suppress(OSError):
            if int(name) != os.getpid() and mark in Path(f"/proc/{name}/environ").read_bytes():
                os.kill(int(name), 9)
