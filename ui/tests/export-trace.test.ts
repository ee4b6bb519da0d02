import { describe, expect, it } from "vitest";
import { type OtlpTrace, toJaeger, toTraceEvents } from "../src/engine/export-trace";
import { random } from "./traces";

const span = (id: number, parent: number, from: number, to: number, more = {}) => ({
  traceId: "1".repeat(32), spanId: String(id).padStart(16, "0"), ...(parent && { parentSpanId: String(parent).padStart(16, "0") }), name: `op ${id}`, kind: 2,
  startTimeUnixNano: String(1_675_084_655_000_000_000n + BigInt(from)), endTimeUnixNano: String(1_675_084_655_000_000_000n + BigInt(to)), ...more,
});
const trace = (spans: OtlpTrace["resourceSpans"][0]["scopeSpans"][0]["spans"]): OtlpTrace => ({
  resourceSpans: [{ resource: { attributes: [{ key: "service.name", value: { stringValue: "shop" } }, { key: "host", value: { stringValue: "h1" } }] }, scopeSpans: [{ scope: { name: "lib", version: "2" }, spans }] }],
});

describe("Jaeger JSON", () => {
  it("has references, tags with their types, logs and processes", () => {
    const attributes = [{ key: "n", value: { intValue: "7" } }, { key: "big", value: { intValue: "9007199254740993" } }, { key: "on", value: { boolValue: true } }, { key: "list", value: { arrayValue: { values: [] } } }];
    const otlp = trace([
      span(1, 0, 0, 5_000_999),
      span(2, 1, 1_000, 2_000, { attributes, links: [{ traceId: "2".repeat(32), spanId: "3".repeat(16) }], status: { code: 2, message: "no" }, events: [{ timeUnixNano: "1675084655000002000", name: "retry" }] }),
    ]);
    const { data } = toJaeger("1".repeat(32), otlp) as { data: { spans: Record<string, unknown>[]; processes: unknown }[] };
    const [root, child] = data[0]!.spans as [Record<string, unknown>, Record<string, unknown>];
    expect([root.startTime, root.duration, root.references]).toEqual([1_675_084_655_000_000, 5_000, []]);
    expect(child.references).toEqual([{ refType: "CHILD_OF", traceID: "1".repeat(32), spanID: "0".repeat(15) + "1" }, { refType: "FOLLOWS_FROM", traceID: "2".repeat(32), spanID: "3".repeat(16) }]);
    expect(child.tags).toEqual(expect.arrayContaining([
      { key: "n", type: "int64", value: 7 }, { key: "big", type: "int64", value: "9007199254740993" }, { key: "on", type: "bool", value: true }, { key: "list", type: "string", value: '{"values":[]}' },
      { key: "span.kind", type: "string", value: "server" }, { key: "error", type: "bool", value: true }, { key: "otel.status_description", type: "string", value: "no" }, { key: "otel.scope.name", type: "string", value: "lib" },
    ]));
    expect(child.logs).toEqual([{ timestamp: 1_675_084_655_000_002, fields: [{ key: "event", type: "string", value: "retry" }] }]);
    expect(data[0]!.processes).toEqual({ p0: { serviceName: "shop", tags: [{ key: "host", type: "string", value: "h1" }] } });
  });
});

describe("trace events for Perfetto", () => {
  it("nest on every thread, whatever overlaps", () => {
    const next = random(4);
    const spans = Array.from({ length: 300 }, (_, i) => {
      const from = Math.floor(next() * 1e6);
      return span(i + 1, 0, from, from + Math.floor(next() * 2e5));
    });
    const { traceEvents } = toTraceEvents(trace(spans)) as { traceEvents: { ph: string; tid: number; ts: number; dur: number }[] };
    const slices = traceEvents.filter((event) => event.ph === "X");
    expect(slices).toHaveLength(300);
    for (const a of slices) {
      for (const b of slices) {
        if (a === b || a.tid !== b.tid || b.ts < a.ts) continue;
        // Half a nanosecond: what doubles of a sum may differ by.
        const end = a.ts + a.dur + 0.0005;
        expect(b.ts >= end - 0.001 || b.ts + b.dur <= end, `${a.ts}+${a.dur} and ${b.ts}+${b.dur}`).toBe(true);
      }
    }
  });
});
