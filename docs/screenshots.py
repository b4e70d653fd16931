"""Pictures for the site, taken of what really happens: `make screenshots`. They are kept in docs/_static/shots.

* The terminal: the tutorial's first run in a pseudo-terminal, drawn as SVG by rich. Nothing else is needed.
* The report of `plans/gallery/refine-until-good.plan.yaml`, light and dark, by Chromium. Where there is no Chromium
  they are left out, and the pages say so.
"""

from __future__ import annotations

import os
import pty
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parents[1]
SHOTS = ROOT / "docs" / "_static" / "shots"
WIDTH = 100
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_SAVED = re.compile(r"Save this as `([^`]+)`:\n\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_FACE = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)  # rich's SVG would load fonts from elsewhere


def environment(state: Path) -> Mapping[str, str]:
    """A user's, with this project's commands first and the runs kept apart."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST_", "ORCH_", "GIT_", "GITHUB_"))}
    path = f"{Path(sys.executable).parent}{os.pathsep}{env.get('PATH', '')}"
    added = {"PATH": path, "XDG_STATE_HOME": str(state), "COLUMNS": str(WIDTH), "TERM": "xterm-256color"}
    return {**env, **added, "HOME": str(state)}


def in_a_terminal(words: list[str], folder: Path, env: Mapping[str, str]) -> str:
    """What a command prints when it believes that a person looks."""
    ours, theirs = pty.openpty()
    child = subprocess.Popen(
        words, cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    printed = b""
    while True:
        try:
            more = os.read(ours, 65_536)
        except OSError:  # Linux: the other side is closed
            break
        if not more:
            break
        printed += more
    os.close(ours)
    child.wait(timeout=60)
    return printed.decode(errors="replace").replace("\r\n", "\n")


def drawn(text: str, title: str) -> str:
    """The text with its colours as an SVG that loads nothing."""
    from rich.console import Console
    from rich.text import Text

    console = Console(record=True, width=WIDTH, file=open(os.devnull, "w"), force_terminal=True)  # noqa: SIM115, PTH123
    console.print(Text.from_ansi(text))
    return _FACE.sub("", console.export_svg(title=title))


def terminal(place: Path) -> None:
    """The red run of the tutorial."""
    folder = place / "demo"
    folder.mkdir()
    for name, text in _SAVED.findall((ROOT / "docs/tutorial.md").read_text()):
        (folder / name).write_text(text)
    command = [
        "pytest",
        "-v",
        "--color=yes",
        "-p",
        "no:hypothesispytest",
        "-p",
        "no:cacheprovider",
        "guide.plan.yaml",
    ]
    printed = in_a_terminal(command, folder, environment(place / "state"))
    kept = printed[printed.index("guide.plan.yaml::") :].replace(str(place / "state"), "~/.local/state")
    kept = re.sub(r"^(?:report|logs|guide): .*\n", "", kept, flags=re.MULTILINE)
    (SHOTS / "tutorial-red.svg").write_text(
        drawn("$ pytest -v guide.plan.yaml\n" + kept, "pytest -v guide.plan.yaml")
    )


def report(place: Path, browser: str) -> None:
    """The report, light and dark."""
    shutil.copytree(ROOT / "plans/gallery", place / "gallery")
    command = [
        "pytest",
        "-q",
        "-p",
        "no:hypothesispytest",
        "-p",
        "no:cacheprovider",
        "refine-until-good.plan.yaml",
    ]
    env = environment(place / "state")
    subprocess.run(command, cwd=place / "gallery", env=env, check=True, capture_output=True, timeout=120)
    (page,) = (place / "state").glob("orchharness/gallery-*/*/2*/report.html")
    for mode, setting in (("light", 1), ("dark", 0)):
        words = [
            *(browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"),
            *("--disable-background-networking", "--force-device-scale-factor=1", "--window-size=1100,900"),
            f"--blink-settings=preferredColorScheme={setting}",
            f"--user-data-dir={place / mode}",
            f"--screenshot={SHOTS / f'report-{mode}.png'}",
            page.as_uri(),
        ]
        subprocess.run(words, check=True, capture_output=True, timeout=120)


def main() -> int:
    """Take them all; 0 also where the browser's are left out."""
    SHOTS.mkdir(parents=True, exist_ok=True)
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    with tempfile.TemporaryDirectory() as made:
        place = Path(made)
        terminal(place)
        if browser is None:
            for old in SHOTS.glob("report-*.png"):
                old.unlink()
            print("no Chromium: the pictures of the report are left out")
        else:
            report(place, browser)
    print(*sorted(str(path.relative_to(ROOT)) for path in SHOTS.iterdir()), sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
