import { describe, expect, it } from "vitest";
import { longestOf, pairAttributes, unionTree } from "../src/engine/compare";
import { contributions, profileOf } from "../src/engine/contributions";
import { isCritical, whereTheTimeWent } from "../src/engine/critical-path";
import { findSpans, readFind } from "../src/engine/find";
import { buildFlame, flameStep, nodeAt } from "../src/engine/flame";
import { expandSiblings, foldAllBut, type Folds, foldToLevels, groupRow, isGroupRow, openingFolds, outlineAncestors, reveal, rowOf, spanOfRow, spanRow, visibleRows, withAncestors } from "../src/engine/folds";
import { FLAG } from "../src/engine/skeleton";
import { criticalTimes, statistics } from "../src/engine/statistics";
import { clampView, ticks, viewOf, zoomAt } from "../src/engine/timeline";
import { ancestors, buildTraceModel, buildTree, indexOfSpan, nearestPoint, outcomeOf, spanIdOf, spanRefOf, type TraceModel, withSkewUndone } from "../src/engine/trace-model";
import { waitFrom } from "../src/engine/waits";
import { naiveCriticalPath, naiveHasError, naivePreorder, naiveSelfTime, naiveTree } from "./naive-trace";
import { chain, idAt, modelOf, random, randomTrace, skeletonOf, span, type TestSpan } from "./traces";

const NO_FOLDS = (model: TraceModel): Folds => ({ spans: new Uint8Array(model.count), groups: new Uint8Array(model.groups.count) });

const ids = (model: TraceModel): number[] => Array.from({ length: model.count }, (_, i) => idAt(model, i));
const indexOf = (model: TraceModel, id: number): number => ids(model).indexOf(id);

describe("the trace model", () => {
  it("has the columns of the tree", () => {
    const model = modelOf([span(3, 1, 5, 1), span(2, 1, 2, 1), span(4, 2, 3, 1), span(1, 0, 0, 10)]);
    expect(ids(model)).toEqual([1, 2, 4, 3]);
    expect([...model.depth]).toEqual([0, 1, 2, 1]);
    expect([...model.subtreeEnd]).toEqual([4, 3, 3, 4]);
    expect([...model.selfTime]).toEqual([8, 1, 1, 1]);
    expect(ancestors(model, 2)).toEqual([0, 1]);
    expect([spanIdOf(model, 2), indexOfSpan(model, "0000000000000004"), indexOfSpan(model, "0000000000000005"), indexOfSpan(model, "4")]).toEqual(["0000000000000004", 2, -1, -1]);
  });

  it("agrees with a naive model on 10,000 random traces", () => {
    for (let seed = 1; seed <= 10_000; seed += 1) {
      const spans = randomTrace(1 + (seed % 40), seed);
      const model = modelOf(spans);
      const roots = naiveTree(spans);
      const naive = naivePreorder(roots);
      expect(ids(model), `seed ${seed}`).toEqual(naive.map((one) => one.id));
      const path = naiveCriticalPath(roots, model.durationNs);
      const critical = criticalTimes(model);
      naive.forEach((one, i) => {
        const below = naivePreorder(one.children);
        const expected = [one.depth, below.length, one.children.length, below.filter(naiveHasError).length, naiveSelfTime(one), path.get(one.id) ?? 0];
        const found = [model.depth[i], model.subtreeEnd[i]! - i - 1, model.childCount[i], model.errorsBelow[i], model.selfTime[i], critical[i]];
        expect(found, `seed ${seed} span ${one.id}`).toEqual(expected);
      });
    }
  }, 120_000);

  it("takes 50,000 and 250,000 spans and a chain 100,000 deep", () => {
    for (const spans of [randomTrace(50_000, 7), randomTrace(250_000, 8), chain(100_000)]) {
      const model = modelOf(spans);
      const { folds, shownLevels } = openingFolds(model);
      const rows = visibleRows(model, folds);
      expect(model.count).toBe(spans.length);
      expect(shownLevels).not.toBeNull();
      expect(rows.length).toBeGreaterThan(1);
      expect(outlineAncestors(model, rows.at(-1)!, false, 6).length).toBeLessThanOrEqual(6);
      expect(buildFlame(model, "heavy").count).toBeGreaterThan(0);
      expect(statistics(model, "operation").reduce((sum, row) => sum + row.count, 0)).toBe(spans.length);
    }
    expect(modelOf(chain(100_000)).levels).toBe(100_000);
  }, 120_000);

  it("opens an empty trace and refuses columns that contradict each other", () => {
    const model = modelOf([]);
    expect([model.count, model.durationNs, visibleRows(model, NO_FOLDS(model)).length]).toEqual([0, 1, 0]);
    expect(() => buildTree([-1, 2, 1])).toThrow(/before its parent/);
    const skeleton = skeletonOf([span(1, 0, 0, 1)]);
    expect(() => buildTraceModel({ ...skeleton, spans: { ...skeleton.spans, name: [] } })).toThrow(/different lengths/);
  });

  it("tells outcomes and the points inside spans", () => {
    const skeleton = skeletonOf(
      [span(1, 0, 0, 100, { outcome: 3, events: [{ time: 50, text: "retry" }, { time: 7, text: "start" }] }), span(2, 1, 1, 1, { status: 2 }), span(3, 1, 2, 1, { outcome: 1 })],
      [{ span: 1, time: 20, severity: 17 }, { span: 3, time: 2, severity: 9 }, { span: 9, time: 1, severity: 9 }],
    );
    const model = buildTraceModel(skeleton);
    expect([0, 1, 2].map((i) => outcomeOf(model, i))).toEqual(["throttle", "fault", "error"]);
    expect([...model.points.from]).toEqual([0, 3, 3, 4]);
    expect([...model.points.time]).toEqual([7, 20, 50, 2]);
    expect([...model.points.kind]).toEqual([0, 2, 0, 1]);
  });
});

