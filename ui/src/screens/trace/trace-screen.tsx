import { useQuery } from "@tanstack/react-query";
import { RefreshCw } from "lucide-react";
import { useEffect, useMemo } from "react";
import { Link } from "wouter";
import { ApiError } from "../../api/client";
import { traceQuery } from "../../api/queries";
import type { Trace } from "../../api/types";
import { WaterfallStore } from "../../engine/waterfall-store";
import { buildTraceModel } from "../../engine/trace-model";
import { announce } from "../../kit/announce";
import { Button, buttonClass, CopyButton } from "../../kit/button";
import { Page } from "../../kit/page";
import { EmptyState, ErrorState, Note, Skeleton } from "../../kit/states";
import { TAB_PANEL_ID, tabId, Tabs } from "../../kit/tabs";
import { useTime } from "../../kit/time-context";
import { useUrl } from "../../kit/use-url";
import { formatDuration, formatNanos, group, plural } from "../../lib/format";
import { formatDateTime, nanos, zoneLabel } from "../../lib/time";
import { carryOver } from "../../lib/url-state";
import { FindField } from "./find-field";
import { RawView } from "./raw-view";
import { TraceLogs } from "./trace-logs";
import css from "./trace-screen.module.css";
import { WaterfallTab } from "./waterfall-tab";

const VIEWS = [
  { value: "waterfall", label: "Waterfall" },
  { value: "logs", label: "Logs" },
  { value: "raw", label: "Raw" },
] as const;
type View = (typeof VIEWS)[number]["value"];

/** One trace: its figures, the waterfall, its logs, and what was sent. */
export function TraceScreen({ traceId }: { traceId: string }) {
  const id = traceId.toLowerCase();
  const query = useQuery(traceQuery(id));
  if (query.data) return <LoadedTrace trace={query.data} refreshing={query.isFetching} onRefresh={() => void query.refetch()} />;
  return (
    <Page title="Trace" crumb={<Crumb name={id} />}>
      {query.isError ? <TraceError id={id} error={query.error} onRetry={() => void query.refetch()} /> : <TraceSkeleton />}
    </Page>
  );
}

function Crumb({ service, name }: { service?: string | undefined; name: string }) {
  const { search } = useUrl();
  const kept = carryOver(search);
  return (
    <>
      <Link href={kept === "" ? "/traces" : `/traces?${kept}`}>Traces</Link> › {service && <b>{service}</b>} {name}
    </>
  );
}

function LoadedTrace({ trace, refreshing, onRefresh }: { trace: Trace; refreshing: boolean; onRefresh: () => void }) {
  const { search, patch } = useUrl();
  const model = useMemo(() => buildTraceModel(trace.spans, trace.duration_ns), [trace]);
  const store = useMemo(() => new WaterfallStore(model), [model]);
  const params = new URLSearchParams(search);
  // Log records can arrive without any span: then they are what there is to see.
  const usual: View = model.count > 0 ? "waterfall" : "logs";
  const view = VIEWS.find((one) => one.value === params.get("view"))?.value ?? usual;
  const setView = (next: View) => patch({ view: next === usual ? null : next });
  useEffect(() => {
    announce(`Trace with ${plural(trace.span_count, "span")} and ${plural(trace.error_count, "error")}`);
  }, [trace]);
  return (
    <Page
      title={trace.root ? `${trace.root.service} ${trace.root.name}` : "Trace"}
      crumb={<Crumb service={trace.root?.service ?? model.spans[0]?.service} name={trace.root?.name ?? "without a root"} />}
      field={<FindField store={store} />}
      actions={
        <>
          <CopyButton text={() => window.location.href} label="Copy link">
            Copy link
          </CopyButton>
          <Button small iconLabel="Load again: spans may have arrived since" disabled={refreshing} onClick={onRefresh}>
            <RefreshCw size={13} aria-hidden />
          </Button>
        </>
      }
    >
      <TraceHead trace={trace} levels={model.levels} />
      <div className={css.tabs}>
        <Tabs label="Views of the trace" value={view} choices={VIEWS.map((one) => (one.value === "logs" ? { ...one, label: `Logs ${group(trace.log_count)}` } : one))} onChange={setView} />
      </div>
      <TraceHealth trace={trace} store={store} />
      <div className={css.panel} role="tabpanel" id={TAB_PANEL_ID} aria-labelledby={tabId(view)}>
        {view === "waterfall" && model.count > 0 && <WaterfallTab trace={trace} store={store} />}
        {view === "waterfall" && model.count === 0 && (
          <EmptyState title="No span of this trace has arrived">
            <p>Only log records carry this trace id so far; they are in the Logs tab.</p>
          </EmptyState>
        )}
        {view === "logs" && <TraceLogs trace={trace} />}
        {view === "raw" && <RawView traceId={trace.trace_id} />}
      </div>
    </Page>
  );
}

