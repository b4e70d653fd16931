"""Agents that are known to work, and how they are installed."""

from __future__ import annotations

import os

_NPM = {
    "claude-agent-acp": ("@zed-industries/claude-agent-acp", "0.23.1"),
    "opencode": ("opencode-ai", "1.18.33"),
    "gemini": ("@google/gemini-cli", "0.61.0"),
    "codex-acp": ("@zed-industries/codex-acp", "0.16.0"),
    "codex-acp-linux-x64": ("@zed-industries/codex-acp", "0.16.0"),
    "pi-acp": ("pi-acp", "0.0.24"),
}


def how_to_install(program: str) -> str:
    """`; install it with …` for an agent that is known; else what the plan can say instead."""
    known = _NPM.get(os.path.basename(program))  # noqa: PTH119 - pathlib costs 5 ms
    if known is None:
        return "; write its path in the agent's `command`, or put its folder on the PATH"
    return f"; install it with: npm install -g {known[0]}@{known[1]}"
