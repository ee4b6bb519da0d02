import { useQuery } from "@tanstack/react-query";
import { ArrowDown, ArrowUp } from "lucide-react";
import { useMemo } from "react";
import { mapQuery, servicesQuery, statusQuery } from "../../api/queries";
import type { MapNode, ServiceMap, ServiceRow } from "../../api/types";
import { Button } from "../../kit/button";
import { classNames } from "../../kit/class-names";
import { ChoiceNote } from "../../kit/choice-note";
import { NoDataInRange } from "../../kit/no-data";
import { Page } from "../../kit/page";
import { TextField } from "../../kit/search-field";
import { SetupCard } from "../../kit/setup-card";
import { perMinute } from "../../kit/map/words";
import { capital, EmptyState, ErrorState, explain, Note, Skeleton } from "../../kit/states";
import { useTime } from "../../kit/time-context";
import { useServiceColors } from "../../kit/use-service-colors";
import { useUrl } from "../../kit/use-url";
import { formatCount, formatDuration, formatNanos, formatShare, group, plural } from "../../lib/format";
import { OperationsPanel } from "./operations-panel";
import table from "../../kit/table.module.css";
import css from "./services-screen.module.css";

/** A service with what the map knows of it: its requests as it sees them itself. */
interface Figures {
  row: ServiceRow;
  /** Null when nobody has asked it anything; undefined while that is not known. */
  served: MapNode | null | undefined;
}

type SortKey = "service" | "rate" | "fault" | "error" | "p50" | "p95" | "p99" | "spans" | "errors" | "traces" | "logs";

const COLUMNS: { key: SortKey; label: string; title: string; value: (one: Figures) => number | string }[] = [
  { key: "service", label: "Service", title: "", value: ({ row }) => row.service },
  { key: "rate", label: "Requests/min", title: "What it was asked: server and consumer spans", value: ({ served }) => served?.requests ?? -1 },
  { key: "fault", label: "Fault", title: "Requests that failed: 5xx and their like", value: ({ served }) => shareOf(served, "faults") },
  { key: "error", label: "Error", title: "Requests that were refused: 4xx and their like", value: ({ served }) => shareOf(served, "errors") },
  { key: "p50", label: "p50", title: "Duration of requests", value: ({ served }) => served?.duration_ns?.p50 ?? -1 },
  { key: "p95", label: "p95", title: "Duration of requests", value: ({ served }) => served?.duration_ns?.p95 ?? -1 },
  { key: "p99", label: "p99", title: "Duration of requests", value: ({ served }) => served?.duration_ns?.p99 ?? -1 },
  { key: "spans", label: "Spans", title: "All of its spans", value: ({ row }) => row.span_count },
  { key: "errors", label: "Failed spans", title: "Spans of any kind with status ERROR", value: ({ row }) => row.error_count },
  { key: "traces", label: "Traces", title: "", value: ({ row }) => row.trace_count },
  { key: "logs", label: "Logs", title: "", value: ({ row }) => row.log_count },
];

const SORTS = COLUMNS.flatMap(({ key }) => [{ value: key }, { value: `-${key}` }]);

function shareOf(served: Figures["served"], key: "faults" | "errors"): number {
  return served && served.requests > 0 ? served[key] / served.requests : -1;
}

/** All services of the range with their figures; one opens its operations beside the table. */
export function ServicesScreen() {
  const { search, patch } = useUrl();
  const { window } = useTime();
  const params = new URLSearchParams(search);
  const selected = params.get("service");
  const text = params.get("q") ?? "";
  const query = useQuery(servicesQuery(window));
  const map = useQuery(mapQuery(window, "", 0));
  const figures = useMemo(() => (query.data ? withRequests(query.data, map.data) : null), [query.data, map.data]);
  const status = useQuery(statusQuery());
  const empty = status.data && status.data.signals.spans.rows === 0 && status.data.signals.logs.rows === 0;
  return (
    <Page
      title="Services"
      timed
      field={<TextField live value={text} label="Filter services" placeholder="filter services" onCommit={(q) => patch({ q }, { replace: true })} />}
    >
      {empty ? (
        <SetupCard status={status.data} />
      ) : query.isError && !query.data ? (
        <ErrorState title="The services could not be loaded" error={query.error} onRetry={() => void query.refetch()} />
      ) : query.data?.length === 0 ? (
        <NoDataInRange signal="spans" />
      ) : (
        <>
          {map.isError && !map.data && (
            <Note error action={<Button small onClick={() => void map.refetch()}>Retry</Button>}>
              Requests and their durations could not be counted. {capital(explain(map.error).message)}.
            </Note>
          )}
          <ChoiceNote name="sort" choices={SORTS} usual="those with the most spans come first" />
          <div className={css.stage}>
            <ServiceTable rows={figures} waits={map.isPending} minutes={Number(window.to - window.from) / 60e9} stale={query.isPlaceholderData || map.isPlaceholderData} text={text} selected={selected} onSelect={(service) => patch({ service: service === selected ? null : service })} />
            {selected !== null && <OperationsPanel service={selected} onClose={() => patch({ service: null })} />}
          </div>
        </>
      )}
    </Page>
  );
}

/** Services with their requests; without the map, those are not known. */
function withRequests(rows: ServiceRow[], map: ServiceMap | undefined): Figures[] {
  const nodes = new Map(map?.nodes.flatMap((node) => (node.type === "service" && !node.inferred ? [[node.name, node] as const] : [])));
  return rows.map((row) => ({ row, served: map ? (nodes.get(row.service) ?? null) : undefined }));
}

