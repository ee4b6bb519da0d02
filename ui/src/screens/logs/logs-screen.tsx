import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { ArrowDownNarrowWide, ArrowUpNarrowWide } from "lucide-react";
import { useCallback, useEffect, useMemo, useState } from "react";
import { anyLogQuery, logHistogramQuery, logsQuery, servicesQuery, statusQuery, type Window } from "../../api/queries";
import type { LogRecord } from "../../api/types";
import { announce } from "../../kit/announce";
import { Button } from "../../kit/button";
import controls from "../../kit/controls.module.css";
import { type Bucket, Histogram, type Series } from "../../kit/histogram";
import { LogList } from "../../kit/log-list";
import { NoDataInRange } from "../../kit/no-data";
import { OptionPopover } from "../../kit/option-popover";
import { Page } from "../../kit/page";
import { FilterChips, isFiltered, SearchField } from "../../kit/search-field";
import { SetupCard } from "../../kit/setup-card";
import { ErrorState, Note, Skeleton } from "../../kit/states";
import { NothingMatches } from "../../kit/nothing-matches";
import { useTime } from "../../kit/time-context";
import { useUrl } from "../../kit/use-url";
import { addFilter, attributeFilter, EMPTY_SEARCH, findFilter, type SearchState, setFilter } from "../../lib/filters";
import { group, plural } from "../../lib/format";
import { SEVERITIES } from "../../lib/severity";
import { nanos } from "../../lib/time";
import { carryOver, readSearch, searchPatch } from "../../lib/url-state";
import css from "./logs-screen.module.css";

/** Search for log records: conditions, severities over time, the records. */
export function LogsScreen() {
  const { search, patch } = useUrl();
  const { window } = useTime();
  const { state, problems } = useMemo(() => readSearch(search), [search]);
  const status = useQuery(statusQuery());
  const change = (next: SearchState) => patch(searchPatch(next));
  const empty = status.data && status.data.signals.spans.rows === 0 && status.data.signals.logs.rows === 0;
  return (
    <Page title="Logs" timed field={<SearchField state={state} onChange={change} placeholder="words in the body, service:cart, severity>=WARN, key=value" />}>
      {problems.map((problem) => (
        <Note key={problem} error>
          {problem}
        </Note>
      ))}
      {empty ? (
        <SetupCard status={status.data} />
      ) : (
        <>
          <FilterBar state={state} window={window} onChange={change} />
          <RecordsOverTime state={state} window={window} />
          <Records state={state} window={window} onChange={change} />
        </>
      )}
    </Page>
  );
}

const SEVERITY_OPTIONS = SEVERITIES.map((value) => ({ value, hint: value === "FATAL" ? "only" : "and above" })).toReversed();

function FilterBar({ state, window, onChange }: { state: SearchState; window: Window; onChange: (state: SearchState) => void }) {
  const { search, patch } = useUrl();
  const services = useQuery(servicesQuery(window));
  const ascending = new URLSearchParams(search).get("order") === "asc";
  const pickSeverity = (value: string | null) => onChange({ ...state, filters: setFilter(state.filters, "severity", value, "gte") });
  return (
    <div className={css.filters}>
      <OptionPopover
        label="Service"
        value={findFilter(state.filters, "service")?.value}
        none="No service has log records in this range."
        free
        options={(services.data ?? []).filter((row) => row.log_count > 0).map((row) => ({ value: row.service, hint: group(row.log_count) }))}
        onPick={(value) => onChange({ ...state, filters: setFilter(state.filters, "service", value) })}
      />
      <OptionPopover label="Severity" value={findFilter(state.filters, "severity")?.value} none="No such severity." options={SEVERITY_OPTIONS} onPick={pickSeverity} />
      <Button onClick={() => patch({ order: ascending ? null : "asc" })}>
        {ascending ? <ArrowUpNarrowWide size={14} aria-hidden /> : <ArrowDownNarrowWide size={14} aria-hidden />}
        {ascending ? "Oldest first" : "Newest first"}
      </Button>
      <div className={controls.chips}>
        <FilterChips state={state} onChange={onChange} />
        {isFiltered(state) && (
          <Button small look="quiet" onClick={() => onChange(EMPTY_SEARCH)}>
            Clear all
          </Button>
        )}
      </div>
    </div>
  );
}

