import { useMemo } from "react";
import type { RedPart, ServiceOverview } from "../../api/types";
import { parts } from "../../engine/outcome";
import { TimeChart, type TimeSeries } from "../../kit/time-chart";
import { useTime } from "../../kit/time-context";
import { formatCount, formatDuration, formatShare, group, plural } from "../../lib/format";
import { formatBetween, nanos } from "../../lib/time";
import table from "../../kit/table.module.css";
import css from "./service-screen.module.css";

/** Rate, failures and durations over time; versions and instances. */
export function OverviewTab({ overview }: { overview: ServiceOverview | undefined }) {
  if (!overview) return <div className={css.waiting} aria-busy="true" />;
  return (
    <>
      <Charts overview={overview} />
      <Parts title="Versions" noun="version" parts={overview.versions} total={overview.requests} />
      <Parts title="Instances" noun="instance" parts={overview.instances} total={overview.requests} />
    </>
  );
}

function Charts({ overview }: { overview: ServiceOverview }) {
  const { zone, setWindow } = useTime();
  const { starts, rate, failures, durations } = useMemo(() => seriesOf(overview), [overview]);
  const common = { starts, zone, onBrush: setWindow };
  const figures = overview.duration_ns;
  return (
    <div className={css.charts}>
      <TimeChart title="Requests per minute" summary={plural(overview.requests, "request")} series={rate} format={count} {...common} />
      <TimeChart
        title="Failures"
        summary={`${formatShare(overview.faults, overview.requests)} fault, ${formatShare(overview.errors, overview.requests)} error`}
        series={failures}
        format={percent}
        {...common}
      />
      <TimeChart title="Duration" summary={figures ? `p50 ${formatDuration(figures.p50)}, p95 ${formatDuration(figures.p95)}` : "no requests"} series={durations} format={formatDuration} {...common} />
    </div>
  );
}

function line(key: string, label: string, color: string, values: (number | null)[], dash?: number[]): TimeSeries {
  return { key, label, color, values, ...(dash && { dash }) };
}

function seriesOf(overview: ServiceOverview) {
  const rows = overview.over_time;
  const minutes = overview.bucket_ns / 60e9;
  const share = (pick: (row: ServiceOverview["over_time"][number]) => number) => rows.map((row) => (row.requests > 0 ? pick(row) / row.requests : null));
  const rank = (key: "p50" | "p95" | "p99") => rows.map((row) => row.duration_ns?.[key] ?? null);
  return {
    starts: rows.map((row) => nanos(row.start_unix_nano)),
    rate: [{ ...line("all", "requests", "--bar", rows.map((row) => row.requests / minutes)), area: true }],
    failures: [
      line("fault", "fault", "--fault", share((row) => row.faults)),
      line("error", "error", "--warn", share((row) => parts(row).error), [6, 3]),
      line("throttle", "throttle", "--throttle", share((row) => row.throttles), [2, 3]),
    ],
    durations: [line("p50", "p50", "--bar", rank("p50")), line("p95", "p95", "--text", rank("p95"), [6, 3]), line("p99", "p99", "--dim", rank("p99"), [2, 3])],
  };
}

function count(value: number): string {
  return value < 10 ? String(Math.round(value * 10) / 10) : formatCount(Math.round(value));
}

function percent(value: number): string {
  return `${Math.round(value * 1000) / 10}%`;
}

function Parts({ title, noun, parts: rows, total }: { title: string; noun: string; parts: RedPart[]; total: number }) {
  const { zone } = useTime();
  if (rows.length === 0 || (rows.length === 1 && rows[0]!.name === "")) return null;
  return (
    <section>
      <h2 className={css.title}>
        {title} <small>{plural(rows.length, noun)}</small>
      </h2>
      <div className={css.tableBox}>
        <table className={table.panel}>
          <thead>
            <tr>
              <th scope="col">{title.slice(0, -1)}</th>
              <th scope="col">Requests</th>
              <th scope="col">Share</th>
              <th scope="col">Fault</th>
              <th scope="col">Error</th>
              <th scope="col">p50</th>
              <th scope="col">p95</th>
              <th scope="col">p99</th>
              <th scope="col">First and last seen</th>
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <tr key={row.name}>
                <th scope="row">{row.name === "" ? "not given" : row.name}</th>
                <td title={group(row.requests)}>{formatCount(row.requests)}</td>
                <td>{formatShare(row.requests, total)}</td>
                <td className={row.faults > 0 ? table.fault : table.none}>{row.faults > 0 ? formatShare(row.faults, row.requests) : "–"}</td>
                <td className={row.errors > 0 ? table.error : table.none}>{row.errors > 0 ? formatShare(row.errors, row.requests) : "–"}</td>
                {(["p50", "p95", "p99"] as const).map((key) => (
                  <td key={key}>{row.duration_ns ? formatDuration(row.duration_ns[key]) : "–"}</td>
                ))}
                <td>{formatBetween(nanos(row.first_unix_nano), nanos(row.last_unix_nano), zone)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}
