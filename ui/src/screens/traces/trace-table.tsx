import { type KeyboardEvent, useEffect, useMemo, useRef } from "react";
import { Link, useSearch } from "wouter";
import type { TraceSummary } from "../../api/types";
import { classNames } from "../../kit/class-names";
import { isForPage } from "../../kit/keys";
import { Skeleton } from "../../kit/states";
import { useTime } from "../../kit/time-context";
import { useServiceColors } from "../../kit/use-service-colors";
import { formatDuration, formatNanos, group, plural } from "../../lib/format";
import { shortId } from "../../lib/ids";
import { shortServiceNames } from "../../lib/names";
import { formatClock, formatDate, formatDateTime, nanos, zoneLabel } from "../../lib/time";
import { carryOver, href } from "../../lib/url-state";
import table from "../../kit/table.module.css";
import { MARKS } from "./trace-marks";
import css from "./traces-screen.module.css";

const SKELETON_ROWS = 12;

/** Traces in the order given; the whole row opens the trace. Arrows go from row to row, `x` marks one to compare it. */
export function TraceTable(props: {
  traces: readonly TraceSummary[];
  find: string;
  loading: boolean;
  stale: boolean;
  /** Ids of the traces that are marked: A, then B. */
  marks: readonly string[];
  onMark: (id: string) => void;
  /** Shows the comparison of the marked ones. */
  onCompare: () => void;
  footer: React.ReactNode;
}) {
  const { traces } = props;
  const longest = useMemo(() => traces.reduce((max, trace) => Math.max(max, trace.duration_ns), 1), [traces]);
  const roots = useMemo(() => [...new Set(traces.map(rootService))].toSorted(), [traces]);
  const colors = useServiceColors(roots);
  const names = useMemo(() => shortServiceNames(traces.flatMap((trace) => trace.services.map((one) => one.service))), [traces]);
  const scroller = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const fromNowhere = (event: globalThis.KeyboardEvent) => {
      if (event.key !== "ArrowDown" || document.activeElement !== document.body || !isForPage(event)) return;
      event.preventDefault();
      scroller.current?.querySelector<HTMLElement>("a[data-trace]")?.focus();
    };
    window.addEventListener("keydown", fromNowhere);
    return () => window.removeEventListener("keydown", fromNowhere);
  }, []);
  const onKeyDown = (event: KeyboardEvent) => {
    const link = (event.target as Element).closest<HTMLElement>("a[data-trace]");
    if (!link || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      const row = link.closest("tr")!;
      (event.key === "ArrowDown" ? row.nextElementSibling : row.previousElementSibling)?.querySelector<HTMLElement>("a[data-trace]")?.focus();
    } else if (event.key === "x") props.onMark(link.dataset["trace"]!);
    else if (event.key === "X") props.onCompare();
    else return;
    event.preventDefault();
  };
  return (
    // The keys act on the rows' links.
    // oxlint-disable-next-line jsx-a11y/no-static-element-interactions
    <div ref={scroller} className={classNames(css.scroller, props.stale && css.stale)} aria-busy={props.loading} onKeyDown={onKeyDown}>
      <table className={classNames(table.list, css.table)}>
        <colgroup>
          <col />
          <col className={css.durationColumn} />
          <col style={{ width: 88 }} />
          <col className={css.servicesColumn} />
          <col style={{ width: 76 }} />
          <col style={{ width: 190 }} />
        </colgroup>
        <thead>
          <tr>
            <th scope="col">Root</th>
            <th scope="col">Duration</th>
            <th scope="col" className={table.number}>Spans</th>
            <th scope="col" className={classNames(table.number, css.services)}>Services</th>
            <th scope="col" className={table.number}>Errors</th>
            <th scope="col" className={table.number}>Start</th>
          </tr>
        </thead>
        <tbody>
          {props.loading
            ? Array.from({ length: SKELETON_ROWS }, (_, i) => <SkeletonRow key={i} />)
            : traces.map((trace) => <TraceRow key={trace.trace_id} trace={trace} find={props.find} names={names} longest={longest} color={colors.get(rootService(trace))!} mark={props.marks.indexOf(trace.trace_id)} onMark={props.onMark} />)}
        </tbody>
      </table>
      {props.footer && <div className={css.footer}>{props.footer}</div>}
    </div>
  );
}

