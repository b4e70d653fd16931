"""A look before the first spawn: nothing that can be known then is found out later."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from orchharness import PreflightRequest

FAKE = Path(__file__).with_name("fake_acp_agent.py")


@pytest.fixture
def look(acts):
    def ask(script=None, *, env=None, **options):
        path = acts.folder / "script.json"
        path.write_text(json.dumps(script or {}))
        given = {"command": [sys.executable, str(FAKE), str(path)], "call_timeout": 5, **options}
        return acts.host.preflight(
            PreflightRequest(agent="author", kind="acp", cwd=str(acts.folder), options=given, env=env or {})
        )

    return ask


def alive(words):
    listed = subprocess.run(["ps", "-eo", "pid,args"], capture_output=True, text=True, check=True).stdout
    return [
        line for line in listed.splitlines() if words in line and str(os.getpid()) not in line.split()[:1]
    ]


def test_an_agent_that_does_not_answer_is_a_fault_and_is_ended(look, acts):
    began = time.monotonic()
    found = look({"initialize": "hang", "ignore": ["SIGTERM"]}, call_timeout=0.5)

    assert found.fault == "agent 'author': the agent did not answer 'initialize' within 0.5 s"
    assert time.monotonic() - began < 15
    assert alive(str(acts.folder)) == []


def test_an_agent_that_answers_is_told_with_its_version_and_no_session_is_begun(look, acts):
    found = look({"loads": True})

    assert (found.version, found.missing, found.fault) == ("fake 1.2.3, protocol 1", "", "")
    assert [m["method"] for m in acts.read()] == ["initialize"]
    assert alive(str(acts.folder)) == []


def test_an_agent_that_loads_no_sessions_is_told_so(look):
    assert look().version == "fake 1.2.3, protocol 1, loads no sessions"


def test_an_agent_of_another_version_of_the_protocol_is_a_fault(look):
    found = look({"initialize": {"result": {"protocolVersion": 2}}})

    assert found.fault == "agent 'author': the agent speaks version 2 of the protocol, and not 1"


def test_a_program_that_is_no_agent_is_a_fault(look):
    assert "ended with exit status 0 before it answered 'initialize'" in look(command=["echo", "hello"]).fault


@pytest.mark.parametrize(
    ("program", "how"),
    [
        ("claude-agent-acp", "npm install -g @zed-industries/claude-agent-acp@0.23.1"),
        ("opencode", "npm install -g opencode-ai@1.18.33"),
        ("gemini", "npm install -g @google/gemini-cli@0.61.0"),
        ("codex-acp-linux-x64", "npm install -g @zed-industries/codex-acp@0.16.0"),
        ("my-agent", "write its path in the agent's `command`, or put its folder on the PATH"),
    ],
)
def test_a_program_that_is_not_there_is_missing_and_how_to_install_it_is_told(look, program, how):
    found = look(command=[program, "--acp"], env={"PATH": "/nowhere"})

    assert found.missing.startswith(f"the program {program!r} of agent 'author' was not found; ")
    assert found.missing.endswith(how)


def test_what_an_agent_prints_on_its_errors_does_not_disturb_the_look(look, acts):
    noisy = acts.folder / "noisy"
    noisy.write_text(f'#!/bin/sh\nprintf "no newline" >&2\nexec {sys.executable} {FAKE} "$1"\n')
    noisy.chmod(0o755)

    assert look(command=[str(noisy), str(acts.folder / "script.json")]).version.startswith("fake 1.2.3")
