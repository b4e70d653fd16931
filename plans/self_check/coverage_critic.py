"""Turns a coverage report into scores: how much of the core, and of everything, the unit tests run through.

Lines and branches count alike. The findings name the files with the most that was never run.
"""

import json
import os
from pathlib import Path
from typing import Any

_CORE = "orchharness/core/"
_WORST = 8


def share(summaries: list[dict[str, Any]]) -> float:
    """The covered share of all lines and branches, 0 to 1."""
    there = sum(s["num_statements"] + s["num_branches"] for s in summaries)
    return sum(s["covered_lines"] + s["covered_branches"] for s in summaries) / there if there else 0.0


def missed(summary: dict[str, Any]) -> int:
    """Lines and branches that were never run."""
    return int(summary["missing_lines"] + summary["missing_branches"])


def judge(report: dict[str, Any]) -> dict[str, Any]:
    """The evaluation."""
    files = {name: entry["summary"] for name, entry in report["files"].items()}
    core, overall = share([s for name, s in files.items() if _CORE in name]), share(list(files.values()))
    worst = sorted(files, key=lambda name: -missed(files[name]))[:_WORST]
    findings = [
        {
            "severity": "major" if _CORE in name else "minor",
            "where": name,
            "what": f"{missed(files[name])} lines and branches were never run ({share([files[name]]):.0%} were)",
            "fix": "write unit tests that go there",
        }
        for name in worst
        if missed(files[name])
    ]
    criteria = {
        "core": {"score": round(core, 4), "why": f"{core:.1%} of {_CORE}"},
        "overall": {"score": round(overall, 4), "why": f"{overall:.1%} of all modules"},
    }
    return {"criteria": criteria, "findings": findings}


if __name__ == "__main__":
    print(json.dumps(judge(json.loads(Path(os.environ["ORCH_INPUT_REPORT"]).read_text()))))
