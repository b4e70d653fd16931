"""Bytes → the documents of a file, each with the lines it has in the file.

A file may be YAML or JSON, several YAML documents, or Markdown with fenced blocks. What cannot be read is told with
its place. Bounded: 5 MiB, and what `planfile.source` bounds.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from orchharness.errors import Location, OrchError, Problem
from orchharness.planfile.files import MAX_BYTES
from orchharness.planfile.nodes import Node
from orchharness.planfile.problems import Problems
from orchharness.planfile.source import SourceError, read_tree
from orchharness.record import record

MAX_BLOCKS: Final = 200
_MARKDOWN: Final = (".md", ".markdown", ".mdx", ".mdc")
_FENCE: Final = re.compile(r"([ \t]*)(`{3,}|~{3,})[ \t]*([\w+-]*)")
_TAKEN: Final = frozenset({"", "yaml", "yml", "json", "jsonc", "json5"})
_DOCUMENT: Final = re.compile(r"^---(?=\s|$)[^\n]*$", re.MULTILINE)
_PAIR: Final = re.compile(r"\\u(d[89ab][0-9a-f]{2})\\u(d[c-f][0-9a-f]{2})", re.IGNORECASE)
_SECOND: Final = "a second document begins here"
_MERGE: Final = "merge keys (<<)"


class UnreadableError(OrchError):
    """The file cannot be read; `problems` say where and why."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        super().__init__("\n".join(map(str, problems)))


@record
class Document:
    """One tree, and the problems that could be read past (a key that is there twice, say)."""

    tree: Node
    line: int
    problems: tuple[Problem, ...] = ()


def read_documents(data: bytes, shown: str) -> list[Document]:
    """The documents of the file; the first is the one that the others are compared with.

    Raises:
        UnreadableError: nothing can be read.
    """
    text = _decoded(data, shown)
    if shown.lower().endswith(_MARKDOWN):
        return _fenced(text, shown)
    try:
        return _documents(text, shown)
    except UnreadableError as error:
        if re.search(r"^[ \t]*(```|~~~)", text, re.MULTILINE) is None:
            raise
        try:
            return _fenced(text, shown)
        except UnreadableError as other:
            raise UnreadableError([*error.problems, *other.problems]) from None


def _decoded(data: bytes, shown: str) -> str:
    if len(data) > MAX_BYTES:
        raise _failed(shown, f"larger than {MAX_BYTES >> 20} MiB: take what is no plan out of it")
    if data[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        raise _failed(shown, "this is UTF-16: save the file as UTF-8")
    if b"\0" in data:
        raise _at(shown, data, data.index(b"\0"), "this is no text file: it holds NUL bytes")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _at(shown, data, error.start, "this is not UTF-8: save the file as UTF-8") from None


def _documents(text: str, shown: str) -> list[Document]:
    try:
        found = _document(text, shown, text)
    except UnreadableError as error:
        if not any(_SECOND in problem.message for problem in error.problems):
            raise
        return _split(text, shown)
    if found is None:
        raise _failed(shown, "the file is empty")
    return [found]


def _split(text: str, shown: str) -> list[Document]:
    starts = [0, *(match.start() for match in _DOCUMENT.finditer(text))][:MAX_BLOCKS]
    found = []
    for start, end in zip(starts, [*starts[1:], len(text)], strict=True):
        # Line ends instead of what stands before keep the places right.
        document = _document("\n" * text.count("\n", 0, start) + text[start:end], shown, text)
        if document is not None:
            found.append(document)
    return found


def _fenced(text: str, shown: str) -> list[Document]:
    text = text.replace("\r\n", "\n")
    found: list[Document] = []
    failed: list[Problem] = []
    front = re.match(r"---[ \t]*\n(.*?)^---[ \t]*$", text, re.MULTILINE | re.DOTALL)
    blocks = [_Block(front.group(1), 1, "")] if front else []
    blocks += _blocks(text)
    for block in blocks[:MAX_BLOCKS]:
        lines = [row.removeprefix(block.indent) for row in block.text.split("\n")]
        try:
            document = _document("\n" * block.line + "\n".join(lines), shown, text)
        except UnreadableError as error:
            failed += error.problems
            continue
        if document is not None:
            found.append(document)
    if not found:
        raise UnreadableError(
            failed or [Problem(Location(shown), "Markdown without a block of YAML or JSON (```yaml)")]
        )
    return found


class _Block(NamedTuple):
    text: str
    line: int  # how many lines stand before it
    indent: str


def _blocks(text: str) -> list[_Block]:
    """The fenced blocks that can hold YAML or JSON. Line by line: a pattern over all of it could take for ever."""
    found: list[_Block] = []
    opened: re.Match[str] | None = None
    begun, rows = 0, text.split("\n")
    for place, row in enumerate(rows):
        if opened is None:
            opened, begun = _FENCE.match(row), place + 1
        elif row.strip() == opened.group(2):
            if opened.group(3).lower() in _TAKEN:
                found.append(_Block("\n".join(rows[begun:place]) + "\n", begun, opened.group(1)))
            opened = None
    return found


def _document(text: str, shown: str, whole: str) -> Document | None:
    if text.lstrip()[:1] in {"{", "["}:
        text = _PAIR.sub(_joined, text)  # what JSON writes as two halves, YAML writes as one
    problems = Problems(shown, whole)
    try:
        tree = read_tree(text, problems)
    except SourceError as error:
        problems.add(error.node, error.message)
        raise UnreadableError(list(problems.error().problems)) from None
    if tree is None:
        return None
    noted = problems.error().problems if problems else ()
    return Document(tree=tree, line=tree.line, problems=tuple(_in_own_words(p) for p in noted))


def _joined(match: re.Match[str]) -> str:
    high, low = (int(half, 16) for half in match.groups())
    return f"\\U{0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00):08x}"


def _in_own_words(problem: Problem) -> Problem:
    if _MERGE in problem.message:
        message = "merge keys (<<) are not read: write the keys out that it stands for"
        return Problem(problem.location, message, problem.source)
    return problem


def _failed(shown: str, message: str) -> UnreadableError:
    return UnreadableError([Problem(Location(shown), message)])


def _at(shown: str, data: bytes, offset: int, message: str) -> UnreadableError:
    before = data[:offset]
    column = len(before[before.rfind(b"\n") + 1 :].decode("utf-8", "replace")) + 1
    return UnreadableError([Problem(Location(shown, before.count(b"\n") + 1, column), message)])
