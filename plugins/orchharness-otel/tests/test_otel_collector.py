"""Through a real collector: `rotel` takes what we send, and hands it on to a receiver that shows what it understood."""

import importlib.util
import socket
import subprocess
import time
from pathlib import Path

import pytest
from otel_receiver import Receiver, attributes, tree

from orchharness.testing import run_plan

PLAN = """\
orchharness: 1
critics: {editor: {kind: scripted, criteria: {clarity: 1}}}
tasks:
  one: {run: [python, -c, "open('one.md', 'w').write('1')"], outputs: {text: one.md}, gate: {critics: [editor]}}
  two: {run: [python, -c, pass], inputs: {text: one.text}}
"""
ROTEL = importlib.util.find_spec("rotel")

pytestmark = pytest.mark.skipif(
    ROTEL is None, reason="rotel is not installed: pip install 'orchharness-otel[test]'"
)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


def is_open(port):
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def collector(tmp_path):
    """A collector that listens at the endpoint, and the receiver that it sends to."""
    http, grpc = free_port(), free_port()
    with Receiver() as receiver:
        words = [
            *("--otlp-http-endpoint", f"127.0.0.1:{http}", "--otlp-grpc-endpoint", f"127.0.0.1:{grpc}"),
            *("--exporter", "otlp", "--otlp-exporter-protocol", "http"),
            *("--otlp-exporter-endpoint", receiver.endpoint, "--pid-file", str(tmp_path / "pid")),
        ]
        program = Path(ROTEL.submodule_search_locations[0], "rotel-agent")
        with (tmp_path / "rotel.log").open("wb") as log:
            process = subprocess.Popen(
                [program, "start", *words], stdout=log, stderr=log, cwd=tmp_path, env={"RUST_LOG": "info"}
            )
        try:
            until = time.monotonic() + 15
            while not is_open(http):
                assert process.poll() is None, (tmp_path / "rotel.log").read_text()
                assert time.monotonic() < until, "the collector does not listen"
                time.sleep(0.02)
            yield f"http://127.0.0.1:{http}", receiver
        finally:
            process.terminate()
            process.wait(10)


def test_a_collector_understands_every_span_of_a_run(collector, tmp_path, monkeypatch):
    endpoint, receiver = collector
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    project = tmp_path / "plans"
    project.mkdir()
    (project / "conftest.py").write_text("from orchharness.testing import *\n")
    (project / "docs.plan.yaml").write_text(PLAN)
    env = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
        "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
        "OTEL_SERVICE_NAME": "ci",
    }

    played = run_plan(project / "docs.plan.yaml", tmp_path, env=env, timeout=25)

    spans = receiver.until(7)
    named = {span.name: span for span in spans}
    assert played.outcomes == {"passed": 3}
    assert tree(spans) == [
        (
            "invoke_workflow docs",
            [
                ("task one", [("run one", [])]),
                ("gate G-one", [("judge editor", [])]),
                ("task two", [("run two", [])]),
            ],
        )
    ]
    assert receiver.resources[0]["service.name"] == "ci"
    assert [link.span_id for link in named["run two"].links] == [named["task one"].span_id]
    assert attributes(named["gate G-one"].events[0]) == {
        "gen_ai.evaluation.name": "G-one",
        "gen_ai.evaluation.score.label": "passed",
        "gen_ai.evaluation.score.value": 1.0,
        "orchharness.iteration": 1,
    }
