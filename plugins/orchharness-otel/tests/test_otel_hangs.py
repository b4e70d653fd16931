"""What must not hang: a run whose collector does not answer, does not exist, or is slow."""

import socket
import threading
import time
from dataclasses import dataclass
from types import SimpleNamespace

import pytest
from orchharness_otel.sending import Sender
from orchharness_otel.settings import Settings
from orchharness_otel.spans import Span
from otel_receiver import Receiver

from orchharness.testing import run_plan

PLAN = "orchharness: 1\ntasks: {one: {run: [python, -c, pass]}}\n"


def span(number):
    return Span(trace=1, id=number, parent=0, name=f"s{number}", start=1.0, end=2.0)


def settings(**values):
    return Settings(collector="http://collector:4318", **values)


@dataclass
class Stuck:
    """An outlet that is at work until it is closed."""

    def __post_init__(self):
        self.entered, self.closed, self.released = (threading.Event() for _ in range(3))

    def send(self, spans):
        self.entered.set()
        self.closed.wait(20)
        self.released.wait(20)
        return "it was closed"

    def close(self):
        self.closed.set()


@pytest.fixture
def plan(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    (tmp_path / "plans").mkdir()
    path = tmp_path / "plans" / "one.plan.yaml"
    path.write_text(PLAN)
    return path


def test_the_end_waits_no_longer_than_its_limit_and_says_what_was_lost():
    outlet = Stuck()
    sender = Sender(settings(batch=1), lambda: outlet)
    sender.put(span(1))
    assert outlet.entered.wait(10)
    begun = time.monotonic()

    lost = sender.finish([span(2)], 0.2)

    assert time.monotonic() - begun < 2
    assert outlet.closed.is_set()
    assert lost == (
        "2 of 2 spans did not arrive at the collector at http://collector:4318: it took longer than 0.2 s"
    )


def test_no_span_waits_for_room_before_the_end_of_the_run():
    outlet = Stuck()
    sender = Sender(settings(queue=3, batch=1), lambda: outlet)
    sender.put(span(1))
    assert outlet.entered.wait(10)
    begun = time.monotonic()
    for number in range(2, 1000):
        sender.put(span(number))

    assert time.monotonic() - begun < 2
    assert "999 of 999 spans" in sender.finish([], 0.1)


def test_a_collector_that_accepts_and_never_answers_holds_the_end_of_a_run_for_less_than_2_s(plan, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
        played = run_plan(plan, tmp_path, env={"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint}, timeout=25)

    (over,), (failed,) = played.journal("RunFinished"), played.journal("HookFailed")
    assert played.outcomes == {"passed": 1}
    assert failed["at"] - over["at"] < 2
    assert played.text.count("did not arrive at the collector") == 1
    assert (
        f"3 of 3 spans did not arrive at the collector at {endpoint}: it took longer than 1.5 s"
        in played.text
    )


def test_a_collector_that_is_not_there_changes_nothing_but_a_warning(plan, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        endpoint = f"http://127.0.0.1:{taken.getsockname()[1]}"
    played = run_plan(plan, tmp_path, env={"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint}, timeout=25)

    (over,), (failed,) = played.journal("RunFinished"), played.journal("HookFailed")
    assert (played.status, played.outcomes) == (0, {"passed": 1})
    assert failed["at"] - over["at"] < 2
    assert (
        f"SpansLostError: 3 of 3 spans did not arrive at the collector at {endpoint}: it cannot be reached"
        in played.text
    )


def test_a_collector_that_refuses_is_said_with_its_status_and_without_the_secrets_of_its_address(
    plan, tmp_path
):
    with Receiver(status=401) as receiver:
        secret = receiver.endpoint.replace("//", "//me:hunter2@") + "/v1/traces?token=hunter3"
        env = {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": secret, "OTEL_EXPORTER_OTLP_HEADERS": "key=hunter4"}
        played = run_plan(plan, tmp_path, env=env, timeout=25)

    assert played.outcomes == {"passed": 1}
    assert f"the collector at {receiver.endpoint}: it answered 401" in played.text
    journal = (played.folder / "journal.jsonl").read_text()
    assert "hunter" not in journal + played.text


def test_an_outlet_that_cannot_be_made_is_a_reason_and_no_crash():
    def broken():
        raise RuntimeError("no certificate")

    sender = Sender(settings(), broken)

    assert sender.finish([span(1)], 5) == (
        "1 of 1 spans did not arrive at the collector at http://collector:4318: RuntimeError: no certificate"
    )


def test_a_reason_is_kept_though_later_spans_arrive():
    answers = ["it answered 503", ""]
    outlet = SimpleNamespace(send=lambda _: answers.pop(0), close=lambda: None)
    sender = Sender(settings(batch=1), lambda: outlet)
    sender.put(span(1))
    sender.put(span(2))

    assert sender.finish([], 5).endswith(
        "1 of 2 spans did not arrive at the collector at http://collector:4318: it answered 503"
    )


def test_an_outlet_that_raises_is_a_reason_and_the_thread_goes_on():
    def send(spans):
        if spans[0].id == 1:
            raise ValueError("cannot be built")
        return ""

    sender = Sender(settings(batch=1), lambda: SimpleNamespace(send=send, close=lambda: None))
    sender.put(span(1))
    sender.put(span(2))

    assert "1 of 2 spans" in (said := sender.finish([], 5))
    assert said.endswith("ValueError: cannot be built")


def test_every_span_arrives_once_however_the_batches_fall():
    arrived = []
    outlet = SimpleNamespace(send=lambda spans: arrived.extend(s.id for s in spans) or "", close=lambda: None)
    for delay in (0.0001, 0.001, 5.0):
        arrived.clear()
        for turn in range(50):
            sender = Sender(settings(queue=4, batch=2, delay=delay), lambda: outlet)
            assert sender.finish([span(turn * 10 + n + 1) for n in range(10)], 5) == ""

        assert sorted(arrived) == list(range(1, 501))
