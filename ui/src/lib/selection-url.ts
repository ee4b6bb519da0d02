import { nanos, type Parsed, type UnixNanos } from "./time";
import type { Patch } from "./url-state";

/** Outcomes that a box may be restricted to. */
export const BOX_OUTCOMES = ["ok", "error", "throttle", "fault"] as const;
export type BoxOutcome = (typeof BOX_OUTCOMES)[number];

/** A box over time and duration. */
export interface HeatmapBox {
  from: UnixNanos;
  /** Exclusive. */
  to: UnixNanos;
  fromNs: number;
  /** Exclusive; null is without end. */
  toNs: number | null;
  /** Only spans with this outcome; null for all. */
  outcome: BoxOutcome | null;
}

/** `sel=x0,x1,y0,y1`, in nanoseconds, and behind them an outcome; an empty `y1` is without end. */
export function boxPatch(box: HeatmapBox | null): Patch {
  if (box === null) return { sel: null };
  return { sel: [box.from, box.to, box.fromNs, box.toNs ?? "", ...(box.outcome === null ? [] : [box.outcome])].join(",") };
}

/** The box of an address; null when it has none. */
export function readBox(search: string): Parsed<HeatmapBox | null> {
  const text = new URLSearchParams(search).get("sel");
  if (text === null) return { ok: true, value: null };
  const parts = /^(\d{1,19}),(\d{1,19}),(\d{1,16}),(\d{0,16})(?:,(ok|error|throttle|fault))?$/.exec(text);
  if (!parts) return { ok: false, message: `sel=${text} in the address is not a box: time from, time to, duration from, duration to, all in nanoseconds; it is ignored.` };
  const [from, to] = [nanos(parts[1]!), nanos(parts[2]!)];
  const [fromNs, toNs] = [Number(parts[3]), parts[4] === "" ? null : Number(parts[4])];
  if (from >= to || (toNs !== null && fromNs >= toNs)) return { ok: false, message: `sel=${text} in the address is a box without an inside; it is ignored.` };
  return { ok: true, value: { from, to, fromNs, toNs, outcome: (parts[5] as BoxOutcome | undefined) ?? null } };
}

/** `win=from,to`: a part of the range that is to be explained. */
export function windowPatch(window: { from: UnixNanos; to: UnixNanos } | null): Patch {
  return { win: window === null ? null : `${window.from},${window.to}` };
}

/** The part of the range that is to be explained; null when the address names none. */
export function readWindow(search: string): Parsed<{ from: UnixNanos; to: UnixNanos } | null> {
  const text = new URLSearchParams(search).get("win");
  if (text === null) return { ok: true, value: null };
  const parts = /^(\d{1,19}),(\d{1,19})$/.exec(text);
  const window = parts && { from: nanos(parts[1]!), to: nanos(parts[2]!) };
  if (!window || window.from >= window.to) return { ok: false, message: `win=${text} in the address is not a part of the range: start and end in nanoseconds; the whole range is explained.` };
  return { ok: true, value: window };
}
