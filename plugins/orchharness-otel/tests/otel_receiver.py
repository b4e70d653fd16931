"""A receiver of OTLP by HTTP, that decodes with the classes of OpenTelemetry's own definition of the protocol."""

from __future__ import annotations

import gzip
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)


def plain(value):
    """A value of an attribute."""
    return getattr(value, value.WhichOneof("value"))


def attributes(of):
    return {entry.key: plain(entry.value) for entry in of.attributes}


class Receiver:
    """Listens at `endpoint`; `spans` are all that came, as protobuf messages, `resources` their resources."""

    def __init__(self, status=200):
        self.status = status
        self.spans, self.resources, self.paths, self.headers = [], [], [], []
        self._came = threading.Condition()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                if receiver.status == 200:
                    receiver.take(self.path, dict(self.headers), ExportTraceServiceRequest.FromString(body))
                self.send_response(receiver.status)
                self.send_header("Content-Type", "application/x-protobuf")
                self.end_headers()
                self.wfile.write(ExportTraceServiceResponse().SerializeToString())

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.endpoint = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05})

    def take(self, path, headers, request):
        with self._came:
            self.paths.append(path)
            self.headers.append(headers)
            for resource in request.resource_spans:
                self.resources.append(attributes(resource.resource))
                self.spans += [span for scope in resource.scope_spans for span in scope.spans]
            self._came.notify_all()

    def until(self, count, timeout=10.0):
        """All spans, as soon as so many came."""
        with self._came:
            assert self._came.wait_for(lambda: len(self.spans) >= count, timeout), len(self.spans)
            return list(self.spans)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


def tree(spans):
    """Span -> its children by name, in the order of their start: nested lists."""
    known = {span.span_id for span in spans}

    def below(parent):
        here = [
            s for s in spans if s.parent_span_id == parent or (not parent and s.parent_span_id not in known)
        ]
        return [(s.name, below(s.span_id)) for s in sorted(here, key=lambda s: s.start_time_unix_nano)]

    return below(b"")
