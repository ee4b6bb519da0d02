import type { OtlpTrace } from "./export-trace";
import type { OtlpDocument } from "./import-file";

interface JaegerTag {
  key: string;
  type?: string;
  value: unknown;
}

interface JaegerSpan {
  traceID: string;
  spanID: string;
  operationName?: string;
  references?: { refType: string; traceID: string; spanID: string }[];
  startTime: number;
  duration: number;
  tags?: JaegerTag[];
  logs?: { timestamp: number; fields?: JaegerTag[] }[];
  processID?: string;
}

interface JaegerFile {
  data: { spans: JaegerSpan[]; processes?: Record<string, { serviceName: string; tags?: JaegerTag[] }> }[];
}

type OtlpSpan = OtlpTrace["resourceSpans"][0]["scopeSpans"][0]["spans"][0];
type OtlpAttribute = NonNullable<OtlpSpan["attributes"]>[0];

const KINDS = ["unspecified", "internal", "server", "client", "producer", "consumer"];
/** Tags that are fields of an OTLP span. */
const FIELDS = new Set(["span.kind", "otel.status_code", "otel.status_description", "otel.scope.name", "otel.scope.version", "error"]);

/** Whether it is what Jaeger's UI and query API give. */
export function isJaeger(json: object): json is JaegerFile {
  return "data" in json && Array.isArray(json.data) && json.data.every((trace) => Array.isArray(trace?.spans));
}

/** Jaeger's JSON as OTLP; the way back from `toJaeger`. Times are whole microseconds there. */
export function fromJaeger({ data }: JaegerFile): OtlpDocument {
  const resourceSpans = data.flatMap(({ spans, processes }) =>
    spans.map((span) => {
      const process = processes?.[span.processID ?? ""];
      const attributes = [{ key: "service.name", value: { stringValue: process?.serviceName ?? "" } }, ...(process?.tags ?? []).map(attribute)];
      const scope = { name: textOf(span, "otel.scope.name") ?? "", version: textOf(span, "otel.scope.version") ?? "" };
      return { resource: { attributes }, scopeSpans: [{ scope, spans: [otlpSpan(span)] }] };
    }),
  );
  return { resourceSpans };
}

const traceIdOf = (id: string) => id.padStart(32, "0");
const spanIdOf = (id: string) => id.padStart(16, "0");
const nanosOf = (micros: number) => String(BigInt(Math.round(micros)) * 1000n);

function tagOf(span: JaegerSpan, key: string): unknown {
  return span.tags?.find((tag) => tag.key === key)?.value;
}

function textOf(span: JaegerSpan, key: string): string | undefined {
  const value = tagOf(span, key);
  return value === undefined ? undefined : String(value);
}

function otlpSpan(span: JaegerSpan): OtlpSpan {
  const parent = span.references?.find((one) => one.refType === "CHILD_OF" && traceIdOf(one.traceID) === traceIdOf(span.traceID));
  const links = (span.references ?? []).filter((one) => one !== parent).map((one) => ({ traceId: traceIdOf(one.traceID), spanId: spanIdOf(one.spanID) }));
  const failed = textOf(span, "otel.status_code") === "ERROR" || tagOf(span, "error") === true || textOf(span, "error") === "true";
  const message = textOf(span, "otel.status_description");
  const code = failed ? 2 : textOf(span, "otel.status_code") === "OK" ? 1 : 0;
  return {
    traceId: traceIdOf(span.traceID),
    spanId: spanIdOf(span.spanID),
    ...(parent && { parentSpanId: spanIdOf(parent.spanID) }),
    name: span.operationName ?? "",
    kind: Math.max(0, KINDS.indexOf(textOf(span, "span.kind") ?? "unspecified")),
    startTimeUnixNano: nanosOf(span.startTime),
    endTimeUnixNano: nanosOf(span.startTime + span.duration),
    attributes: (span.tags ?? []).filter((tag) => !FIELDS.has(tag.key)).map(attribute),
    events: (span.logs ?? []).map(({ timestamp, fields = [] }) => {
      const name = fields.find((field) => field.key === "event")?.value;
      return { timeUnixNano: nanosOf(timestamp), name: String(name ?? ""), attributes: fields.filter((field) => field.key !== "event").map(attribute) };
    }),
    ...(links.length > 0 && { links }),
    ...((code > 0 || message !== undefined) && { status: { code, ...(message !== undefined && { message }) } }),
  };
}

function attribute({ key, type, value }: JaegerTag): OtlpAttribute {
  if (type === "bool") return { key, value: { boolValue: value === true || value === "true" } };
  if (type === "int64") return { key, value: { intValue: String(value) } };
  if (type === "float64") return { key, value: { doubleValue: Number(value) } };
  return { key, value: { stringValue: typeof value === "string" ? value : JSON.stringify(value) } };
}