/** Rows of an outline by the definition: what has no folded span or group above it. */
function naiveRows(model: TraceModel, folds: Folds): number[] {
  const rows: number[] = [];
  const { startsAt, of } = model.groups;
  const hidden = (index: number) => outlineAncestors(model, spanRow(index), false, Infinity).some((row) => (isGroupRow(row) ? folds.groups[startsAt[spanOfRow(row)]!] : folds.spans[spanOfRow(row)]));
  const groupHidden = (index: number) =>
    outlineAncestors(model, groupRow(index), false, Infinity).some((row) => (isGroupRow(row) ? folds.groups[startsAt[spanOfRow(row)]!] : folds.spans[spanOfRow(row)]));
  for (let i = 0; i < model.count; i += 1) {
    if (startsAt[i]! >= 0 && of[i]! >= 0 && !groupHidden(i)) rows.push(groupRow(i));
    if (!hidden(i)) rows.push(spanRow(i));
  }
  return rows;
}

/** Twenty calls in a row below one span, one of which failed; another call, five more. */
const LOOP: TestSpan[] = [
  span(1, 0, 0, 1000, { service: "api" }),
  ...Array.from({ length: 20 }, (_, i) => span(10 + i, 1, i * 10, 5, { service: "db", name: "SELECT", status: i === 3 ? 2 : 0 })),
  span(50, 1, 300, 10, { name: "think" }),
  ...Array.from({ length: 5 }, (_, i) => span(60 + i, 1, 400 + i, 2, { service: "db", name: "SELECT" })),
  span(70, 60, 400, 1, { name: "below" }),
  ...Array.from({ length: 4 }, (_, i) => span(80 + i, 1, 500 + i, 1, { service: "db", name: "INSERT" })),
];

