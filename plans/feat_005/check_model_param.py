"""The check of G-PHASE0: can a model be chosen in this skill at all?

Reads the verdict of TASK-419. That not all is well yet is no reason to fail: mending is what the
tracks after this gate do. That there is nothing a model could be given to is one.
"""

import json
import sys
from pathlib import Path
from typing import Any


def answer(verdict: Any) -> tuple[bool, str]:
    """Whether the gate opens, and the line that says why."""
    if not isinstance(verdict, dict) or not isinstance(verdict.get("ways"), list):
        return False, "the verdict is not one: it has no list `ways`"
    ways, agents = verdict["ways"], verdict.get("agents") or []
    if ways:
        wrong = [a["file"] for a in agents if isinstance(a, dict) and not a.get("valid", True)]
        more = f" (and in {len(ways) - 1} more ways)" if len(ways) > 1 else ""
        left = f"; still to be mended: {', '.join(wrong)}" if wrong else ""
        return True, f"models can be chosen: {ways[0]}{more}{left}"
    if agents:
        return (False, "no agent definition can be read as text, and no script has a model option")
    return False, "there are no agent definitions (agents/*.md), and no script or SKILL.md chooses a model"


def main(argv: list[str]) -> int:
    """0 when models can be chosen, 1 when not, 2 without a verdict to read."""
    if len(argv) != 1:
        print("check_model_param: give the verdict file of TASK-419", file=sys.stderr)
        return 2
    try:
        verdict = json.loads(Path(argv[0]).read_text("utf-8"))
    except (OSError, ValueError) as error:
        print(f"check_model_param: cannot read the verdict: {error}", file=sys.stderr)
        return 2
    opens, why = answer(verdict)
    print(f"G-PHASE0: {why}", file=sys.stdout if opens else sys.stderr)
    return 0 if opens else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
