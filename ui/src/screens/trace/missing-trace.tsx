import { useQuery } from "@tanstack/react-query";
import { Link } from "wouter";
import { statusQuery } from "../../api/queries";
import { buttonClass } from "../../kit/button";
import { EmptyState } from "../../kit/states";
import { useTime } from "../../kit/time-context";
import { formatAgo, plural } from "../../lib/format";
import { absolute, formatDateTime, nanos, nowNanos, type UnixNanos } from "../../lib/time";
import { href, rangePatch } from "../../lib/url-state";

/** How much of the latest data the way out shows. */
const LATEST_NS = 900_000_000_000n;
const DAY_S = 86_400;
const HOUR_S = 3_600;

/** No span has the id: says how long data is kept, from when to when there is any, and leads to the latest. */
export function MissingTrace({ id }: { id: string }) {
  const { data } = useQuery(statusQuery());
  const spans = data?.signals.spans;
  const newest = spans?.newest_unix_nano;
  const latest = newest ? latestHref(nanos(newest)) : "/traces";
  return (
    <EmptyState title="This trace is not here" actions={<Link className={buttonClass("primary")} href={latest}>{newest ? "Show the latest traces" : "Search for traces"}</Link>}>
      <p>
        No span has the trace id <code>{id}</code>. It may have been dropped by sampling, be older than what is kept, or not have arrived yet.
      </p>
      {data && <Kept seconds={data.retention_seconds} oldest={spans?.oldest_unix_nano ?? null} newest={newest ?? null} />}
    </EmptyState>
  );
}

function Kept({ seconds, oldest, newest }: { seconds: number | null; oldest: string | null; newest: string | null }) {
  const { zone } = useTime();
  const kept = seconds === null ? "Data is kept without an end" : `Data is kept for ${spanOf(seconds)}`;
  if (oldest === null || newest === null) return <p>{kept}; no span has arrived yet.</p>;
  const since = nowNanos() - nanos(newest);
  return (
    <p>
      {kept}. The spans that are here are from {formatDateTime(nanos(oldest), zone)} to {formatDateTime(nanos(newest), zone)}
      {since > 0n && `, the latest ${formatAgo(since)}`}.
    </p>
  );
}

function spanOf(seconds: number): string {
  if (seconds % DAY_S === 0) return plural(seconds / DAY_S, "day");
  return seconds % HOUR_S === 0 ? plural(seconds / HOUR_S, "hour") : plural(Math.round(seconds / 60), "minute");
}

function latestHref(newest: UnixNanos): string {
  const range = { from: absolute(nanos(newest - LATEST_NS)), to: absolute(nanos(newest + 1n)) };
  return href("/traces", rangePatch(range));
}
