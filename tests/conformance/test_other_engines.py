"""A plugin whose engine is elsewhere keeps to the rules that are left; the others are shown as skips."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import pytest
import queue_engine
from honest import rules_of

from orchharness import Handle, OrchError
from orchharness.testing import AgentConformance, Work

_PROCESS = "its jobs are no processes of this machine"


class TestQueue(AgentConformance):
    plugin = queue_engine
    kind = "queue"
    absent = Work(options={"queue": "/nowhere"})
    unsupported = {  # noqa: RUF012 - as a plugin author writes it
        **dict.fromkeys(("cwd", "env", "killed", "marker", "restart", "stdio", "tree"), _PROCESS),
        **dict.fromkeys(("exit_decides", "exit_file", "logs"), "the queue keeps the ends of its jobs itself"),
    }

    @pytest.fixture(autouse=True)
    def _queue(self, tmp_path: Path):
        queue, stop = tmp_path / "queue", threading.Event()
        queue.mkdir()
        self.quick, self.slow, self.failing = (
            Work(options={"queue": str(queue), "does": does}) for does in ("answer", "wait", "fail")
        )
        engine = threading.Thread(target=queue_engine.work_off, args=(queue, stop))
        engine.start()
        yield
        stop.set()
        engine.join()

    def of_another_machine(self, handle: Handle) -> Handle:
        return replace(handle, data={**handle.data, "queue": "/nowhere"})


def test_rules_that_are_switched_off_are_skips_with_their_reasons(pytester: pytest.Pytester):
    pytester.makepyfile(
        """
        from orchharness.testing import CriticConformance

        class TestReader(CriticConformance):
            plugin = "orchharness.critics.builtin"
            kind = "command"
            unsupported = dict.fromkeys(["scores", "findings", "artifacts"], "it needs a command")
        """
    )

    result = pytester.runpytest_inprocess("-rs", "-p", "no:cacheprovider")

    result.assert_outcomes(passed=3, skipped=3)
    result.stdout.fnmatch_lines(["SKIPPED*: scores: it needs a command"])


@pytest.mark.parametrize(
    ("unsupported", "says"),
    [
        (
            {"exitfile": "none"},
            r"Wrong.unsupported: there is no rule 'exitfile'; there are: absent, answer, cancel",
        ),
        (
            {"exit_file": " "},
            r"Wrong.unsupported: 'exit_file' needs a reason, as a text: it is shown with the skip",
        ),
    ],
)
def test_what_is_switched_off_is_a_rule_and_has_a_reason(unsupported: dict[str, str], says: str):
    with pytest.raises(OrchError, match=says):
        type("Wrong", (AgentConformance,), {"unsupported": unsupported})


def test_no_rule_is_tested_twice():
    assert len(rules_of(AgentConformance)) == len([n for n in dir(AgentConformance) if n.startswith("test_")])
