/** OTLP/JSON as the API gives it: the parts that other forms need. */
export interface OtlpTrace {
  resourceSpans: {
    resource?: { attributes?: OtlpAttribute[] };
    scopeSpans: { scope?: { name?: string; version?: string }; spans: OtlpSpan[] }[];
  }[];
}

interface OtlpAttribute {
  key: string;
  value: { stringValue?: string; boolValue?: boolean; intValue?: string; doubleValue?: number | string; arrayValue?: unknown; kvlistValue?: unknown; bytesValue?: string };
}

interface OtlpSpan {
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  name?: string;
  kind?: number;
  startTimeUnixNano: string;
  endTimeUnixNano: string;
  attributes?: OtlpAttribute[];
  events?: { timeUnixNano: string; name?: string; attributes?: OtlpAttribute[] }[];
  links?: { traceId: string; spanId: string }[];
  status?: { code?: number; message?: string };
}

const KINDS = ["unspecified", "internal", "server", "client", "producer", "consumer"];
const STATUS_ERROR = 2;

interface Tag {
  key: string;
  type: string;
  value: unknown;
}

function tag({ key, value }: OtlpAttribute): Tag {
  if (value.stringValue !== undefined) return { key, type: "string", value: value.stringValue };
  if (value.boolValue !== undefined) return { key, type: "bool", value: value.boolValue };
  if (value.intValue !== undefined) return { key, type: "int64", value: Number.isSafeInteger(Number(value.intValue)) ? Number(value.intValue) : value.intValue };
  if (value.doubleValue !== undefined) return { key, type: "float64", value: value.doubleValue };
  return { key, type: "string", value: value.bytesValue ?? JSON.stringify(value.arrayValue ?? value.kvlistValue ?? "") };
}

/** Microseconds with the nanoseconds cut off, as Jaeger has them. */
const micros = (nanos: string): number => Number(BigInt(nanos) / 1000n);

function serviceName(resource: { attributes?: OtlpAttribute[] } | undefined): string {
  return resource?.attributes?.find((attribute) => attribute.key === "service.name")?.value.stringValue ?? "";
}

/** The JSON that Jaeger's UI reads ("Upload file") and its query API answers. Mapping: OpenTelemetry's "OTel to Jaeger". */
export function toJaeger(traceId: string, otlp: OtlpTrace): unknown {
  const processes: Record<string, unknown> = {};
  const spans = otlp.resourceSpans.flatMap(({ resource, scopeSpans }, p) => {
    processes[`p${p}`] = { serviceName: serviceName(resource), tags: (resource?.attributes ?? []).filter((one) => one.key !== "service.name").map(tag) };
    return scopeSpans.flatMap(({ scope, spans: own }) => own.map((span) => jaegerSpan(span, scope, `p${p}`)));
  });
  return { data: [{ traceID: traceId, spans, processes, warnings: null }], total: 0, limit: 0, offset: 0, errors: null };
}

/** A tag, unless there is nothing to say. */
const text = (key: string, value: string | undefined): Tag[] => (value ? [{ key, type: "string", value }] : []);

function jaegerSpan(span: OtlpSpan, scope: { name?: string; version?: string } | undefined, processID: string) {
  const parent = span.parentSpanId ? [{ refType: "CHILD_OF", traceID: span.traceId, spanID: span.parentSpanId }] : [];
  const failed = span.status?.code === STATUS_ERROR;
  return {
    traceID: span.traceId,
    spanID: span.spanId,
    operationName: span.name ?? "",
    references: [...parent, ...(span.links ?? []).map((link) => ({ refType: "FOLLOWS_FROM", traceID: link.traceId, spanID: link.spanId }))],
    startTime: micros(span.startTimeUnixNano),
    duration: Math.max(0, micros(span.endTimeUnixNano) - micros(span.startTimeUnixNano)),
    tags: [
      ...(span.attributes ?? []).map(tag),
      ...text("span.kind", span.kind ? KINDS[span.kind] : undefined),
      ...text("otel.scope.name", scope?.name),
      ...text("otel.scope.version", scope?.version),
      ...text("otel.status_code", failed ? "ERROR" : span.status?.code === 1 ? "OK" : undefined),
      ...text("otel.status_description", span.status?.message),
      ...(failed ? [{ key: "error", type: "bool", value: true }] : []),
    ],
    logs: (span.events ?? []).map((event) => ({
      timestamp: micros(event.timeUnixNano),
      fields: [{ key: "event", type: "string", value: event.name ?? "" }, ...(event.attributes ?? []).map(tag)],
    })),
    processID,
    warnings: null,
  };
}

interface Slice {
  start: number;
  end: number;
  span: OtlpSpan;
}

/**
 * The Trace Event Format that Perfetto and chrome://tracing read: one process per service. Slices of one thread must
 * nest, so spans that overlap without nesting get threads of their own. Times count from the start of the trace: as
 * microseconds since 1970 a double would lose the nanoseconds.
 */
export function toTraceEvents(otlp: OtlpTrace): unknown {
  const services = new Map<string, Slice[]>();
  const starts = otlp.resourceSpans.flatMap((one) => one.scopeSpans.flatMap((scope) => scope.spans.map((span) => BigInt(span.startTimeUnixNano))));
  const first = starts.reduce((least, start) => (start < least ? start : least), starts[0] ?? 0n);
  const sinceFirst = (nanos: string) => Number(BigInt(nanos) - first) / 1000;
  for (const { resource, scopeSpans } of otlp.resourceSpans) {
    const name = serviceName(resource);
    const slices = services.get(name) ?? [];
    services.set(name, slices);
    for (const span of scopeSpans.flatMap((one) => one.spans)) {
      const start = sinceFirst(span.startTimeUnixNano);
      slices.push({ start, end: Math.max(start, sinceFirst(span.endTimeUnixNano)), span });
    }
  }
  const traceEvents: unknown[] = [];
  [...services].forEach(([name, slices], pid) => {
    traceEvents.push({ ph: "M", name: "process_name", pid: pid + 1, args: { name } });
    for (const { slice, thread } of threads(slices)) {
      const { span } = slice;
      const args = Object.fromEntries((span.attributes ?? []).map((attribute) => [attribute.key, tag(attribute).value]));
      traceEvents.push({
        ph: "X", name: span.name ?? "", cat: KINDS[span.kind ?? 0], pid: pid + 1, tid: thread + 1, ts: slice.start, dur: slice.end - slice.start,
        args: { ...args, span_id: span.spanId, ...(span.parentSpanId && { parent_span_id: span.parentSpanId }), ...(span.status?.code === STATUS_ERROR && { error: true }) },
      });
    }
  });
  return { displayTimeUnit: "ns", traceEvents };
}

/** The first thread on which a slice nests into what is open, or nothing is open. */
function threads(slices: readonly Slice[]): { slice: Slice; thread: number }[] {
  /** Ends of the open slices per thread, the innermost last. */
  const open: number[][] = [];
  return slices
    .toSorted((a, b) => a.start - b.start || b.end - a.end)
    .map((slice) => {
      const fits = (ends: number[]) => {
        while (ends.length > 0 && ends.at(-1)! <= slice.start) ends.pop();
        return ends.length === 0 || slice.end <= ends.at(-1)!;
      };
      let thread = open.findIndex(fits);
      if (thread < 0) thread = open.push([]) - 1;
      open[thread]!.push(slice.end);
      return { slice, thread };
    });
}