function TraceHead({ trace, levels }: { trace: Trace; levels: number }) {
  const { zone } = useTime();
  const start = nanos(trace.start_time_unix_nano);
  return (
    <div className={css.facts}>
      <span title={formatNanos(trace.duration_ns)}>
        <b>{formatDuration(trace.duration_ns)}</b> duration
      </span>
      <Fact count={trace.span_count} noun="span" />
      <Fact count={trace.service_count} noun="service" title={trace.services.map((one) => one.service).join(", ")} />
      <Fact count={trace.error_count} noun="error" bad={trace.error_count > 0} />
      <Fact count={trace.log_count} noun="log" />
      <Fact count={levels} noun="level" />
      <span className={css.start} title={`${formatDateTime(start, zone, 9)} ${zoneLabel(start, zone)}`}>
        {formatDateTime(start, zone, 3)} {zoneLabel(start, zone)}
      </span>
      <span className={css.traceId}>
        {trace.trace_id}
        <CopyButton text={trace.trace_id} label="Copy trace id" />
      </span>
    </div>
  );
}

function Fact({ count, noun, bad, title }: { count: number; noun: string; bad?: boolean; title?: string }) {
  return (
    <span className={bad ? css.bad : undefined} title={title}>
      <b>{group(count)}</b> {plural(count, noun).replace(/^\S+ /, "")}
    </span>
  );
}

/** What a reader must know before trusting the picture. */
function TraceHealth({ trace, store }: { trace: Trace; store: WaterfallStore }) {
  const causes: string[] = [];
  const roots = store.model.rootCount;
  if (trace.orphan_count > 0) {
    causes.push(`${plural(trace.orphan_count, "span")} without ${trace.orphan_count === 1 ? "its" : "their"} parent, shown as ${trace.orphan_count === 1 ? "a root" : "roots"}: the parent was not sampled, has not arrived yet, or was never sent.`);
  } else if (!trace.complete && roots > 1) causes.push(`The trace has ${roots} roots.`);
  if (trace.duplicate_count > 0) causes.push(`${plural(trace.duplicate_count, "duplicate span id")}: all spans are shown.`);
  causes.push(...trace.warnings.filter((warning) => !/orphan|duplicate|parent|root/i.test(warning)));
  const { shownLevels } = store;
  if (shownLevels !== null) {
    causes.push(`Large trace: opened with ${plural(shownLevels, "level")} of ${group(store.model.levels)} and the spans that failed. Keys 1–9 fold to a level.`);
  }
  if (causes.length === 0) return null;
  const unfold = shownLevels !== null && (
    <button type="button" className={buttonClass("default", true)} onClick={() => store.expandAll()}>
      Unfold all
    </button>
  );
  return <Note action={unfold}>{causes.join(" ")}</Note>;
}

function TraceError({ id, error, onRetry }: { id: string; error: unknown; onRetry: () => void }) {
  if (error instanceof ApiError && error.status === 404) {
    return (
      <EmptyState title="This trace is not here" actions={<Link className={buttonClass("primary")} href="/traces">Search for traces</Link>}>
        <p>
          No span has the trace id <code>{id}</code>. It may have been dropped by sampling, be older than the retention, or not have arrived yet.
        </p>
      </EmptyState>
    );
  }
  return <ErrorState title="The trace could not be loaded" error={error} onRetry={onRetry} />;
}

function TraceSkeleton() {
  return (
    <div className={css.skeleton} aria-busy="true">
      <Skeleton width={420} height={20} />
      <Skeleton height={56} />
      {Array.from({ length: 14 }, (_, i) => (
        <Skeleton key={i} width={`${90 - ((i * 37) % 50)}%`} height={14} />
      ))}
    </div>
  );
}
