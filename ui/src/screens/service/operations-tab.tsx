import { useQuery } from "@tanstack/react-query";
import { Link } from "wouter";
import { operationsQuery, type Window } from "../../api/queries";
import type { OperationRow } from "../../api/types";
import { allOf } from "../../engine/search/edit";
import { DeltaText } from "../../kit/delta-text";
import { EmptyState, ErrorState } from "../../kit/states";
import { useTime } from "../../kit/time-context";
import { useUrl } from "../../kit/use-url";
import { durationDelta, rateDelta, shareDelta } from "../../lib/comparison";
import { formatCount, formatDuration, formatShare, group } from "../../lib/format";
import { carryOver, href } from "../../lib/url-state";
import table from "../../kit/table.module.css";
import css from "./service-screen.module.css";

/** Operations by the time they take in all; with differences from another window, when there is one. */
export function OperationsTab({ service, compared }: { service: string; compared: Window | null }) {
  const { window } = useTime();
  const { search } = useUrl();
  const carry = carryOver(search);
  const query = useQuery(operationsQuery(service, window));
  const earlier = useQuery({ ...operationsQuery(service, compared ?? window), enabled: compared !== null });
  const before = new Map(compared && earlier.data ? earlier.data.map((row) => [keyOf(row), row]) : []);
  if (query.isError) return <ErrorState title="The operations could not be loaded" error={query.error} onRetry={() => void query.refetch()} />;
  if (!query.data) return <div className={css.waiting} aria-busy="true" />;
  if (query.data.length === 0) return <EmptyState title="No spans of this service in the range" />;
  const rows = query.data.toSorted((a, b) => Number(isServed(b.kind)) - Number(isServed(a.kind)) || b.total_ns - a.total_ns);
  const most = Math.max(1, ...rows.map((row) => row.total_ns));
  return (
    <div className={css.tableBox}>
      <table className={table.panel}>
        <thead>
          <tr>
            <th scope="col">Operation</th>
            <th scope="col" className={table.word}>Kind</th>
            <th scope="col">Spans</th>
            <th scope="col">Fault</th>
            <th scope="col">Error</th>
            <th scope="col">p50</th>
            <th scope="col">p95</th>
            <th scope="col">p99</th>
            <th scope="col">Time in all</th>
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <Row key={keyOf(row)} row={row} compared={compared !== null} was={before.get(keyOf(row))} isNew={earlier.isSuccess && compared !== null && !before.has(keyOf(row))} most={most} link={href("/traces", { q: allOf(["service", service], ["name", row.name]) }, carry)} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function isServed(kind: string): boolean {
  return kind === "SERVER" || kind === "CONSUMER";
}

function keyOf(row: OperationRow): string {
  return `${row.name} ${row.kind}`;
}

function printShare(share: number): string {
  return formatShare(share, 1);
}

interface RowProps {
  row: OperationRow;
  compared: boolean;
  was: OperationRow | undefined;
  isNew: boolean;
  most: number;
  link: string;
}

function Row({ row, compared, was, isNew, most, link }: RowProps) {
  return (
    <tr>
      <th scope="row" title={row.name}>
        <Link href={link}>{row.name}</Link>
        {isNew && <small className={css.newcomer}>new</small>}
      </th>
      <td className={table.word}>{row.kind.toLowerCase()}</td>
      <td title={group(row.span_count)}>
        {formatCount(row.span_count)}
        {compared && <DeltaText column delta={was ? rateDelta(row.span_count, was.span_count, group) : null} />}
      </td>
      <td className={row.faults > 0 ? table.fault : table.none}>
        {row.faults > 0 ? formatShare(row.faults, row.span_count) : "–"}
        {compared && <DeltaText column delta={was && (row.faults > 0 || was.faults > 0) ? shareDelta(row.faults / row.span_count, was.faults / was.span_count, printShare) : null} />}
      </td>
      <td className={row.errors > 0 ? table.error : table.none}>{row.errors > 0 ? formatShare(row.errors, row.span_count) : "–"}</td>
      {(["p50", "p95", "p99"] as const).map((key) => (
        <td key={key}>
          {formatDuration(row.duration_ns[key])}
          {compared && key !== "p99" && <DeltaText column delta={was ? durationDelta(row.duration_ns[key], was.duration_ns[key]) : null} />}
        </td>
      ))}
      <td>
        <span className={css.meter} aria-hidden>
          <span style={{ width: `${(row.total_ns / most) * 100}%` }} />
        </span>
        <span className={css.metered}>{formatDuration(row.total_ns)}</span>
      </td>
    </tr>
  );
}
