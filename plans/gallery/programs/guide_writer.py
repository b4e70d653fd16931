"""Writes the guide from the specifications: `guide_writer.py specs GUIDE.md`.

The first draft holds a sentence for each function. After that the writer does what the findings of the gate ask
for, and nothing else: they stand in the JSON file that ORCH_FINDINGS names.
"""

import json
import os
import re
import sys
from pathlib import Path


def draft(specifications: Path) -> str:
    """A section for each function."""
    parts = ["# The shop's functions\n"]
    for path in sorted(specifications.glob("*.md")):
        parts += [
            f"## {name}\n\n{says.capitalize()}.\n"
            for name, says in re.findall(r"^- `(\w+)\(.*?\)`: (.+)$", path.read_text(), re.MULTILINE)
        ]
    return "\n".join(parts)


def mended(guide: str, findings: list[dict[str, str]]) -> str:
    """The guide with the text that each finding asks for at the end of the section that it names."""
    for finding in findings:
        section = re.search(
            rf"^## {re.escape(finding['where'])}$.*?(?=^## |\Z)", guide, re.MULTILINE | re.DOTALL
        )
        if section:
            guide = f"{guide[: section.end()].rstrip()}\n\n{finding['fix']}\n\n{guide[section.end() :]}"
    return guide.rstrip() + "\n"


def main(specifications: str, target: str) -> None:
    """Writes or mends the guide."""
    guide = Path(target)
    if "ORCH_FINDINGS" not in os.environ:
        guide.write_text(draft(Path(specifications)))
        return
    findings = json.loads(Path(os.environ["ORCH_FINDINGS"]).read_text())["findings"]
    guide.write_text(mended(guide.read_text(), findings))


if __name__ == "__main__":
    main(*sys.argv[1:])
