"""What the tests of this plugin share: an agent with a script, and acts of it by the hooks alone."""

import json
import secrets
import sys
import time
from pathlib import Path

import orchharness_acp
import pytest

from orchharness import Finished, LocalProcess, SpawnRequest
from orchharness.plugins import PluginHost

FAKE = Path(__file__).with_name("fake_acp_agent.py")


class Acts:
    """Acts of kind `acp` in a folder; each call is one act, in a process of its own."""

    def __init__(self, folder):
        self.folder, self.count = folder, 0
        self.host = PluginHost.load([orchharness_acp], entry_points=False)
        self.keys = []

    def spawn(self, script=None, *, prompt="Do it.", session=None, env=None, **options):
        self.count += 1
        place = self.folder / f"act{self.count}"
        place.mkdir()
        path = self.folder / "script.json"
        if script is not None or not path.exists():
            path.write_text(json.dumps(script or {}))
        model = orchharness_acp._options()
        given = {"command": [sys.executable, str(FAKE), str(path)], "call_timeout": 5, **options}
        key = secrets.token_hex(16)  # no other test's: processes are found, and ended, by it
        self.keys.append(key)
        return self.host.spawn(
            SpawnRequest(
                key=key,
                act=f"one.i{self.count}.a1",
                kind="acp",
                folder=str(place),
                cwd=str(self.folder),
                prompt=prompt,
                session=session,
                env=env or {},
                options=model.model_validate(given).model_dump(),
            )
        )

    def end_of(self, handle, limit=20):
        until = time.monotonic() + limit
        while not isinstance(found := self.host.poll(handle), Finished):
            assert time.monotonic() < until, found
            time.sleep(0.02)
        return found

    def run(self, script=None, **more):
        return self.end_of(self.spawn(script, **more))

    def read(self):
        """What the agents were told, in order."""
        return [json.loads(line) for line in (self.folder / "log.jsonl").read_text().splitlines()]

    def left(self):
        return LocalProcess.sweep(self.keys)


@pytest.fixture
def acts(tmp_path):
    folder = tmp_path / "work"
    folder.mkdir()
    made = Acts(folder)
    yield made
    LocalProcess.end(s.pid for s in made.left())
