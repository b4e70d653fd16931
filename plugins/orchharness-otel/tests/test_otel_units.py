"""Settings, ids, and what the SDK makes of our spans."""

import math
import subprocess
import sys
from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode
from orchharness_otel import facts
from orchharness_otel.ids import Caller, id_of
from orchharness_otel.outlet import Collector
from orchharness_otel.sending import Sender
from orchharness_otel.settings import Settings, SettingsError, settings_of
from orchharness_otel.spans import Happening, Span
from orchharness_otel.watcher import Watcher

from orchharness.plugins import PluginHost

HERE = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:4318"}
CALLER = Caller(trace=7, span=8, sampled=True)


@pytest.fixture
def told(monkeypatch):
    """Sends spans through the SDK; gives what its exporter got."""
    exporter = InMemorySpanExporter()

    def send(*spans, **environ):
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        assert Collector(lambda _: exporter).send(spans) == ""
        return {span.name: span for span in exporter.get_finished_spans()}

    return send


def span(number, parent=0, **more):
    return Span(
        **{"trace": 7, "id": number, "parent": parent, "name": f"s{number}", "start": 1.5, "end": 2.0, **more}
    )


# ---- settings --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"OTEL_SERVICE_NAME": "ci"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": " "},
        {**HERE, "OTEL_SDK_DISABLED": "TRUE"},
        {**HERE, "OTEL_TRACES_EXPORTER": "none"},
    ],
)
def test_nothing_is_sent_unless_the_environment_names_a_collector(environ):
    assert settings_of(environ) is None


@pytest.mark.parametrize(
    ("environ", "collector"),
    [
        (HERE, "http://localhost:4318"),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, "http://localhost:4318"),
        ({**HERE, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "https://u:p@[::1]:1/a?b"}, "https://[::1]:1"),
        ({**HERE, "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}, "http://localhost:4318"),
    ],
)
def test_the_collector_is_shown_without_what_may_be_secret(environ, collector):
    assert settings_of(environ).collector == collector


def test_the_batches_are_as_the_environment_says():
    environ = {**HERE, "OTEL_BSP_MAX_QUEUE_SIZE": "10", "OTEL_BSP_SCHEDULE_DELAY": "250"}

    assert settings_of(environ) == Settings(collector="http://localhost:4318", queue=10, batch=10, delay=0.25)


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        (
            {"OTEL_TRACES_EXPORTER": "console"},
            "OTEL_TRACES_EXPORTER='console' is not supported yet; write otlp, or none",
        ),
        (
            {**HERE, "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/json"},
            "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL='http/json' is not supported yet; write http/protobuf",
        ),
        ({**HERE, "OTEL_BSP_SCHEDULE_DELAY": "0"}, "OTEL_BSP_SCHEDULE_DELAY='0' is no whole number above 0"),
        (
            {"OTEL_EXPORTER_OTLP_ENDPOINT": "me:hunter2@collector"},
            "OTEL_EXPORTER_OTLP_ENDPOINT is no address of a collector; write it as http://localhost:4318",
        ),
        (
            {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://me:hunter2@[/"},
            "OTEL_EXPORTER_OTLP_ENDPOINT is no address of a collector; write it as http://localhost:4318",
        ),
    ],
)
def test_what_cannot_be_done_is_refused_by_name(environ, message):
    with pytest.raises(SettingsError) as refused:
        settings_of(environ)

    assert str(refused.value) == message


def test_without_settings_nothing_of_opentelemetry_is_imported():
    program = (
        "import sys, types, orchharness_otel\n"
        "from orchharness_otel.watcher import Watcher\n"
        "event = type('RunStarted', (), {})()\n"
        "Watcher({'PATH': '/'}).orchharness_update(event, None)\n"
        "Watcher({'OTEL_SDK_DISABLED': 'true'}).orchharness_update(event, None)\n"
        "bad = [m for m in sys.modules if m.split('.')[0] in ('opentelemetry', 'requests', 'pydantic', 'google')]\n"
        "sys.exit(str(bad) if bad else 0)\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=25, check=False
    )

    assert done.stderr == ""


# ---- ids -------------------------------------------------------------------------------------------


def test_an_id_follows_from_run_and_name_alone():
    known = id_of("p 20261122-113859-0e9f20 1.5", "act:one.i1.a1", 8)

    assert known == id_of("p 20261122-113859-0e9f20 1.5", "act:one.i1.a1", 8) < 2**64
    assert known != id_of("p 20261122-113859-0e9f20 1.5", "act:one.i1.a2", 8)
    assert known != id_of("p 20261122-113859-0e9f20 1.6", "act:one.i1.a1", 8)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (f"00-{7:032x}-{8:016x}-01", CALLER),
        (f"cc-{7:032x}-{8:016x}-03", CALLER),
        (f"00-{7:032x}-{8:016x}-00", Caller(trace=7, span=8, sampled=False)),
        (f"ff-{7:032x}-{8:016x}-01", None),
        (f"00-{0:032x}-{8:016x}-01", None),
        (f"00-{7:032x}-{0:016x}-01", None),
        (f"00-{7:032X}A-{8:016x}-01", None),
        ("", None),
        (None, None),
    ],
)
def test_a_traceparent_is_read_as_its_specification_says(text, found):
    assert Caller.of(text) == found


# ---- what the SDK makes of it ------------------------------------------------------------------------


