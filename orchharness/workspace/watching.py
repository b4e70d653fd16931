"""The files that decide what pytest says, watched: whoever is judged by tests must not edit them meanwhile.

Watched are the test files below the paths (in a folder of tests, every module), every `conftest.py` from the workspace down to and below them, the
configuration in the workspace and in the folders down to the paths, and modules in the workspace that Python
or pytest would import instead of their own. A file that *appears* counts like one that changed.
"""

from __future__ import annotations

import os
import posixpath
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from orchharness.workspace.files import read_digest, relative
from orchharness.workspace.matching import find
from orchharness.workspace.snapshots import look

_CONFIGURATION = (
    "conftest.py",
    "pytest.ini",
    ".pytest.ini",
    "pytest.toml",
    ".pytest.toml",
    "pyproject.toml",
    "tox.ini",
    "setup.cfg",
)
# Whatever `python -m pytest` imports from the workspace instead of from where it belongs.
_FOREIGN = ("sitecustomize", "usercustomize", "pytest", "_pytest", "pluggy", "iniconfig", "packaging", "yaml")
_SHADOWS = tuple(
    place
    for name in sorted({*_FOREIGN, *sys.stdlib_module_names})
    for place in (f"{name}.py", f"{name}/__init__.py")
)
_BELOW = ("**/conftest.py", "**/test_*.py", "**/*_test.py")
_TESTS = frozenset({"test", "tests", "testing"})  # folders that hold tests and their helpers, and no work


def watch_tests(
    workspace: str | os.PathLike[str],
    paths: Sequence[str],
    *,
    skip: str | os.PathLike[str] | None = None,
) -> dict[str, str]:
    """The watched files that exist, relative path -> SHA-256 (where a link leads outside: the place instead).

    Args:
        workspace: The folder pytest runs in.
        paths: Its arguments, relative to the workspace, `::test` allowed; none means the whole workspace.
        skip: The run directory, when it is inside the workspace.

    Raises:
        OrchError: a path is absolute or leaves the workspace.
    """
    root = os.path.realpath(workspace)
    run = os.fspath(skip) if skip is not None else None
    files = find(root, _patterns(root, [relative(path.partition("::")[0]) for path in paths or ["."]]), run)
    seen = {path: look(root, path) for path in files}
    return {path: _content(entry) for path, entry in seen.items() if entry is not None}


def tests_changed(
    workspace: str | os.PathLike[str],
    paths: Sequence[str],
    watched: Mapping[str, str],
    *,
    skip: str | os.PathLike[str] | None = None,  # noqa: PT028 - this is no test
) -> list[str]:
    """The watched files that have other bytes than when they were watched, are gone, or have appeared."""
    now = watch_tests(workspace, paths, skip=skip)
    return sorted(path for path in now.keys() | watched.keys() if now.get(path) != watched.get(path))


def _patterns(root: str, paths: Sequence[str]) -> Iterator[str]:
    """Patterns of everything that is watched for these plain paths."""
    yield from _SHADOWS
    for path in paths:
        folder = path if os.path.isdir(posixpath.join(root, path)) else posixpath.dirname(path)
        yield from (
            posixpath.join(above, name) for above in _folders_down_to(folder) for name in _CONFIGURATION
        )
        if folder == path and posixpath.basename(folder) in _TESTS:
            yield posixpath.join(folder, "**/*.py")
        elif folder == path:
            yield from (posixpath.join(folder, pattern) for pattern in _BELOW)
        else:
            yield path


def _folders_down_to(folder: str) -> list[str]:
    """The workspace itself (`""`) and every folder on the way, the last one included."""
    steps = folder.split("/") if folder else []
    return ["/".join(steps[:n]) for n in range(len(steps) + 1)]


def _content(seen: Mapping[str, Any]) -> str:
    """What is compared: the digest, and for a link that leads outside also where to."""
    if "outside" not in seen:
        return str(seen.get("sha256", "unread"))
    try:
        return f"{seen['outside']} {read_digest(seen['outside']).sha256}"
    except OSError:
        return f"{seen['outside']} unread"
