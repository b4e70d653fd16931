"""A client on a command line, whose output is parsed: what the presets for coding agents have in common.

*   The client is a `LocalProcess`: durable, found again from any process, ended with all that it started.
*   Its prompt comes on stdin, from a file in the act's folder.
*   What it printed decides, with its exit status: each of them can make the act fail, only both let it succeed.
*   A parser that fails, fails the act: an answer that cannot be read is no reason to ask for ever.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field, replace
from typing import TYPE_CHECKING, Any

from orchharness import private
from orchharness.agents import client_run
from orchharness.agents.client_output import ClientEnd, summary_of
from orchharness.agents.command import environment, resolve
from orchharness.agents.local import LocalProcess
from orchharness.agents.start import ended_at
from orchharness.core.acts import Finished, Handle, PollResult, SpawnRequest
from orchharness.core.plan import EMPTY
from orchharness.errors import OrchError
from orchharness.record import record

_SPECIAL = tuple("/@!#-")  # what begins like this is a command, a file or an option to one client or another
_PLAIN = "The task:\n\n"

if TYPE_CHECKING:
    from orchharness.core.acts import Preflight, PreflightRequest


@record
class Client:
    """One client. Options that all clients have (`ClientOptions`) are looked at here, its own by its plugin.

    `parse` says what a client that is over has left; its `exit` is not asked for. `env` holds what the client gets
    unless the caller's environment or the plan says otherwise.
    """

    program: str
    install: str  # the command that installs it
    parse: Callable[[ClientEnd], Finished]
    known: tuple[str, ...] = ()  # versions that were tried
    env: Mapping[str, str] = field(default=EMPTY)
    unknown: tuple[str, ...] = ()  # what it prints when it knows no session of that id
    shorten: tuple[str, ...] = ()  # how lines begin that are cut there; JSON objects, without the last brace

    def spawn(
        self,
        request: SpawnRequest,
        words: Sequence[str],
        *,
        resume: Sequence[str] | None = None,
        prompt: str | None = None,
        memo: Mapping[str, Any] = EMPTY,
    ) -> Handle:
        """Start the client with these words, which do not hold the program and the prompt.

        Args:
            request: The act.
            words: What follows the program.
            resume: The words that go on with a session. Where the client does not know it, `words` are executed.
            prompt: What it is told; without it, the prompt of the request.
            memo: JSON that `parse` finds in `ClientEnd.memo`.

        Raises:
            OrchError: there is no prompt, the client is not installed, or it cannot be started; nothing was.
        """
        text = request.prompt if prompt is None else prompt
        if text is None or not text.strip():
            msg = f"{request.act}: an agent of kind {request.kind!r} needs a `prompt`"
            raise OrchError(msg)
        request = replace(request, env=self.environment(request.options, request.env))
        try:
            program = self.found(request.options, request.cwd, environment(request))
        except OrchError as error:
            msg = f"{request.act}: {error}"
            raise OrchError(msg) from None
        spec = {
            "words": [program, *words],
            "resume": [program, *resume] if resume is not None else None,
            "unknown": self.unknown,
            "shorten": self.shorten,
            "memo": memo,
        }
        plain = _PLAIN if text.lstrip().startswith(_SPECIAL) else ""
        _keep(f"{request.folder}/{client_run.PROMPT}", plain + text)
        _keep(f"{request.folder}/{client_run.SPEC}", json.dumps(spec, default=dict))
        # -I -S: neither the environment, nor installed packages, nor the working directory has a say in it.
        return LocalProcess.spawn(request, (sys.executable, "-I", "-S", client_run.__file__, request.folder))

    def poll(self, handle: Handle) -> PollResult:
        """Whether it runs, or what came of it."""
        result = LocalProcess.poll(handle)
        if not isinstance(result, Finished):
            return result
        # Tools with a session of their own outlive their client. Nothing may write while the outputs are looked at.
        LocalProcess.cancel(handle, grace=0)
        end = ended(handle.data["folder"], result.exit or 0)
        try:
            said = self.parse(end)
        except Exception as error:  # noqa: BLE001 - raising would mean "ask again", and the answer stays what it is
            said = Finished(ok=False, detail=f"its output cannot be read: {type(error).__name__}: {error}")
        return _both(result, said, end)

    def environment(self, options: Mapping[str, Any], env: Mapping[str, str]) -> dict[str, str]:
        """What is added to the caller's environment: the act's own, the option `env`, and what nobody else sets."""
        quiet = {name: value for name, value in self.env.items() if name not in os.environ}
        return {**quiet, **(options.get("env") or {}), **env}

    @staticmethod
    def folders(request: SpawnRequest, *prefixes: str) -> tuple[str, ...]:
        """Folders out of `request.cwd` in which the act's inputs and outputs are, sorted: what a client must let in.

        Args:
            request: The act.
            prefixes: Of the variables that name the files: `ORCH_INPUT_`, `ORCH_OUTPUT_`; both when there are none.
        """
        wanted = prefixes or ("ORCH_INPUT_", "ORCH_OUTPUT_")
        here = os.path.join(os.path.realpath(request.cwd), "")  # noqa: PTH118
        found = set()
        for name, value in request.env.items():
            for path in value.split("\n") if name.startswith(wanted) else ():
                folder = _above(path)
                if os.path.isdir(folder) and not os.path.join(os.path.realpath(folder), "").startswith(here):  # noqa: PTH112, PTH118
                    found.add(folder)
        return tuple(sorted(found))

    def preflight(
        self,
        request: PreflightRequest,
        look: Callable[[Sequence[str], Mapping[str, str]], Preflight | None] | None = None,
    ) -> Preflight:
        """Whether the client is there, answers, and is of a version that was tried.

        Args:
            request: The agent.
            look: Called with the program and the whole environment when it is there: a fault or a warning, or None.
        """
        from orchharness.agents.client_look import look_at

        return look_at(self, request, look)

    def named(self, options: Mapping[str, Any]) -> str:
        """The program, as the plan or else the client names it."""
        return str(options.get("program") or self.program)

    def found(self, options: Mapping[str, Any], cwd: str, env: Mapping[str, str]) -> str:
        """The absolute path of the program.

        Raises:
            OrchError: it is not there, or the working directory is not.
        """
        try:
            return resolve(self.named(options), cwd, env)
        except OrchError as error:
            if not os.path.isdir(cwd):  # noqa: PTH112 - pathlib costs 5 ms
                raise  # no other program would help
            msg = f"{error}; install it with `{self.install}`, or name it with the option `program`"
            raise OrchError(msg) from None


def _keep(path: str, text: str) -> None:
    """Write the file at once: an act that is asked for again may be reading it."""
    private.write(f"{path}.part", text)
    os.replace(f"{path}.part", path)  # noqa: PTH105 - pathlib costs 5 ms


def _above(path: str) -> str:
    """The folder of a file, or that above the first part of a pattern."""
    folder = os.path.dirname(path)  # noqa: PTH120
    while any(sign in folder for sign in "*?["):
        folder = os.path.dirname(folder)  # noqa: PTH120
    return folder


def ended(folder: str, status: int) -> ClientEnd:
    """What is known of a client that is over, from the folder of its act."""
    try:
        # The folder is the client's too: a FIFO that it put there must not stop us.
        descriptor = os.open(f"{folder}/{client_run.SPEC}", os.O_RDONLY | os.O_NONBLOCK)
        with open(descriptor, "rb") as file:  # noqa: PTH123
            memo = json.loads(file.read())["memo"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        memo = {}
    at = ended_at(folder) or 0.0
    return ClientEnd(exit=status, folder=folder, memo=memo if isinstance(memo, dict) else {}, at=at)


def _both(process: Finished, said: Finished, end: ClientEnd) -> Finished:
    ok = process.ok and said.ok
    remarks = [said.detail]
    if not said.ok and not said.detail:
        remarks.append(end.errors or "the client does not say that it succeeded")
    if said.trouble == "":
        remarks.append(process.detail)
    return Finished(
        ok=ok,
        exit=process.exit,
        detail="; ".join(filter(None, remarks)),
        answer=said.answer,
        summary=process.summary or said.summary or summary_of(said.answer),
        session=said.session,
        usage=said.usage or process.usage,
        trouble="" if ok else said.trouble,
        retry_after=None if ok else said.retry_after,
    )
