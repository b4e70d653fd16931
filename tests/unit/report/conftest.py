"""Compiled templates of the tests stay out of the user's cache."""

import igraph  # noqa: F401 - here, since it refuses to come again after pytester has made Python forget it
import pytest

from orchharness.report.render import _environment


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    folder = tmp_path_factory.getbasetemp() / "xdg-cache"
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    return folder


@pytest.fixture
def newly_loaded():
    """Templates are loaded anew, whoever rendered something before in this process."""
    _environment.cache_clear()
    yield _environment.cache_clear
    _environment.cache_clear()