function rootService(trace: TraceSummary): string {
  return trace.root?.service ?? trace.services[0]?.service ?? "";
}

interface RowProps {
  trace: TraceSummary;
  find: string;
  names: ReadonlyMap<string, string>;
  longest: number;
  color: string;
  /** Index into {@link MARKS}; -1 when it is not marked. */
  mark: number;
  onMark: (id: string) => void;
}

function TraceRow({ trace, find, names, longest, color, mark, onMark }: RowProps) {
  const { zone } = useTime();
  const search = useSearch();
  const start = nanos(trace.start_time_unix_nano);
  const services = trace.services.map((one) => one.service).join(", ");
  return (
    <tr className={css.row}>
      <td>
        {/* Keyboards mark by x on the row: half as many stops. */}
        <button type="button" className={css.mark} tabIndex={-1} aria-pressed={mark >= 0} aria-label={`Compare trace ${shortId(trace.trace_id)}`} title={mark >= 0 ? `Trace ${MARKS[mark]} of the comparison (x)` : "Mark to compare (x)"} onClick={() => onMark(trace.trace_id)}>
          <span aria-hidden>{MARKS[mark]}</span>
        </button>
        <i className={css.swatch} style={{ background: color }} />
        <Link className={css.rootLink} data-trace={trace.trace_id} aria-keyshortcuts="x" href={href(`/trace/${trace.trace_id}`, { find }, carryOver(search))} title={trace.trace_id}>
          <span className={css.rootService}>{rootService(trace)}</span>
          <span className={css.rootName}>{trace.root?.name ?? `trace ${shortId(trace.trace_id)}`}</span>
        </Link>
        {!trace.complete && (
          <span className={css.tag} title="Some parents are missing, or there is more than one root">
            incomplete
          </span>
        )}
        <OtherServices trace={trace} names={names} />
      </td>
      <td title={formatNanos(trace.duration_ns)}>
        <span className={css.durationValue}>{formatDuration(trace.duration_ns)}</span>
        <span className={css.track}>
          <span className={css.fill} style={{ width: `${(trace.duration_ns / longest) * 100}%`, background: color }} />
        </span>
      </td>
      <td className={table.number} title={`${plural(trace.matched_span_count, "span")} matched`}>
        {group(trace.span_count)}
      </td>
      <td className={classNames(table.number, css.services)} title={services}>
        {group(trace.service_count)}
      </td>
      <td className={classNames(table.number, trace.error_count > 0 ? css.errors : css.none)}>{trace.error_count > 0 ? group(trace.error_count) : "–"}</td>
      <td className={classNames(table.number, css.mono)} title={`${formatDateTime(start, zone, 9)} ${zoneLabel(start, zone)}`}>
        {formatDate(start, zone).replace(/ \d{4}$/, "")} {formatClock(start, zone, 3)}
      </td>
    </tr>
  );
}

/** Services named beside the root; the tooltip of the count has all of them. */
const OTHERS_MAX = 4;

/** Who else took part, those that failed first: often the answer before the trace is opened. */
function OtherServices({ trace, names }: { trace: TraceSummary; names: ReadonlyMap<string, string> }) {
  const others = trace.services
    .filter((one) => one.service !== rootService(trace))
    .toSorted((a, b) => b.error_count - a.error_count || b.span_count - a.span_count);
  return (
    <span className={css.others}>
      {others.slice(0, OTHERS_MAX).map((one) => (
        <span key={one.service} className={one.error_count > 0 ? css.failed : undefined} title={one.service}>
          {names.get(one.service)}
        </span>
      ))}
      {others.length > OTHERS_MAX && <span>+{others.length - OTHERS_MAX}</span>}
    </span>
  );
}

function SkeletonRow() {
  return (
    <tr>
      {["60%", "90%", "60%", "50%", "30%", "80%"].map((width, i) => (
        <td key={i} className={i === 3 ? css.services : undefined}>
          <Skeleton width={width} />
        </td>
      ))}
    </tr>
  );
}
