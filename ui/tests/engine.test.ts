import { describe, expect, it } from "vitest";
import { criticalPath } from "../src/engine/critical-path";
import { findSpans } from "../src/engine/find";
import { expandSiblings, foldAllBut, foldToLevels, openingFolds, reveal, rowOf, visibleRows } from "../src/engine/folds";
import { clampView, ticks, viewOf, zoomAt } from "../src/engine/timeline";
import { ancestors, buildTraceModel, type TraceModel } from "../src/engine/trace-model";
import { chain, random, randomTrace, span } from "./traces";

function names(model: TraceModel, rows: Int32Array = visibleRows(model, new Uint8Array(model.count))): string[] {
  return Array.from(rows, (i) => model.spans[i]!.span_id);
}

describe("the trace model", () => {
  it("puts children below their parent by start time", () => {
    const model = buildTraceModel(
      [span("c", "a", 5, 1), span("b", "a", 2, 1), span("d", "b", 3, 1), span("a", null, 0, 10)],
      10,
    );
    expect(names(model)).toEqual(["a", "b", "d", "c"]);
    expect([...model.depth]).toEqual([0, 1, 2, 1]);
    expect([...model.subtreeEnd]).toEqual([4, 3, 3, 4]);
    expect([...model.position]).toEqual([1, 1, 1, 2]);
    expect(ancestors(model, 2)).toEqual([0, 1]);
  });

  it("makes orphans and cycle members roots and loses no span", () => {
    const model = buildTraceModel(
      [
        span("a", null, 0, 10),
        span("orphan", "gone", 1, 1),
        span("x", "y", 2, 1),
        span("y", "x", 3, 1),
        span("below-x", "x", 4, 1),
        span("self", "self", 5, 1),
      ],
      10,
    );
    expect(names(model).toSorted()).toEqual(["a", "below-x", "orphan", "self", "x", "y"]);
    const root = (id: string) => model.parent[model.indexOf.get(id)!] === -1;
    expect(["a", "orphan", "x", "y", "self"].every(root)).toBe(true);
    expect(model.parent[model.indexOf.get("below-x")!]).toBe(model.indexOf.get("x"));
    expect(model.rootCount).toBe(5);
  });

  it("shows duplicate span ids twice and gives the children to the first", () => {
    const model = buildTraceModel([span("a", null, 0, 9), span("a", null, 1, 9), span("b", "a", 2, 1)], 10);
    expect(names(model)).toEqual(["a", "b", "a"]);
  });

  it("agrees with a naive recursive model on random traces", () => {
    for (let seed = 1; seed <= 60; seed += 1) {
      const spans = randomTrace(80, seed);
      const model = buildTraceModel(spans, 1e9);
      const naive: string[] = [];
      const visit = (parent: string | null) => {
        spans
          .map((one, i) => ({ one, i }))
          .filter(({ one }) => one.parent_span_id === parent)
          .toSorted((a, b) => a.one.start_offset_ns - b.one.start_offset_ns || a.i - b.i)
          .forEach(({ one }) => {
            naive.push(one.span_id);
            visit(one.span_id);
          });
      };
      visit(null);
      expect(names(model), `seed ${seed}`).toEqual(naive);
      for (let i = 0; i < model.count; i += 1) {
        let errors = 0;
        for (let k = i + 1; k < model.subtreeEnd[i]!; k += 1) errors += model.error[k]!;
        expect(model.errorsBelow[i]).toBe(errors);
      }
    }
  });

  it("takes 50,000 spans and a chain 100,000 deep", () => {
    for (const spans of [randomTrace(50_000, 7), chain(100_000)]) {
      const model = buildTraceModel(spans, 1e9);
      const { folds, shownLevels } = openingFolds(model);
      const rows = visibleRows(model, folds);
      criticalPath(model);
      expect(model.count).toBe(spans.length);
      expect(shownLevels).not.toBeNull();
      expect(rows.length).toBeGreaterThan(1);
    }
    expect(buildTraceModel(chain(100_000), 1).levels).toBe(100_000);
  });

  it("opens an empty trace", () => {
    const model = buildTraceModel([], 0);
    expect([model.count, model.durationNs, visibleRows(model, new Uint8Array(0)).length]).toEqual([0, 1, 0]);
  });
});

