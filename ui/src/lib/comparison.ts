import type { Window } from "../api/queries";
import { formatDuration } from "./format";
import { nanos } from "./time";

/** What figures are compared with: the window of the same length just before, or the same time some days earlier. */
export const COMPARISONS = ["none", "prev", "-1d", "-7d"] as const;
export type Comparison = (typeof COMPARISONS)[number];

export const COMPARISON_WORDS: Record<Comparison, string> = { none: "nothing", prev: "the window before", "-1d": "a day earlier", "-7d": "a week earlier" };

const DAY = 86_400_000_000_000n;

/** The comparison of an address (`cmp=`), and what is wrong with it. */
export function readComparison(search: string): { cmp: Comparison; problem: string | null } {
  const text = new URLSearchParams(search).get("cmp");
  const cmp = COMPARISONS.find((one) => one === text);
  if (text === null || cmp !== undefined) return { cmp: cmp ?? "none", problem: null };
  return { cmp: "none", problem: `cmp=${text} in the address is none of ${COMPARISONS.slice(1).join(", ")}; nothing is compared.` };
}

/** The window to compare with; the same length, earlier. */
export function comparedWindow({ from, to }: Window, cmp: Exclude<Comparison, "none">): Window {
  const back = cmp === "prev" ? to - from : cmp === "-1d" ? DAY : 7n * DAY;
  return { from: nanos(from - back), to: nanos(to - back) };
}

/** A difference in words, and whether it is good news. */
export interface Delta {
  text: string;
  tone: "worse" | "better" | "neutral";
  /** The figure before, in words. */
  before: string;
}

/** Smaller differences are shown and not coloured: they are chance. */
const FACTOR_MIN = 0.1;
const POINTS_MIN = 1;

/** Of a rate or a count: more or fewer is neither good nor bad. */
export function rateDelta(now: number, before: number, print: (value: number) => string): Delta {
  return { text: before === 0 ? (now === 0 ? "±0%" : "new") : percent(now / before - 1), tone: "neutral", before: print(before) };
}

/** Of a share of failures, in percentage points. */
export function shareDelta(now: number, before: number, print: (share: number) => string): Delta {
  const points = (now - before) * 100;
  const tone = Math.abs(points) < POINTS_MIN ? "neutral" : points > 0 ? "worse" : "better";
  return { text: Math.abs(points) < 0.05 ? "±0 pts" : `${sign(points)}${Math.abs(points).toFixed(1)} pts`, tone, before: print(before) };
}

/** Of a duration in nanoseconds: longer is worse. */
export function durationDelta(now: number, before: number): Delta {
  const change = before === 0 ? 0 : now / before - 1;
  const tone = Math.abs(change) < FACTOR_MIN ? "neutral" : change > 0 ? "worse" : "better";
  return { text: before === 0 ? (now === 0 ? "±0%" : "new") : percent(change), tone, before: formatDuration(before) };
}

function percent(change: number): string {
  const rounded = Math.round(Math.abs(change) * 100);
  if (rounded === 0) return "±0%";
  return rounded > 999 ? `×${Math.round(change + 1)}` : `${sign(change)}${rounded}%`;
}

function sign(value: number): string {
  return value > 0 ? "+" : "−";
}
