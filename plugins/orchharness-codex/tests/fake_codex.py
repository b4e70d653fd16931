#!/usr/bin/env python3
"""Plays Codex CLI in the tests. Standard library only: it says as much as the real one as the plugin reads.

`--play=slow` runs until it is ended and has a child in a session of its own, `--play=failing` ends without success.
"""

# ruff: noqa: T201 - to print is what it is for
import json
import signal
import subprocess
import sys

WORDS = sys.argv[1:]


def say(**event):
    print(json.dumps(event), flush=True)


def wait():
    subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"], start_new_session=True)
    signal.pause()


if WORDS == ["--version"]:
    print("codex-cli 0.169.0")
    sys.exit(0)
if WORDS[:1] == ["sandbox"]:
    sys.exit(0)
prompt = sys.stdin.read()
say(type="thread.started", thread_id="0199-fake")
say(type="turn.started")
if "--play=slow" in WORDS:
    wait()
if "--play=failing" in WORDS:
    say(type="turn.failed", error={"message": "the model cannot be reached"})
    sys.exit(1)
say(type="item.completed", item={"type": "agent_message", "text": f"I was told: {prompt}"})
say(type="turn.completed", usage={"input_tokens": 10, "cached_input_tokens": 0, "output_tokens": 2})
