"""What the tests of the client plugins share: recorded output of real clients, and a fake client that repeats it."""

import json
import os
import secrets
import sys
import time
from importlib import import_module
from pathlib import Path

import pytest

from orchharness import ClientEnd, Finished, Lost, SpawnRequest
from orchharness.testing import run_plan

FAKE = f"""#!{sys.executable} -IS
import json, os, sys
if {{"--version", "sandbox", "status"}} & set(sys.argv):  # a look before anything is started
    print("0.0.0")
    os._exit(sys.stdout.flush() or 0)
turns = json.load(open(os.environ["FAKE_TURNS"]))
notes = open(os.environ["FAKE_TURNS"] + ".notes", "a+")
notes.seek(0)
turn = turns[min(len(notes.readlines()), len(turns) - 1)]
told = {{"argv": sys.argv[1:], "stdin": sys.stdin.read(), "env": dict(os.environ), "cwd": os.getcwd()}}
notes.write(json.dumps(told) + "\\n")
notes.close()
for path, text in turn.get("writes", {{}}).items():
    open(path, "w").write(text)
sys.stdout.write(turn.get("stdout", ""))
sys.stderr.write(turn.get("stderr", ""))
sys.stdout.flush()
os._exit(turn.get("exit", 0))
"""


class Fake:
    """A fake client and what it was told, start by start."""

    def __init__(self, root, recorded):
        self._turns = root / "turns.json"
        self._recorded = recorded
        self.program = root / "fake-client"
        self.program.write_text(FAKE)
        self.program.chmod(0o755)
        self.env = {"FAKE_TURNS": str(self._turns)}

    def turns(self, *turns):
        """What it does at each start: `(recorded output, exit status, {file: text})`."""
        made = []
        for name, status, *writes in turns:
            made.append({"exit": status, **self.output(name), "writes": writes[0] if writes else {}})
        self._turns.write_text(json.dumps(made))

    def output(self, name):
        return {
            key: path.read_text() if (path := self._recorded / f"{name}.{ending}").exists() else ""
            for key, ending in (("stdout", "jsonl"), ("stderr", "stderr"))
        }

    @property
    def told(self):
        return [json.loads(line) for line in Path(f"{self._turns}.notes").read_text().splitlines()]


@pytest.fixture
def fake(tmp_path, request):
    return Fake(tmp_path, request.path.parent / "recorded")


@pytest.fixture
def end(tmp_path, request):
    """A client that is over and left what a real one did: `end("cut", 1, resumed="…")`."""

    def make(name, status=0, *, at=0.0, **memo):
        for ending, log in (("jsonl", "stdout.log"), ("stderr", "stderr.log")):
            source = request.path.parent / "recorded" / f"{name}.{ending}"
            (tmp_path / log).write_text(source.read_text() if source.exists() else "")
        return ClientEnd(exit=status, folder=str(tmp_path), memo=memo, at=at)

    return make


@pytest.fixture
def act(tmp_path, monkeypatch, fake):
    """Runs one act of a plugin with the fake client, without a plan: `act("claude", options={…})`."""
    monkeypatch.setenv("FAKE_TURNS", fake.env["FAKE_TURNS"])

    def run(kind, *, key=None, prompt="Do it.", session=None, env=None, **options):
        plugin = import_module(f"orchharness_{kind}")
        model = plugin._options()
        key = key or secrets.token_hex(
            16
        )  # not of another test that runs at the same time: acts are found by it
        folder = tmp_path / f"act-{key}"
        folder.mkdir(exist_ok=True)
        work = tmp_path / "work"
        work.mkdir(exist_ok=True)
        asked = SpawnRequest(
            key=key,
            act="write.i1.a1",
            kind=kind,
            folder=str(folder),
            cwd=str(work),
            prompt=prompt,
            session=session,
            env=env or {},
            options=model(program=str(fake.program), **options).model_dump(mode="json"),
        )
        handle = plugin.orchharness_spawn(asked)
        while not isinstance(result := plugin.orchharness_poll(handle), Finished):
            assert not isinstance(result, Lost), result
            time.sleep(0.005)
        assert plugin.orchharness_cancel(handle)
        return result

    return run


@pytest.fixture
def play(tmp_path, fake):
    """Runs a plan in a session of its own: `play(text)`; `PROGRAM` in it is the fake client."""

    def run(text, *args):
        project = tmp_path / "project"
        project.mkdir(exist_ok=True)
        plan = project / "write.plan.yaml"
        plan.write_text(text.replace("PROGRAM", str(fake.program)))
        env = {**fake.env, "XDG_STATE_HOME": str(tmp_path / "state"), "PATH": os.environ["PATH"]}
        return run_plan(plan, tmp_path, "-p", "no:hypothesispytest", *args, env=env, timeout=25)

    return run
