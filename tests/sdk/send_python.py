"""Sends one trace with its logs with the OpenTelemetry SDK for Python: send_python.py SERVICE PROTOCOL COMPRESSION.

Prints the ids as JSON. The endpoints come in the environment, as they would to any program.
"""

import json
import sys

from opentelemetry import trace
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Link, SpanKind, Status, StatusCode


def exporters(protocol):
    """Both read OTEL_EXPORTER_OTLP_ENDPOINT and OTEL_EXPORTER_OTLP_COMPRESSION themselves."""
    if protocol == "grpc":
        from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

        return OTLPSpanExporter(insecure=True), OTLPLogExporter(insecure=True)
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    return OTLPSpanExporter(), OTLPLogExporter()


def main(service, protocol):
    span_exporter, log_exporter = exporters(protocol)
    resource = Resource.create({"service.name": service, "deployment.environment.name": "test", "host.cores": 2})
    tracers = TracerProvider(resource=resource)
    tracers.add_span_processor(BatchSpanProcessor(span_exporter))
    loggers = LoggerProvider(resource=resource)
    loggers.add_log_record_processor(BatchLogRecordProcessor(log_exporter))
    tracer = tracers.get_tracer("shop", "1.2.3")
    logger = loggers.get_logger("shop.log", "4.5.6")

    attributes = {
        "text": "zażółć", "integer": 9007199254740991, "negative": -7, "double": 0.25, "yes": True, "no": False,
        "texts": ["a", "b"], "integers": [1, 2], "doubles": [0.5, 1.5], "flags": [True, False],
        "http.request.method": "POST", "http.response.status_code": 502,
    }
    with tracer.start_as_current_span("checkout", kind=SpanKind.SERVER, attributes=attributes) as root:
        logger.emit(LogRecord(body="order received", severity_number=SeverityNumber.INFO, severity_text="INFO",
                              attributes={"order.id": 17, "customer": "ann"}))
        with tracer.start_as_current_span("charge card", kind=SpanKind.CLIENT) as charge:
            charge.add_event("retry", {"attempt": 2, "reason": "timeout"})
            charge.record_exception(ValueError("card refused"))
            charge.set_status(Status(StatusCode.ERROR, "card refused"))
            logger.emit(LogRecord(body={"what": "payment failed", "codes": [5, "x"]}, severity_number=SeverityNumber.ERROR,
                                  severity_text="ERROR"))
        with tracer.start_as_current_span("ship", links=[Link(charge.get_span_context(), {"why": "after"})]) as ship:
            pass
    flushed = tracers.force_flush() and loggers.force_flush()
    tracers.shutdown()
    loggers.shutdown()
    spans = {"checkout": root, "charge card": charge, "ship": ship}
    context = root.get_span_context()
    print(json.dumps({
        "flushed": flushed,
        "trace_id": trace.format_trace_id(context.trace_id),
        "spans": {name: trace.format_span_id(span.get_span_context().span_id) for name, span in spans.items()},
    }))


main(sys.argv[1], sys.argv[2])
