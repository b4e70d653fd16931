"""A plugin as `orchharness new-plugin` writes it: it keeps to every rule, and what is wrong is made from it."""

from __future__ import annotations

import importlib
import itertools
import sys
from pathlib import Path

import pytest

from orchharness.cli.new_plugin import write_plugin

NAME, MODULE = "honest", "orchharness_honest"
_numbers = itertools.count()


@pytest.fixture(scope="session")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package's folder; its module can be imported, here and by the processes that the suite starts."""
    folder = write_plugin(NAME, tmp_path_factory.mktemp("plugins"))
    sys.path.insert(0, str(folder))
    yield folder
    sys.path.remove(str(folder))


@pytest.fixture
def changed(package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Makes a plugin of the honest one and some lines that change it; its name."""

    def make(text: str) -> str:
        name = f"changed_plugin_{next(_numbers)}"
        (tmp_path / f"{name}.py").write_text(f"from {MODULE} import *\nfrom wrong import *\n{text}")
        monkeypatch.syspath_prepend(tmp_path)
        importlib.invalidate_caches()
        return name

    return make
