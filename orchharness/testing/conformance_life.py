"""The rules for an act that runs: how it is started, found again and ended. See `conformance`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from orchharness import Finished, Handle, Lost, Running, SpawnRequest, Unknown
from orchharness.testing.processes import Process, alive, leaves, look, marked, roots
from orchharness.testing.rules import Conformance, rule
from orchharness.testing.trial import Trial, Work, handle_of, plain, word_of

_UNMARKED = "nothing that runs carries the act's marker variable: let LocalProcess start it"
_OVERRIDE = "switch the rule off with a reason where the engine is no process of this machine"


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
        if "tree" not in self.unsupported:
            trial.until(
                lambda: len({p.session for p in self.processes(request)}) > 1,
                lambda: (
                    "`slow` must have a child in a session of its own (Popen(…, start_new_session=True)), so that it is seen "
                    f"that this is ended too; found are {self.processes(request)}; switch 'tree' off where there is none"
                    if self.processes(request)
                    else f"{_UNMARKED}, or switch 'tree' off with a reason"
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

    @rule("survives")
    def test_an_act_outlives_who_spawned_it(self, trial: Trial) -> None:
        """The spawner is killed at once; another process finds the act by its handle."""
        request = trial.request(self.work("slow"))
        handle = handle_of(trial.elsewhere("spawn", request, die=True)["handle"])
        self.at_work(trial, handle, request)

        result = trial.poll(handle)
        assert isinstance(result, Running), f"who spawned it was killed, and poll says {result}"
        assert trial.cancel(handle), "who spawned it was killed, and it cannot be cancelled"

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
        self._runs(trial, trial.spawn(request))
        trial.until(lambda: marked(request.key), lambda: _UNMARKED)
        bare: list[int] = []

        def is_marked() -> bool:
            bare[:] = [p.pid for p in marked(request.key) if not _has_marker(p)]
            return not bare

        found = trial.until(
            is_marked, lambda: f"processes without the marker variable: {bare}; do not clear the environment"
        )
        assert found

    @rule("env")
    def test_the_environment_reaches_the_work(self, trial: Trial) -> None:
        """The plan's `env`, and the paths of inputs and outputs."""
        _, request = self.running(trial)
        wanted = {name: value for name, value in request.env.items() if name.startswith("ORCH_")}
        wanted["CONFORMANCE"] = word_of(request.key)
        found = trial.until(
            lambda: any(wanted.items() <= p.environ.items() for p in leaves(self.processes(request))),
            lambda: (
                f"no process that works for it has all of request.env ({', '.join(sorted(wanted))}): pass it on"
            ),
        )

        assert found

    @rule("cwd")
    def test_it_works_in_the_directory_it_is_told(self, trial: Trial) -> None:
        """Relative paths in a prompt mean files of the task's workspace."""
        _, request = self.running(trial)
        wanted = os.path.realpath(request.cwd)
        found = trial.until(
            lambda: any(p.cwd == wanted for p in leaves(self.processes(request))),
            lambda: (
                f"no process that works for it is in request.cwd, {wanted!r}, but in "
                f"{sorted({p.cwd for p in leaves(self.processes(request))})}"
            ),
        )

        assert found

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

    # ---- how it is found again ------------------------------------------------------------------------------------

    @rule("killed")
    def test_an_act_whose_processes_were_killed_is_over(self, trial: Trial) -> None:
        """Nothing is left that could write a result: to say `Running` would be waited for without end."""
        handle, request = self.running(trial)
        found = self.processes(request)
        assert found, f"no process of the act is found: override `processes`, or {_OVERRIDE}"
        for process in found:
            with suppress(OSError):
                os.kill(process.pid, 9)
        result = trial.end_of(handle)

        assert isinstance(result, Lost) or not result.ok, f"all of it was killed, and poll says {result}"

    @rule("other_machine")
    def test_a_handle_of_another_machine_is_unknown_and_not_touched(self, trial: Trial) -> None:
        """An engine that cannot be asked has not failed: nothing is lost, and nothing is killed."""
        handle, request = self.running(trial)
        known = self.processes(request)
        away = self.of_another_machine(handle)
        result = trial.poll(away)
        assert isinstance(result, Unknown), f"the engine cannot be asked from here, and poll says {result}"
        said = False
        with suppress(Exception):  # to raise is to say that it cannot be ended, too
            said = trial.host.cancel(away)

        assert not said, (
            "what cannot be reached from here cannot be ended from here, and cancel says that it was"
        )
        assert alive(known) == known, "the handle is another machine's, and an act of this one was ended"
        assert isinstance(trial.poll(handle), Running), (
            "the handle is another machine's, and an act of this one was ended"
        )

    def of_another_machine(self, handle: Handle) -> Handle:
        """The same handle, as if the act ran where the engine cannot be asked; for a subclass to say how."""
        data = dict(handle.data)
        assert {"host", "boot"} <= data.keys(), (
            "override `of_another_machine(handle)`: return the handle of an engine that does not answer, or switch the rule "
            "off with a reason"
        )
        return Handle(
            kind=handle.kind, data={**data, "host": f"not-{data['host']}", "boot": f"not-{data['boot']}"}
        )

    @rule("restart")
    def test_an_act_from_before_the_machine_was_restarted_is_lost(self, trial: Trial) -> None:
        """Its number may be another process's by now."""
        handle, request = self.running(trial)
        data = dict(handle.data)
        assert "boot" in data, (
            f"the handle does not say which start of the machine it is of (`boot`): {_OVERRIDE}"
        )
        old = Handle(kind=handle.kind, data={**data, "boot": f"not-{data['boot']}"})
        result = trial.poll(old)
        assert isinstance(result, Lost), f"the machine was restarted, and poll says {result}"
        assert trial.cancel(old), "the machine was restarted, so nothing is left, and cancel does not say so"

        assert self.processes(request), "the processes of this start are not the act's, and were ended"

    @rule("damaged")
    def test_a_damaged_handle_ends_nobody_else(self, trial: Trial) -> None:
        """Numbers of processes are used again. To raise is allowed; to kill a bystander is not."""
        import subprocess  # noqa: S404

        handle, _ = self.running(trial)
        bystander = subprocess.Popen(("sleep", "600"), stdin=subprocess.DEVNULL, start_new_session=True)
        try:
            answers = trial.elsewhere("damaged", _damaged(handle, bystander.pid))["damaged"]
            spared = look(bystander.pid) is not None
        finally:
            bystander.kill()
            bystander.wait()

        assert spared, (
            "a handle whose number is another process's by now, and that process was ended: keep its start time, or a marker "
            "in its environment, and look before you kill"
        )
        for polled, _ in answers:
            good = isinstance(polled, dict) and polled.get("ok") is True
            assert not good, f"`slow` was cancelled, and of a damaged handle poll says {polled}"

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


def _damaged(handle: Handle, pid: int) -> list[Any]:
    """The handle with parts missing, with parts emptied, and with another process's number."""
    data = dict(handle.data)
    numbers = {name: pid for name, value in data.items() if type(value) is int}
    variants = [{}, {**data, **numbers}, {**data, "pid": pid} if "pid" in data else {}]
    variants += [{n: v for n, v in data.items() if n != name} for name in data]
    variants += [{**data, name: None} for name in data]
    return [plain(Handle(kind=handle.kind, data=variant)) for variant in variants]
