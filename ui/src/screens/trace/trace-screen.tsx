import { useQuery } from "@tanstack/react-query";
import { RefreshCw } from "lucide-react";
import { useCallback, useEffect, useEffectEvent, useMemo } from "react";
import { Link } from "wouter";
import { ApiError } from "../../api/client";
import { traceQuery } from "../../api/queries";
import type { LoadedTrace } from "../../engine/decode-trace";
import type { TraceFacts } from "../../engine/skeleton";
import { serviceOf, spanRefOf } from "../../engine/trace-model";
import { WaterfallStore } from "../../engine/waterfall-store";
import { announce } from "../../kit/announce";
import { Button, CopyButton } from "../../kit/button";
import { ChoiceNote } from "../../kit/choice-note";
import { ImportFile } from "../../kit/import-file";
import { isForPage } from "../../kit/keys";
import { Page } from "../../kit/page";
import { EmptyState, ErrorState, Skeleton } from "../../kit/states";
import { TAB_PANEL_ID, tabId, Tabs } from "../../kit/tabs";
import { useTime } from "../../kit/time-context";
import { useUrl } from "../../kit/use-url";
import { formatDuration, formatNanos, group, plural } from "../../lib/format";
import { recogniseId } from "../../lib/ids";
import { formatDateTime, nanos, zoneLabel } from "../../lib/time";
import { carryOver, href } from "../../lib/url-state";
import { FindField, useFind } from "./find-field";
import { FlameTab } from "./flame-tab";
import { MapTab } from "./map-tab";
import { MissingTrace } from "./missing-trace";
import { RawView } from "./raw-view";
import { StatisticsTab } from "./statistics-tab";
import { TraceHealth } from "./trace-health";
import { TraceLogs } from "./trace-logs";
import css from "./trace-screen.module.css";
import views from "./views.module.css";
import { readTraceUrl } from "./trace-url";
import { useTraceUrl } from "./use-trace-url";
import { WaterfallTab } from "./waterfall-tab";

const VIEWS = [
  { value: "waterfall", label: "Waterfall" },
  { value: "flame", label: "Flame" },
  { value: "graph", label: "Map" },
  { value: "table", label: "Statistics" },
  { value: "logs", label: "Logs" },
  { value: "raw", label: "Raw" },
] as const;
type View = (typeof VIEWS)[number]["value"];

