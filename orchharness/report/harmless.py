"""What others wrote, made harmless for who reads it next: Markdown, Mermaid, and a CI system that reads its own log.

Agents, critics, clients and pull requests may put anything into their texts. Escaping keeps it readable.
"""

from __future__ import annotations

import re

from orchharness.report.text import clean, line

_SPECIAL = re.compile(r"[&<>|@\\`*_\[\]~$]|:(?=/)|(?<=[wW]{3})\.")
_INSTEAD = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    "|": "&#124;",  # a backslash before it would hold in a table only
    # GitHub looks for mentions in what was rendered, where a backslash is gone: a word joiner parts sign and name.
    "@": "@\u2060",
}
_BRACKETED = re.compile(r"##(?=\w*\[)")
_NO_NAME = re.compile(r"[^\w .+\-\[\]/()]")


def markdown(value: object, limit: int = 300) -> str:
    """The value as one line of plain Markdown: no markup, link, HTML, mention or table cell comes of it."""
    return _SPECIAL.sub(lambda found: _INSTEAD.get(found[0], f"\\{found[0]}"), line(value, limit))


def mermaid(value: object, limit: int = 60) -> str:
    """The value as a name in a diagram: none of the signs that end a name, begin a comment or a directive."""
    return _NO_NAME.sub("_", line(value, limit)) or "_"


def guarded(text: str) -> str:
    """The text as it may be printed where a CI system reads along: no line of it is a command to the system.

    GitHub's runner obeys `::name::` at the beginning of a line and `##[name]` anywhere in it, others `##name[`.
    """
    return "\n".join(_guarded_line(row) for row in text.splitlines())


def _guarded_line(row: str) -> str:
    said = row.lstrip()
    if said.startswith("::"):
        row = f"{row[: len(row) - len(said)]}: :{said[2:]}"
    return _BRACKETED.sub("# #", row)


def command_data(value: object, limit: int = 4000) -> str:
    """The value as the message of a workflow command.

    The escapes are those of https://github.com/actions/toolkit, packages/core/src/command.ts.
    """
    text = guarded(clean(value, limit))
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def command_property(value: object, limit: int = 500) -> str:
    """The value as a property of a workflow command."""
    return command_data(value, limit).replace(":", "%3A").replace(",", "%2C")