interface TableProps {
  rows: Figures[] | null;
  /** The requests are still being counted. */
  waits: boolean;
  minutes: number;
  stale: boolean;
  text: string;
  selected: string | null;
  onSelect: (service: string) => void;
}

function ServiceTable({ rows, waits, minutes, stale, text, selected, onSelect }: TableProps) {
  const { search, patch } = useUrl();
  const { key, descending } = readSort(new URLSearchParams(search).get("sort"));
  const shown = useMemo(() => sorted((rows ?? []).filter(({ row }) => row.service.toLowerCase().includes(text.toLowerCase())), key, descending), [rows, text, key, descending]);
  const names = useMemo(() => (rows ?? []).map(({ row }) => row.service).toSorted(), [rows]);
  const colors = useServiceColors(names);
  const sort = (next: SortKey) => patch({ sort: next === key && descending ? next : `-${next}` }, { replace: true });
  return (
    <div className={classNames(css.scroller, stale && css.stale)} aria-busy={rows === null}>
      <table className={classNames(table.list, css.table)}>
        <thead>
          <tr>
            {COLUMNS.map((column) => (
              <th key={column.key} scope="col" title={column.title} className={column.key === "service" ? undefined : table.number} aria-sort={column.key === key ? (descending ? "descending" : "ascending") : "none"}>
                <button type="button" onClick={() => sort(column.key)}>
                  {column.label}
                  {column.key === key && (descending ? <ArrowDown size={12} aria-hidden /> : <ArrowUp size={12} aria-hidden />)}
                </button>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows === null
            ? Array.from({ length: 10 }, (_, i) => <SkeletonRow key={i} />)
            : shown.map((one) => <Row key={one.row.service} {...one} waits={waits} minutes={minutes} color={colors.get(one.row.service)!} selected={one.row.service === selected} onSelect={onSelect} />)}
        </tbody>
      </table>
      {rows !== null && shown.length === 0 && <EmptyState title={`No service is called “${text}”`} />}
    </div>
  );
}

function Row(props: Figures & { waits: boolean; minutes: number; color: string; selected: boolean; onSelect: (service: string) => void }) {
  const { row, served, waits } = props;
  return (
    <tr className={classNames(css.row, props.selected && css.selected)}>
      <td>
        <i className={css.swatch} style={{ background: props.color }} />
        <button type="button" className={css.name} aria-expanded={props.selected} onClick={() => props.onSelect(row.service)}>
          {row.service}
        </button>
      </td>
      {waits ? <WaitingCells /> : <RequestCells served={served ?? null} minutes={props.minutes} />}
      <td className={table.number} title={group(row.span_count)}>{formatCount(row.span_count)}</td>
      <td className={table.number} title={`${group(row.error_count)} of ${plural(row.span_count, "span")}, ${formatShare(row.error_count, row.span_count)}`}>
        <Count value={row.error_count} bad />
      </td>
      <td className={table.number} title={group(row.trace_count)}>{formatCount(row.trace_count)}</td>
      <td className={table.number} title={group(row.log_count)}>
        <Count value={row.log_count} />
      </td>
    </tr>
  );
}

function Count({ value, bad = false }: { value: number; bad?: boolean }) {
  return <span className={value === 0 ? table.none : bad ? table.fault : undefined}>{value === 0 ? "–" : formatCount(value)}</span>;
}

/** Rate, failures and durations of what the service was asked. */
function RequestCells({ served, minutes }: { served: MapNode | null; minutes: number }) {
  const share = (count: number, look: string | undefined) => (
    <td className={table.number} title={served ? `${group(count)} of ${plural(served.requests, "request")}` : undefined}>
      <span className={count > 0 ? look : table.none}>{served && count > 0 ? formatShare(count, served.requests) : "–"}</span>
    </td>
  );
  return (
    <>
      <td className={table.number} title={served ? plural(served.requests, "request") : undefined}>
        {served ? perMinute(served.requests, minutes).replace("/min", "") : <span className={table.none}>–</span>}
      </td>
      {share(served?.faults ?? 0, table.fault)}
      {share(served?.errors ?? 0, table.error)}
      {(["p50", "p95", "p99"] as const).map((key) => (
        <td key={key} className={table.number} title={served?.duration_ns ? formatNanos(served.duration_ns[key]) : undefined}>
          {served?.duration_ns ? formatDuration(served.duration_ns[key]) : <span className={table.none}>–</span>}
        </td>
      ))}
    </>
  );
}

function WaitingCells() {
  return ["70%", "40%", "40%", "60%", "60%", "60%"].map((width, i) => (
    <td key={i} className={table.number}>
      <Skeleton width={width} />
    </td>
  ));
}

function readSort(text: string | null): { key: SortKey; descending: boolean } {
  const key = COLUMNS.find((column) => column.key === text?.replace(/^-/, ""))?.key;
  return key ? { key, descending: text!.startsWith("-") } : { key: "spans", descending: true };
}

function sorted(rows: Figures[], key: SortKey, descending: boolean): Figures[] {
  const value = COLUMNS.find((column) => column.key === key)!.value;
  const compare = (a: Figures, b: Figures) => (value(a) < value(b) ? -1 : value(a) > value(b) ? 1 : a.row.service < b.row.service ? -1 : 1);
  const ascending = rows.toSorted(compare);
  return descending ? ascending.toReversed() : ascending;
}

function SkeletonRow() {
  return (
    <tr>
      {COLUMNS.map((column) => (
        <td key={column.key}>
          <Skeleton width="70%" />
        </td>
      ))}
    </tr>
  );
}
