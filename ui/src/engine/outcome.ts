import type { OutcomeCounts } from "../api/types";

/** From harmless to worst. */
export const OUTCOMES = ["ok", "error", "throttle", "fault"] as const;
export type Outcome = (typeof OUTCOMES)[number];

export const OUTCOME_WORDS: Record<Outcome, string> = { ok: "ok", error: "error", throttle: "throttle", fault: "fault" };

/**
 * Requests by the one outcome that a ring or a bar shows them as. The API's flags overlap; the parts
 * are made to add up: a throttle is no other error, and where flags overlap the sum may exceed the requests.
 */
export function parts(counts: OutcomeCounts): Record<Outcome, number> {
  return { ok: counts.ok, error: counts.errors - counts.throttles, throttle: counts.throttles, fault: counts.faults };
}

export interface Arc {
  outcome: Outcome;
  /** In turns, clockwise from 12 o'clock. */
  from: number;
  to: number;
}

/** The ring of a node: its parts in proportion, worst first; nothing without requests. */
export function arcs(counts: OutcomeCounts): Arc[] {
  const shares = parts(counts);
  const total = OUTCOMES.reduce((sum, outcome) => sum + shares[outcome], 0);
  if (total === 0) return [];
  const ring: Arc[] = [];
  let from = 0;
  for (const outcome of OUTCOMES.toReversed()) {
    if (shares[outcome] === 0) continue;
    const to = from + shares[outcome] / total;
    ring.push({ outcome, from, to });
    from = to;
  }
  return ring;
}

/** The worst outcome that occurred, and how often. */
export function worst(counts: OutcomeCounts): { outcome: Outcome; count: number } {
  if (counts.faults > 0) return { outcome: "fault", count: counts.faults };
  if (counts.throttles > 0) return { outcome: "throttle", count: counts.throttles };
  if (counts.errors > 0) return { outcome: "error", count: counts.errors };
  return { outcome: "ok", count: counts.ok };
}

export const NO_REQUESTS: OutcomeCounts = { requests: 0, ok: 0, errors: 0, throttles: 0, faults: 0 };

export function addCounts(a: OutcomeCounts, b: OutcomeCounts): OutcomeCounts {
  return {
    requests: a.requests + b.requests,
    ok: a.ok + b.ok,
    errors: a.errors + b.errors,
    throttles: a.throttles + b.throttles,
    faults: a.faults + b.faults,
  };
}
