import { useInfiniteQuery } from "@tanstack/react-query";
import { useEffect, useMemo } from "react";
import { traceLogsQuery } from "../../api/queries";
import type { LogRecord } from "../../api/types";
import type { LoadedTrace } from "../../engine/decode-trace";
import { serviceOf, spanIdOf } from "../../engine/trace-model";
import { LogList } from "../../kit/log-list";
import { EmptyState, ErrorState, Note, Skeleton } from "../../kit/states";
import { useTime } from "../../kit/time-context";
import { useUrl } from "../../kit/use-url";
import { group } from "../../lib/format";
import { nanos } from "../../lib/time";
import { carryOver } from "../../lib/url-state";
import css from "./trace-screen.module.css";

/** The log records of the trace and the events of its spans, in the order they happened. */
export function TraceLogs({ trace }: { trace: LoadedTrace }) {
  const { zone } = useTime();
  const { search, patch } = useUrl();
  const query = useInfiniteQuery(traceLogsQuery(trace.facts.trace_id));
  const events = useMemo(() => eventLines(trace), [trace]);
  const lines = useMemo(() => merged(query.data?.pages.flatMap((page) => page.logs) ?? [], events, query.hasNextPage), [query.data, query.hasNextPage, events]);
  const params = new URLSearchParams(search);
  const wanted = panelLog(params.get("panel"));
  const open = new Set(wanted);
  const { hasNextPage, isFetching, fetchNextPage } = query;
  const isMissing = wanted.length > 0 && lines.every((line) => line.id !== wanted[0]);
  useEffect(() => {
    if (isMissing && hasNextPage && !isFetching) void fetchNextPage();
  }, [isMissing, hasNextPage, isFetching, fetchNextPage]);
  const toggle = (log: LogRecord) => patch({ panel: open.has(log.id) ? null : `log:${log.id}` }, { replace: true });
  if (query.isError) return <ErrorState title="The logs of the trace could not be loaded" error={query.error} onRetry={() => void query.refetch()} />;
  if (query.isPending) {
    return (
      <div className={css.skeleton} aria-busy="true">
        {Array.from({ length: 12 }, (_, i) => (
          <Skeleton key={i} width={`${85 - ((i * 31) % 45)}%`} />
        ))}
      </div>
    );
  }
  if (lines.length === 0) {
    return (
      <EmptyState title="No log record belongs to this trace">
        <p>Log records are shown here when they carry this trace id. Most OpenTelemetry SDKs add it once their logging bridge is switched on.</p>
      </EmptyState>
    );
  }
  return (
    <>
      {trace.facts.events_truncated && <Note>Only the first {group(events.length)} span events are listed.</Note>}
      <LogList
        logs={lines}
        query={params.get("find") ?? ""}
        zone={zone}
        open={open}
        reveal={wanted[0]}
        onToggle={toggle}
        carry={carryOver(search)}
        onSpan={(span) => patch({ view: null, span, panel: null })}
        onEnd={query.hasNextPage && !query.isFetchingNextPage ? () => void query.fetchNextPage() : undefined}
      />
    </>
  );
}

function panelLog(panel: string | null): string[] {
  return panel?.startsWith("log:") ? [panel.slice(4)] : [];
}

/** By time. While records are still to come, events after the last one wait for them. */
function merged(logs: readonly LogRecord[], events: readonly LogRecord[], more: boolean): LogRecord[] {
  const last = logs.at(-1);
  const end = more && last ? nanos(last.time_unix_nano) : null;
  const timed = [...logs, ...events].map((line) => ({ line, time: nanos(line.time_unix_nano) }));
  return timed
    .filter(({ time }) => end === null || time <= end)
    .toSorted((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0))
    .map(({ line }) => line);
}

/** Span events in the shape of log records; their name marks them as events in the list. */
function eventLines({ facts, model }: LoadedTrace): LogRecord[] {
  const start = nanos(facts.start_time_unix_nano);
  return Array.from(model.events.span, (span, k) => ({
    id: `event-${k}`,
    time_unix_nano: String(start + BigInt(Math.round(model.events.time[k]!))),
    observed_time_unix_nano: null,
    severity_number: 0,
    severity: null,
    severity_text: null,
    body: model.events.texts[model.events.text[k]!]!,
    trace_id: facts.trace_id,
    span_id: spanIdOf(model, span),
    flags: 0,
    service: serviceOf(model, span),
    event_name: "event",
    scope: { name: "", version: "" },
    resource: {},
    attributes: {},
  }));
}
