"""Unit tests under coverage. Whatever they leave behind is left outside of the repository.

unit_tests.py run DATA FOLDER...   run the tests of these folders, leave what they covered in DATA
unit_tests.py report REPORT        one JSON report of the DATA files that ORCH_INPUT_DATA lists
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

# Coverage makes everything slower, so tests that measure time would say nothing here.
_NOT_TIMED = ("-k", "not (quick or in_time or thousands or 100000)")


def _coverage(*words: str | Path, **env: str) -> None:
    status = subprocess.run(
        [sys.executable, "-m", "coverage", *words], env={**os.environ, **env}, check=False
    )
    if status.returncode:
        sys.exit(status.returncode)


def run(data: str, *folders: str) -> None:
    """Run the tests."""
    with tempfile.TemporaryDirectory() as aside:
        pytest = (
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "-o",
            "timeout=120",
            f"--basetemp={aside}/made",
        )
        part = f"--data-file={aside}/{Path(data).name}"  # `combine` looks for files of the target's name
        # A nested run must not find the runs of this one.
        _coverage("run", part, *pytest, *_NOT_TIMED, *folders, XDG_STATE_HOME=f"{aside}/state")
        _coverage("combine", "-q", f"--data-file={data}", aside)


def report(target: str) -> None:
    """Sum up."""
    parts = os.environ["ORCH_INPUT_DATA"].splitlines()
    with tempfile.TemporaryDirectory() as aside:
        _coverage("combine", "-q", "--keep", f"--data-file={aside}/all", *parts)
        _coverage("json", "-q", f"--data-file={aside}/all", "-o", target)


if __name__ == "__main__":
    {"run": run, "report": report}[sys.argv[1]](*sys.argv[2:])