describe("folds", () => {
  const model = buildTraceModel(randomTrace(400, 3), 1e9);

  it("hide exactly what has a folded ancestor, whatever is folded", () => {
    const next = random(11);
    const folds = new Uint8Array(model.count);
    for (let round = 0; round < 200; round += 1) {
      const i = Math.floor(next() * model.count);
      if (next() < 0.7) folds[i] = folds[i] ? 0 : 1;
      else if (next() < 0.5) expandSiblings(model, folds, i);
      else reveal(model, folds, i);
      const rows = visibleRows(model, folds);
      const expected: number[] = [];
      for (let k = 0; k < model.count; k += 1) {
        if (ancestors(model, k).every((up) => !folds[up])) expected.push(k);
      }
      expect([...rows]).toEqual(expected);
      expect(rows[rowOf(rows, i)]! <= i).toBe(true);
    }
  });

  it("fold to levels and to one path", () => {
    const folds = new Uint8Array(model.count);
    foldToLevels(model, folds, 2);
    expect(visibleRows(model, folds).every((i) => model.depth[i]! <= 1)).toBe(true);
    const deepest = model.depth.indexOf(model.levels - 1);
    foldAllBut(model, folds, deepest);
    const rows = visibleRows(model, folds);
    expect(rows[rowOf(rows, deepest)]).toBe(deepest);
    const path = new Set([-1, ...ancestors(model, deepest)]);
    expect(rows.every((i) => path.has(model.parent[i]!))).toBe(true);
  });

  it("open large traces small, with their errors in sight", () => {
    const spans = randomTrace(30_000, 5).map((one) => ({ ...one, status: one.span_id === "29999" ? ("ERROR" as const) : ("UNSET" as const) }));
    const large = buildTraceModel(spans, 1e9);
    const rows = visibleRows(large, openingFolds(large).folds);
    expect(rows.includes(large.indexOf.get("29999")!)).toBe(true);
    expect(rows.length).toBeLessThan(30_000);
  });
});

function total(model: TraceModel): number {
  let sum = 0;
  for (const sections of criticalPath(model).values()) {
    for (let k = 0; k < sections.length; k += 2) sum += sections[k + 1]! - sections[k]!;
  }
  return sum;
}

describe("the critical path", () => {
  it("covers the trace exactly once", () => {
    for (let seed = 1; seed <= 100; seed += 1) {
      const model = buildTraceModel(randomTrace(120, seed), 1e9);
      expect(Math.abs(total(model) - 1e9), `seed ${seed}`).toBeLessThan(1);
    }
  });

  it("goes through the child that finished last and leaves consumers aside", () => {
    const model = buildTraceModel(
      [
        span("a", null, 0, 100),
        span("fast", "a", 10, 20),
        span("slow", "a", 10, 60),
        span("async", "a", 20, 79, { kind: "CONSUMER" }),
      ],
      100,
    );
    const path = criticalPath(model);
    expect(path.get(model.indexOf.get("slow")!)).toEqual([10, 70]);
    expect(path.has(model.indexOf.get("fast")!)).toBe(false);
    expect(path.has(model.indexOf.get("async")!)).toBe(false);
    expect(total(model)).toBe(100);
  });
});

describe("find", () => {
  const model = buildTraceModel(
    [
      span("a", null, 0, 100e6, { service: "gateway", name: "GET /cart" }),
      span("b", "a", 1, 60e6, { service: "db", name: "SELECT", attributes: { "db.rows": 7 } }),
      span("c", "a", 2, 1e6, { service: "db", name: "SELECT", status: "ERROR", status_message: "Deadlock found" }),
    ],
    100e6,
  );
  it.each([
    ["", []],
    ["cart", ["a"]],
    ["service:db", ["b", "c"]],
    ["service:db duration>50ms", ["b"]],
    ["error", ["c"]],
    ["status:error", ["c"]],
    ["deadlock", ["c"]],
    ["db.rows=7", ["b"]],
    ["select nothing", []],
  ])("%s", (text, ids) => {
    expect(names(model, findSpans(model, text))).toEqual(ids);
  });
});

describe("the time axis", () => {
  it("keeps the anchor in place and stays inside the trace", () => {
    const view = zoomAt({ t0: 0, t1: 1000e6 }, 250e6, 0.5, 1000e6);
    expect((250e6 - view.t0) / (view.t1 - view.t0)).toBeCloseTo(0.25);
    expect(zoomAt(view, 0, 100, 1000e6)).toEqual({ t0: 0, t1: 1000e6 });
    expect(clampView({ t0: -50, t1: 950e6 }, 1000e6).t0).toBe(0);
    expect(viewOf(0, 0, 1e9).t1).toBeGreaterThan(0);
  });

  it("has round ticks that fit", () => {
    expect(ticks({ t0: 0, t1: 1.27e9 }, 600)).toEqual([0, 0.5e9, 1e9]);
    expect(ticks({ t0: 0, t1: 30 * 86400e9 }, 600).length).toBeLessThanOrEqual(6);
    expect(ticks({ t0: 5, t1: 6 }, 600)).toEqual([5]);
  });
});
