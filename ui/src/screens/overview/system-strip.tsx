import { useQuery } from "@tanstack/react-query";
import { systemQuery } from "../../api/system";
import { classNames } from "../../kit/class-names";
import { ErrorState, Skeleton } from "../../kit/states";
import { lag, lastArrival, refusedRequests, refusedText } from "../../kit/system-words";
import { formatBytes, formatCount, formatDuration, group } from "../../lib/format";
import { nanos } from "../../lib/time";
import css from "./system-strip.module.css";

/** Whether data comes in, what of it was not taken, and how much lies on the disk. */
export function SystemStrip() {
  const { data, isError, error, refetch } = useQuery(systemQuery());
  if (isError && !data) return <ErrorState title="The system's figures could not be loaded" error={error} onRetry={() => void refetch()} />;
  if (!data) return <Skeleton height={52} />;
  const now = nanos(data.now_unix_nano);
  const { spans, logs } = data.received;
  const [spanLag, logLag] = [lag(spans), lag(logs)];
  const rejected = spans.rejected + logs.rejected;
  const refused = refusedRequests(spans) + refusedRequests(logs);
  const since = `in the ${formatDuration(Number(now - nanos(data.started_unix_nano)))} since the start`;
  const { spans_bytes, logs_bytes, wal_bytes } = data.disk;
  return (
    <dl className={css.strip}>
      <Figure label="Last spans" value={lastArrival(spans, now)} more={spanLag.text} bad={spanLag.late} />
      <Figure label="Last log records" value={lastArrival(logs, now)} more={logLag.text} bad={logLag.late} />
      <Figure
        label="Requests refused"
        value={formatCount(refused)}
        more={refused > 0 ? [refusedText(spans.refused), refusedText(logs.refused)].filter((text) => text !== "").join("; ") : since}
        bad={refused > 0}
      />
      <Figure label="Records rejected" value={formatCount(rejected)} more={rejected > 0 ? "without a valid id" : since} bad={rejected > 0} />
      <Figure
        label="On the disk"
        value={formatBytes(spans_bytes + logs_bytes + wal_bytes)}
        more={`spans ${formatBytes(spans_bytes)}, logs ${formatBytes(logs_bytes)}, WAL ${formatBytes(wal_bytes)}`}
        title={`spans ${group(spans_bytes)} B, logs ${group(logs_bytes)} B, write-ahead log ${group(wal_bytes)} B`}
      />
      <Figure
        label="Kept for"
        value={data.retention_ns === null ? "ever" : formatDuration(data.retention_ns)}
        more={data.retention_ns === null ? "no retention is set" : "what is older is removed"}
      />
    </dl>
  );
}

function Figure({ label, value, more, bad, title }: { label: string; value: string; more: string; bad?: boolean; title?: string }) {
  return (
    <div>
      <dt>{label}</dt>
      <dd className={classNames(css.value, bad && css.bad)}>{value}</dd>
      <dd className={css.more} title={title ?? more}>
        {more}
      </dd>
    </div>
  );
}
