/** The figures of `/api/v1/system` in words. */
import type { ReceivedSignal } from "../api/system";
import { formatAgo, formatDuration, group } from "../lib/format";
import { nanos, type UnixNanos } from "../lib/time";

/** A record that is so old when it comes is late: batches wait for seconds, not for minutes. */
const LATE_NS = 60e9;

export function lastArrival(received: ReceivedSignal, now: UnixNanos): string {
  const at = received.last_arrival_unix_nano;
  if (at === null) return "none yet";
  const ago = now - nanos(at);
  return formatAgo(ago > 0n ? ago : 0n);
}

/** How old the newest record of the last request was when it came: as a sentence, and for a table. */
export function lag(received: ReceivedSignal): { text: string; age: string; late: boolean } {
  const ns = received.last_lag_ns;
  if (ns === null) return { text: "nothing since the start", age: "–", late: false };
  const age = formatDuration(Math.abs(ns));
  if (ns < 0) return { text: `${age} ahead of the server's clock`, age: `${age} ahead`, late: false };
  return { text: `${age} old when they came`, age, late: ns > LATE_NS };
}

export function refusedRequests(received: ReceivedSignal): number {
  return received.refused.reduce((sum, { requests }) => sum + requests, 0);
}

/** `12 busy, 1 invalid`; empty when there are none. */
export function refusedText(refused: ReceivedSignal["refused"]): string {
  return refused
    .toSorted((a, b) => b.requests - a.requests)
    .map(({ code, requests }) => `${group(requests)} ${code.replaceAll("_", " ")}`)
    .join(", ");
}
