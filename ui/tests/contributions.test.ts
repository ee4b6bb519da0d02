import { describe, expect, it } from "vitest";
import { BASELINE_SPANS_MAX, BASELINE_TRACES_MAX, chooseBaseline } from "../src/api/baseline";
import type { TraceSummary } from "../src/api/types";
import { baselineOf, contributions, profileOf } from "../src/engine/contributions";
import { nanos } from "../src/lib/time";
import { modelOf, random, randomTrace, span } from "./traces";

const checkout = (charge: number, mail: boolean) =>
  profileOf(modelOf([
    span(1, 0, 0, 10 + charge + (mail ? 5 : 0), { service: "shop", name: "checkout" }),
    span(2, 1, 10, charge, { service: "payment", name: "charge" }),
    ...(mail ? [span(3, 1, 10 + charge, 5, { service: "mail", name: "send" })] : []),
  ]));

describe("the baseline", () => {
  it("is the median of each part, and says how far they lie apart", () => {
    const usual = baselineOf([checkout(100, false), checkout(104, false), checkout(400, true)]);
    expect([usual.durationNs, usual.spans]).toEqual([114, 2]);
    expect(usual.parts.map(({ service, ns, count, usual: range }) => [service, ns, count, range])).toEqual([
      ["shop", 10, 1, { low: 10, high: 10, traces: 3 }],
      ["payment", 104, 1, { low: 100, high: 400, traces: 3 }],
      ["mail", 0, 0, { low: 0, high: 5, traces: 1 }],
    ]);
  });

  it("adds up to the difference with a trace, with a row for what medians leave over", () => {
    let rests = 0;
    for (let seed = 1; seed <= 60; seed += 1) {
      const next = random(seed);
      const some = Array.from({ length: 1 + Math.floor(next() * 9) }, (_, i) => profileOf(modelOf(randomTrace(1 + Math.floor(next() * 60), seed * 31 + i))));
      const [usual, own] = [baselineOf(some), profileOf(modelOf(randomTrace(40, seed + 7)))];
      const rows = contributions(usual, own);
      expect(rows.reduce((sum, row) => sum + row.delta, 0)).toBeCloseTo(own.durationNs - usual.durationNs, 0);
      rests += rows.filter((row) => row.isRest).length;
      const back = contributions(own, usual);
      expect(back.map((row) => 0 - row.delta).toSorted()).toEqual(rows.map((row) => row.delta).toSorted());
      expect(contributions(baselineOf([own]), own).every((row) => row.delta === 0 && !row.isRest)).toBe(true);
    }
    expect(rests).toBeGreaterThan(0);
  });
});

describe("the traces of a baseline", () => {
  const moment = nanos("1000000");
  const facts = { trace_id: "own", root: { service: "shop", name: "pay", span_id: "1", status: "OK" } };
  const summary = (trace_id: string, at: number, more: Partial<TraceSummary> = {}): TraceSummary =>
    ({ trace_id, root: facts.root, start_time_unix_nano: String(at), duration_ns: 1, span_count: 3, service_count: 1, services: [], error_count: 0, matched_span_count: 1, complete: true, ...more });
  const ids = (found: TraceSummary[]) => chooseBaseline(found, facts, moment).traces.map((one) => one.trace_id);

  it("are the nearest without errors, and never the trace itself", () => {
    const found = [summary("far", 1), summary("failed", 999_999, { error_count: 1 }), summary("own", 1_000_000), summary("after", 1_000_002), summary("before", 999_997), summary("torn", 999_998, { complete: false }), summary("other", 999_999, { root: { ...facts.root, name: "pay later" } })];
    expect(ids(found)).toEqual(["after", "before", "far"]);
    expect(chooseBaseline(found, facts, moment).areFaulty).toBe(false);
  });
  it("have errors when there are no others", () => {
    expect(chooseBaseline([summary("failed", 1, { error_count: 2 })], facts, moment)).toMatchObject({ areFaulty: true, traces: [{ trace_id: "failed" }] });
  });
  it("are no more than the bounds say", () => {
    expect(ids(Array.from({ length: 50 }, (_, i) => summary(`t${i}`, 1_000_000 + i)))).toHaveLength(BASELINE_TRACES_MAX);
    const large = { span_count: BASELINE_SPANS_MAX / 2 };
    expect(ids([summary("a", 1_000_001, large), summary("b", 1_000_002, large), summary("c", 1_000_003, large)])).toEqual(["a", "b"]);
    expect(ids([summary("huge", 1_000_001, { span_count: BASELINE_SPANS_MAX + 1 }), summary("small", 1_000_009)])).toEqual(["small"]);
  });
});
