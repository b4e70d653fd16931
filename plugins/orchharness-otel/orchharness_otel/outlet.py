"""The collector, through OpenTelemetry's SDK: the ids, times, sampler, limits and resource of spans, and OTLP by HTTP.

`Collector` builds spans with the SDK's tracer, so that the variables of its samplers, limits and resources hold, but
with our ids: see `spans`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import requests
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import Decision
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    Status,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)

if TYPE_CHECKING:
    from orchharness_otel.spans import Span

_UNNAMED = "unknown_service"
_SECOND = 1_000_000_000


class _Ids(IdGenerator):
    """Gives the ids that were set last; they are digests, so samplers may take them for random."""

    def __init__(self) -> None:
        self.trace = self.span = 0

    def generate_trace_id(self) -> int:
        return self.trace

    def generate_span_id(self) -> int:
        return self.span

    def is_trace_id_random(self) -> bool:
        return True


class _Ended(SpanProcessor):
    """Keeps the sampled spans that were ended."""

    def __init__(self) -> None:
        self.spans: list[ReadableSpan] = []

    def on_end(self, span: ReadableSpan) -> None:
        if span.context is not None and span.context.trace_flags.sampled:
            self.spans.append(span)


class Collector:
    """Sends to the collector that the environment names. `exporter` is for tests."""

    def __init__(self, exporter: Callable[[requests.Session], SpanExporter] | None = None) -> None:
        self._status = 0
        session = requests.Session()
        session.hooks["response"].append(self._note)
        self._exporter = exporter(session) if exporter else OTLPSpanExporter(session=session)
        self._ids, self._ended = _Ids(), _Ended()
        self._provider = TracerProvider(resource=_resource(), id_generator=self._ids, shutdown_on_exit=False)
        self._provider.add_span_processor(self._ended)
        self._tracer = self._provider.get_tracer("orchharness")
        self._sampled: bool | None = None

    def send(self, spans: Sequence[Span]) -> str:
        """Send them; why they did not arrive, or nothing.

        The reason names no more than the status: a message of the transport may hold the whole address.
        """
        for span in spans:
            self._build(span)
        built, self._ended.spans = self._ended.spans, []
        self._status = 0
        if not built or self._exporter.export(built) is SpanExportResult.SUCCESS:
            return ""
        return f"it answered {self._status}" if self._status else "it cannot be reached"

    def close(self) -> None:
        """Give up what is under way."""
        self._exporter.shutdown()

    def _note(self, response: Any, *_: Any, **__: Any) -> None:
        self._status = response.status_code

    def _build(self, span: Span) -> None:
        self._ids.trace, self._ids.span = span.trace, span.id
        context = self._parent(span)
        links = [
            Link(SpanContext(span.trace, i, is_remote=False, trace_flags=self._flags(span)))
            for i in span.links
        ]
        made = self._tracer.start_span(
            span.name,
            context,
            attributes=span.attributes,
            links=links,
            start_time=round(span.start * _SECOND),
        )
        for event in span.events:
            made.add_event(event.name, event.attributes, round(event.at * _SECOND))
        if span.error:
            made.set_status(Status(StatusCode.ERROR))
        made.end(round(span.end * _SECOND))

    def _parent(self, span: Span) -> Context:
        """What the span hangs on: the caller's span, another one of the run, or nothing."""
        if not span.parent:
            return _remote(span) if span.caller else Context()
        held = SpanContext(span.trace, span.parent, is_remote=False, trace_flags=self._flags(span))
        return set_span_in_context(NonRecordingSpan(held), Context())

    def _flags(self, span: Span) -> TraceFlags:
        """Whether the trace is sampled; told once, as it would be for its root, which is built last."""
        if self._sampled is None:
            context = _remote(span) if span.caller else Context()
            told = self._provider.sampler.should_sample(context, span.trace, span.name)
            self._sampled = told.decision is Decision.RECORD_AND_SAMPLE
        return TraceFlags(TraceFlags.SAMPLED if self._sampled else TraceFlags.DEFAULT)


def _remote(span: Span) -> Context:
    assert span.caller is not None
    flags = TraceFlags(TraceFlags.SAMPLED if span.caller.sampled else TraceFlags.DEFAULT)
    held = SpanContext(span.trace, span.caller.span, is_remote=True, trace_flags=flags)
    return set_span_in_context(NonRecordingSpan(held), Context())


def _resource() -> Resource:
    """As the environment says it; a service without a name is ours."""
    found = Resource.create()
    if str(found.attributes.get(SERVICE_NAME, _UNNAMED)).startswith(_UNNAMED):
        return found.merge(Resource({SERVICE_NAME: "orchharness"}))
    return found
