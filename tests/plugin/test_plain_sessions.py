"""A session without plan files does not notice that the plugin is installed."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

HEAVY = (
    "yaml",
    "jinja2",
    "pydantic",
    "rich",
    "psutil",
    "asyncio",
    "orchharness.core",
    "orchharness.planfile",
    "orchharness.plugins",
    "orchharness.run",
    "orchharness.report",
    "orchharness.pytest_plugin.collector",
    "orchharness.pytest_plugin.loop",
    "orchharness.pytest_plugin.plans",
)
SUITE = """
import pytest

@pytest.fixture
def thing():
    yield 1

@pytest.mark.parametrize("n", range(5))
def test_one(n, thing):
    assert n < 4

@pytest.mark.skip(reason="why")
def test_two():
    pass
"""


def python(pytester: pytest.Pytester, *words: str) -> str:
    """What a plain session prints, times and the list of plugins left out."""
    argv = [sys.executable, *words]
    done = subprocess.run(argv, cwd=pytester.path, capture_output=True, text=True, timeout=25, check=False)
    text = re.sub(r"in \d+\.\d+s|gw\d", "", done.stdout)
    return re.sub(r"=+", "=", re.sub(r"plugins: .*", "", text)) + done.stderr


def lines(text: str) -> list[str]:
    """Lines in no order, and dots neither: workers take turns as they like."""
    return sorted("".join(sorted(x)) if re.match(r"[.sF]+ ", x) else x for x in text.splitlines())


def test_nothing_heavy_is_imported(pytester: pytest.Pytester):
    pytester.makepyfile(test_plain=SUITE)
    pytester.makeconftest(
        "import sys\n"
        "def pytest_unconfigure():\n"
        f"    print('FOUND', sorted(m for m in {HEAVY!r} if m in sys.modules))\n"
        "    print('OURS', sorted(m for m in sys.modules if m.startswith('orchharness')))\n"
    )

    # xdist and the plugins of the test environment import some of these themselves
    text = python(
        pytester, "-m", "pytest", "-p", "no:hypothesispytest", "-p", "no:xdist", "-p", "no:xdist.looponfail"
    )

    assert "FOUND []" in text
    assert "OURS ['orchharness', 'orchharness.pytest_entry', 'orchharness.pytest_plugin']" in text


def test_it_can_be_left_out(pytester: pytest.Pytester):
    pytester.makepyfile(
        test_plain="import sys\ndef test_it(): assert 'orchharness.pytest_plugin' not in sys.modules\n"
    )

    assert "1 passed" in python(pytester, "-m", "pytest", "-p", "no:hypothesispytest", "-p", "no:orchharness")


@pytest.mark.parametrize(
    "words", [[], ["-v"], ["-q"], ["-n", "2"], ["--collect-only"], ["--co", "-q"], ["-x"]]
)
def test_the_output_is_the_same_as_without_the_plugin(pytester: pytest.Pytester, words: list[str]):
    pytester.makepyfile(test_plain=SUITE)
    common = ["-m", "pytest", "-p", "no:hypothesispytest", "-p", "no:cacheprovider", *words]

    first = python(pytester, *common)
    second = python(pytester, *common, "-p", "no:orchharness")

    assert lines(first) == lines(second)


def test_conftests_with_hooks_are_no_matter_where_there_is_no_plan(pytester: pytest.Pytester):
    folder = pytester.mkdir("deep")
    (folder / "conftest.py").write_text("def orchharness_update(event, run): pass\n")
    (folder / "test_plain.py").write_text("def test_it(): pass\n")

    result = pytester.runpytest_inprocess("-p", "no:hypothesispytest")

    result.assert_outcomes(passed=1)
