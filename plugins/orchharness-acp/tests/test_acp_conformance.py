import json
import sys
from pathlib import Path

import orchharness_acp
import pytest

from orchharness.testing import AgentConformance, Work

FAKE = Path(__file__).with_name("fake_acp_agent.py")
# The fake agent notes what it is told beside its script.
SCRIPTS = {
    "quick": [{"say": "done"}, {"cost": 0.5}, {"usage": {"inputTokens": 10, "outputTokens": 2}}],
    "slow": [{"fork": "left.txt"}, {"wait": None}],
    "failing": [{"error": {"code": -32603, "message": "the model cannot be reached"}}],
}


class TestAcp(AgentConformance):
    plugin = orchharness_acp
    kind = "acp"
    absent = Work(options={"command": ["no-such-agent"]})

    @pytest.fixture(autouse=True)
    def _scripts(self, tmp_path):
        self.notes = tmp_path / "scripts/log.jsonl"
        self.notes.parent.mkdir()
        for name, actions in SCRIPTS.items():
            path = self.notes.with_name(f"{name}.json")
            path.write_text(json.dumps({"prompt": actions}))
            setattr(self, name, Work(options={"command": [sys.executable, str(FAKE), str(path)]}))

    def heard(self, folder, cwd, result):
        return self.notes.read_text()
