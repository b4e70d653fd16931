"""Unit tests under coverage. Whatever they leave behind is left outside of the repository.

unit_tests.py run DATA FOLDER...     run the tests of these folders, leave what they covered in DATA
unit_tests.py report REPORT DATA...  one JSON report of several DATA files
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path


def _coverage(*words: str | Path, **env: str) -> None:
    status = subprocess.run(
        [sys.executable, "-m", "coverage", *words], env={**os.environ, **env}, check=False
    )
    if status.returncode:
        sys.exit(status.returncode)


def run(data: str, *folders: str) -> None:
    """Run the tests."""
    with tempfile.TemporaryDirectory() as aside:
        pytest = ("-m", "pytest", "-q", "-p", "no:cacheprovider", f"--basetemp={aside}/made")
        # A nested run must not find the runs of this one.
        _coverage("run", f"--data-file={aside}/part", *pytest, *folders, XDG_STATE_HOME=f"{aside}/state")
        _coverage("combine", "-q", f"--data-file={data}", aside)


def report(target: str, *parts: str) -> None:
    """Sum up."""
    with tempfile.TemporaryDirectory() as aside:
        _coverage("combine", "-q", "--keep", f"--data-file={aside}/all", *parts)
        _coverage("json", "-q", f"--data-file={aside}/all", "-o", target)


if __name__ == "__main__":
    {"run": run, "report": report}[sys.argv[1]](*sys.argv[2:])