// From the bottom of the stack up: what matters most stands on the axis.
const SERIES: Series[] = [
  { key: "FATAL", label: "fatal", tone: "fatal" },
  { key: "ERROR", label: "error", tone: "error" },
  { key: "WARN", label: "warn", tone: "warn" },
  { key: "INFO", label: "info", tone: "info" },
  { key: "DEBUG", label: "debug", tone: "debug" },
  { key: "TRACE", label: "trace", tone: "debug" },
  { key: "", label: "without severity", tone: "none" },
];

function RecordsOverTime({ state, window }: { state: SearchState; window: Window }) {
  const { zone, setWindow } = useTime();
  const { data, isError, isPlaceholderData } = useQuery(logHistogramQuery(window, state));
  const buckets = useMemo<Bucket[]>(
    () => (data?.buckets ?? []).map((b) => ({ start: nanos(b.start_unix_nano), counts: SERIES.map((one) => b.counts[one.key] ?? 0) })),
    [data],
  );
  return (
    <Histogram
      label="Log records over time"
      series={SERIES}
      buckets={buckets}
      bucketNs={BigInt(data?.bucket_ns ?? 1)}
      from={window.from}
      to={window.to}
      zone={zone}
      loading={isPlaceholderData}
      failed={isError}
      onBrush={setWindow}
    />
  );
}

function Records({ state, window, onChange }: { state: SearchState; window: Window; onChange: (state: SearchState) => void }) {
  const { zone } = useTime();
  const { search } = useUrl();
  const order = new URLSearchParams(search).get("order") === "asc" ? "asc" : "desc";
  const query = useInfiniteQuery(logsQuery(window, state, order));
  const logs = useMemo(() => query.data?.pages.flatMap((page) => page.logs) ?? [], [query.data]);
  const open = useOpenRows();
  const { isSuccess, isPlaceholderData, hasNextPage, isFetching, fetchNextPage, isFetchNextPageError } = query;
  useEffect(() => {
    if (isSuccess && !isPlaceholderData) announce(hasNextPage ? `More than ${plural(logs.length, "log record")}` : plural(logs.length, "log record"));
  }, [isSuccess, isPlaceholderData, hasNextPage, logs.length]);
  const loadMore = useCallback(() => {
    if (hasNextPage && !isFetching && !isFetchNextPageError) void fetchNextPage();
  }, [hasNextPage, isFetching, isFetchNextPageError, fetchNextPage]);

  if (query.isError && logs.length === 0) return <ErrorState title="The log records could not be loaded" error={query.error} onRetry={() => void query.refetch()} />;
  if (query.isPending) return <LogSkeleton />;
  if (logs.length === 0 && !isPlaceholderData) {
    if (!isFiltered(state)) return <NoDataInRange signal="logs" />;
    return (
      <NothingMatches
        noun="log record"
        explanation="All conditions must hold, and every word must occur in the body."
        state={state}
        exists={(tried) => anyLogQuery(window, tried)}
        onChange={onChange}
      />
    );
  }
  return (
    <div className={isPlaceholderData ? css.stale : css.list}>
      <LogList
        logs={logs}
        query={state.q}
        zone={zone}
        open={open.ids}
        onToggle={open.toggle}
        carry={carryOver(search)}
        onFilter={(key, value) => onChange({ ...state, filters: addFilter(state.filters, attributeFilter(key, value)) })}
        onEnd={loadMore}
        footer={
          <div className={css.footer}>
            {isFetchNextPageError ? (
              <Button onClick={() => void fetchNextPage()}>Loading more failed. Retry</Button>
            ) : hasNextPage ? (
              `${plural(logs.length, "log record")} loaded, more follow…`
            ) : (
              `${plural(logs.length, "log record")}, that is all`
            )}
          </div>
        }
      />
    </div>
  );
}

/** Open rows; the last one opened is in the address, so that a link shows it. */
function useOpenRows() {
  const { search, patch } = useUrl();
  const linked = new URLSearchParams(search).get("panel");
  const [ids, setIds] = useState<ReadonlySet<string>>(() => new Set(linked?.startsWith("log:") ? [linked.slice(4)] : []));
  const toggle = (log: LogRecord) => {
    const next = new Set(ids);
    const opened = !next.delete(log.id);
    if (opened) next.add(log.id);
    setIds(next);
    patch({ panel: opened ? `log:${log.id}` : null }, { replace: true });
  };
  return { ids, toggle };
}

function LogSkeleton() {
  return (
    <div className={css.skeleton} aria-busy="true">
      {Array.from({ length: 20 }, (_, i) => (
        <Skeleton key={i} width={`${96 - ((i * 31) % 40)}%`} />
      ))}
    </div>
  );
}
