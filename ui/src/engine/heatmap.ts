/** The cells of a heatmap: what the painter draws, the pointer finds and the keys move over. */
import type { HeatmapAnswer } from "../api/cause";
import type { BoxOutcome, HeatmapBox } from "../lib/selection-url";
import { nanos, type UnixNanos } from "../lib/time";

export interface Cell {
  x: number;
  /** 0 is the shortest duration. */
  y: number;
}

export interface CellCounts {
  ok: number;
  error: number;
  throttle: number;
  fault: number;
  all: number;
}

/** Cells by place; `columns` by `rows`. */
export interface Heat {
  columns: number;
  rows: readonly { from_ns: number; to_ns: number }[];
  start: UnixNanos;
  width: bigint;
  /** Counts of cell (x, y) at `y * columns + x`. */
  all: Uint32Array;
  failed: Uint32Array;
  counts: ReadonlyMap<number, CellCounts>;
  peak: number;
  spans: number;
}

export function heatOf(answer: HeatmapAnswer): Heat {
  const { columns, cells } = answer;
  // The last row has no end, which is more than a number can hold exactly.
  const rows = answer.rows.map(({ from_ns, to_ns }) => ({ from_ns, to_ns: Number(to_ns) }));
  const all = new Uint32Array(columns * rows.length);
  const failed = new Uint32Array(columns * rows.length);
  const counts = new Map<number, CellCounts>();
  let peak = 0;
  for (let nth = 0; nth < cells.x.length; nth += 1) {
    const at = cells.y[nth]! * columns + cells.x[nth]!;
    const [ok, error, throttle, fault] = [cells.ok[nth]!, cells.error[nth]!, cells.throttle[nth]!, cells.fault[nth]!];
    const sum = ok + error + throttle + fault;
    all[at] = sum;
    failed[at] = sum - ok;
    counts.set(at, { ok, error, throttle, fault, all: sum });
    peak = Math.max(peak, sum);
  }
  return { columns, rows, start: nanos(answer.start_unix_nano), width: BigInt(answer.bucket_ns), all, failed, counts, peak, spans: answer.spans };
}

/** How strongly a cell is drawn, from 0 (nothing) to 1 (the fullest): logarithmic, and one span can be seen. */
export function strength(count: number, peak: number): number {
  if (count === 0) return 0;
  if (peak <= 1) return 1;
  return 0.28 + 0.72 * (Math.log(count) / Math.log(peak));
}

/** The cell under a point given as shares of width and height from the upper left corner. */
export function cellAt(heat: Heat, shareX: number, shareY: number): Cell {
  return { x: within(Math.floor(shareX * heat.columns), heat.columns - 1), y: heat.rows.length - 1 - within(Math.floor(shareY * heat.rows.length), heat.rows.length - 1) };
}

function within(value: number, most: number): number {
  return Math.min(most, Math.max(0, value));
}

/** The box that two cells span. A row without end stays without one. */
export function boxOf(heat: Heat, a: Cell, b: Cell, outcome: BoxOutcome | null = null): HeatmapBox {
  const [left, right] = [Math.min(a.x, b.x), Math.max(a.x, b.x)];
  const [low, high] = [Math.min(a.y, b.y), Math.max(a.y, b.y)];
  const top = heat.rows[high]!.to_ns;
  return {
    from: nanos(heat.start + heat.width * BigInt(left)),
    to: nanos(heat.start + heat.width * BigInt(right + 1)),
    fromNs: heat.rows[low]!.from_ns,
    toNs: Number.isSafeInteger(top) ? top : null,
    outcome,
  };
}

/** Where a box lies, as shares of width and height from the upper left corner; null when none of it is shown. */
export function placeOf(heat: Heat, box: HeatmapBox): { left: number; top: number; right: number; bottom: number } | null {
  const length = Number(heat.width) * heat.columns;
  if (length === 0 || heat.rows.length === 0) return null;
  const share = (at: UnixNanos) => Math.min(1, Math.max(0, Number(at - heat.start) / length));
  const height = (ns: number) => 1 - rowPosition(heat, ns) / heat.rows.length;
  const place = { left: share(box.from), right: share(box.to), top: box.toNs === null ? 0 : height(box.toNs), bottom: height(box.fromNs) };
  return place.left < place.right && place.top < place.bottom ? place : null;
}

/** How many rows, and which part of one, lie below a duration. */
function rowPosition(heat: Heat, ns: number): number {
  for (const [y, row] of heat.rows.entries()) {
    if (ns <= row.from_ns) return y;
    if (ns < row.to_ns) return y + (Math.log(ns + 1) - Math.log(row.from_ns + 1)) / (Math.log(row.to_ns + 1) - Math.log(row.from_ns + 1));
  }
  return heat.rows.length;
}

/** Spans within the rectangle of two cells. */
export function countBetween(heat: Heat, a: Cell, b: Cell): CellCounts {
  const sum: CellCounts = { ok: 0, error: 0, throttle: 0, fault: 0, all: 0 };
  for (let y = Math.min(a.y, b.y); y <= Math.max(a.y, b.y); y += 1) {
    for (let x = Math.min(a.x, b.x); x <= Math.max(a.x, b.x); x += 1) {
      const cell = heat.counts.get(y * heat.columns + x);
      if (!cell) continue;
      for (const key of Object.keys(sum) as (keyof CellCounts)[]) sum[key] += cell[key];
    }
  }
  return sum;
}

const STEPS: Record<string, [x: number, y: number]> = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

/** Where a key moves to; null when it moves nowhere. With nothing chosen yet, the fullest cell comes first. */
export function move(heat: Heat, from: Cell | null, key: string): Cell | null {
  const [last, top] = [heat.columns - 1, heat.rows.length - 1];
  if (top < 0) return null;
  const here = from ?? fullest(heat);
  if (key === "Home") return { ...here, x: 0 };
  if (key === "End") return { ...here, x: last };
  if (key === "PageUp") return { ...here, y: top };
  if (key === "PageDown") return { ...here, y: 0 };
  const step = STEPS[key];
  if (!step) return null;
  if (from === null) return here;
  return { x: within(here.x + step[0], last), y: within(here.y + step[1], top) };
}

function fullest(heat: Heat): Cell {
  const at = heat.all.indexOf(heat.peak);
  return { x: Math.max(0, at) % heat.columns, y: Math.floor(Math.max(0, at) / heat.columns) };
}

/** Rows at which the axis has a mark: about `wanted`, at powers of ten where there are some. */
export function durationMarks(heat: Heat, wanted: number): { y: number; ns: number }[] {
  const bounds = heat.rows.map((row, y) => ({ y, ns: row.from_ns }));
  const tens = bounds.filter(({ ns }) => ns > 0 && Number.isInteger(Math.log10(ns)));
  if (tens.length >= 2) return thinned(tens, wanted);
  return thinned(bounds, wanted);
}

function thinned<T>(list: readonly T[], wanted: number): T[] {
  const step = Math.max(1, Math.ceil(list.length / wanted));
  return list.filter((_, nth) => nth % step === 0);
}
