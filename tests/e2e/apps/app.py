"""A Python app with the OpenTelemetry SDK, set up by the OTEL_* variables. `/anew` begins a trace of its own, as some
frameworks do, and says only the request's name."""

import os
import signal
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry import propagate, trace
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

if os.environ.get("OTEL_EXPORTER_OTLP_PROTOCOL") == "grpc":
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
else:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

provider = TracerProvider(resource=Resource.create())
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
trace.set_tracer_provider(provider)
tracer = trace.get_tracer("shop")


class Shop(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path == "/anew":
            context, attributes = Context(), {"request.id": self.headers.get("x-request-id", "")}
        else:
            context, attributes = propagate.extract(dict(self.headers.items())), {}
        with tracer.start_as_current_span("GET", context, trace.SpanKind.SERVER, attributes):
            with tracer.start_as_current_span("render"):
                page = b"<!doctype html><html><head><title>python</title></head><body>hello from python</body></html>"
                self.send_response(200)
                self.send_header("content-type", "text/html")
                self.send_header("content-length", str(len(page)))
                self.end_headers()
                self.wfile.write(page)

    def log_message(self, *_):
        pass


def stop(*_):
    provider.shutdown()
    sys.exit(0)


signal.signal(signal.SIGTERM, stop)
ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Shop).serve_forever()
