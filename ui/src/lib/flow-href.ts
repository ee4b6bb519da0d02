import { absolute, nanos, printInstant, type UnixNanos } from "./time";
import { href } from "./url-state";

/** How far around the place where a value was met its flow is looked for, unless the range shown holds that place. */
const AROUND_NS = 3_600_000_000_000n;

/** The address of a flow. Without `key` the value is looked for under all configured keys. */
export function flowHref(value: string, carry: string, key: string | null = null): string {
  return href(`/flow/${encodeURIComponent(value)}`, { key }, carry);
}

/** The address of the flow of a value that was met at `at`, with a range that holds it. */
export function flowAround(value: string, carry: string, window: { from: UnixNanos; to: UnixNanos }, at: UnixNanos): string {
  if (at >= window.from && at < window.to) return flowHref(value, carry);
  const range = { from: printInstant(absolute(nanos(at - AROUND_NS))), to: printInstant(absolute(nanos(at + AROUND_NS))) };
  return href(`/flow/${encodeURIComponent(value)}`, range, carry);
}
