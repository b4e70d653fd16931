"""The real clients: where they are, what they need around them, and how a plan names them.

Rules: nothing of the caller's environment reaches a client; its home is a folder of the test; every address it knows
is the scripted server's.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BASE = ROOT / ".agents/clients/node_modules"
MORE = ROOT / ".agents/more-clients/node_modules"

CODEX = """
model = "fake-1"
model_provider = "loop"
[model_providers.loop]
name = "loopback"
base_url = "{url}/v1"
env_key = "LOOP_KEY"
wire_api = "responses"
request_max_retries = 1
stream_max_retries = 1
[analytics]
enabled = false
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """One client.

    `agent` and `denied` are the agent's lines in a plan, as a flow mapping without its braces. `words` are what a user
    is told when the server is `broken`, the stream is `cut`, a tool is `denied`.
    """

    name: str
    program: Path
    package: Path
    agent: str
    denied: str
    words: Mapping[str, str]
    prepare: Callable[[Path, str], Mapping[str, str]]  # home, address of the server -> environment
    usage: tuple[int, int] | None = (200, 20)  # what is told of an act of two answers
    resumes: bool | None = True  # whether a later act of its session knows the earlier one; None: sometimes
    endless: bool = False  # it asks again and again when the server fails: only a time limit ends it
    patience: float = 70  # seconds a session of one turn may take on a very busy machine: more is a hang

    def __str__(self) -> str:
        return self.name

    def missing(self) -> str:
        """What is not installed, or nothing."""
        if self.program.exists():
            return ""
        target = "agents" if self.program.is_relative_to(BASE) else "agents-more"
        return f"{self.name} is not installed: run `make {target}`"


def surroundings(home: Path, url: str, *clients: Client) -> dict[str, str]:
    """The whole environment of a session that runs these clients."""
    home.mkdir()
    temporary = home.with_name("tmp")  # some leave files of many megabytes in the machine's own
    temporary.mkdir()
    node = shutil.which("node")
    assert node, "node is missing"
    programs = [*(client.program for client in clients), Path(sys.executable), Path(node)]
    folders = dict.fromkeys([*(str(program.parent) for program in programs), "/usr/bin", "/bin"])
    found = {"PATH": os.pathsep.join(folders), "HOME": str(home), "TMPDIR": str(temporary)}
    found |= {"LANG": "C.UTF-8", "TERM": "dumb", "COLUMNS": "200"}
    found |= {name: value for name, value in os.environ.items() if name.lower().endswith("_proxy")}
    for client in clients:
        found |= client.prepare(home, url)
    return found


def _claude(home: Path, url: str) -> Mapping[str, str]:
    return {
        "ANTHROPIC_BASE_URL": url,
        "ANTHROPIC_API_KEY": "dummy",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "DISABLE_TELEMETRY": "1",
        "DISABLE_AUTOUPDATER": "1",
    }


def _claude_acp(home: Path, url: str) -> Mapping[str, str]:
    return {**_claude(home, url), "CLAUDE_CODE_MAX_RETRIES": "0"}


def _codex(home: Path, url: str) -> Mapping[str, str]:
    (home / ".codex").mkdir()
    (home / ".codex/config.toml").write_text(CODEX.format(url=url))
    return {"LOOP_KEY": "dummy"}


def _codex_acp(home: Path, url: str) -> Mapping[str, str]:
    found = _codex(home, url)
    config = home / ".codex/config.toml"
    # Of a model that it does not know it warns in its answer.
    config.write_text(config.read_text().replace('"fake-1"', '"gpt-5.3-codex"'))
    return found


def _pi(home: Path, url: str) -> Mapping[str, str]:
    cost = {"input": 3, "output": 15, "cacheRead": 0, "cacheWrite": 0}
    model = {"id": "fake-1", "name": "fake", "reasoning": False, "input": ["text"], "cost": cost}
    loop = {"baseUrl": f"{url}/v1", "api": "openai-completions", "apiKey": "LOOP_KEY"}
    models = [{**model, "contextWindow": 100000, "maxTokens": 8000}]
    (home / ".pi/agent").mkdir(parents=True)
    (home / ".pi/agent/models.json").write_text(
        json.dumps({"providers": {"loop": {**loop, "models": models}}})
    )
    return {"LOOP_KEY": "dummy", "PI_OFFLINE": "1"}


def _opencode(home: Path, url: str) -> Mapping[str, str]:
    limits = {
        "name": "fake",
        "limit": {"context": 100000, "output": 8000},
        "cost": {"input": 3, "output": 15},
    }
    loop = {
        "npm": "@ai-sdk/openai-compatible",
        "name": "loop",
        "options": {"baseURL": f"{url}/v1", "apiKey": "dummy"},
        "models": {"fake-1": limits},
    }
    config = {
        "autoupdate": False,
        "share": "disabled",
        "model": "loop/fake-1",
        "small_model": "loop/fake-1",
        "enabled_providers": ["loop"],
        "permission": {"edit": "ask", "bash": "ask"},
        "provider": {"loop": loop},
    }
    (home / ".config/opencode").mkdir(parents=True)
    (home / ".config/opencode/opencode.json").write_text(json.dumps(config))
    names = ("AUTOUPDATE", "MODELS_FETCH", "DEFAULT_PLUGINS")
    return {f"OPENCODE_DISABLE_{name}": "1" for name in names}


