import { useQuery } from "@tanstack/react-query";
import { ArrowDown, ArrowUp } from "lucide-react";
import { useMemo } from "react";
import { servicesQuery, statusQuery } from "../../api/queries";
import type { ServiceRow } from "../../api/types";
import { classNames } from "../../kit/class-names";
import { NoDataInRange } from "../../kit/no-data";
import { Page } from "../../kit/page";
import { TextField } from "../../kit/search-field";
import { SetupCard } from "../../kit/setup-card";
import { EmptyState, ErrorState, Skeleton } from "../../kit/states";
import { useTime } from "../../kit/time-context";
import { useServiceColors } from "../../kit/use-service-colors";
import { useUrl } from "../../kit/use-url";
import { formatCount, formatDuration, formatShare, group } from "../../lib/format";
import { OperationsPanel } from "./operations-panel";
import css from "./services-screen.module.css";

type SortKey = "service" | "spans" | "errors" | "traces" | "logs" | "p50" | "p95" | "p99" | "max";

const COLUMNS: { key: SortKey; label: string; value: (row: ServiceRow) => number | string }[] = [
  { key: "service", label: "Service", value: (row) => row.service },
  { key: "spans", label: "Spans", value: (row) => row.span_count },
  { key: "errors", label: "Errors", value: (row) => (row.span_count > 0 ? row.error_count / row.span_count : -1) },
  { key: "traces", label: "Traces", value: (row) => row.trace_count },
  { key: "logs", label: "Logs", value: (row) => row.log_count },
  { key: "p50", label: "p50", value: (row) => row.duration_ns?.p50 ?? -1 },
  { key: "p95", label: "p95", value: (row) => row.duration_ns?.p95 ?? -1 },
  { key: "p99", label: "p99", value: (row) => row.duration_ns?.p99 ?? -1 },
  { key: "max", label: "Max", value: (row) => row.duration_ns?.max ?? -1 },
];

/** All services of the range with their figures; one opens its operations beside the table. */
export function ServicesScreen() {
  const { search, patch } = useUrl();
  const { window } = useTime();
  const params = new URLSearchParams(search);
  const selected = params.get("service");
  const text = params.get("q") ?? "";
  const query = useQuery(servicesQuery(window));
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
        <div className={css.stage}>
          <ServiceTable rows={query.data ?? null} stale={query.isPlaceholderData} text={text} selected={selected} onSelect={(service) => patch({ service: service === selected ? null : service })} />
          {selected !== null && <OperationsPanel service={selected} onClose={() => patch({ service: null })} />}
        </div>
      )}
    </Page>
  );
}

interface TableProps {
  rows: ServiceRow[] | null;
  stale: boolean;
  text: string;
  selected: string | null;
  onSelect: (service: string) => void;
}

function ServiceTable({ rows, stale, text, selected, onSelect }: TableProps) {
  const { search, patch } = useUrl();
  const { key, descending } = readSort(new URLSearchParams(search).get("sort"));
  const shown = useMemo(() => sorted((rows ?? []).filter((row) => row.service.toLowerCase().includes(text.toLowerCase())), key, descending), [rows, text, key, descending]);
  const names = useMemo(() => (rows ?? []).map((row) => row.service).toSorted(), [rows]);
  const colors = useServiceColors(names);
  const slowest = Math.max(1, ...shown.map((row) => row.duration_ns?.p95 ?? 0));
  const sort = (next: SortKey) => patch({ sort: next === key && descending ? next : `-${next}` }, { replace: true });
  return (
    <div className={classNames(css.scroller, stale && css.stale)} aria-busy={rows === null}>
      <table className={css.table}>
        <thead>
          <tr>
            {COLUMNS.map((column) => (
              <th key={column.key} scope="col" className={column.key === "service" ? undefined : css.number} aria-sort={column.key === key ? (descending ? "descending" : "ascending") : "none"}>
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
            : shown.map((row) => <Row key={row.service} row={row} color={colors.get(row.service)!} slowest={slowest} selected={row.service === selected} onSelect={onSelect} />)}
        </tbody>
      </table>
      {rows !== null && shown.length === 0 && <EmptyState title={`No service is called “${text}”`} />}
    </div>
  );
}

function Row(props: { row: ServiceRow; color: string; slowest: number; selected: boolean; onSelect: (service: string) => void }) {
  const { row } = props;
  const { duration_ns: duration } = row;
  return (
    <tr className={classNames(css.row, props.selected && css.selected)}>
      <td>
        <i className={css.swatch} style={{ background: props.color }} />
        <button type="button" className={css.name} aria-expanded={props.selected} onClick={() => props.onSelect(row.service)}>
          {row.service}
        </button>
      </td>
      <td className={css.number} title={group(row.span_count)}>{formatCount(row.span_count)}</td>
      <td className={css.number} title={`${group(row.error_count)} of ${group(row.span_count)}`}>
        <span className={row.error_count > 0 ? css.bad : css.none}>{row.error_count > 0 ? formatShare(row.error_count, row.span_count) : "–"}</span>
      </td>
      <td className={css.number} title={group(row.trace_count)}>{formatCount(row.trace_count)}</td>
      <td className={css.number} title={group(row.log_count)}>{row.log_count > 0 ? formatCount(row.log_count) : <span className={css.none}>–</span>}</td>
      {(["p50", "p95", "p99", "max"] as const).map((key) => (
        <td key={key} className={css.number}>
          {duration && row.span_count > 0 ? formatDuration(duration[key]) : <span className={css.none}>–</span>}
          {key === "p95" && duration && (
            <span className={css.track} aria-hidden>
              <span style={{ width: `${(duration.p95 / props.slowest) * 100}%` }} />
            </span>
          )}
        </td>
      ))}
    </tr>
  );
}

function readSort(text: string | null): { key: SortKey; descending: boolean } {
  const key = COLUMNS.find((column) => column.key === text?.replace(/^-/, ""))?.key;
  return key ? { key, descending: text!.startsWith("-") } : { key: "spans", descending: true };
}

function sorted(rows: ServiceRow[], key: SortKey, descending: boolean): ServiceRow[] {
  const value = COLUMNS.find((column) => column.key === key)!.value;
  const compare = (a: ServiceRow, b: ServiceRow) => (value(a) < value(b) ? -1 : value(a) > value(b) ? 1 : a.service < b.service ? -1 : 1);
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
