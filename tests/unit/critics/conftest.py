import json
import os
import secrets
import subprocess
import sys
from dataclasses import asdict
from types import SimpleNamespace

import pytest

from orchharness.agents.local import LocalProcess
from orchharness.core.acts import CriticRequest
from orchharness.plugins import PluginHost


class Judgements:
    """Makes requests of critics; asks them here, or in the process that a judgement is."""

    def __init__(self, root):
        self.root = root
        self.key = secrets.token_hex(16)  # processes are found by it, those of another session must not be
        self.folder = root / "act"
        self.workspace = root / "workspace"
        self.folder.mkdir()
        self.workspace.mkdir()
        self.host = PluginHost.load(entry_points=False)

    def request(self, kind, **more):
        values = {
            "key": self.key,
            "act": "G-1.i1.c.a1",
            "gate": "G-1",
            "critic": "c",
            "kind": kind,
            "iteration": 1,
            "folder": str(self.folder),
            "cwd": str(self.workspace),
            "workspace": str(self.workspace),
            **more,
        }
        return CriticRequest(**values)

    def ask(self, kind, **more):
        request = self.request(kind, **more)
        self.store(request)
        return self.host.critic(request)

    def store(self, request, plugins=()):
        record = asdict(request) | {"plugins": list(plugins)}
        (self.folder / "critic-request.json").write_text(json.dumps(record, default=dict))

    def command(self):
        return [sys.executable, "-P", "-m", "orchharness.critics.act", str(self.folder)]

    def env(self):
        return {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}

    def act(self, request, plugins=()):
        """Exit status, stderr and the stored evaluation (None: there is none)."""
        self.store(request, plugins)
        done = subprocess.run(
            self.command(),
            capture_output=True,
            text=True,
            check=False,
            timeout=25,
            env=self.env(),
            stdin=subprocess.DEVNULL,
        )
        stored = self.folder / "evaluation.json"
        evaluation = json.loads(stored.read_text()) if stored.exists() else None
        return SimpleNamespace(status=done.returncode, stderr=done.stderr, evaluation=evaluation)


@pytest.fixture
def judgements(tmp_path):
    made = Judgements(tmp_path)
    yield made
    keys = [json.loads(path.read_text())["data"]["key"] for path in tmp_path.rglob("handle.json")]
    assert LocalProcess.sweep(keys) == [], "a test left processes behind"