def _gemini(home: Path, url: str) -> Mapping[str, str]:
    settings = {
        "security": {"auth": {"selectedType": "gemini-api-key"}},
        "privacy": {"usageStatisticsEnabled": False},
        "general": {"disableAutoUpdate": True, "enableAutoUpdate": False},
        "telemetry": {"enabled": False},
    }
    (home / ".gemini").mkdir()
    (home / ".gemini/settings.json").write_text(json.dumps(settings))
    return {"GEMINI_API_KEY": "dummy", "GOOGLE_GEMINI_BASE_URL": url}


ALLOWED = "permissions: {edit: workspace, execute: allow}"
CLAUDE = Client(
    name="claude",
    program=BASE / ".bin/claude",
    package=BASE / "@anthropic-ai/claude-code",
    agent="kind: claude, model: claude-sonnet-4-5, permission_mode: acceptEdits, allowed_tools: [Bash]",
    denied="kind: claude, model: claude-sonnet-4-5, permission_mode: default",
    words={"broken": "500", "cut": "ECONNRESET", "denied": "allowed_tools: [Write]"},
    prepare=_claude,
)
CODEX_CLI = Client(
    name="codex",
    program=BASE / ".bin/codex",
    package=BASE / "@openai/codex",
    agent="kind: codex, sandbox: danger-full-access",
    denied="kind: codex, sandbox: read-only",
    words={
        "broken": "high demand",
        "cut": "stream disconnected",
        "denied": "output 'doc' (a.md): does not exist",
    },
    prepare=_codex,
)
CLAUDE_ACP = Client(
    name="acp: claude",
    program=BASE / ".bin/claude-agent-acp",
    package=BASE / "@zed-industries/claude-agent-acp",
    agent=f"kind: acp, command: claude-agent-acp, {ALLOWED}",
    denied="kind: acp, command: claude-agent-acp, permissions: deny",
    words={"broken": "500", "cut": "terminated", "denied": "permissions: "},
    prepare=_claude_acp,
)
PI = Client(
    name="pi",
    program=MORE / ".bin/pi",
    package=MORE / "@mariozechner/pi-coding-agent",
    agent="kind: pi, provider: loop, model: fake-1",
    denied="kind: pi, provider: loop, model: fake-1, allowed_tools: [read]",
    words={"broken": "500", "cut": "terminated", "denied": "output 'doc' (a.md): does not exist"},
    prepare=_pi,
    patience=110,
)
OPENCODE = Client(
    name="acp: opencode",
    program=MORE / "opencode-linux-x64/bin/opencode",
    package=MORE / "opencode-linux-x64",
    agent=f"kind: acp, command: opencode acp, {ALLOWED}",
    denied="kind: acp, command: opencode acp, permissions: deny",
    words={"broken": "500", "cut": "timed out", "denied": "permissions: "},
    prepare=_opencode,
    usage=(100, 10),  # of its last answer
    endless=True,
    patience=110,
)
CODEX_ACP = Client(
    name="acp: codex",
    program=MORE / "@zed-industries/codex-acp-linux-x64/bin/codex-acp",
    package=MORE / "@zed-industries/codex-acp-linux-x64",
    agent=f"kind: acp, command: codex-acp, mode: full-access, {ALLOWED}",
    denied="kind: acp, command: codex-acp, mode: read-only, permissions: deny",
    words={
        "broken": "high demand",
        "cut": "stream disconnected",
        "denied": "output 'doc' (a.md): does not exist",
    },
    prepare=_codex_acp,
    usage=None,
    patience=110,
)
GEMINI = Client(
    name="acp: gemini",
    program=MORE / ".bin/gemini",
    package=MORE / "@google/gemini-cli",
    agent=f"kind: acp, command: gemini --acp -m gemini-2.5-flash --skip-trust, {ALLOWED}",
    denied="kind: acp, command: gemini --acp -m gemini-2.5-flash --skip-trust, permissions: deny",
    words={"broken": "500", "cut": "terminated", "denied": "permissions: "},
    prepare=_gemini,
    resumes=None,  # in the minute in which a session was begun, it overwrites what it is to load
    endless=True,
    patience=110,
)

MAIN = (CLAUDE, CODEX_CLI, CLAUDE_ACP)
FURTHER = (PI, OPENCODE, CODEX_ACP, GEMINI)
CLIENTS = [
    *(pytest.param(client, id=client.name) for client in MAIN),
    *(pytest.param(client, id=client.name, marks=pytest.mark.more) for client in FURTHER),
]
