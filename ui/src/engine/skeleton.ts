import type { TraceSkeleton } from "../api/types";

/** The answer of `GET /api/v1/traces/{id}?view=skeleton`: columns over the spans in pre-order. */
export type Skeleton = TraceSkeleton;

/** Bits of the flags column. */
export const FLAG = {
  events: 1, links: 2, logs: 4, orphan: 8, duplicate: 16, cycle: 32, exception: 64, parentRemote: 128, parentLocal: 256,
} as const;

/** Bits of the outcome column; 0 is ok. */
export const OUTCOME = { error: 1, throttle: 2, fault: 4 } as const;

/** Number of ERROR in the status column. */
export const STATUS_ERROR = 2;
export const STATUS_NAMES = ["UNSET", "OK", "ERROR", "unknown"] as const;

/** What is told about a trace as a whole, without its columns. */
export type TraceFacts = Omit<Skeleton, "services" | "names" | "kinds" | "spans" | "events" | "logs"> & {
  events_truncated: boolean;
  logs_truncated: boolean;
};

export function factsOf(skeleton: Skeleton): TraceFacts {
  const { services: _services, names: _names, kinds: _kinds, spans: _spans, events, logs, ...facts } = skeleton;
  return { ...facts, events_truncated: events.truncated, logs_truncated: logs.truncated };
}
