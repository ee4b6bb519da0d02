import { ArrowDown, ArrowUp } from "lucide-react";
import { useMemo } from "react";
import { statistics, type StatisticsBy, type StatisticsRow } from "../../engine/statistics";
import { spanRefOf, type TraceModel } from "../../engine/trace-model";
import { Button } from "../../kit/button";
import { classNames } from "../../kit/class-names";
import { useServiceColors } from "../../kit/use-service-colors";
import { useUrl } from "../../kit/use-url";
import { formatDuration, formatNanos, formatShare, group } from "../../lib/format";
import css from "./views.module.css";

const BY: readonly { value: StatisticsBy; label: string }[] = [
  { value: "operation", label: "Operation" },
  { value: "service", label: "Service" },
  { value: "kind", label: "Kind" },
];
const ROWS_MAX = 500;

type Column = "name" | "count" | "errors" | "total" | "self" | "critical" | "mean" | "p95" | "max";
const COLUMNS: readonly { key: Column; label: string; title: string }[] = [
  { key: "name", label: "Operation", title: "" },
  { key: "count", label: "Spans", title: "How many" },
  { key: "errors", label: "Errors", title: "Of them failed" },
  { key: "total", label: "Total", title: "Sum of the durations; spans that run at the same time count each" },
  { key: "self", label: "Self", title: "Time in the spans themselves, without their children" },
  { key: "critical", label: "On the path", title: "Time on the critical path, and its share of the trace" },
  { key: "mean", label: "Mean", title: "" },
  { key: "p95", label: "p95", title: "Nearest rank, exact" },
  { key: "max", label: "Max", title: "" },
];

/** The trace as a table: what ran how often and for how long. */
export function StatisticsTab({ model }: { model: TraceModel }) {
  const { search, patch } = useUrl();
  const params = new URLSearchParams(search);
  const by = BY.find((one) => one.value === params.get("by"))?.value ?? "operation";
  const sort = COLUMNS.find((column) => column.key === params.get("sort")?.replace(/^-/, ""))?.key ?? "self";
  const ascending = params.has("sort") && !params.get("sort")!.startsWith("-");
  const rows = useMemo(() => statistics(model, by), [model, by]);
  const sorted = useMemo(() => sortRows(model, rows, sort, ascending), [model, rows, sort, ascending]);
  const colors = useServiceColors(model.services);
  const mostSelf = Math.max(1, ...rows.map((row) => row.self));
  return (
    <>
      <div className={css.toolbar} role="group" aria-label="Group by">
        {BY.map((one) => (
          <Button key={one.value} small aria-pressed={one.value === by} onClick={() => patch({ by: one.value === "operation" ? null : one.value })}>
            {one.label}
          </Button>
        ))}
        <span className={css.toolbarNote}>
          {group(rows.length)} rows{rows.length > ROWS_MAX && `, the first ${ROWS_MAX} are shown`}
        </span>
      </div>
      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
      <div className={css.tableScroller} tabIndex={0} role="region" aria-label="Statistics of the trace">
        <table className={css.table} aria-label="Statistics">
          <thead>
            <tr>
              {COLUMNS.map((column) => (
                <th key={column.key} scope="col" title={column.title} className={column.key === "name" ? undefined : css.number} aria-sort={column.key === sort ? (ascending ? "ascending" : "descending") : "none"}>
                  <button type="button" onClick={() => patch({ sort: column.key === sort && !ascending ? column.key : `-${column.key}` }, { replace: true })}>
                    {column.key === "name" ? BY.find((one) => one.value === by)!.label : column.label}
                    {column.key === sort && (ascending ? <ArrowUp size={12} aria-hidden /> : <ArrowDown size={12} aria-hidden />)}
                  </button>
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {sorted.slice(0, ROWS_MAX).map((row) => (
              <tr key={`${row.service} ${row.name} ${row.kind}`}>
                <td>
                  <button type="button" className={css.pathName} title="Show the longest in the waterfall" onClick={() => patch({ view: null, span: spanRefOf(model, row.longest) })}>
                    {row.service >= 0 && <i className={css.swatch} style={{ background: colors.get(model.services[row.service]!) }} />}
                    <span>
                      <b>{row.service < 0 ? model.kinds[row.kind] : model.services[row.service]}</b> {row.name >= 0 && model.names[row.name]}
                    </span>
                  </button>
                </td>
                <td className={css.number}>{group(row.count)}</td>
                <td className={classNames(css.number, row.errors > 0 ? css.bad : css.none)}>{row.errors > 0 ? group(row.errors) : "–"}</td>
                <Duration ns={row.total} />
                <td className={css.number} title={formatNanos(row.self)}>
                  {formatDuration(row.self)}
                  <span className={css.track} aria-hidden>
                    <span style={{ width: `${(row.self / mostSelf) * 100}%` }} />
                  </span>
                </td>
                <td className={classNames(css.number, row.critical === 0 && css.none)} title={formatNanos(row.critical)}>
                  {row.critical === 0 ? "–" : `${formatDuration(row.critical)} · ${formatShare(row.critical, model.durationNs)}`}
                </td>
                <Duration ns={row.mean} />
                <Duration ns={row.p95} />
                <Duration ns={row.max} />
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}

function Duration({ ns }: { ns: number }) {
  return (
    <td className={css.number} title={formatNanos(Math.round(ns))}>
      {formatDuration(ns)}
    </td>
  );
}

function sortRows(model: TraceModel, rows: readonly StatisticsRow[], key: Column, ascending: boolean): StatisticsRow[] {
  const label = (row: StatisticsRow) => `${model.services[row.service] ?? model.kinds[row.kind]} ${model.names[row.name] ?? ""}`;
  const compare = (a: StatisticsRow, b: StatisticsRow) => (key === "name" ? (label(a) < label(b) ? 1 : -1) : b[key] - a[key]);
  const descending = rows.toSorted(compare);
  return ascending ? descending.toReversed() : descending;
}
