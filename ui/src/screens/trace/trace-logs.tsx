import { useMemo } from "react";
import type { LogRecord, Trace } from "../../api/types";
import { LogList } from "../../kit/log-list";
import { EmptyState } from "../../kit/states";
import { useTime } from "../../kit/time-context";
import { useUrl } from "../../kit/use-url";
import { nanos } from "../../lib/time";
import { carryOver } from "../../lib/url-state";

/** The log records of the trace and the events of its spans, in the order they happened. */
export function TraceLogs({ trace }: { trace: Trace }) {
  const { zone } = useTime();
  const { search, patch } = useUrl();
  const lines = useMemo(() => [...trace.logs, ...eventLines(trace)].toSorted(byTime), [trace]);
  const params = new URLSearchParams(search);
  const open = new Set(panelLog(params.get("panel")));
  const toggle = (log: LogRecord) => patch({ panel: open.has(log.id) ? null : `log:${log.id}` }, { replace: true });
  if (lines.length === 0) {
    return (
      <EmptyState title="No log record belongs to this trace">
        <p>Log records are shown here when they carry this trace id. Most OpenTelemetry SDKs add it once their logging bridge is switched on.</p>
      </EmptyState>
    );
  }
  return (
    <LogList
      logs={lines}
      query={params.get("find") ?? ""}
      zone={zone}
      open={open}
      onToggle={toggle}
      carry={carryOver(search)}
      onSpan={(span) => patch({ view: null, span, panel: null })}
    />
  );
}

function panelLog(panel: string | null): string[] {
  return panel?.startsWith("log:") ? [panel.slice(4)] : [];
}

function byTime(a: LogRecord, b: LogRecord): number {
  const difference = nanos(a.time_unix_nano) - nanos(b.time_unix_nano);
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}

/** Span events in the shape of log records; their name marks them as events in the list. */
function eventLines(trace: Trace): LogRecord[] {
  return trace.spans.flatMap((span) =>
    span.events.map((event, i) => ({
      id: `event-${span.span_id}-${i}`,
      time_unix_nano: event.time_unix_nano,
      observed_time_unix_nano: null,
      severity_number: 0,
      severity: null,
      severity_text: null,
      body: event.attributes["exception.message"] ?? event.name,
      trace_id: trace.trace_id,
      span_id: span.span_id,
      flags: 0,
      service: span.service,
      event_name: event.name,
      scope: span.scope,
      resource: span.resource,
      attributes: event.attributes,
    })),
  );
}
