"""`--orch-ask`: questions at the terminal's prompt, when nothing else can go on."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from orchharness.core.plan import Then
from orchharness.errors import OrchError
from orchharness.report.text import clean, line
from orchharness.run.questions import decide

if TYPE_CHECKING:
    from orchharness.core.asking import Question
    from orchharness.run.drive import PlanRun


def check_terminal(config: pytest.Config) -> None:
    """Refuse to ask where nobody can answer.

    Raises:
        UsageError: the standard input is no terminal, or workers run the plans.
    """
    if getattr(config.option, "numprocesses", None):
        msg = "--orch-ask does not work with -n: use --orch-wait, and answer with `orchharness decide`"
        raise pytest.UsageError(msg)
    with _terminal(config):
        there = sys.stdin is not None and sys.stdin.isatty()
    if not there:
        msg = "--orch-ask needs a terminal: use --orch-wait, and answer with `orchharness decide`"
        raise pytest.UsageError(msg)


@contextmanager
def _terminal(config: pytest.Config) -> Iterator[None]:
    """The standard input and output as they were before pytest took them."""
    capture: Any = config.pluginmanager.get_plugin("capturemanager")
    if capture is not None:
        capture.suspend_global_capture(in_=True)
    try:
        yield
    finally:
        if capture is not None:
            capture.resume_global_capture()


class Prompt:
    """Asks the person at the terminal. Who answers nothing is not asked again: the run ends paused."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    def ask(self, runs: Iterable[PlanRun]) -> None:
        """Ask the first question of each run; the answer is where `orchharness decide` would put it."""
        with _terminal(self._config):
            for run in runs:
                if run.run.asks and not self._answered(run, run.run.questions[0]):
                    run.waits = False

    def _answered(self, run: PlanRun, question: Question) -> bool:
        writer = self._config.get_terminal_writer()
        writer.line()
        writer.line(f"{question.item} asks: {clean(question.text)}", bold=True)
        if question.reason and question.reason != question.text:
            writer.line(f"  {clean(question.reason)}")
        for number, option in enumerate(question.options, 1):
            writer.line(f"  {number}  {option.id}: {line(option.label)}")
        try:
            choice = self._choice(question)
            if choice is None:
                return False
            note = self._note(question, choice)
            assert run.directory is not None
            decide(run.directory, question.item, choice, by=getpass.getuser(), note=note)
        except EOFError:
            writer.line()
            return False
        except OrchError as error:
            writer.line(str(error), red=True)
            return True  # it is asked again
        return True

    def _choice(self, question: Question) -> str | None:
        """The option, or the words; None: no answer, the question stays."""
        known = {o.id: o.id for o in question.options}
        known |= {str(n): o.id for n, o in enumerate(question.options, 1)}
        while True:
            said = input(
                "which one (nothing: decide later)? " if known else "answer (nothing: later): "
            ).strip()
            if not said or not known:
                return said or None
            if said in known:
                return known[said]
            self._config.get_terminal_writer().line(f"{said!r} is none of them")

    @staticmethod
    def _note(question: Question, choice: str) -> str:
        option = next((o for o in question.options if o.id == choice), None)
        if option is None:
            return ""
        needed = question.judged and option.then in {Then.PASS, Then.SKIP}
        while True:
            note = input("why? " if needed else "a note (may be empty): ").strip()
            if note or not needed:
                return note
