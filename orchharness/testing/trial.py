"""The acts of one test of a conformance suite: spawned, asked here and in other processes, and ended with the test.

No hook is waited for longer than the suite's limit: one that does not return is a failure with the hook's name.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import fields, is_dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from orchharness import Finished, Handle, Lost, PluginHost, PollResult, SpawnRequest
from orchharness.record import field, record
from orchharness.testing.processes import everybody

_PAUSE = 0.02


@record
class Work:
    """What an act is to do: as in a plan, `options` of the agent, its `prompt`, its `env`; `argv` of a `run`."""

    options: Mapping[str, Any] = field(default_factory=dict)
    prompt: str | None = "Do the work."
    env: Mapping[str, str] = field(default_factory=dict)
    argv: tuple[str, ...] = ()
    shell: bool = False


class Suite(Protocol):
    """What a trial needs to know."""

    kind: str
    limit: float

    @property
    def module(self) -> str:
        """The dotted name of the plugin."""
        ...

    def checked(self, host: PluginHost, options: Mapping[str, Any]) -> dict[str, Any]:
        """Options as they are handed on."""
        ...


class Trial:
    """Acts in a folder of their own."""

    def __init__(self, suite: Suite, folder: Path) -> None:
        from importlib import import_module

        self.suite, self.folder, self.limit = suite, folder, suite.limit
        self.host = PluginHost.load([import_module(suite.module)], entry_points=False)
        self._requests: list[SpawnRequest] = []
        self._handles: list[Handle] = []
        self._asked = 0

    def request(self, work: Work) -> SpawnRequest:
        """A request for an act with a folder and a working directory of its own, and a prompt that no other has."""
        number = len(self._requests) + 1
        folder, cwd = self.folder / f"act-{number}", self.folder / f"work-{number}"
        folder.mkdir(mode=0o700)
        cwd.mkdir()
        key = secrets.token_hex(16)
        prompt = work.prompt if work.prompt is None else f"{work.prompt}\n\nThe word is {word_of(key)}."
        env = {"ORCH_RESULT": str(folder / "agent-result.json"), "CONFORMANCE": word_of(key), **work.env}
        if prompt is not None:
            env["ORCH_PROMPT"] = str(folder / "prompt.md")
            (folder / "prompt.md").write_text(prompt, encoding="utf-8")
        request = SpawnRequest(
            key=key,
            act=f"conformance.i{number}.a1",
            kind=self.suite.kind,
            folder=str(folder),
            cwd=str(cwd),
            argv=work.argv,
            shell=work.shell,
            prompt=prompt,
            env=env,
            options=self.suite.checked(self.host, work.options),
        )
        self._requests.append(request)
        return request

    def spawn(self, request: SpawnRequest) -> Handle:
        """Ask for the act, here."""
        handle: Handle = self.within("orchharness_spawn", lambda: self.host.spawn(request))
        self._handles.append(handle)
        return handle

    def poll(self, handle: Handle) -> PollResult:
        """Ask how it is doing, here."""
        result: PollResult = self.within("orchharness_poll", lambda: self.host.poll(handle))
        return result

    def cancel(self, handle: Handle) -> bool:
        """Ask for its end until it is said to be reached, as the harness does; whether it was."""
        until = time.monotonic() + self.limit
        while not self.within("orchharness_cancel", lambda: self.host.cancel(handle)):
            if time.monotonic() > until:
                return False
            time.sleep(_PAUSE)
        return True

    def end_of(self, handle: Handle) -> Finished | Lost:
        """What came of it, as soon as it is over."""
        result = self.until(
            lambda: found if isinstance(found := self.poll(handle), Finished | Lost) else None,
            lambda: f"the act is not over after {self.limit:g} s: poll says {self.poll(handle)}",
        )
        assert isinstance(result, Finished | Lost)
        return result

    def until(self, look: Callable[[], Any], failing: Callable[[], str], most: float | None = None) -> Any:
        """What the look finds, as soon as it finds something.

        Raises:
            AssertionError: it found nothing for `most` seconds, or for as long as anything may take.
        """
        until = time.monotonic() + min(self.limit, most or self.limit)
        while not (found := look()):
            assert time.monotonic() < until, failing()
            time.sleep(_PAUSE)
        return found

    def within(self, what: str, call: Callable[[], Any]) -> Any:
        """What the call returns. It goes to a thread: one that hangs must not hang the test.

        Raises:
            AssertionError: it did not return in time.
        """
        found: list[Any] = []
        raised: list[BaseException] = []

        def run() -> None:
            try:
                found.append(call())
            except BaseException as error:  # noqa: BLE001 - raised again by who waits
                raised.append(error)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        thread.join(self.limit)
        assert not thread.is_alive(), f"{what} has not returned after {self.limit:g} s: no hook may wait"
        if raised:
            raise raised[0]
        return found[0]

    def elsewhere(
        self, do: str, value: Any = None, *, die: bool = False, stdin: int | None = None
    ) -> dict[str, Any]:
        """The answer of the plugin in another process; with `die`, that process is killed when it has the answer.

        What that process and the plugin print goes to `elsewhere-N.txt` in the trial's folder.
        """
        import subprocess  # noqa: S404

        from orchharness.testing import elsewhere

        self._asked += 1
        spec, answer = (self.folder / f"elsewhere-{self._asked}.{name}" for name in ("json", "answer"))
        asked = {"path": sys.path, "plugin": self.suite.module, "do": do, "value": plain(value), "die": die}
        spec.write_text(json.dumps({**asked, "answer": str(answer)}, default=dict), encoding="utf-8")
        with self.printed.open("wb") as printed:
            try:
                subprocess.run(  # noqa: S603 - the interpreter and files of ours
                    [sys.executable, "-P", elsewhere.__file__, str(spec)],
                    stdin=subprocess.DEVNULL if stdin is None else stdin,
                    stdout=printed,
                    stderr=printed,
                    timeout=self.limit * 2,
                    check=False,
                    start_new_session=True,
                )
            except subprocess.TimeoutExpired:
                msg = f"{do!r}, asked in another process, has not returned after {self.limit * 2:g} s: no hook may wait"
                raise AssertionError(msg) from None
        assert answer.exists(), (
            f"{do!r}, asked in another process, ended that process: "
            f"{self.printed.read_text(errors='replace')[-2000:] or 'it said nothing'}"
        )
        found: dict[str, Any] = json.loads(answer.read_bytes())
        assert "error" not in found, f"{do!r}, asked in another process, raised {found['error']}"
        return found

    @property
    def printed(self) -> Path:
        """What the last other process printed."""
        return self.folder / f"elsewhere-{self._asked}.txt"

    def close(self) -> None:
        """End what is left of the acts."""
        for handle in self._handles:
            with suppress(Exception):
                self.within("orchharness_cancel", partial(self.host.cancel, handle))
        words = {word_of(request.key) for request in self._requests}
        # A plugin that is wrong may start what carries no marker: it is known by where it works, or what it was given.
        for process in (p for p in everybody() if p.pid != os.getpid()):
            if process.cwd.startswith(f"{self.folder}/work-") or process.environ.get("CONFORMANCE") in words:
                with suppress(OSError):
                    os.kill(process.pid, signal.SIGKILL)


def word_of(key: str) -> str:
    """A word by which an act can be told in what it was given: no other act's."""
    return f"conformance{key[:12]}"


def plain(value: Any) -> Any:
    """The value in JSON types; a record as an object with its class's name under `is`."""
    if is_dataclass(value) and not isinstance(value, type):
        return {"is": type(value).__name__, **{f.name: plain(getattr(value, f.name)) for f in fields(value)}}
    if isinstance(value, Mapping):
        return {name: plain(each) for name, each in value.items()}
    return [plain(each) for each in value] if isinstance(value, list | tuple) else value


def made(record: type[Any], value: Mapping[str, Any]) -> Any:
    """The record that `plain` made an object of; lists are tuples in requests."""
    given = {name: tuple(v) if isinstance(v, list) else v for name, v in value.items() if name != "is"}
    return record(**given)


def handle_of(value: Mapping[str, Any]) -> Handle:
    """The handle that was stored."""
    return Handle(kind=value["kind"], data=value["data"], api=value["api"])
