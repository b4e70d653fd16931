"""Where there is no terminal: a plain line when nobody wrote one for long."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from contextlib import nullcontext

import pytest

from orchharness.pytest_plugin.showing import Mode, Streams, mode_of

SLOW = """
limits: {parallel: 3}
tasks:
  slow: {run: [sleep, "1.2"]}
  after: {run: ["true"], needs: [slow]}
"""


CONFTEST = """
import sys, threading, time
from orchharness.pytest_plugin import showing
showing.BEAT = {beat}
def pytest_sessionfinish():
    names = [t.name for t in threading.enumerate()]
    print("left:", "live view" in names, type(sys.stdout).__module__)
"""
CHATTY = """
def chat():
    while True:
        print("a plugin says something")
        time.sleep(0.05)
def pytest_sessionstart():
    threading.Thread(target=chat, daemon=True).start()
"""


@pytest.fixture
def play(pytester: pytest.Pytester) -> Callable[..., pytest.RunResult]:
    """Runs the plan; after so many seconds of silence there is a line."""
    pytester.makeini("[pytest]\n")
    (pytester.path / "play.plan.yaml").write_text(f"orchharness: 1\n{SLOW}")

    def run(*words: str, beat: float = 0.4, more: str = "") -> pytest.RunResult:
        pytester.makeconftest(CONFTEST.format(beat=beat) + more)
        plain = ("-p", "no:cacheprovider", "-p", "no:hypothesispytest", "play.plan.yaml")
        return pytester.runpytest_subprocess(*plain, *words, timeout=25)

    return run


def beats(result: pytest.RunResult) -> list[str]:
    return [line for line in result.outlines if re.match("[0-9]{2}:[0-9]{2} running ", line)]


@pytest.mark.parametrize("words", [(), ("--orch-live=off",)])
def test_a_log_gets_a_line_when_nothing_was_written_for_long(play, words: tuple[str, ...]):
    result = play(*words)

    result.assert_outcomes(passed=2)
    assert 1 <= len(beats(result)) <= 5
    assert re.fullmatch(r"[0-9:]{5} running 1 of 3: slow [0-9] s; waiting 1", beats(result)[0])


def test_with_workers_it_is_the_controller_that_writes_it(play):
    result = play("-n2")

    result.assert_outcomes(passed=2)
    assert 1 <= len(beats(result)) <= 5


def test_a_quiet_session_writes_none(play):
    result = play("-q", beat=0.2)

    result.assert_outcomes(passed=2)
    assert not beats(result)


def test_a_session_in_which_something_is_written_gets_none(play):
    result = play("-s", beat=0.9, more=CHATTY)

    result.assert_outcomes(passed=2)
    assert not beats(result)


def test_no_thread_and_no_stream_of_the_view_outlives_the_session(play):
    result = play("-s", beat=0.1)

    assert beats(result)
    assert "left: False _io" in result.stdout.str()


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


def test_what_another_plugin_made_of_the_writer_is_kept(capsys):
    class Writer:
        def write(self, text: str) -> None: ...

    def tee(text: str) -> None:
        sys.stdout.write(f"tee {text}")

    writer = Writer()
    writer.write = tee  # type: ignore[method-assign]
    streams = Streams(writer, nullcontext)
    streams.replace()
    writer.write("one ")
    streams.restore()

    assert writer.write is tee
    assert capsys.readouterr().out == "tee one "
