"""The page about OpenTelemetry says what is there."""

import re
from pathlib import Path

from orchharness_otel.watcher import LIMIT
from otel_receiver import Receiver, tree

from orchharness.testing import run_plan

PAGE = (Path(__file__).parents[3] / "docs/opentelemetry.md").read_text()
BLOCKS = dict(re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))


def as_text(found, depth=0):
    return "".join(f"{'  ' * depth}{name}\n{as_text(below, depth + 1)}" for name, below in found)


def test_its_plan_with_its_command_is_the_trace_that_it_shows(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    project = tmp_path / "plans"
    project.mkdir()
    (project / "docs.plan.yaml").write_text(BLOCKS["yaml"])
    variable, _ = BLOCKS["sh"].split()[0].split("=")
    with Receiver() as receiver:
        played = run_plan(project / "docs.plan.yaml", tmp_path, env={variable: receiver.endpoint}, timeout=28)

    assert played.outcomes == {"passed": 3}
    assert as_text(tree(receiver.spans)) == BLOCKS["text"]


def test_the_time_that_the_end_of_a_run_waits_is_that_of_the_code():
    assert f"at its end, for {LIMIT} s at most" in PAGE
