"""What a pytest run of a check says: counts from its JUnit file, believed only together with its exit status."""

from __future__ import annotations

from pathlib import Path

from orchharness.errors import OrchError
from orchharness.record import record

_BROKEN = 2  # exit statuses from here on: interrupted, internal error, usage error, nothing collected


@record
class Counts:
    """Tests by result. A skipped or expectedly failing test has not passed."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0

    @property
    def collected(self) -> int:
        """All of them."""
        return self.passed + self.failed + self.skipped

    def __str__(self) -> str:
        parts = [f"{self.passed} of {self.collected} tests passed"]
        parts += [f"{self.failed} failed"] if self.failed else []
        parts += [f"{self.skipped} skipped or expected to fail"] if self.skipped else []
        return ", ".join(parts)


def count(path: Path) -> Counts:
    """The counts of a JUnit file.

    Raises:
        OrchError: it is no such file.
    """
    from xml.etree import ElementTree as ET  # noqa: S405 - pytest itself wrote the file, into the act's folder

    try:
        cases = ET.parse(path).iter("testcase")  # noqa: S314
    except ET.ParseError as error:
        msg = f"the JUnit file of pytest cannot be read: {error}"
        raise OrchError(msg) from None
    # A test that fails and whose teardown fails too may stand there twice.
    worst: dict[tuple[str | None, str | None], str] = {}
    for case in cases:
        tags = {child.tag for child in case}
        result = "failed" if tags & {"failure", "error"} else "skipped" if "skipped" in tags else "passed"
        name = (case.get("classname"), case.get("name"))
        if worst.get(name, "passed") == "passed" or result == "failed":
            worst[name] = result
    results = list(worst.values())
    return Counts(**{result: results.count(result) for result in ("passed", "failed", "skipped")})


def verdict(counts: Counts, status: int, least: float | None) -> str:
    """What is wrong with that outcome; empty when it holds."""
    if not counts.collected:
        return f"pytest collected no test (exit {status})"
    if status < 0 or status >= _BROKEN:
        return f"pytest ended with exit {status}: {counts}"
    if least is None:
        return "" if status == 0 and counts.passed == counts.collected else f"{counts}; all must pass"
    share = counts.passed / counts.collected
    return "" if share >= least else f"{counts}: a share of {share:.2f}, at least {least:g} is asked for"