describe("spans that share an id", () => {
  it("are named by the id and which of them it is", () => {
    const model = modelOf([span(1, 0, 0, 9), span(2, 1, 1, 1, { flags: FLAG.duplicate }), span(3, 1, 2, 1, { flags: FLAG.duplicate }), span(4, 1, 3, 1)]);
    // The third gets the id of the second.
    model.ids.copyWithin(16, 8, 16);
    expect([0, 1, 2, 3].map((i) => spanRefOf(model, i))).toEqual(["0000000000000001", "0000000000000002", "0000000000000002.2", "0000000000000004"]);
    for (let i = 0; i < 4; i += 1) expect(indexOfSpan(model, spanRefOf(model, i))).toBe(i);
    expect(["0000000000000002.3", "0000000000000002.0", "0000000000000002.", "2.1"].map((ref) => indexOfSpan(model, ref))).toEqual([-1, -1, -1, -1]);
  });
});

describe("the points inside spans", () => {
  it("are found near a moment, the nearest of the span itself", () => {
    const events = [{ time: 10, text: "a" }, { time: 20, text: "b" }, { time: 23, text: "c" }];
    const { points } = modelOf([span(1, 0, 0, 100, { events }), span(2, 1, 15, 20, { events: [{ time: 21, text: "d" }] })]);
    const near = (moment: number, reach: number) => nearestPoint(points, 0, moment, reach);
    expect([near(21, 5), near(22, 5), near(14, 5), near(15, 4), near(99, 5)]).toEqual([1, 2, 0, -1, -1]);
  });
});

describe("groups of equal siblings", () => {
  const model = modelOf(LOOP);

  it("are runs of at least five calls of one operation", () => {
    const { groups } = model;
    expect(groups.count).toBe(2);
    expect([...groups.members]).toEqual([20, 5]);
    expect([...groups.total]).toEqual([100, 10]);
    expect([...groups.errors]).toEqual([1, 0]);
    expect([...groups.first].map((i) => idAt(model, i))).toEqual([10, 60]);
    expect([...groups.end].map((i) => idAt(model, i - 1))).toEqual([29, 64]);
  });

  it("are one row until they are opened", () => {
    const { folds } = openingFolds(model);
    expect(visibleRows(model, folds).length).toBe(1 + 1 + 1 + 1 + 4);
    expect(rowOf(visibleRows(model, folds), spanRow(indexOf(model, 15)))).toBe(1);
    reveal(model, folds, indexOf(model, 15));
    expect(visibleRows(model, folds).length).toBe(8 + 20);
  });

  it("number their members for assistive technology", () => {
    const { groups } = model;
    expect(groups.rowsBelow[0]).toBe(7);
    expect([...groups.groupPosition]).toEqual([1, 3]);
    expect([groups.position[indexOf(model, 12)], groups.position[indexOf(model, 50)], groups.position[indexOf(model, 83)]]).toEqual([3, 2, 7]);
    expect(groups.extraDepth[indexOf(model, 70)]).toBe(1);
  });

  it("never fold roots", () => {
    expect(modelOf(Array.from({ length: 9 }, (_, i) => span(i + 1, 0, i, 1, { name: "same" }))).groups.count).toBe(0);
  });
});

