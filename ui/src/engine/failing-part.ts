import type { TraceHistogram } from "../api/types";

/** What fails all the time is no part that could be explained by what is different in it. */
const SHARE_MAX = 0.8;

/**
 * The stretch of time in which all failed spans of a histogram started, nanoseconds since the epoch; null when none
 * failed, or when nearly all of the time with spans belongs to it, so that there is no rest to compare it with.
 */
export function failingPart({ buckets, bucket_ns }: Pick<TraceHistogram, "buckets" | "bucket_ns">): { from: bigint; to: bigint } | null {
  const failing = buckets.flatMap((bucket, i) => (bucket.errors > 0 ? [i] : []));
  const active = buckets.flatMap((bucket, i) => (bucket.spans > 0 ? [i] : []));
  if (failing.length === 0) return null;
  const [first, last] = [failing[0]!, failing.at(-1)!];
  if (last - first + 1 > SHARE_MAX * (active.at(-1)! - active[0]! + 1)) return null;
  return { from: BigInt(buckets[first]!.start_unix_nano), to: BigInt(buckets[last]!.start_unix_nano) + BigInt(bucket_ns) };
}
