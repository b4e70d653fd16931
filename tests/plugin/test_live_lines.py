"""Where there is no terminal: a plain line when nobody wrote one for long."""

from __future__ import annotations

import re
import sys
import threading
from collections.abc import Callable

import pytest

from orchharness.pytest_plugin import showing
from orchharness.pytest_plugin.showing import Mode, Streams, mode_of

SLOW = """
limits: {parallel: 3}
tasks:
  slow: {run: [sleep, "1.2"]}
  after: {run: ["true"], needs: [slow]}
"""


@pytest.fixture
def play(pytester: pytest.Pytester) -> Callable[..., pytest.RunResult]:
    """Runs the plan in this process."""
    pytester.makeini("[pytest]\n")
    (pytester.path / "play.plan.yaml").write_text(f"orchharness: 1\n{SLOW}")
    return lambda *words: pytester.runpytest_inprocess(
        "-p", "no:cacheprovider", "-p", "no:hypothesispytest", "play.plan.yaml", *words
    )


def beats(result: pytest.RunResult) -> list[str]:
    return [line for line in result.outlines if re.match("[0-9]{2}:[0-9]{2} running ", line)]


@pytest.mark.parametrize("words", [(), ("--orch-live=off",)])
def test_a_log_gets_a_line_when_nothing_was_written_for_long(play, monkeypatch: pytest.MonkeyPatch, words):
    monkeypatch.setattr(showing, "BEAT", 0.4)
    result = play(*words)

    result.assert_outcomes(passed=2)
    assert 1 <= len(beats(result)) <= 3
    assert re.fullmatch(r"[0-9:]{5} running 1 of 3: slow [01] s; waiting 1", beats(result)[0])


def test_workers_write_no_lines_but_the_controller_does(play, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(showing, "BEAT", 0.4)
    result = play("-n2")

    result.assert_outcomes(passed=2)
    assert 1 <= len(beats(result)) <= 3


def test_a_quiet_session_writes_none(play, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(showing, "BEAT", 0.2)

    assert not beats(play("-q"))


def test_a_session_in_which_something_is_written_gets_none(play):

    assert not beats(play())


def test_no_thread_and_no_stream_of_the_view_outlives_the_session(play, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(showing, "BEAT", 0.1)
    before = (sys.stdout, sys.stderr)
    play()

    assert (sys.stdout, sys.stderr) == before
    assert not [t for t in threading.enumerate() if t.name == "live view"]


@pytest.mark.parametrize(
    ("option", "verbosity", "terminal", "env", "mode"),
    [
        ("auto", 0, True, {}, Mode.REGION),
        ("auto", 2, True, {"CI": ""}, Mode.REGION),
        ("auto", 0, True, {"CI": "false"}, Mode.REGION),
        ("auto", 0, True, {"CI": "true"}, Mode.BEATS),
        ("auto", 0, True, {"NO_COLOR": "1"}, Mode.BEATS),
        ("auto", 0, True, {"TERM": "dumb"}, Mode.BEATS),
        ("auto", 0, True, {"TERM": ""}, Mode.BEATS),
        ("auto", 0, False, {}, Mode.BEATS),
        ("off", 0, True, {}, Mode.BEATS),
        ("auto", -1, True, {}, Mode.NONE),
        ("auto", -1, False, {}, Mode.NONE),
    ],
)
def test_the_view_is_drawn_only_for_who_sits_at_a_terminal(option, verbosity, terminal, env, mode):
    found = mode_of(option, verbosity, is_terminal=terminal, env={"TERM": "xterm", **env})

    assert found is mode


def test_streams_are_as_they_were_also_when_somebody_replaced_one(monkeypatch: pytest.MonkeyPatch, capsys):
    class Writer:
        def write(self, text: str) -> None:
            sys.stdout.write(text)

    writer, order = Writer(), list[str]()

    class Around:
        def __enter__(self) -> None:
            order.append("around")

        def __exit__(self, *_: object) -> None: ...

    streams, out, err, other = Streams(writer, Around), sys.stdout, sys.stderr, object()
    streams.replace()
    writer.write("x")
    sys.stderr.writelines(["y", "\n"])
    monkeypatch.setattr(sys, "stderr", other)
    streams.restore()
    found = sys.stdout, sys.stderr
    monkeypatch.setattr(sys, "stderr", err)

    assert found == (out, other)
    assert "write" not in vars(writer)
    assert len(order) >= 3
    assert capsys.readouterr() == ("x", "y\n")
