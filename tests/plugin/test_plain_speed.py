"""What the plugin costs a session without plan files. Measured where nothing else runs: see ALONE in the Makefile."""

from __future__ import annotations

import subprocess
import sys

import pytest


def test_it_costs_next_to_nothing(pytester: pytest.Pytester):
    pytester.makepyfile(test_plain="def test_it(): pass")
    pytester.makeconftest("import time\ndef pytest_unconfigure():\n    print('CPU', time.process_time())\n")
    common = ["-m", "pytest", "-q", "-p", "no:hypothesispytest", "-p", "no:cacheprovider"]
    with_it, without = [], []
    for _ in range(10):
        with_it.append(cpu(pytester, *common))
        without.append(cpu(pytester, *common, "-p", "no:orchharness"))

    # measured: 3 ms; the limit leaves room for a machine that is busy
    assert min(with_it) - min(without) < 0.030


def cpu(pytester: pytest.Pytester, *words: str) -> float:
    """Seconds that a processor worked for the session."""
    argv = [sys.executable, *words]
    done = subprocess.run(argv, cwd=pytester.path, capture_output=True, text=True, timeout=25, check=True)
    return float(done.stdout.split("CPU ")[1].split(maxsplit=1)[0])