def test_spans_keep_their_ids_times_events_and_links(told):
    event = Happening(name="e", at=1.75, attributes={"k": 0.5})
    found = told(span(3, 2, events=(event,), links=(2,), error="exit", attributes={"a": 1}), span(2))

    child, root = found["s3"], found["s2"]
    assert (child.context.trace_id, child.context.span_id, child.parent.span_id) == (7, 3, 2)
    assert (root.context.trace_id, root.context.span_id, root.parent) == (7, 2, None)
    assert (child.start_time, child.end_time) == (1_500_000_000, 2_000_000_000)
    assert [(e.name, e.timestamp, dict(e.attributes)) for e in child.events] == [
        ("e", 1_750_000_000, {"k": 0.5})
    ]
    assert [link.context.span_id for link in child.links] == [2]
    assert (child.status.status_code, root.status.status_code) == (StatusCode.ERROR, StatusCode.UNSET)
    assert dict(child.attributes) == {"a": 1}


def test_the_root_of_a_callers_trace_hangs_on_the_callers_span(told):
    root = told(span(2, caller=CALLER))["s2"]

    assert (root.context.trace_id, root.parent.span_id, root.parent.is_remote) == (7, 8, True)


@pytest.mark.parametrize(
    ("sampler", "argument", "count"),
    [("always_off", "", 0), ("parentbased_traceidratio", "0", 0), ("traceidratio", "1", 2)],
)
def test_a_trace_is_sampled_whole_or_not_at_all(told, sampler, argument, count):
    environ = {"OTEL_TRACES_SAMPLER": sampler, "OTEL_TRACES_SAMPLER_ARG": argument}

    assert len(told(span(3, 2), span(2), **environ)) == count


@pytest.mark.parametrize(
    ("environ", "name"),
    [
        ({}, "orchharness"),
        ({"OTEL_SERVICE_NAME": "ci"}, "ci"),
        ({"OTEL_RESOURCE_ATTRIBUTES": "service.name=of-attributes,team=docs"}, "of-attributes"),
    ],
)
def test_the_service_is_named_by_the_environment_else_orchharness(told, environ, name):
    resource = told(span(2), **environ)["s2"].resource.attributes

    assert resource["service.name"] == name
    assert resource.get("team") == ("docs" if "team" in str(environ) else None)


# ---- what is told ------------------------------------------------------------------------------------


def test_a_score_is_told_only_for_a_criterion_of_the_plan_and_only_where_it_is_one():
    criteria = dict.fromkeys(("a", "b", "c", "d", "e", "f"), 1)
    plan = SimpleNamespace(critics={"ed": SimpleNamespace(criteria=criteria)})
    said = {
        "a": {"score": 0.5},
        "b": {"score": "0.5"},
        "c": {"score": math.nan},
        "d": {"score": True},
        "e": {"score": 7},
    }
    event = SimpleNamespace(critic="ed", evaluation={"criteria": {**said, "a secret": {"score": 1.0}}})

    assert list(facts.scores(event, plan)) == [
        {"gen_ai.evaluation.name": "a", "gen_ai.evaluation.score.value": 0.5}
    ]


def test_of_usage_only_numbers_are_told():
    said = {"input_tokens": 10, "output_tokens": "many", "usd": 0.25, "note": "a secret"}

    assert facts.usage(said) == {"gen_ai.usage.input_tokens": 10, "orchharness.usage.usd": 0.25}


@pytest.mark.parametrize(
    ("act", "found"),
    [
        ("EN-027.i2.a1", (2, 1)),
        ("T[3.11].i1.a3", (1, 3)),
        ("G-greet.i4.tone.a2", (4, 2)),
        ("G-greet.i4.tone.s2.a2.r3", (4, 2)),
        ("odd", (0, 0)),
    ],
)
def test_iteration_and_attempt_are_read_from_the_name_of_an_act(act, found):
    assert facts.numbers(act) == found


def test_a_gate_over_gates_is_looked_at_with_those_below_it():
    gates = {
        i: SimpleNamespace(id=i, of_gates=of)
        for i, of in {"A": (), "B": ("A",), "C": ("B",), "D": ()}.items()
    }

    assert facts.gates_over(SimpleNamespace(gates=gates)) == {"A": ("B", "C"), "B": ("C",)}


def test_an_agent_is_told_with_its_provider_and_model():
    agent = SimpleNamespace(kind="claude", is_model=True, options={"model": "sonnet"})
    task = SimpleNamespace(agent="writer", options={})
    plan = SimpleNamespace(agents={"writer": agent}, tasks={}, gates={}, worker=lambda _: task)
    event = SimpleNamespace(task="guide", exit=0, inputs={})

    assert facts.of_task(event, plan) == (
        "invoke_agent writer",
        {
            "gen_ai.operation.name": "invoke_agent",
            "gen_ai.agent.name": "writer",
            "gen_ai.provider.name": "anthropic",
            "gen_ai.request.model": "sonnet",
            "process.exit.code": 0,
        },
        (),
    )


# ---- the hook ----------------------------------------------------------------------------------------


@dataclass
class RunStarted:
    at: float = 1.0
    run: str = "r1"
    header: dict = field(default_factory=dict)


@dataclass
class RunFinished:
    at: float = 2.0
    state: str = "passed"


class Run:
    plan = SimpleNamespace(id="docs", digest="00", tasks={}, gates={})
    counts: dict = {}  # noqa: RUF012 - a double

    def items(self):
        return ()


def test_what_the_watcher_raises_is_a_warning_of_the_run_and_no_more():
    class Deaf:
        def send(self, _):
            return "it cannot be reached"

        def close(self):
            pass

    host = PluginHost.load([Watcher(HERE, lambda settings: Sender(settings, Deaf))], entry_points=False)
    run = Run()

    assert host.update(RunStarted(), run) == []
    ((plugin, said),) = host.update(RunFinished(), run)
    assert plugin == "Watcher"
    assert said == (
        "SpansLostError: 1 of 1 spans did not arrive at the collector at http://localhost:4318: it cannot be reached"
    )
    assert host.update(RunFinished(), run) == []  # said once
