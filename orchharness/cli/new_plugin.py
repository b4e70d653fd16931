"""`orchharness new-plugin NAME`: a package with an agent kind, and the tests that every kind must pass."""

from __future__ import annotations

import argparse
import re
import shlex
import sys
from importlib.util import find_spec
from pathlib import Path
from string import Template

from orchharness.cli import UsageError
from orchharness.errors import OrchError

_TEMPLATES = Path(__file__).parent / "templates"
_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_LONGEST = 40
_PREFIX = "orchharness-"
# Template -> the file it becomes. They do not end with `.py`: they are no Python before the names are put in.
_TARGETS = {
    "README.md.txt": "README.md",
    "pyproject.toml.txt": "pyproject.toml",
    "plugin.py.txt": "$module/__init__.py",
    "options.py.txt": "$module/options.py",
    "fake_client.py.txt": "tests/fake_client.py",
    "test_plugin.py.txt": "tests/test_$module.py",
}


def new_plugin(asked: argparse.Namespace) -> int:
    """Write the package, and say what to do next."""
    folder = write_plugin(asked.name, Path(asked.folder))
    files = "".join(f"  {folder / name}\n" for name in _files(asked.name))
    sys.stdout.write(
        f"written:\n{files}next:\n  cd {shlex.quote(str(folder))}\n"
        "  python -m pip install -e .\n  python -m pytest\n"
    )
    return 0


def write_plugin(name: str, into: Path) -> Path:
    """Write the package `orchharness-NAME` into that folder; the folder of the package.

    Raises:
        UsageError: the name is none, or taken, or the folder is there.
        OrchError: the disk fails.
    """
    _check(name)
    if not into.is_dir():
        msg = f"--folder {str(into)!r}: there is no such folder"
        raise UsageError(msg)
    folder = into / f"{_PREFIX}{name}"
    try:
        folder.mkdir()
        for target, text in _files(name).items():
            (folder / target).parent.mkdir(exist_ok=True)
            (folder / target).write_text(text, "utf-8")
    except FileExistsError:
        msg = f"{str(folder)!r} is there already: choose another name, or another --folder"
        raise UsageError(msg) from None
    except OSError as error:
        msg = f"{str(folder)!r} cannot be written: {error.strerror}"
        raise OrchError(msg) from None
    return folder


def _check(name: str) -> None:
    from orchharness.plugins import PluginHost

    if name.startswith(_PREFIX):
        msg = f"{name!r}: the package is called {name!r} by itself: write {name.removeprefix(_PREFIX)!r}"
        raise UsageError(msg)
    if not _NAME.fullmatch(name) or len(name) > _LONGEST:
        msg = (
            f"{name!r} is no name for a kind and its package: write small letters and digits, beginning with a letter, "
            f"with single dashes between them, and at most {_LONGEST} of them"
        )
        raise UsageError(msg)
    host = PluginHost.load()
    if name in {*host.kinds, *host.critic_kinds}:
        msg = f"there is a kind {name!r} already: choose another name"
        raise UsageError(msg)
    if find_spec(_module(name)) is not None:
        msg = f"there is a module {_module(name)!r} already: choose another name"
        raise UsageError(msg)


def _files(name: str) -> dict[str, str]:
    """Path below the package's folder -> text."""
    values = {"name": name, "module": _module(name)}
    found = {}
    for template, target in _TARGETS.items():
        text = (_TEMPLATES / template).read_text("utf-8")
        found[Template(target).substitute(values)] = Template(text).substitute(values)
    return found


def _module(name: str) -> str:
    return f"{_PREFIX}{name}".replace("-", "_")
