import { useQuery } from "@tanstack/react-query";
import { statusQuery } from "../api/queries";
import type { ServerStatus } from "../api/types";
import { formatAgo, formatDuration } from "../lib/format";
import { absolute, ago, formatDateTime, nanos, NOW, nowNanos, spanNs, type UnixNanos } from "../lib/time";
import { Button } from "./button";
import { EmptyState } from "./states";
import { useTime } from "./time-context";

/** The window that is opened around the newest data. */
const WINDOW_NS = spanNs("15m")!;

const DAY_NS = spanNs("1d")!;

/** What is older than this has been removed; null when everything is kept. UTC dates go as a whole. */
export function keptFrom(status: ServerStatus, now: UnixNanos): UnixNanos | null {
  if (status.retention_seconds === null) return null;
  const oldest = now - BigInt(status.retention_seconds) * 1_000_000_000n;
  return nanos(oldest - (oldest % DAY_NS));
}

/** `7 d`, as it was configured. */
export function keptFor(status: ServerStatus): string {
  return formatDuration((status.retention_seconds ?? 0) * 1e9);
}

/** Nothing in the time range, without any other condition: says where the data is, and when it has been removed. */
export function NoDataInRange({ signal }: { signal: "spans" | "logs" }) {
  const { data } = useQuery(statusQuery());
  const { window, zone, setRange } = useTime();
  const noun = signal === "spans" ? "spans" : "log records";
  if (!data) return null;
  const { newest_unix_nano: newest, oldest_unix_nano: oldest } = data.signals[signal];
  if (newest === null || oldest === null) {
    return (
      <EmptyState title={`No ${noun} have arrived yet`}>
        <p>
          Send them to {data.otlp_http} (OTLP/HTTP) or {data.otlp_grpc} (OTLP/gRPC).
        </p>
      </EmptyState>
    );
  }
  const at = nanos(newest);
  const now = nowNanos();
  const goThere = () => {
    const recent = now - at < WINDOW_NS && now >= at;
    if (recent) setRange({ from: ago("15m"), to: NOW });
    else setRange({ from: absolute(nanos(at - WINDOW_NS)), to: absolute(nanos(at + 1n)) });
  };
  const goToOldest = () => setRange({ from: absolute(nanos(oldest)), to: absolute(nanos(nanos(oldest) + WINDOW_NS)) });
  const inside = at >= window.from && at < window.to;
  const kept = keptFrom(data, now);
  const removed = kept !== null && window.to <= kept;
  return (
    <EmptyState
      title={removed ? `The ${noun} of this time have been removed` : `No ${noun} in this time range`}
      actions={
        !inside && (
          <>
            <Button look="primary" onClick={goThere}>
              Go to the latest data
            </Button>
            {removed && <Button onClick={goToOldest}>Go to the oldest data</Button>}
          </>
        )
      }
    >
      {removed && (
        <p>
          Spanlake keeps {noun} for {keptFor(data)}; the oldest is from {formatDateTime(nanos(oldest), zone)}.
        </p>
      )}
      <p>
        The latest is from {formatDateTime(at, zone)}
        {now > at ? ` (${formatAgo(now - at)})` : " (in the future, by the clock of this browser)"}.
      </p>
    </EmptyState>
  );
}