describe("folds", () => {
  it("hide exactly what has a folded row above it, whatever is folded", () => {
    for (let seed = 1; seed <= 40; seed += 1) {
      const next = random(seed);
      // Few names: groups are frequent, also inside of groups.
      const model = modelOf(randomTrace(60, seed).map((one) => ({ ...one, service: "s", name: next() < 0.85 ? "same" : "other" })));
      const folds = openingFolds(model).folds;
      for (let round = 0; round < 40; round += 1) {
        const i = Math.floor(next() * model.count);
        const what = next();
        if (what < 0.5) folds.spans[i] = folds.spans[i] ? 0 : 1;
        else if (what < 0.75 && model.groups.count > 0) {
          const g = Math.floor(next() * model.groups.count);
          folds.groups[g] = folds.groups[g] ? 0 : 1;
        } else if (what < 0.9) expandSiblings(model, folds, i);
        else reveal(model, folds, i);
        const rows = visibleRows(model, folds);
        expect([...rows], `seed ${seed}`).toEqual(naiveRows(model, folds));
        expect(rows[rowOf(rows, spanRow(i))]! <= spanRow(i)).toBe(true);
      }
    }
  });

  it("fold to levels, to one path, and to what is wanted", () => {
    const model = modelOf(randomTrace(400, 3));
    const folds = NO_FOLDS(model);
    foldToLevels(model, folds, 2);
    expect(visibleRows(model, folds).every((row) => model.depth[spanOfRow(row)]! <= 1)).toBe(true);
    const deepest = model.depth.indexOf(model.levels - 1);
    foldAllBut(model, folds, deepest);
    const rows = visibleRows(model, folds);
    expect(rows[rowOf(rows, spanRow(deepest))]).toBe(spanRow(deepest));
    const wanted = [3, 77, 78].filter((i) => i < model.count);
    const shown = new Set(wanted.flatMap((i) => [i, ...ancestors(model, i)]));
    expect([...visibleRows(model, NO_FOLDS(model), withAncestors(model, wanted))]).toEqual([...shown].toSorted((a, b) => a - b).map(spanRow));
  });

  it("open large traces small, with their errors in sight", () => {
    const spans = randomTrace(30_000, 5).map((one) => ({ ...one, name: `op ${one.id}`, outcome: 0, status: one.id === 29_999 ? 2 : 0 }));
    const large = modelOf(spans);
    const rows = visibleRows(large, openingFolds(large).folds);
    expect(rows.includes(spanRow(indexOf(large, 29_999)))).toBe(true);
    expect(rows.length).toBeLessThan(30_000);
  });
});

describe("the critical path", () => {
  it("covers every trace exactly once and without a gap", () => {
    for (let seed = 1; seed <= 500; seed += 1) {
      const model = modelOf(randomTrace(1 + (seed % 120), seed));
      const { from, to } = model.critical;
      expect([from[0], to.at(-1)], `seed ${seed}`).toEqual([0, model.durationNs]);
      for (let k = 1; k < from.length; k += 1) expect(from[k]).toBe(to[k - 1]);
      const told = whereTheTimeWent(model).reduce((sum, row) => sum + row.ns, 0);
      expect(told).toBeCloseTo(model.durationNs, 3);
    }
  });

  it("goes through the child that finished last and leaves consumers aside", () => {
    const model = modelOf([span(1, 0, 0, 100), span(2, 1, 10, 20), span(3, 1, 10, 60), span(4, 1, 20, 79, { kind: "CONSUMER" })]);
    const on = (id: number) => isCritical(model.critical, indexOf(model, id));
    expect([on(1), on(2), on(3), on(4)]).toEqual([true, false, true, false]);
    expect(criticalTimes(model)[indexOf(model, 3)]).toBe(60);
  });

  it("says where no span was running", () => {
    const model = modelOf([span(1, 0, 0, 10), span(2, 0, 30, 10)]);
    expect(whereTheTimeWent(model).find((row) => row.service === -1)?.ns).toBe(20);
  });
});

describe("clock skew", () => {
  const SKEWED = [span(1, 0, 100, 100, { service: "a" }), span(2, 1, 20, 40, { service: "b" }), span(3, 2, 30, 10, { service: "b" }), span(4, 1, 250, 10, { service: "c" })];

  it("is what starts before its caller in another service; the spans below move along", () => {
    const model = modelOf(SKEWED);
    expect(model.skewedCount).toBe(2);
    const moved = withSkewUndone(model);
    expect([2, 3, 4].map((id) => moved.start[indexOf(model, id)])).toEqual([130, 140, 250]);
    expect(model.start[indexOf(model, 2)]).toBe(20);
  });

  it("never moves a trace whose children start after their parents", () => {
    const model = modelOf(randomTrace(200, 3).map((one) => ({ ...one, service: "one" })));
    expect([model.skewedCount, withSkewUndone(model) === model]).toEqual([0, true]);
  });

  it("leaves no span of another service before its caller", () => {
    for (let seed = 1; seed <= 300; seed += 1) {
      const moved = withSkewUndone(modelOf(randomTrace(60, seed)));
      for (let i = 0; i < moved.count; i += 1) {
        const up = moved.parent[i]!;
        if (up >= 0 && moved.service[up] !== moved.service[i]) expect(moved.start[i]! >= moved.start[up]! - 1e-6, `seed ${seed}`).toBe(true);
      }
    }
  });
});

