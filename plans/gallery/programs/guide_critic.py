"""Judges the guide: is every function of the specifications in it, with an example?

It gets a copy of the guide and the specifications, never the writer's own word, prints scores and findings, and leaves the sum to
orchharness.
"""

import json
import os
import re
import sys
from pathlib import Path

_FUNCTION = re.compile(r"^- `(\w+)\(.*?\)`: .+\n.+\n  for example `(.+)` gives `(.+)`$", re.MULTILINE)


def sections(guide: str) -> dict[str, str]:
    """Heading -> the text below it."""
    return {part.partition("\n")[0].strip(): part for part in re.split(r"^## ", guide, flags=re.MULTILINE)}


def judge(guide: str, specifications: list[str]) -> dict[str, object]:
    """Scores from 0 to 1, and what is missing."""
    functions = [found for text in specifications for found in _FUNCTION.findall(text)]
    parts = sections(guide)
    findings = []
    for name, example, gives in functions:
        if name in parts and example not in parts[name]:
            fix = f"For example `{example}` gives `{gives}`."
            finding = {
                "severity": "major",
                "task": "guide",
                "where": name,
                "what": f"{name} has no example",
                "fix": fix,
            }
            findings.append(finding)
    present = sum(name in parts for name, _, _ in functions)
    shown = sum(example in parts.get(name, "") for name, example, _ in functions)
    criteria = {
        "coverage": {"score": present / len(functions), "why": f"{present} of {len(functions)} functions"},
        "examples": {"score": shown / len(functions), "why": f"{shown} of {len(functions)} with an example"},
    }
    return {"criteria": criteria, "findings": findings}


def main() -> None:
    """Judges the artifacts that the environment names."""
    guide = Path(os.environ["ORCH_INPUT_GUIDE"]).read_text()
    specifications = [Path(path).read_text() for path in sys.argv[1:]]
    print(json.dumps(judge(guide, specifications)))


if __name__ == "__main__":
    main()