/** One trace: its figures, the waterfall, its logs, and what was sent. */
export function TraceScreen({ traceId }: { traceId: string }) {
  const id = recogniseId(traceId)?.id ?? traceId;
  const query = useQuery(traceQuery(id));
  if (query.data) return <TracePage trace={query.data} refreshing={query.isFetching} onRefresh={() => void query.refetch()} />;
  return (
    <Page title="Trace" crumb={<Crumb name={id} />}>
      <ImportFile />
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

function TracePage({ trace, refreshing, onRefresh }: { trace: LoadedTrace; refreshing: boolean; onRefresh: () => void }) {
  const { facts, model } = trace;
  const { search, patch, navigate } = useUrl();
  const store = useMemo(() => new WaterfallStore(model), [model]);
  const params = new URLSearchParams(search);
  const found = useFind(facts.trace_id, model, readTraceUrl(search).find);
  const url = useTraceUrl(store, model, found.matches);
  // Log records can arrive without any span: then they are what there is to see.
  const usual: View = model.count > 0 ? "waterfall" : "logs";
  const asked = params.get("view");
  const known = VIEWS.find((one) => one.value === asked)?.value;
  const view = known ?? usual;
  const setView = (next: View) => patch({ view: next === usual ? null : next });
  useEffect(() => {
    announce(`Trace with ${plural(facts.span_count, "span")} and ${plural(model.errorCount, "error")}`);
  }, [facts, model]);
  /** Keys of the waterfall that lead out of it. */
  const onKey = (key: string): boolean => {
    if (key === "c") patch({ cp: url.critical ? null : "1", ...(!url.critical && { span: null }) });
    else if (key === "l") setView("logs");
    else if (key === "j") setView("raw");
    else if (key === "v") setView(VIEWS[(VIEWS.findIndex((one) => one.value === view) + 1) % VIEWS.length]!.value);
    else return false;
    return true;
  };
  // In every view: whoever went to another one by a key goes on by one.
  const onPageKey = useEffectEvent((event: KeyboardEvent) => {
    if ("vlj".includes(event.key) && isForPage(event) && onKey(event.key)) event.preventDefault();
  });
  useEffect(() => {
    const listen = (event: KeyboardEvent) => onPageKey(event);
    window.addEventListener("keydown", listen);
    return () => window.removeEventListener("keydown", listen);
  }, []);
  const showFound = useCallback((find: string) => patch({ view: null, find }), [patch]);
  const select = (index: number) => patch({ view: null, span: spanRefOf(model, index) });
  return (
    <Page
      title={facts.root ? `${facts.root.service} ${facts.root.name}` : "Trace"}
      crumb={<Crumb service={facts.root?.service ?? (model.count > 0 ? serviceOf(model, 0) : undefined)} name={facts.root?.name ?? "without a root"} />}
      field={<FindField store={store} found={found} text={url.find} hide={url.hide} />}
      actions={
        <>
          <Button small onClick={() => navigate(href(`/compare/${facts.trace_id}...`, {}, carryOver(search)))}>
            Compare
          </Button>
          <CopyButton text={() => window.location.href} label="Copy link">
            Copy link
          </CopyButton>
          <Button small iconLabel="Load again: spans may have arrived since" disabled={refreshing} onClick={onRefresh}>
            <RefreshCw size={13} aria-hidden />
          </Button>
        </>
      }
    >
      <ImportFile />
      <TraceHead facts={facts} errors={model.errorCount} />
      <div className={css.tabs}>
        <Tabs label="Views of the trace" value={view} choices={VIEWS.map((one) => (one.value === "logs" ? { ...one, label: `Logs ${group(facts.log_count)}` } : one))} onChange={setView} />
      </div>
      <ChoiceNote name="view" choices={VIEWS} usual={`the ${usual} is shown`} />
      <TraceHealth trace={trace} store={store} url={url} />
      <div className={css.panel} role="tabpanel" id={TAB_PANEL_ID} aria-labelledby={tabId(view)}>
        {view !== "logs" && view !== "raw" && model.count === 0 ? (
          <EmptyState title="No span of this trace has arrived">
            <p>Only log records carry this trace id so far; they are in the Logs tab.</p>
          </EmptyState>
        ) : (
          <>
            {view === "waterfall" && <WaterfallTab trace={trace} store={store} url={url} onKey={onKey} onFind={showFound} />}
            {view === "flame" && <FlameTab model={model} matches={found.matches} onSelect={select} />}
            {view === "graph" && <MapTab traceId={facts.trace_id} onFind={showFound} />}
            {view === "table" && <StatisticsTab model={model} />}
          </>
        )}
        {view === "logs" && <TraceLogs trace={trace} />}
        {view === "raw" && <RawView traceId={facts.trace_id} />}
      </div>
    </Page>
  );
}

function TraceHead({ facts, errors }: { facts: TraceFacts; errors: number }) {
  const { zone } = useTime();
  const start = nanos(facts.start_time_unix_nano);
  return (
    <div className={css.facts}>
      <span title={formatNanos(facts.duration_ns)}>
        <b>{formatDuration(facts.duration_ns)}</b> duration
      </span>
      <Fact count={facts.span_count} noun="span" />
      <Fact count={facts.service_count} noun="service" />
      <Fact count={errors} noun="error" bad={errors > 0} title={`${plural(facts.error_count, "span")} with status ERROR; errors are these and answers 4xx, 5xx and their like of gRPC`} />
      <Fact count={facts.log_count} noun="log" />
      <Fact count={facts.depth} noun="level" />
      <span className={css.start} title={`${formatDateTime(start, zone, 9)} ${zoneLabel(start, zone)}`}>
        {formatDateTime(start, zone, 3)} {zoneLabel(start, zone)}
      </span>
      <span className={css.traceId}>
        {facts.trace_id}
        <CopyButton text={facts.trace_id} label="Copy trace id" />
      </span>
    </div>
  );
}

function Fact({ count, noun, bad, title }: { count: number; noun: string; bad?: boolean; title?: string | undefined }) {
  return (
    <span className={bad ? views.bad : undefined} title={title}>
      <b>{group(count)}</b> {plural(count, noun).replace(/^\S+ /, "")}
    </span>
  );
}

function TraceError({ id, error, onRetry }: { id: string; error: unknown; onRetry: () => void }) {
  if (error instanceof ApiError && error.status === 404) return <MissingTrace id={id} />;
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