describe("waiting", () => {
  it("is between a call and its start elsewhere, and in a queue", () => {
    const model = modelOf([
      span(1, 0, 0, 100, { kind: "CLIENT", service: "a" }),
      span(2, 1, 30, 50, { kind: "SERVER", service: "b" }),
      span(3, 2, 40, 5, { kind: "PRODUCER", service: "b" }),
      span(4, 3, 90, 5, { kind: "CONSUMER", service: "c" }),
      span(5, 2, 46, 2, { service: "b" }),
    ]);
    expect([1, 2, 3, 4, 5].map((id) => waitFrom(model, indexOf(model, id)))).toEqual([-1, 0, -1, 45, -1]);
  });
});

describe("statistics", () => {
  it("agree with sums over the spans", () => {
    const spans = randomTrace(300, 9);
    const model = modelOf(spans);
    for (const by of ["operation", "service", "kind"] as const) {
      const rows = statistics(model, by);
      expect(rows.reduce((sum, row) => sum + row.count, 0)).toBe(300);
      expect(rows.reduce((sum, row) => sum + row.self, 0)).toBeCloseTo(model.selfTime.reduce((a, b) => a + b, 0));
      const row = rows[0]!;
      const label = { operation: (one: TestSpan) => one.service === model.services[row.service] && one.name === model.names[row.name], service: (one: TestSpan) => one.service === model.services[row.service], kind: (one: TestSpan) => one.kind === model.kinds[row.kind] }[by];
      const durations = spans.filter(label).map((one) => one.duration).toSorted((a, b) => a - b);
      expect([row.count, row.max, row.p95]).toEqual([durations.length, durations.at(-1), durations[Math.ceil(durations.length * 0.95) - 1]]);
    }
  });
});

describe("the flame", () => {
  it("keeps children inside their parents and loses no time", () => {
    for (const order of ["heavy", "time"] as const) {
      for (let seed = 1; seed <= 100; seed += 1) {
        const model = modelOf(randomTrace(80, seed));
        const flame = buildFlame(model, order);
        const own = model.selfTime.reduce((a, b) => a + b, 0);
        expect(flame.total).toBeCloseTo(Math.max(1, own), 3);
        for (let node = 0; node < flame.count; node += 1) {
          const up = flame.parent[node]!;
          if (up >= 0) expect(flame.x[node]! >= flame.x[up]! - 1e-6 && flame.x[node]! + flame.value[node]! <= flame.x[up]! + flame.value[up]! + 1e-3).toBe(true);
          const middle = flame.x[node]! + flame.value[node]! / 2;
          if (flame.value[node]! > 1) expect(nodeAt(flame, flame.depth[node]!, middle), `seed ${seed}`).toBe(node);
        }
      }
    }
  });

  it("merges calls by path, the widest first, and is walked by arrows", () => {
    const model = modelOf(LOOP);
    const flame = buildFlame(model, "heavy");
    const [root, widest] = [flame.byDepth[0]!, flame.byDepth[1]!];
    expect([flame.spans[root], model.names[flame.name[widest]!], flame.spans[widest]]).toEqual([1, "SELECT", 25]);
    expect([flameStep(flame, root, "ArrowDown"), flameStep(flame, widest, "ArrowUp"), flameStep(flame, root, "ArrowUp"), flameStep(flame, root, "ArrowRight")]).toEqual([widest, root, root, root]);
    expect(flameStep(flame, flameStep(flame, widest, "ArrowRight"), "ArrowLeft")).toBe(widest);
  });
});

