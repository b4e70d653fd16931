"""Plans read from the command line as pytest would read them: the same root, variables, kinds and messages.

The kinds are those of installed plugins and of the conftest files between the root and the plan's folder. A conftest
is imported only when it names hooks of ours, or modules that begin with our name: then also those of its
`pytest_plugins`. What else `pytest_plugins` or `-p` bring in is not seen here: that is pytest's.
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from orchharness.cli import UsageError
from orchharness.cli.project import root_above, settings_of
from orchharness.errors import OrchError, PlanError

if TYPE_CHECKING:
    from types import ModuleType

    from orchharness.core.plan import Plan
    from orchharness.plugins import PluginHost

_GLOBS = ("*.plan.yaml", "*.plan.yml")
_NO_PROJECTS = (
    "build",
    "dist",
    "node_modules",
    "venv",
)  # with folders that begin with a dot: as pytest has them
_RECORDINGS = "recordings"  # as `pytest_plugin` has it, which the command line does not import
_OURS = ("orchharness_", "orchharness.testing")  # hooks and packages of plugins; the kinds for tests


class Reader:
    """Reads the plans that the words name."""

    def __init__(self, asked: argparse.Namespace, words: Sequence[str]) -> None:
        self._variables = _variables(asked.orch_var)
        named = [Path(os.path.abspath(word)) for word in words]  # noqa: PTH100 - links stay, as they do for pytest
        for word, path in zip(words, named, strict=True):
            if not path.exists():
                msg = f"{word!r}: there is no such file or folder"
                raise UsageError(msg)
        self.root, settings = _project(asked.root, named)
        self._globs = _globs(settings)
        self.paths = list(dict.fromkeys(p for path in named for p in self._plans_in(path)))
        self._host: PluginHost | None = None

    def is_plan(self, path: Path) -> bool:
        """Whether pytest would take the file for a plan."""
        return any(fnmatch(path.name, pattern) for pattern in self._globs)

    def globs(self) -> str:
        """The names of plans, for a message."""
        return ", ".join(self._globs)

    def read(self, path: Path, *, strict: bool = False) -> Plan:
        """The plan of that file; with `strict` a warning about it is an error.

        Raises:
            PlanError: it is wrong; the error holds everything that is.
            OrchError: a plugin or conftest cannot be used.
        """
        from orchharness.planfile import read_plan

        host = self._plugins()
        return read_plan(
            path,
            root=self.root,
            kinds=host.kinds,
            critic_kinds=host.critic_kinds,
            variables=self._variables,
            strict=strict,
        )

    def _plugins(self) -> PluginHost:
        if self._host is None:
            self._host = host_of(self.root, [path.parent for path in self.paths])
        return self._host

    def _plans_in(self, path: Path) -> Iterator[Path]:
        if not path.is_dir():
            yield path
            return
        for folder, folders, files in os.walk(path):
            folders[:] = sorted(f for f in folders if not _is_left_out(Path(folder, f)))
            yield from (p for name in sorted(files) if self.is_plan(p := Path(folder, name)))


class OnePlan(NamedTuple):
    """A plan, and the root of its project."""

    plan: Plan
    root: Path


def one_plan(asked: argparse.Namespace, instead: str = "") -> OnePlan | None:
    """The plan that the command is about; None when it is wrong, which is said.

    Raises:
        UsageError: it is a folder; `instead` says what else could be typed.
        OrchError: it cannot be read.
    """
    if Path(asked.plan).is_dir():
        msg = f"{asked.plan!r} is a folder: name one plan{instead}"
        raise UsageError(msg)
    reader = Reader(asked, [asked.plan])
    try:
        return OnePlan(reader.read(reader.paths[0]), reader.root)
    except PlanError as error:
        sys.stderr.write(f"{error}\n")
        return None


def host_of(root: Path, folders: Iterable[Path]) -> PluginHost:
    """The installed plugins, and those of the conftest files between the root and these folders.

    Raises:
        OrchError: one of them cannot be used.
    """
    from orchharness.plugins import PluginHost

    host = PluginHost.load()
    for folder in dict.fromkeys(f for below in folders for f in _folders(root, below)):
        conftest = folder / "conftest.py"
        if _has_hooks(conftest):
            module = _imported(conftest)
            host.register(module, str(conftest))
            for name in _named_plugins(module):
                host.register(_plugin(name, conftest), name)
    return host


def _variables(given: Sequence[str]) -> dict[str, str]:
    for text in given:
        if text.find("=") < 1:
            msg = f"--orch-var {text}: write NAME=VALUE"
            raise UsageError(msg)
    return dict(text.split("=", 1) for text in given)


def _project(given: str | None, named: Sequence[Path]) -> tuple[Path, Mapping[str, Any]]:
    """The root that pytest takes for these arguments, and its settings there."""
    if given is not None:
        root = Path(os.path.abspath(given))  # noqa: PTH100 - as above
        if not root.is_dir():
            msg = f"--root {given!r}: there is no such folder"
            raise UsageError(msg)
        return root, settings_of(root) or {}
    above = Path(os.path.commonpath([p if p.is_dir() else p.parent for p in named]))
    root, settings = root_above(above)
    begins = ("pyproject.toml", "setup.py")
    if root == above and settings_of(above) is None and not any((above / n).is_file() for n in begins):
        root = Path(os.path.commonpath([above, Path.cwd()]))  # nothing says where the project begins
    return root, settings


def _globs(settings: Mapping[str, Any]) -> tuple[str, ...]:
    value = settings.get("orch_plan_files")
    words = shlex.split(value) if isinstance(value, str) else value if isinstance(value, list) else []
    return tuple(map(str, words)) or _GLOBS


def _folders(root: Path, folder: Path) -> list[Path]:
    """The folders from the root down to this one."""
    if not folder.is_relative_to(root):
        return [root]
    return [f for f in (*reversed(folder.parents), folder) if f.is_relative_to(root)]


def _is_left_out(folder: Path) -> bool:
    """Whether nothing is looked for there; a recording may hold whatever agents wrote, as for pytest."""
    if folder.name.startswith(".") or folder.name in _NO_PROJECTS:
        return True
    return folder.parent.name == _RECORDINGS and (folder / "recording.json").is_file()


def _has_hooks(conftest: Path) -> bool:
    try:
        text = conftest.read_bytes()
    except OSError:
        return False
    return any(word.encode() in text for word in _OURS)


def _named_plugins(conftest: ModuleType) -> list[str]:
    """The modules of ours that its `pytest_plugins` names: one name, or several."""
    named = getattr(conftest, "pytest_plugins", ())
    names = [named] if isinstance(named, str) else named if isinstance(named, list | tuple) else []
    return [name for name in names if isinstance(name, str) and name.startswith(_OURS)]


def _plugin(name: str, conftest: Path) -> ModuleType:
    from importlib import import_module

    try:
        return import_module(name)
    except Exception as error:
        msg = f"{conftest}: pytest_plugins: {name!r} cannot be imported: {type(error).__name__}: {error}"
        raise OrchError(msg) from error


def _imported(conftest: Path) -> ModuleType:
    """The conftest as a module.

    Raises:
        OrchError: it cannot be imported.
    """
    from importlib.util import module_from_spec, spec_from_file_location

    name = f"orchharness_conftest_{abs(hash(str(conftest)))}"
    spec = spec_from_file_location(name, conftest)
    if spec is None or spec.loader is None:
        msg = f"{conftest} cannot be imported"
        raise OrchError(msg)
    module = module_from_spec(spec)
    sys.modules[name] = module  # what its classes look for when their annotations are read
    if str(conftest.parent) not in sys.path:
        sys.path.insert(0, str(conftest.parent))  # as pytest does: it may import what lies beside it
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        msg = f"{conftest} cannot be imported: {type(error).__name__}: {error}"
        raise OrchError(msg) from error
    return module
