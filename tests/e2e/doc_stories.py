"""What the pages show is done: a page is a story that is told from its top to its end in an empty folder.

* "Save this as `NAME`:" before a block: the file is written.
* A `yaml` block that begins with `orchharness:` and has no name is a plan of its own: it is run, and must pass.
* `console`: lines that begin with `$ ` are typed, the others are what must be printed, `...` stands for any lines.
* `sh`: each line is typed, and must end well.
* `python` without a name is executed.

`<!-- run by FILE::TEST -->` before a block: another test does it. `<!-- not run: WHY -->`: nobody does.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
DOCS = sorted((ROOT / "docs").glob("*.md"))
PAGES = [*DOCS, *sorted(p for d in ("plans", "plugins", "tests") for p in (ROOT / d).glob("*/README.md"))]
RUNNABLE = frozenset({"yaml", "yml", "python", "console", "sh", "json"})
_BLOCK = re.compile(r"^( *)```([^\n`]*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_NAME = re.compile(r"Save this as `([^`]+)`:\Z")
_MARK = re.compile(r"<!-- (run by|not run:) ((?:(?!-->).)*?) -->\Z", re.DOTALL)
_SECONDS = 60


class Block(NamedTuple):
    """A fenced block. `mark` is `run by`, `not run:` or nothing; `about` what follows it."""

    line: int
    language: str
    text: str
    name: str
    mark: str
    about: str


def blocks_of(path: Path) -> list[Block]:
    """The blocks of a page that could be run."""
    text = path.read_text()
    found = []
    for match in _BLOCK.finditer(text):
        before = text[: match.start()].rstrip()
        mark = _MARK.search(before)
        named = _NAME.search(before[: mark.start()].rstrip() if mark else before)
        found.append(
            Block(
                line=text.count("\n", 0, match.start()) + 1,
                language=match[2],
                text=dedent(match[3]),
                name=named[1] if named else "",
                mark=mark[1] if mark else "",
                about=" ".join(mark[2].split()) if mark else "",
            )
        )
    return [block for block in found if block.language in RUNNABLE]


def lines_of(output: str, state: Path) -> list[str]:
    """What was printed, without what differs each time: times, ids, the session's head, places."""
    for pattern, instead in (
        (re.escape(str(state)), "~/.local/state"),
        (r"\x1b\[[0-9;]*m", ""),
        (r"/orchharness/[\w.-]+-\w{8}/([\w-]+)-\w{6}/", r"/orchharness/PROJECT/\1/"),
        (r"\d{8}-\d{6}-\w{6}", "RUN"),
        (r"\d\d:\d\d:\d\d", "CLOCK"),
        (r"\b\d+(\.\d+)? (s|ms|min)\b|\b\d+\.\d+s\b", "TIME"),
        (r"\s+\[ *\d+%\]", ""),
        (r"=+ (.+?) =+$", r"= \1 ="),
    ):
        output = re.sub(pattern, instead, output, flags=re.MULTILINE)
    return [" ".join(line.split()) for line in output.splitlines() if line.strip()]


class Story:
    """One page, told in `folder`."""

    def __init__(self, folder: Path, state: Path) -> None:
        self.folder = folder
        self.state = state
        self.saved: set[str] = set()
        self.typed = ""

    def tell(self, block: Block) -> None:
        """Do what the block shows; an AssertionError when something else comes of it."""
        if block.name:
            self._save(block)
        elif block.language in {"yaml", "yml"}:
            assert block.text.startswith("orchharness:"), "a part of a plan: give it a mark"
            self._plan(block)
        elif block.language == "console":
            self._console(block.text)
        elif block.language == "sh":
            self._sh(block.text)
        else:
            assert block.language == "python", f"nothing runs {block.language}: give it a mark"
            self._type(f"{sys.executable} - <<'END'\n{block.text}END", expected=0)

    def untold(self) -> set[str]:
        """Files that were saved, and that neither what was typed nor another file names."""
        if re.search(r"\bpytest( -\S+)*( plans/?)?$", self.typed, re.MULTILINE):
            return set()  # all plans were run
        texts = {name: (self.folder / name).read_text() for name in self.saved}
        return {
            name
            for name in self.saved - {"conftest.py"}
            if Path(name).name not in self.typed
            and not any(name in text for other, text in texts.items() if other != name)
        }

    def _save(self, block: Block) -> None:
        path = self.folder / block.name
        assert path.resolve().is_relative_to(self.folder.resolve())
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block.text)
        self.saved.add(block.name)

    def _plan(self, block: Block) -> None:
        folder = self.folder / f"line-{block.line}"
        folder.mkdir()
        (folder / "shown.plan.yaml").write_text(block.text)
        self._type("pytest -q shown.plan.yaml", expected=0, folder=folder)

    def _console(self, text: str) -> None:
        assert text.startswith("$ "), "begin what is typed with '$ '"
        for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
            command, _, expected = part.partition("\n")
            wanted = [line for line in lines_of(expected, self.state) if line != "..."]
            printed = [
                line.removeprefix("collecting ... ") for line in lines_of(self._type(command), self.state)
            ]
            missing = [line for line in wanted if line not in printed]
            assert not missing, f"$ {command}\nnot printed: {missing}\nprinted:\n" + "\n".join(printed)

    def _sh(self, text: str) -> None:
        if "plans/" in text and not (self.folder / "plans").exists():
            shutil.copy(ROOT / "conftest.py", self.folder)
            shutil.copytree(
                ROOT / "plans", self.folder / "plans", ignore=shutil.ignore_patterns("__pycache__")
            )
        for line in text.splitlines():
            command = line.partition("  #")[0].strip()
            if command:
                self._type(command, expected=0)

    def _type(self, command: str, *, expected: int | None = None, folder: Path | None = None) -> str:
        self.typed += command + "\n"
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=folder or self.folder,
            env=environment(self.state),
            capture_output=True,
            text=True,
            check=False,
            timeout=_SECONDS,
        )
        text = done.stdout + done.stderr
        assert expected is None or done.returncode == expected, (
            f"$ {command}\nended with {done.returncode}:\n{text}"
        )
        return text


def environment(state: Path) -> Mapping[str, str]:
    """As a user has it: this project's commands first, no word of the session that runs the tests."""
    env = {
        k: v
        for k, v in os.environ.items()
        if not k.startswith(
            ("PYTEST_ADDOPTS", "PYTEST_XDIST_", "PYTEST_CURRENT_TEST", "COV_", "ORCH_", "GIT_", "GITHUB_")
        )
    }
    path = f"{Path(sys.executable).parent}{os.pathsep}{env.get('PATH', '')}"
    return {
        **env,
        "PATH": path,
        "XDG_STATE_HOME": str(state),
        "PYTEST_ADDOPTS": "-p no:hypothesispytest",
        "COLUMNS": "100",
    }
