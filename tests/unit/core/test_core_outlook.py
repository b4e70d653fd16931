from __future__ import annotations

from pathlib import Path

from orchharness.core.outlook import outlook_of
from orchharness.planfile import read_plan
from orchharness.plugins import PluginHost

TEXT = """
orchharness: 1
critics: {editor: {run: [judge], criteria: {clarity: 1.0}}}
phases:
  build:
    tracks:
      docs:
        tasks:
          guide: {run: [a], estimate: 10m, outputs: {g: g.md}, gate: {id: G-1, critics: [editor], threshold: 0.8}}
          after: {run: [b], needs: [guide], gate: {id: G-2, checks: [{run: [c]}]}}
  final:
    tasks: {end: {run: [d]}}
"""


def test_an_outlook_says_where_items_stand_what_waits_and_how_long_tasks_take(tmp_path: Path):
    path = tmp_path / "play.plan.yaml"
    path.write_text(TEXT)
    host = PluginHost.load()
    found = outlook_of(read_plan(path, root=tmp_path, kinds=host.kinds, critic_kinds=host.critic_kinds))

    assert found["places"] == {
        "guide": ["build", "docs"],
        "G-1": ["build", "docs"],
        "after": ["build", "docs"],
        "G-2": ["build", "docs"],
        "end": ["final", "final"],
    }
    assert found["after"]["guide"] == ["G-1", "phase:build"]
    assert "after" in found["after"]["G-1"]
    assert found["after"]["phase:build"] == ["end"]
    assert found["seconds"] == {"guide": 600.0}
    assert found["thresholds"] == {"G-1": "0.80"}  # the other one has no score
