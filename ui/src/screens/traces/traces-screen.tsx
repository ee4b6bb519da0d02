import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useEffect, useMemo } from "react";
import { anyTraceQuery, operationsQuery, servicesQuery, statusQuery, traceHistogramQuery, tracesQuery, type Window } from "../../api/queries";
import { announce } from "../../kit/announce";
import { Button } from "../../kit/button";
import controls from "../../kit/controls.module.css";
import { type Bucket, Histogram, type Series } from "../../kit/histogram";
import { NoDataInRange } from "../../kit/no-data";
import { OptionPopover } from "../../kit/option-popover";
import { Page } from "../../kit/page";
import { FilterChips, isFiltered, SearchField } from "../../kit/search-field";
import { SetupCard } from "../../kit/setup-card";
import { ErrorState, Note } from "../../kit/states";
import { NothingMatches } from "../../kit/nothing-matches";
import { useTime } from "../../kit/time-context";
import { useUrl } from "../../kit/use-url";
import { EMPTY_SEARCH, findFilter, printSearchText, type SearchState, setFilter } from "../../lib/filters";
import { formatShare, group, plural } from "../../lib/format";
import { nanos } from "../../lib/time";
import { readSearch, searchPatch } from "../../lib/url-state";
import { DurationPopover } from "./duration-popover";
import { TraceTable } from "./trace-table";
import css from "./traces-screen.module.css";

/** Search for traces: conditions, spans over time, the traces that match. */
export function TracesScreen() {
  const { search, patch } = useUrl();
  const { window } = useTime();
  const { state, problems } = useMemo(() => readSearch(search), [search]);
  const status = useQuery(statusQuery());
  const change = (next: SearchState) => patch(searchPatch(next));
  const empty = status.data && status.data.signals.spans.rows === 0 && status.data.signals.logs.rows === 0;
  return (
    <Page
      title="Traces"
      timed
      field={<SearchField state={state} onChange={change} placeholder="words, service:cart, status:error, http.route=/cart, duration>50ms" />}
    >
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
          <SpansOverTime state={state} window={window} />
          <Results state={state} window={window} onChange={change} />
        </>
      )}
    </Page>
  );
}

const STATUSES = [
  { value: "ERROR", hint: "failed" },
  { value: "OK", hint: "marked successful" },
  { value: "UNSET", hint: "not marked" },
];

function FilterBar({ state, window, onChange }: { state: SearchState; window: Window; onChange: (state: SearchState) => void }) {
  const service = findFilter(state.filters, "service")?.value;
  const services = useQuery(servicesQuery(window));
  const operations = useQuery({ ...operationsQuery(service ?? "", window), enabled: service !== undefined });
  const pick = (field: string) => (value: string | null) => onChange({ ...state, filters: setFilter(state.filters, field, value) });
  return (
    <div className={css.filters}>
      <OptionPopover
        label="Service"
        value={service}
        none="No service has spans in this range."
        free
        options={(services.data ?? [])
          .filter((row) => row.span_count > 0)
          .map((row) => ({
            value: row.service,
            hint: group(row.span_count),
            bad: row.error_count > 0 ? formatShare(row.error_count, row.span_count) : undefined,
          }))}
        onPick={pick("service")}
      />
      <OptionPopover
        label="Operation"
        value={findFilter(state.filters, "operation")?.value}
        none={service ? "Type the name of an operation." : "Choose a service first, or type a name."}
        free
        options={uniqueNames(operations.data ?? [])}
        onPick={pick("operation")}
      />
      <OptionPopover label="Status" value={findFilter(state.filters, "status")?.value} none="No such status." options={STATUSES} onPick={pick("status")} />
      <DurationPopover min={state.min} max={state.max} onChange={(min, max) => onChange({ ...state, min, max })} />
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

/** One operation may exist in several kinds; the filter is by name. */
function uniqueNames(operations: { name: string; span_count: number }[]) {
  const counts = new Map<string, number>();
  for (const { name, span_count } of operations) counts.set(name, (counts.get(name) ?? 0) + span_count);
  return [...counts].map(([value, count]) => ({ value, hint: group(count) }));
}

const SERIES: Series[] = [
  { key: "errors", label: "errors", tone: "errors" },
  { key: "spans", label: "spans without error", tone: "spans" },
];

function SpansOverTime({ state, window }: { state: SearchState; window: Window }) {
  const { zone, setWindow } = useTime();
  const { data, isError, isPlaceholderData } = useQuery(traceHistogramQuery(window, state));
  const buckets = useMemo<Bucket[]>(
    () => (data?.buckets ?? []).map((b) => ({ start: nanos(b.start_unix_nano), counts: [b.errors, b.spans - b.errors] })),
    [data],
  );
  return (
    <Histogram
      label="Spans over time"
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

function Results({ state, window, onChange }: { state: SearchState; window: Window; onChange: (state: SearchState) => void }) {
  const query = useInfiniteQuery(tracesQuery(window, state));
  const traces = useMemo(() => query.data?.pages.flatMap((page) => page.traces) ?? [], [query.data]);
  const { isSuccess, isPlaceholderData, hasNextPage } = query;
  useEffect(() => {
    if (isSuccess && !isPlaceholderData) announce(hasNextPage ? `More than ${plural(traces.length, "trace")}` : plural(traces.length, "trace"));
  }, [isSuccess, isPlaceholderData, hasNextPage, traces.length]);

  if (query.isError && traces.length === 0) {
    return <ErrorState title="The traces could not be loaded" error={query.error} onRetry={() => void query.refetch()} />;
  }
  if (query.isSuccess && traces.length === 0 && !isPlaceholderData) {
    return isFiltered(state) ? (
      <NothingMatches
        noun="trace"
        explanation="A trace is listed when one of its spans fulfils all conditions and starts in the range."
        state={state}
        exists={(tried) => anyTraceQuery(window, tried)}
        onChange={onChange}
      />
    ) : (
      <NoDataInRange signal="spans" />
    );
  }
  return (
    <TraceTable
      traces={traces}
      find={printSearchText(state)}
      loading={query.isPending}
      stale={isPlaceholderData}
      footer={
        hasNextPage && (
          <Button onClick={() => void query.fetchNextPage()} disabled={query.isFetchingNextPage}>
            {query.isFetchingNextPage ? "Loading…" : "Load more"}
          </Button>
        )
      }
    />
  );
}
