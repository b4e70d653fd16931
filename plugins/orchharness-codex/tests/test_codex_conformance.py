from pathlib import Path

import orchharness_codex

from orchharness.testing import AgentConformance, Work

FAKE = {"program": str(Path(__file__).with_name("fake_codex.py"))}


class TestCodex(AgentConformance):
    plugin = orchharness_codex
    kind = "codex"
    quick = Work(options=FAKE)
    slow = Work(options={**FAKE, "args": ["--play=slow"]})
    failing = Work(options={**FAKE, "args": ["--play=failing"]})
    absent = Work(options={"program": "no-such-client"})
