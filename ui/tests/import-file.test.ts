import { describe, expect, it } from "vitest";
import { type OtlpTrace, toJaeger, toTraceEvents } from "../src/engine/export-trace";
import { type OtlpDocument, readImport } from "../src/engine/import-file";
import { stringifyExact } from "../src/lib/json";

const TRACE = "5b8efff798038103d269b633813fc60c";
const id = (number: number) => number.toString(16).padStart(16, "0");
const at = (micros: number) => String(1_675_084_655_000_000_000n + BigInt(micros) * 1000n);
const span = (number: number, more = {}) => ({ traceId: TRACE, spanId: id(number), name: `op ${number}`, kind: 2, startTimeUnixNano: at(number), endTimeUnixNano: at(number + 5), attributes: [], events: [], ...more });
const resource = (service: string) => ({ attributes: [{ key: "service.name", value: { stringValue: service } }, { key: "host", value: { stringValue: "h1" } }] });
const scope = { name: "lib", version: "2" };
const file = (service: string, ...spans: ReturnType<typeof span>[]): OtlpTrace => ({ resourceSpans: [{ resource: resource(service), scopeSpans: [{ scope, spans }] }] });
const spansOf = (pieces: readonly OtlpDocument[]) =>
  pieces.flatMap((piece) => (piece.resourceSpans ?? []).flatMap((one) => one.scopeSpans.flatMap((own) => own.spans.map((each) => ({ ...each, resource: one.resource, scope: own.scope })))));

describe("a file to import", () => {
  it("is told before it is sent", () => {
    const logs = { resourceLogs: [{ resource: resource("shop"), scopeLogs: [{ logRecords: [{ timeUnixNano: at(90), body: { stringValue: "x" } }] }] }] };
    const plan = readImport(stringifyExact({ ...file("shop", span(1), span(2, { traceId: TRACE.toUpperCase() })), ...logs }, 2));
    expect(plan).toMatchObject({ spans: 2, logs: 1, traceIds: [TRACE], from: BigInt(at(1)), to: BigInt(at(90)) });
    expect(plan.pieces).toHaveLength(1);
  });

  it("is cut into requests without losing or changing a span", () => {
    const spans = Array.from({ length: 10_345 }, (_, i) => span(i + 1, { attributes: [{ key: "big", value: { intValue: "9007199254740993" } }] }));
    const { pieces } = readImport(JSON.stringify({ resourceSpans: [...file("shop", ...spans.slice(0, 10_000)).resourceSpans, ...file("cart", ...spans.slice(10_000)).resourceSpans] }));
    expect(pieces.length).toBe(3);
    const sent = spansOf(pieces);
    expect(JSON.stringify(sent.map(({ resource: _r, scope: _s, ...own }) => own))).toBe(JSON.stringify(spans));
    expect(sent.map((one) => one.resource?.attributes?.[0]?.value.stringValue)).toEqual(spans.map((_, i) => (i < 10_000 ? "shop" : "cart")));
    for (const piece of pieces) expect(spansOf([piece]).length).toBeLessThanOrEqual(5_000);
  });

  it("may have a document on each line", () => {
    const plan = readImport(`${JSON.stringify(file("a", span(1)))}\n\n${JSON.stringify(file("b", span(2)))}\n`);
    expect([plan.spans, spansOf(plan.pieces).map((one) => one.spanId)]).toEqual([2, [id(1), id(2)]]);
  });

  it.each([
    ["", "no span and no log record"],
    ["hello", "not JSON"],
    ["{}\nhello", "Line 2"],
    ["[1]", "no span"],
    ["7", "no trace"],
    ["{}", "no span and no log record"],
    ['{"resourceSpans":"x"}', "no span"],
    [JSON.stringify(toTraceEvents(file("a", span(1)))), "Perfetto"],
  ])("%s cannot be imported, and why", (text, why) => {
    expect(() => readImport(text)).toThrow(why);
  });

  it("may be Jaeger's, and is then what was exported", () => {
    const attributes = [{ key: "n", value: { intValue: "9007199254740993" } }, { key: "on", value: { boolValue: true } }, { key: "part", value: { doubleValue: 0.5 } }, { key: "s", value: { stringValue: "x" } }];
    const otlp: OtlpTrace = {
      resourceSpans: [
        ...file("shop", span(1), span(2, { parentSpanId: id(1), kind: 3, attributes, status: { code: 2, message: "no" }, links: [{ traceId: "2".repeat(32), spanId: id(9) }] })).resourceSpans,
        ...file("cart", span(3, { parentSpanId: id(2), status: { code: 1 }, events: [{ timeUnixNano: at(4), name: "retry", attributes: [{ key: "try", value: { intValue: "2" } }] }] })).resourceSpans,
      ],
    };
    const plan = readImport(stringifyExact(toJaeger(TRACE, otlp)));
    expect([plan.spans, plan.traceIds]).toEqual([3, [TRACE]]);
    expect(spansOf(plan.pieces)).toEqual(spansOf([otlp]));
  });
});
