// Sends one trace with its logs with the OpenTelemetry SDK for Node.js: send.mjs SERVICE PROTOCOL.
// Prints the ids as JSON. Endpoint and compression come in the environment, as they would to any program.

import { context, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { SeverityNumber } from '@opentelemetry/api-logs';
import { OTLPLogExporter as GrpcLogs } from '@opentelemetry/exporter-logs-otlp-grpc';
import { OTLPLogExporter as JsonLogs } from '@opentelemetry/exporter-logs-otlp-http';
import { OTLPLogExporter as ProtoLogs } from '@opentelemetry/exporter-logs-otlp-proto';
import { OTLPTraceExporter as GrpcSpans } from '@opentelemetry/exporter-trace-otlp-grpc';
import { OTLPTraceExporter as JsonSpans } from '@opentelemetry/exporter-trace-otlp-http';
import { OTLPTraceExporter as ProtoSpans } from '@opentelemetry/exporter-trace-otlp-proto';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BatchLogRecordProcessor, LoggerProvider } from '@opentelemetry/sdk-logs';
import { BatchSpanProcessor, NodeTracerProvider } from '@opentelemetry/sdk-trace-node';

const [service, protocol] = process.argv.slice(2);
const [Spans, Logs] = {
  grpc: [GrpcSpans, GrpcLogs],
  'http/protobuf': [ProtoSpans, ProtoLogs],
  'http/json': [JsonSpans, JsonLogs],
}[protocol];

const resource = resourceFromAttributes({ 'service.name': service, 'deployment.environment.name': 'test', 'host.cores': 2 });
const tracers = new NodeTracerProvider({ resource, spanProcessors: [new BatchSpanProcessor(new Spans())] });
tracers.register();

const logProcessor = new BatchLogRecordProcessor({ exporter: new Logs() });
const loggers = new LoggerProvider({ resource, processors: [logProcessor] });
const tracer = tracers.getTracer('shop', '1.2.3');
const logger = loggers.getLogger('shop.log', '4.5.6');

const attributes = {
  text: 'zażółć', integer: Number.MAX_SAFE_INTEGER, negative: -7, double: 0.25, yes: true, no: false,
  texts: ['a', 'b'], integers: [1, 2], doubles: [0.5, 1.5], flags: [true, false],
  'http.request.method': 'POST', 'http.response.status_code': 502,
};

const spans = {};
tracer.startActiveSpan('checkout', { kind: SpanKind.SERVER, attributes }, (root) => {
  spans.checkout = root;
  logger.emit({
    body: 'order received', severityNumber: SeverityNumber.INFO, severityText: 'INFO',
    attributes: { 'order.id': 17, customer: 'ann' }, context: context.active(),
  });
  tracer.startActiveSpan('charge card', { kind: SpanKind.CLIENT }, (charge) => {
    spans['charge card'] = charge;
    charge.addEvent('retry', { attempt: 2, reason: 'timeout' });
    charge.recordException(new TypeError('card refused'));
    charge.setStatus({ code: SpanStatusCode.ERROR, message: 'card refused' });
    logger.emit({
      body: { what: 'payment failed', codes: [5, 'x'] }, severityNumber: SeverityNumber.ERROR, severityText: 'ERROR',
      context: context.active(),
    });
    charge.end();
  });
  const links = [{ context: spans['charge card'].spanContext(), attributes: { why: 'after' } }];
  tracer.startActiveSpan('ship', { links }, (ship) => {
    spans.ship = ship;
    ship.end();
  });
  root.end();
});
await tracers.forceFlush();
await loggers.forceFlush();
await tracers.shutdown();
await loggers.shutdown();
const ids = Object.fromEntries(Object.entries(spans).map(([name, span]) => [name, span.spanContext().spanId]));
console.log(JSON.stringify({ flushed: true, trace_id: trace.wrapSpanContext(spans.checkout.spanContext()).spanContext().traceId, spans: ids }));
