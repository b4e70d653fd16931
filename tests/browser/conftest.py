"""The report in a real browser: `make test-browser`. Without it these tests are not collected, and need nothing."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

if not os.environ.get("ORCH_TEST_BROWSER"):
    collect_ignore_glob = ["test_*.py"]
sys.path.insert(0, str(Path(__file__).parents[1] / "unit" / "report"))  # its builders of runs

# Without these Chromium asks its maker's hosts at every start.
QUIET = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="session")
def browser():
    from playwright.sync_api import sync_playwright

    root = ["--no-sandbox"] if os.getuid() == 0 else []  # Chromium refuses its sandbox to root
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=shutil.which("chromium"), args=[*QUIET, *root])
        yield browser
        browser.close()


@pytest.fixture
def visit(browser, tmp_path):
    """Opens a page from disk, with no network; fails where something was asked for, or went wrong in its script."""
    contexts, faults = [], []

    def visit(text, *, wait=True, **options):
        path = text if isinstance(text, Path) else tmp_path / f"report-{len(contexts)}.html"
        if not isinstance(text, Path):
            path.write_text(text, encoding="utf-8")
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 800}, **options})
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: faults.append(f"script: {error}"))
        page.on("dialog", lambda dialog: (faults.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.on(
            "console",
            lambda said: faults.append(f"{said.type}: {said.text}") if said.type == "error" else None,
        )
        page.on(
            "request", lambda asked: faults.append(asked.url) if not asked.url.startswith("file:") else None
        )
        page.goto(path.as_uri())
        if wait and options.get("java_script_enabled", True):
            page.wait_for_selector("html[data-ready]", state="attached")
        return page

    yield visit
    for context in contexts:
        context.close()
    assert faults == []
