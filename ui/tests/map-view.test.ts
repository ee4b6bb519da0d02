import { describe, expect, it } from "vitest";
import type { DurationBucket } from "../src/api/types";
import { countWithin, slotsOf } from "../src/kit/duration-histogram";
import { fit, LABELS_BELOW, LABELS_BESIDE, spread, zoomAt } from "../src/kit/map/camera";
import { edgePath } from "../src/kit/map/edge-path";
import { perMinute, worstShare } from "../src/kit/map/words";

function bucket(start_ns: number, end_ns: number, requests: number): DurationBucket {
  return { start_ns, end_ns, requests, ok: requests, errors: 0, throttles: 0, faults: 0 };
}

describe("the histogram's axis", () => {
  it("has the server's buckets, those without requests too", () => {
    const slots = slotsOf([bucket(0, 1_000, 1), bucket(1_585, 1_995, 2)]);
    expect(slots).toEqual([{ start: 0, end: 1_000 }, { start: 1_000, end: 1_259 }, { start: 1_259, end: 1_585 }, { start: 1_585, end: 1_995 }]);
    expect(slotsOf([])).toEqual([]);
  });

  it("keeps to the bounds over nine decades", () => {
    const slots = slotsOf([bucket(1_000, 1_259, 1), bucket(794_328_234_724, 1_000_000_000_000, 1)]);
    expect(slots).toHaveLength(90);
    expect(slots.at(-1)).toEqual({ start: 794_328_234_724, end: 1_000_000_000_000 });
  });

  it("counts what lies in a selection", () => {
    const buckets = [bucket(0, 1_000, 1), bucket(1_000, 1_259, 2), bucket(1_585, 1_995, 4)];
    expect(countWithin(buckets, { from: 1_000, to: 1_995 })).toBe(6);
  });
});

const toScreen = (camera: { x: number; y: number; k: number }, at: { x: number; y: number }) => ({ x: (at.x - camera.x) * camera.k, y: (at.y - camera.y) * camera.k });

/** Places of a layer, one below the other. */
const column = (x: number, count: number) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`${x}-${i}`, { x, y: i * 98 }]));

describe("the camera", () => {
  const size = { width: 800, height: 600 };

  it("shows everything when fitted", () => {
    const positions = [{ x: -500, y: 0 }, { x: 2_000, y: 900 }, { x: 300, y: -700 }];
    const camera = fit(positions, size, LABELS_BELOW);
    for (const at of positions.map((one) => toScreen(camera, one))) {
      expect(Math.abs(at.x)).toBeLessThan(size.width / 2);
      expect(Math.abs(at.y)).toBeLessThan(size.height / 2);
    }
    expect(fit([], size, LABELS_BELOW)).toEqual({ x: 0, y: 0, k: 1 });
  });

  it("spreads layers so that a low strip is full, with names beside the circles when there is no room below", () => {
    const strip = { width: 1_300, height: 156 };
    const places = { ...column(0, 1), ...column(174, 1), ...column(348, 4), ...column(522, 3), ...column(696, 7) };
    const many = spread(places, strip);
    expect(many.labels).toBe(LABELS_BESIDE);
    const camera = fit(Object.values(many.positions), strip, many.labels);
    const right = Math.max(...Object.values(many.positions).map((at) => toScreen(camera, at).x));
    expect(right).toBeGreaterThan(strip.width / 2 - 240);
    expect(right + LABELS_BESIDE.right).toBeLessThan(strip.width / 2);
    expect(Object.values(many.positions).map(({ y }) => y)).toEqual(Object.values(places).map(({ y }) => y));
    expect(spread({ ...column(0, 1), ...column(174, 1) }, strip).labels).toBe(LABELS_BELOW);
    // Nothing is drawn together, and one column has nothing to be spread.
    expect(spread(column(0, 3), strip).positions).toEqual(column(0, 3));
  });

  it("zooms around the pointer", () => {
    const camera = { x: 10, y: 20, k: 1 };
    const at = { x: 100, y: -50 };
    const point = { x: camera.x + at.x / camera.k, y: camera.y + at.y / camera.k };
    for (const factor of [2, 0.5, 100]) {
      const moved = toScreen(zoomAt(camera, factor, at), point);
      expect(moved.x).toBeCloseTo(at.x);
      expect(moved.y).toBeCloseTo(at.y);
    }
  });
});

describe("arrows", () => {
  it("end at rings, whatever lies where", () => {
    for (const direction of ["lr", "tb"] as const) {
      for (const target of [{ x: 300, y: 40 }, { x: -300, y: 0 }, { x: 0, y: 200 }, { x: 0, y: 0 }, { x: 5, y: -90 }]) {
        const { path, middle } = edgePath({ x: 0, y: 0 }, target, [20, 30], direction);
        const numbers = path.match(/-?\d+(?:\.\d+)?/g)!.map(Number);
        expect(numbers).toHaveLength(8);
        expect([...numbers, middle.x, middle.y].every(Number.isFinite)).toBe(true);
        const [x, y] = numbers.slice(-2) as [number, number];
        const gap = Math.hypot(x - target.x, y - target.y);
        expect(gap).toBeGreaterThan(10);
        expect(gap).toBeLessThan(40);
      }
    }
  });
});

describe("words", () => {
  it("say rates and the worst outcome", () => {
    expect([perMinute(0, 15), perMinute(1, 15), perMinute(74, 15), perMinute(27_000, 15)]).toEqual(["0/min", "<0.1/min", "4.9/min", "1,800/min"]);
    expect([perMinute(1, null), perMinute(1_200, null)]).toEqual(["1 call", "1,200 calls"]);
    expect(worstShare({ requests: 10, ok: 5, errors: 3, throttles: 0, faults: 2 })).toBe("20% fault");
    expect(worstShare({ requests: 10, ok: 10, errors: 0, throttles: 0, faults: 0 })).toBe("");
  });
});
