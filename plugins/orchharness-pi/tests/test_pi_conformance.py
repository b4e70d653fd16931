from pathlib import Path

import orchharness_pi

from orchharness.testing import AgentConformance, Work

FAKE = {"program": str(Path(__file__).with_name("fake_pi.py"))}


class TestPi(AgentConformance):
    plugin = orchharness_pi
    kind = "pi"
    quick = Work(options=FAKE)
    slow = Work(options={**FAKE, "args": ["--play=slow"]})
    failing = Work(options={**FAKE, "args": ["--play=failing"]})
    absent = Work(options={"program": "no-such-client"})
