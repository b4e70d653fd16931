"""The rules for an act that runs: how it is started, and how it is ended. See `conformance`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from orchharness import Finished, Handle, Lost, Running, SpawnRequest
from orchharness.testing.processes import Process, alive, leaves, marked, roots
from orchharness.testing.rules import Conformance, rule
from orchharness.testing.trial import Trial, Work, handle_of, plain, word_of

_AT_ONCE = 3.0  # seconds: what runs has its environment from its first moment
_UNMARKED = "nothing that runs carries the act's marker variable: let LocalProcess start it"


class Life(Conformance):
    """An act from its start to its end, whoever looks at it."""

    quick: Work
    slow: Work
    failing: Work
    absent: Work

    def processes(self, request: SpawnRequest) -> list[Process]:
        """The living processes of an act: those with its marker variable, which `LocalProcess` sets."""
        return marked(request.key)

    def work(self, name: str) -> Work:
        """What acts are to do, as the subclass says."""
        work = self._said(name, "what an act is to do, as a Work")
        assert isinstance(work, Work), f"`{name}` is no Work: write `{name} = Work(options={{…}})`"
        return work

    def sample_options(self) -> Mapping[str, Any]:
        """Options that are right."""
        return self.work("quick").options

    def running(self, trial: Trial) -> tuple[Handle, SpawnRequest]:
        """An act of `slow` that is at its work."""
        request = trial.request(self.work("slow"))
        handle = trial.spawn(request)
        self.at_work(trial, handle, request)
        return handle, request

    def at_work(self, trial: Trial, handle: Handle, request: SpawnRequest) -> None:
        """Return as soon as an act of `slow` is at its work: poll says so, and its child is there."""
        self._runs(trial, handle)
        if "tree" in self.unsupported:
            return

        def found() -> list[Process]:
            self._runs(trial, handle)
            return self.processes(request)

        trial.until(found, lambda: f"{_UNMARKED}, or switch 'tree' off with a reason", _AT_ONCE)
        trial.until(
            lambda: len({p.session for p in found()}) > 1,
            lambda: (
                "`slow` must have a child in a session of its own (Popen(…, start_new_session=True)), so that it is seen that "
                f"this is ended too; found are {self.processes(request)}; switch 'tree' off where there is none"
            ),
        )

    def _runs(self, trial: Trial, handle: Handle) -> None:
        asked: list[Any] = []

        def runs() -> bool:
            asked[:] = [trial.poll(handle)]
            over = isinstance(asked[0], Finished | Lost)
            assert not over, f"`slow` runs until it is cancelled, and poll says {asked[0]}"
            return isinstance(asked[0], Running)

        trial.until(runs, lambda: f"it does not begin to run: poll says {asked[0]}")

    # ---- how it is started --------------------------------------------------------------------------------------

    @rule("idempotent")
    def test_asked_twice_it_is_started_once(self, trial: Trial) -> None:
        """After a crash nobody knows whether an act was started: it is asked for again, with the same key."""
        handle, request = self.running(trial)
        again = trial.spawn(request)
        assert plain(again) == plain(handle), (
            f"asked again with the same key: {again.data}, and before {handle.data}"
        )
        told = trial.elsewhere("spawn", request)["handle"]
        assert told == plain(handle), f"asked by another process: {told['data']}, and before {handle.data}"
        started = roots(self.processes(request))

        assert len(started) <= 1, f"asked with the same key again, it was started again: {started}"

    @rule("idempotent_late")
    def test_asked_again_when_it_is_over_it_is_not_started_again(self, trial: Trial) -> None:
        """Nobody may know yet that it is over."""
        ended = trial.request(self.work("quick"))
        first = trial.spawn(ended)
        result = trial.end_of(first)

        assert plain(trial.spawn(ended)) == plain(first), (
            "asked again when it is over, there is another handle"
        )
        assert plain(trial.end_of(first)) == plain(result), (
            "asked again when it is over, its end is another one"
        )

    @rule("marker")
    def test_all_that_runs_for_an_act_carries_its_marker(self, trial: Trial) -> None:
        """By a variable whose name is the act's own, processes are found that left every group."""
        request = trial.request(self.work("slow"))
        handle = trial.spawn(request)
        self._runs(trial, handle)
        trial.until(lambda: marked(request.key), lambda: _UNMARKED, _AT_ONCE)
        self.at_work(trial, handle, request)  # by now the client itself runs, not only who starts it
        bare: list[int] = []

        def is_marked() -> bool:
            bare[:] = [p.pid for p in marked(request.key) if not _has_marker(p)]
            return not bare

        trial.until(
            is_marked, lambda: f"processes without the marker variable: {bare}; do not clear the environment"
        )

    @rule("env")
    def test_the_environment_reaches_the_work(self, trial: Trial) -> None:
        """The plan's `env`, and the paths of inputs and outputs."""
        _, request = self.running(trial)
        wanted = {name: value for name, value in request.env.items() if name.startswith("ORCH_")}
        wanted["CONFORMANCE"] = word_of(request.key)
        trial.until(
            lambda: any(wanted.items() <= p.environ.items() for p in leaves(self.processes(request))),
            lambda: (
                f"no process that works for it has all of request.env ({', '.join(sorted(wanted))}): pass it on"
            ),
        )

    @rule("cwd")
    def test_it_works_in_the_directory_it_is_told(self, trial: Trial) -> None:
        """Relative paths in a prompt mean files of the task's workspace."""
        _, request = self.running(trial)
        wanted = os.path.realpath(request.cwd)
        trial.until(
            lambda: any(p.cwd == wanted for p in leaves(self.processes(request))),
            lambda: (
                f"no process that works for it is in request.cwd, {wanted!r}, but in "
                f"{sorted({p.cwd for p in leaves(self.processes(request))})}"
            ),
        )

    @rule("stdio")
    def test_it_has_no_terminal_and_writes_to_none(self, trial: Trial) -> None:
        """Who waits for input from a terminal waits for ever; what is printed there is mixed with the report."""
        request = trial.request(self.work("slow"))
        ours, terminal = os.openpty()
        try:
            name = os.ttyname(terminal)
            handle = handle_of(trial.elsewhere("spawn", request, stdin=terminal)["handle"])
            self.at_work(trial, handle, request)
            taken = {name: "the terminal", str(trial.printed): "the output of the session"}
            found = self.processes(request)
            held = {taken[o] for p in found for fd in (0, 1, 2) if (o := p.opened(fd)) in taken}
        finally:
            os.close(ours)
            os.close(terminal)

        assert not held, (
            f"what runs for the act holds {' and '.join(sorted(held))}: give it a file or /dev/null"
        )
        assert not any(p.terminal for p in found), (
            "what runs for the act has a terminal: start it in a new session"
        )

    # ---- how it is ended --------------------------------------------------------------------------------------------

    @rule("cancel")
    def test_a_cancelled_act_is_over_and_no_success(self, trial: Trial) -> None:
        """`True` may be said twice: it is asked again until it is said."""
        handle, _ = self.running(trial)
        assert trial.cancel(handle), f"it is not ended within {self.limit:g} s"
        result = trial.end_of(handle)

        assert isinstance(result, Lost) or not result.ok, f"it was cancelled, and poll says {result}"
        assert trial.cancel(handle), "cancelled twice, the second time it says that something is left"

    @rule("tree")
    def test_cancelling_ends_the_whole_tree_before_it_says_so(self, trial: Trial) -> None:
        """Children in sessions of their own too: what is left writes into files that others read by then."""
        handle, request = self.running(trial)
        known = self.processes(request)
        assert trial.cancel(handle), f"it is not ended within {self.limit:g} s"
        left = alive(known) or self.processes(request)

        assert not left, (
            f"cancel says that nothing is left, and there is {left}; LocalProcess.cancel finds all"
        )

    @rule("cancel_early")
    def test_an_act_can_be_cancelled_the_moment_it_is_spawned(self, trial: Trial) -> None:
        """It may not have begun: then it must not begin any more."""
        request = trial.request(self.work("slow"))
        handle = trial.spawn(request)
        assert trial.cancel(handle), f"it is not ended within {self.limit:g} s"
        result = trial.end_of(handle)

        assert isinstance(result, Lost) or not result.ok, f"it was cancelled, and poll says {result}"
        assert not self.processes(request), f"it was cancelled, and there is {self.processes(request)}"

    @rule("cancel_late")
    def test_cancelling_what_is_over_changes_nothing(self, trial: Trial) -> None:
        """A time limit may strike in the moment of the end."""
        handle = trial.spawn(trial.request(self.work("quick")))
        result = trial.end_of(handle)
        assert trial.cancel(handle), "it is over, and cancel says that something is left"
        again = trial.poll(handle)

        assert plain(again) == plain(result), f"poll said {result}, and after it was cancelled {again}"


def _has_marker(process: Process) -> bool:
    return any(name.startswith("ORCH_ACT_") for name in process.environ)
