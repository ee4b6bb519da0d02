import { useQuery } from "@tanstack/react-query";
import { statusQuery } from "../api/queries";
import { formatAgo } from "../lib/format";
import { absolute, ago, formatDateTime, nanos, NOW, nowNanos, spanNs } from "../lib/time";
import { Button } from "./button";
import { EmptyState } from "./states";
import { useTime } from "./time-context";

/** The window that is opened around the newest data. */
const WINDOW_NS = spanNs("15m")!;

/** Nothing in the time range, without any other condition: says where the data is. */
export function NoDataInRange({ signal }: { signal: "spans" | "logs" }) {
  const { data } = useQuery(statusQuery());
  const { window, zone, setRange } = useTime();
  const noun = signal === "spans" ? "spans" : "log records";
  const newest = data?.signals[signal].newest_unix_nano;
  if (!data || newest === undefined) return null;
  if (newest === null) {
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
  const inside = at >= window.from && at < window.to;
  return (
    <EmptyState
      title={`No ${noun} in this time range`}
      actions={
        !inside && (
          <Button look="primary" onClick={goThere}>
            Go to the latest data
          </Button>
        )
      }
    >
      <p>
        The latest is from {formatDateTime(at, zone)}
        {now > at ? ` (${formatAgo(now - at)})` : " (in the future, by the clock of this browser)"}.
      </p>
    </EmptyState>
  );
}