describe("the comparison", () => {
  const fast = [span(1, 0, 0, 100, { service: "shop", name: "checkout" }), span(2, 1, 10, 40, { service: "payment", name: "charge" }), span(3, 1, 60, 20, { service: "mail", name: "send" })];
  const slow = [span(1, 0, 0, 745, { service: "shop", name: "checkout" }), span(2, 1, 10, 680, { service: "payment", name: "charge" }), span(3, 1, 700, 25, { service: "mail", name: "send" }), span(4, 1, 726, 2, { service: "audit", name: "write" })];

  it("puts a planted difference first, and the parts add up to the whole", () => {
    const [first, ...rest] = contributions(profileOf(modelOf(fast)), profileOf(modelOf(slow)));
    expect([first!.service, first!.name, first!.delta]).toEqual(["payment", "charge", 640]);
    expect(rest.reduce((sum, row) => sum + row.delta, first!.delta)).toBe(645);
    expect(rest.find((row) => row.service === "audit")).toMatchObject({ a: 0, b: 2, countA: 0, countB: 1 });
  });

  it("finds any planted difference, and swapping inverts the signs", () => {
    for (let seed = 1; seed <= 200; seed += 1) {
      const [a, b] = [profileOf(modelOf(randomTrace(1 + (seed % 50), seed))), profileOf(modelOf(randomTrace(1 + (seed % 37), seed + 1)))];
      const there = contributions(a, b);
      const back = new Map(contributions(b, a).map((row) => [`${row.service}/${row.name}`, row]));
      expect(there.reduce((sum, row) => sum + row.delta, 0)).toBeCloseTo(b.durationNs - a.durationNs, 3);
      for (const row of there) {
        const other = back.get(`${row.service}/${row.name}`)!;
        expect([other.delta + row.delta, other.a, other.b, other.countA]).toEqual([0, row.b, row.a, row.countB]);
      }
      expect(contributions(a, a).every((row) => row.delta === 0)).toBe(true);
    }
  });

  it("pairs the attributes of an operation's longest spans, what differs first", () => {
    const model = modelOf([...fast, span(9, 1, 90, 5, { service: "payment", name: "charge" })]);
    expect([idAt(model, longestOf(model, "payment", "charge")), longestOf(model, "payment", "refund")]).toEqual([2, -1]);
    expect(pairAttributes({ host: "h1", same: "s", zone: "z" }, { host: "h2", same: "s", zone: "z", extra: "" })).toEqual([
      { key: "extra", a: null, b: "" }, { key: "host", a: "h1", b: "h2" }, { key: "same", a: "s", b: "s" }, { key: "zone", a: "z", b: "z" },
    ]);
  });

  it("merges both trees by path, with every span in its place once", () => {
    const tree = unionTree(modelOf(fast), modelOf(slow));
    expect(tree.name).toEqual(["checkout", "charge", "send", "write"]);
    expect(tree.a.map((side) => side.count)).toEqual([1, 1, 1, 0]);
    expect([tree.parent, tree.subtreeEnd]).toEqual([[-1, 0, 0, 0], [4, 2, 3, 4]]);
    for (let seed = 1; seed <= 100; seed += 1) {
      const [a, b] = [modelOf(randomTrace(60, seed)), modelOf(randomTrace(50, seed + 7))];
      const union = unionTree(a, b);
      expect([union.a.reduce((sum, side) => sum + side.count, 0), union.b.reduce((sum, side) => sum + side.count, 0)]).toEqual([60, 50]);
      for (let row = 0; row < union.count; row += 1) expect(union.parent[row]! < row && union.subtreeEnd[row]! > row).toBe(true);
    }
    expect(unionTree(modelOf(chain(20_000)), modelOf(chain(10_000))).count).toBe(20_000);
  });
});

