"""The rules for an act that is found again by its handle, wherever that comes from. See `conformance`."""

from __future__ import annotations

import os
import sys
import time
from contextlib import suppress
from typing import Any

from orchharness import Handle, Lost, Running, Unknown
from orchharness.testing.conformance_life import Life
from orchharness.testing.processes import alive, look
from orchharness.testing.rules import rule
from orchharness.testing.trial import Trial, handle_of, plain

_TICK = 0.03  # seconds: Linux tells starts in hundredths, and what began in the same one cannot be told apart
_DYING = 0.3  # seconds in which a process that was told to end is gone
_OVERRIDE = "switch the rule off with a reason where the engine is no process of this machine"


class Found(Life):
    """An act that somebody else spawned, long ago, or elsewhere."""

    @rule("survives")
    def test_an_act_outlives_who_spawned_it(self, trial: Trial) -> None:
        """The spawner is killed at once; another process finds the act by its handle."""
        request = trial.request(self.work("slow"))
        handle = handle_of(trial.elsewhere("spawn", request, die=True)["handle"])
        self.at_work(trial, handle, request)

        result = trial.poll(handle)
        assert isinstance(result, Running), f"who spawned it was killed, and poll says {result}"
        assert trial.cancel(handle), "who spawned it was killed, and it cannot be cancelled"

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
        time.sleep(_DYING)
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
        words = (sys.executable, "-c", "import signal; signal.pause()")
        time.sleep(_TICK)
        bystander = subprocess.Popen(words, stdin=subprocess.DEVNULL, start_new_session=True)  # noqa: S603
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


def _damaged(handle: Handle, pid: int) -> list[Any]:
    """The handle with parts missing, with parts emptied, and with another process's number."""
    data = dict(handle.data)
    numbers = {name: pid for name, value in data.items() if type(value) is int}
    variants = [{}, {**data, **numbers}, {**data, "pid": pid} if "pid" in data else {}]
    variants += [{n: v for n, v in data.items() if n != name} for name in data]
    variants += [{**data, name: None} for name in data]
    return [plain(Handle(kind=handle.kind, data=variant)) for variant in variants]
