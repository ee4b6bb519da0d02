import { describe, expect, it } from "vitest";
import type { HeatmapAnswer } from "../src/api/cause";
import { boxOf, type Cell, cellAt, countBetween, durationMarks, heatOf, move, placeOf, strength } from "../src/engine/heatmap";

const COLUMNS = 12;
const BOUNDS = [0, 1_000, 10_000, 100_000, 1_000_000];

/** Cells from a generator with a seed, and the spans that they count. */
function generated(seed: number): { answer: HeatmapAnswer; spans: (Cell & { failed: boolean })[] } {
  let state = seed;
  const random = (below: number) => {
    state = (state * 48271) % 2147483647;
    return state % below;
  };
  const spans = Array.from({ length: 200 }, () => ({ x: random(COLUMNS), y: random(BOUNDS.length), failed: random(5) === 0 }));
  const cells: HeatmapAnswer["cells"] = { x: [], y: [], ok: [], error: [], throttle: [], fault: [] };
  for (let x = 0; x < COLUMNS; x += 1) {
    for (let y = 0; y < BOUNDS.length; y += 1) {
      const here = spans.filter((span) => span.x === x && span.y === y);
      if (here.length === 0) continue;
      cells.x.push(x);
      cells.y.push(y);
      cells.ok.push(here.filter((span) => !span.failed).length);
      cells.error.push(0);
      cells.throttle.push(0);
      cells.fault.push(here.filter((span) => span.failed).length);
    }
  }
  const rows = BOUNDS.map((from_ns, y) => ({ from_ns, to_ns: BOUNDS[y + 1] ?? 2 ** 63 }));
  return { answer: { start_unix_nano: "1000", bucket_ns: 50, columns: COLUMNS, rows, cells, spans: spans.length, exact: true, elapsed_ms: 1 }, spans };
}

function between(value: number, one: number, other: number): boolean {
  return value >= Math.min(one, other) && value <= Math.max(one, other);
}

describe("heatmap", () => {
  it("counts the spans of any rectangle", () => {
    for (let seed = 1; seed <= 40; seed += 1) {
      const { answer, spans } = generated(seed);
      const heat = heatOf(answer);
      const [a, b] = [{ x: seed % COLUMNS, y: seed % 5 }, { x: (seed * 7) % COLUMNS, y: (seed * 3) % 5 }];
      const inside = spans.filter((span) => between(span.x, a.x, b.x) && between(span.y, a.y, b.y));
      const counts = countBetween(heat, a, b);
      expect([counts.all, counts.fault]).toEqual([inside.length, inside.filter((span) => span.failed).length]);
    }
  });

  it("puts a box where its cells are", () => {
    const heat = heatOf(generated(3).answer);
    for (const [a, b] of [[{ x: 0, y: 0 }, { x: 0, y: 0 }], [{ x: 9, y: 3 }, { x: 2, y: 1 }], [{ x: 11, y: 4 }, { x: 0, y: 0 }]] as const) {
      const place = placeOf(heat, boxOf(heat, a, b))!;
      expect(place.left * COLUMNS).toBeCloseTo(Math.min(a.x, b.x));
      expect(place.right * COLUMNS).toBeCloseTo(Math.max(a.x, b.x) + 1);
      expect((1 - place.bottom) * BOUNDS.length).toBeCloseTo(Math.min(a.y, b.y));
      expect((1 - place.top) * BOUNDS.length).toBeCloseTo(Math.max(a.y, b.y) + 1);
      const middle = cellAt(heat, (place.left + place.right) / 2, (place.top + place.bottom) / 2);
      expect(countBetween(heat, middle, middle).all).toBeLessThanOrEqual(countBetween(heat, a, b).all);
    }
    expect(boxOf(heat, { x: 1, y: 1 }, { x: 2, y: 2 })).toEqual({ from: 1050n, to: 1150n, fromNs: 1_000, toNs: 100_000, outcome: null });
    expect(boxOf(heat, { x: 0, y: 4 }, { x: 0, y: 4 }).toNs).toBeNull();
    expect(placeOf(heat, { from: 5n, to: 9n, fromNs: 0, toNs: null, outcome: null } as never)).toBeNull();
  });

  it("is walked by keys without leaving it", () => {
    const heat = heatOf(generated(5).answer);
    const first = move(heat, null, "ArrowRight")!;
    expect(countBetween(heat, first, first).all).toBe(heat.peak);
    let here = first;
    for (const key of ["ArrowUp", "ArrowUp", "ArrowUp", "ArrowUp", "ArrowUp", "ArrowUp", "End", "ArrowRight"]) here = move(heat, here, key)!;
    expect(here).toEqual({ x: COLUMNS - 1, y: BOUNDS.length - 1 });
    expect(move(heat, here, "Home")).toEqual({ x: 0, y: BOUNDS.length - 1 });
    expect(move(heat, here, "x")).toBeNull();
  });

  it("shows one span, and the fullest cell strongest", () => {
    expect(strength(0, 100)).toBe(0);
    expect(strength(1, 100)).toBeGreaterThan(0.1);
    expect(strength(100, 100)).toBe(1);
    expect(strength(10, 100)).toBeGreaterThan(strength(5, 100));
    expect(strength(1, 1)).toBe(1);
    expect(durationMarks(heatOf(generated(1).answer), 8).map(({ ns }) => ns)).toEqual([1_000, 10_000, 100_000, 1_000_000]);
  });
});
