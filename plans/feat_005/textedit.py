"""Editing one Markdown file of a skill without touching what was not asked for.

Line ends, a byte order mark and the file's mode stay as they were. A file is replaced in one go,
so that whoever reads the workspace meanwhile sees the old text or the new, never half of it.
"""

from __future__ import annotations

import os
import re
import shutil
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import judge
import yaml


class MendError(Exception):
    """A task that cannot do its work; the message is one line for the person who reads it."""


def write_bytes(path: Path, content: bytes) -> None:
    """Replaces a file in one go, by way of the act's own folder, which is no part of the skill."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(os.environ.get("ORCH_TASK_DIR") or path.parent) / f".{uuid.uuid4().hex}.new"
    aside.write_bytes(content)
    try:
        if path.exists():
            shutil.copymode(path, aside)
        aside.replace(path)
    except OSError:
        # Another file system: then there is no replacing in one go.
        aside.unlink(missing_ok=True)
        path.write_bytes(content)


class Page:
    """A text file of the skill, as lines to edit; `problem` says why it cannot be edited."""

    def __init__(self, root: Path, name: str) -> None:
        self.path, self.name = root / name, name
        self.raw = self.path.read_bytes() if self.path.is_file() else b""
        self.problem, text = "", ""
        try:
            # UTF-16 with its mark is the one other encoding that is no guess.
            wide = self.raw.startswith((b"\xff\xfe", b"\xfe\xff"))
            text = self.raw.decode("utf-16" if wide else "utf-8")
        except UnicodeError:
            self.problem = "is not UTF-8"
        if "\x00" in text or len(self.raw) > judge.MAX_BYTES:
            self.problem = "is not text" if "\x00" in text else "is too large"
        self.mark = "\ufeff" if text.startswith("\ufeff") else ""
        text = text.removeprefix("\ufeff")
        self.newline = "\r\n" if text.count("\r\n") * 2 > text.count("\n") else "\n"
        self.lines = re.split(r"\r\n|\n|\r", text)
        self.before = list(self.lines)

    @property
    def doc(self) -> judge.Document:
        """The page as the judge reads it, as it is now."""
        text = "\n".join(self.lines)
        if self.problem or not text.strip():
            return judge.Document(path=self.name, problem=self.problem or "is empty")
        return judge.parse_document(text, self.name)

    def save(self) -> bool:
        """Writes the file, changed or not (an act's outputs are what it wrote); true if changed."""
        changed = self.lines != self.before and not self.problem
        content = self.raw
        if changed or not self.raw:
            while len(self.lines) > 1 and not self.lines[-1].strip():
                self.lines.pop()
            text = self.newline.join(self.lines) + self.newline
            content = (self.mark + text).encode("utf-8")
        write_bytes(self.path, content)
        return changed

    def append(self, block: str) -> None:
        """Adds a block at the end, a blank line before it."""
        while self.lines and not self.lines[-1].strip():
            self.lines.pop()
        self.lines += ["", *block.strip("\n").split("\n")]

    def insert(self, index: int, block: str) -> None:
        """Puts a block in front of a line, set off by blank lines."""
        new = block.strip("\n").split("\n")
        before = self.lines[index - 1 : index]
        after = self.lines[index : index + 1]
        new = ([""] if before and before[0].strip() else []) + new
        self.lines[index:index] = new + ([""] if not after or after[0].strip() else [])

    def set_key(self, key: str, value: Any) -> None:
        """Sets a front matter key in place, or adds it at the end."""
        shown = yaml.safe_dump({key: value}, allow_unicode=True, width=10_000, sort_keys=False)
        new = shown.rstrip("\n").split("\n")
        doc = self.doc
        if doc.meta is None:
            return
        if key not in doc.meta_lines:
            self.lines[doc.body_start - 1 : doc.body_start - 1] = new
            return
        start = doc.meta_lines[key] - 1
        later = [n - 1 for n in doc.meta_lines.values() if n - 1 > start]
        self.lines[start : min(later, default=doc.body_start - 1)] = new

    def rename_key(self, key: str, new: str) -> None:
        """Gives a front matter key another name; its value stays as it is written."""
        index = self.doc.meta_lines.get(key, 0) - 1
        if index >= 0:
            self.lines[index] = re.sub(r"^([\"']?)" + re.escape(key) + r"\1", new, self.lines[index])

    def section(self, title: str) -> judge.Heading | None:
        """The heading with that text, whatever its level."""
        return next((h for h in judge.headings(self.doc) if h.text == title), None)

    def put_section(self, title: str, text: str, before: Iterable[str] = ()) -> None:
        """Sets what stands under `## title`; a new one comes before the first of `before`."""
        heading = self.section(title)
        if heading:
            span = judge.section(self.doc, heading)
            self.lines[span.start : span.stop] = ["", *text.strip("\n").split("\n"), ""]
            return
        block = f"## {title}\n\n{text.strip()}"
        place = next((h for t in before if (h := self.section(t))), None)
        self.insert(place.line - 1, block) if place else self.append(block)


class Skill:
    """The skill in the workspace."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @property
    def tree(self) -> judge.Tree:
        """Its files as they are now."""
        return judge.load_tree(self.root)

    def page(self, name: str) -> Page:
        """One of its files to edit."""
        return Page(self.root, name)


# ---------------------------------------------------------------- what a text says

SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z`\"])")


def sentences(text: str) -> list[str]:
    """The sentences of a paragraph."""
    return [s.strip() for s in SENTENCE_END.split(" ".join(text.split())) if s.strip()]


def plain(text: str) -> str:
    """Text without links, emphasis and tags."""
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", text)
    text = re.sub(r"</?[A-Za-z][^<>]*>", "", text)
    return " ".join(re.sub(r"\*\*|__", "", text).split())


def first_paragraph(doc: judge.Document, start: int = 0) -> str:
    """The first paragraph of prose from a line on; no heading, list, table or quotation."""
    found: list[str] = []
    heads = {h.line - 1 for h in judge.headings(doc)}
    for index in range(max(start, doc.body_start), len(doc.lines)):
        line = doc.lines[index].strip()
        apart = index in doc.code or index in heads or re.match(r"[#>|]|[-*+]\s|\d+[.)]\s|<", line)
        if line and not apart and not judge.PLACEHOLDER.search(line):
            found.append(line)
        elif found:
            break
    return " ".join(found)