describe("find", () => {
  const model = modelOf([
    span(1, 0, 0, 100e6, { service: "gateway", name: "GET /cart" }),
    span(2, 1, 1, 60e6, { service: "db", name: "SELECT", kind: "CLIENT" }),
    span(3, 1, 2, 1e6, { service: "db", name: "SELECT", status: 2, events: [{ time: 3, text: "Deadlock found" }] }),
    span(4, 1, 3, 1e6, { service: "web", name: "GET", outcome: 3 }),
  ]);
  const find = (text: string, known: string[][] | null = null) => Array.from(findSpans(model, readFind(model, text), known && known.map((some) => new Set(some))), (i) => idAt(model, i));
  it.each([
    ["", []],
    ["cart", [1]],
    ["service:db", [2, 3]],
    ["service:db duration>50ms", [2]],
    ["error", [3, 4]],
    ["throttle", [4]],
    ["fault", [3]],
    ["status:error", [3]],
    ["kind:client", [2]],
    ["deadlock", [3]],
    ["select nothing", []],
    ["0000000000000003", [3]],
    ["span_id:0000000000000003", [3]],
    ["db.rows=7", []],
    ["service:(db OR web) -status:error", [2, 4]],
    ["service:d* OR name:/^get /i", [1, 2, 3]],
    ["outcome:throttle", [4]],
    ["outcome:(ok OR fault)", [1, 2, 3]],
    ["duration<=1ms NOT kind:server", [3, 4]],
    ["service:", []],
    ["{service:db}", []],
  ])("%s", (text, expected) => {
    expect(find(text)).toEqual(expected);
  });
  it("asks the server about attributes, each condition once", () => {
    expect(readFind(model, "service:db (db.rows=7 OR -db.rows=7 x>=500)").asked).toEqual([
      "coalesce(attributes['db.rows'], resource['db.rows']) = '7' OR number(coalesce(attributes['db.rows'], resource['db.rows'])) = 7",
      "number(coalesce(attributes['x'], resource['x'])) >= 500",
    ]);
    expect(find("service:db db.rows=7", [["0000000000000001", "0000000000000002"]])).toEqual([2]);
    expect(find("service:db -db.rows=7", [["0000000000000001", "0000000000000002"]])).toEqual([3]);
    expect(find("service:db (a:1 OR b:1)", [["0000000000000002"], ["0000000000000003", "0000000000000004"]])).toEqual([2, 3]);
  });
  it.each([
    ["resource.a:it's", "resource['a'] = 'it''s'"],
    ["k:*", "coalesce(attributes['k'], resource['k']) IS NOT NULL"],
    ["attributes.name:a*_b", String.raw`attributes['name'] LIKE 'a%\_b'`],
    ["k:/x+/i", "coalesce(attributes['k'], resource['k']) ~* 'x+'"],
    ["status_message:timeout", "match(status_message, 'timeout')"],
    ['k:"7"', "coalesce(attributes['k'], resource['k']) = '7'"],
  ])("%s, in SQL", (text, sql) => {
    expect(readFind(model, text).asked).toEqual([sql]);
  });
  it("says what it cannot search for", () => {
    expect(readFind(model, "service:").problem).toContain("needs a value");
    expect(readFind(model, "{service:db}").problem).toContain("one span");
    expect(readFind(model, "k>=warm").problem).toContain("k cannot be compared");
    expect(readFind(model, "").problem).toBeNull();
  });
});

const days = (view: number, width: number) => ticks({ t0: 0, t1: view * 86400e9 }, width).map((time) => time / 86400e9);

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
    expect(days(30, 600)).toEqual([0, 10, 20]);
    expect(days(30, 1000)).toEqual([0, 5, 10, 15, 20, 25]);
    expect(days(3, 400)).toEqual([0, 1, 2]);
    expect(days(1, 400)).toEqual([0, 0.5]);
    expect(ticks({ t0: 5, t1: 6 }, 600)).toEqual([5]);
  });
});
