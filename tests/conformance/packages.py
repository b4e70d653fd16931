"""A package as if it were installed, and its tests in a session of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def install(folder: Path, into: Path) -> dict[str, str]:
    """The environment in which the package is installed: its metadata lies in a folder on the path."""
    import tomllib

    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    ((entry, module),) = project["entry-points"]["orchharness"].items()
    info = into / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    )
    (info / "entry_points.txt").write_text(f"[orchharness]\n{entry} = {module}\n")
    outer = {
        n: v
        for n, v in os.environ.items()
        if not n.startswith(("PYTEST_ADDOPTS", "PYTEST_XDIST_", "PYTEST_CURRENT_TEST", "COV_"))
    }
    return {
        **outer,
        "PYTHONPATH": os.pathsep.join((str(folder), str(into))),
        "XDG_STATE_HOME": str(into / "state"),
    }


def run_tests(folder: Path, env: dict[str, str], *words: str) -> tuple[int, str]:
    """The exit status of its tests, and what was printed."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--basetemp={folder}/tmp", *words],
        cwd=folder,
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=28,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr
