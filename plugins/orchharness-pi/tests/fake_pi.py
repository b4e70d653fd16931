#!/usr/bin/env python3
"""Plays the pi coding agent in the tests. Standard library only: it says as much as the real one as the plugin reads.

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


def message(text, reason, **more):
    used = {"input": 10, "output": 2, "totalTokens": 12, "cost": {"total": 0.001}}
    said = {"role": "assistant", "content": [{"type": "text", "text": text}], "stopReason": reason}
    say(type="message_end", message={**said, "usage": used, **more})


def wait():
    subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"], start_new_session=True)
    signal.pause()


if WORDS == ["--version"]:
    print("0.73.1")
    sys.exit(0)
prompt = sys.stdin.read()
say(type="session", id="fake-session")
if "--play=slow" in WORDS:
    wait()
if "--play=failing" in WORDS:
    message("", "error", errorMessage="the model cannot be reached")  # the real one ends with 0 too
else:
    message(f"I was told: {prompt}", "stop")
