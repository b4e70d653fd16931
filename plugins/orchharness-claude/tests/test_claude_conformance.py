from pathlib import Path

import orchharness_claude

from orchharness.testing import AgentConformance, Work

FAKE = {"program": str(Path(__file__).with_name("fake_claude.py"))}


class TestClaude(AgentConformance):
    plugin = orchharness_claude
    kind = "claude"
    quick = Work(options=FAKE)
    slow = Work(options={**FAKE, "args": ["--play=slow"]})
    failing = Work(options={**FAKE, "args": ["--play=failing"]})
    absent = Work(options={"program": "no-such-client"})
