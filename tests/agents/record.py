"""Records the plans of `plans/` that have a model, with the real clients and the scripted model: no network.

make agents
python tests/agents/alone.py .venv/bin/python tests/agents/record.py
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from agent_clients import CLAUDE, CODEX_CLI, ROOT, surroundings
from model_server import serving

PLANS = ["plans/recorded-guide.plan.yaml", "plans/gallery/real-agents.plan.yaml"]


def main() -> int:
    """Record; the exit status of pytest."""
    missing = CLAUDE.missing() or CODEX_CLI.missing()
    if missing:
        print(missing, file=sys.stderr)  # noqa: T201
        return 2
    with tempfile.TemporaryDirectory() as scratch, serving() as server:
        env = surroundings(Path(scratch, "home"), server.url, CLAUDE, CODEX_CLI)
        words = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *PLANS, "--orch-record"]
        return subprocess.run(words, cwd=ROOT, env=env, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
