#!/usr/bin/env python3
"""Plays Claude Code in the tests. Standard library only: it says as much as the real one as the plugin reads.

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


def result(text, **more):
    used = {"fake-1": {"inputTokens": 10, "outputTokens": 2}}
    end = {"subtype": "success", "is_error": False, "num_turns": 1, "session_id": session, "result": text}
    say(type="result", **{**end, "modelUsage": used, "total_cost_usd": 0.001, **more})


def wait():
    subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"], start_new_session=True)
    signal.pause()


if WORDS == ["--version"]:
    print("2.1.197 (Claude Code)")
    sys.exit(0)
if WORDS == ["auth", "status"]:
    sys.exit(0)
session = next(word.partition("=")[2] for word in WORDS if word.startswith("--session-id="))
prompt = sys.stdin.read()
say(type="system", subtype="init", session_id=session)
if "--play=slow" in WORDS:
    wait()
if "--play=failing" in WORDS:
    result("API Error: 500 the server is on fire", is_error=True, api_error_status=500)
    sys.exit(1)
result(f"I was told: {prompt}")
