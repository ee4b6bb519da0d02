import { useMemo } from "react";
import { Link } from "wouter";
import type { Flow, FlowTrace } from "../../api/flow-queries";
import { ticks } from "../../engine/timeline";
import { classNames } from "../../kit/class-names";
import { useTime } from "../../kit/time-context";
import { useServiceColors } from "../../kit/use-service-colors";
import { useUrl } from "../../kit/use-url";
import { formatDuration, formatNanos, plural } from "../../lib/format";
import { severityTone } from "../../lib/severity";
import { attributeText } from "../../lib/attributes";
import { formatClock, nanos } from "../../lib/time";
import { carryOver, href } from "../../lib/url-state";
import { causeWords, flowLength, type FlowRow, type LogMark, stepFacts, type StepRow } from "./flow-rows";
import css from "./flow-screen.module.css";

interface TimelineProps {
  flow: Flow;
  rows: readonly FlowRow[];
  label: string;
  onLog: (id: string) => void;
}

/** Width for which the ruler's ticks are chosen; they are placed in percent. */
const RULER_PX = 760;
/** Bars that end behind this share of the axis have their duration on the left. */
const LABEL_LEFT_FROM = 0.86;
/** Ticks of log records that are drawn on one line. */
const MARKS_MAX = 200;

/** The lines of a flow on a common axis. */
export function FlowTimeline({ flow, rows, label, onLog }: TimelineProps) {
  const length = flowLength(flow);
  const services = useMemo(() => [...new Set(flow.traces.map((trace) => trace.root.service))].toSorted(), [flow]);
  const colors = useServiceColors(services);
  const axis = (ns: number) => `${(Math.min(Math.max(0, ns), length) / length) * 100}%`;
  return (
    // A scrolling region takes the focus so that the keyboard can scroll it.
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex
    <div className={css.scroller} tabIndex={0} role="region" aria-label={label}>
      <div className={css.ruler} aria-hidden>
        <span>Step</span>
        <div className={css.axis}>
          {ticks({ t0: 0, t1: length }, RULER_PX).map((tick) => (
            <span key={tick} className={css.tick} style={{ left: axis(tick) }}>
              {formatDuration(tick)}
            </span>
          ))}
        </div>
      </div>
      <ol className={css.rows}>
        {rows.map((row) => {
          switch (row.kind) {
            case "step":
              return <Step key={row.trace.trace_id} row={row} length={length} color={colors.get(row.trace.root.service)!} onLog={onLog} />;
            case "gap":
              return (
                <li key={row.id} className={classNames(css.row, css.gap)}>
                  <span className={css.gapWords}>
                    {row.late && <span className={classNames(css.tag, css.bad)}>late</span>}
                    {row.words}
                  </span>
                  <div className={css.axis} aria-hidden>
                    <span className={classNames(css.hatch, row.late && css.hatchLate)} style={{ left: axis(row.start), width: axis(row.end - row.start) }} />
                  </div>
                </li>
              );
            case "missing":
              return (
                <li key={row.id} className={classNames(css.row, css.missing)}>
                  <span className={css.gapWords}>
                    <span className={classNames(css.tag, css.bad)}>missing</span>
                    <b>{row.step.service}</b> {row.step.name}
                  </span>
                  <span className={css.missingWords}>most other flows have this step here</span>
                </li>
              );
            case "logs":
              return (
                <li key={row.id} className={classNames(css.row, css.loose)}>
                  <button type="button" className={css.looseWords} onClick={() => onLog(row.logs[0]!.log.id)}>
                    {plural(row.logs.length, "log record")} without a trace of this flow
                    <small>{row.logs.length === 1 ? attributeText(row.logs[0]!.log.body).slice(0, 200) : [...new Set(row.logs.map((mark) => mark.log.service))].join(", ")}</small>
                  </button>
                  <div className={css.axis}>
                    <Marks logs={row.logs} axis={axis} onLog={onLog} />
                  </div>
                </li>
              );
          }
        })}
      </ol>
    </div>
  );
}

function Step({ row, length, color, onLog }: { row: StepRow; length: number; color: string; onLog: (id: string) => void }) {
  const { zone } = useTime();
  const { search } = useUrl();
  const { trace } = row;
  const axis = (ns: number) => `${(Math.min(Math.max(0, ns), length) / length) * 100}%`;
  const share = (trace.duration_ns / length) * 100;
  const onLeft = row.end / length > LABEL_LEFT_FROM && row.start / length > 1 - LABEL_LEFT_FROM;
  const cause = causeWords(row);
  const clock = formatClock(nanos(trace.start_time_unix_nano), zone, 3);
  return (
    <li className={css.row} style={{ "--depth": row.depth } as React.CSSProperties}>
      <div className={css.step}>
        <div className={css.title}>
          <Link className={css.name} href={href(`/trace/${trace.trace_id}`, { span: trace.matched_span_ids[0] ?? null }, carryOver(search))} title={trace.trace_id}>
            <i className={css.swatch} style={{ background: color }} />
            <b>{trace.root.service}</b> <span>{trace.root.name}</span>
          </Link>
          <Tags trace={trace} />
        </div>
        <small className={css.facts}>
          <time title={trace.start_time_unix_nano}>{clock}</time> · {[...stepFacts(row), ...(cause === "" ? [] : [cause])].join(" · ")}
        </small>
      </div>
      <div className={css.axis}>
        <span className={classNames(css.bar, trace.outcome === "fault" && css.barFault)} style={{ left: `min(${axis(row.start)}, 100% - 3px)`, width: `max(3px, ${share}%)`, background: color }} aria-hidden />
        <span
          className={css.length}
          style={onLeft ? { right: `calc(100% - ${axis(row.start)} + 6px)` } : { left: `calc(${axis(row.end)} + 6px)` }}
          title={formatNanos(trace.duration_ns)}
        >
          {formatDuration(trace.duration_ns)}
        </span>
        <Marks logs={row.logs} axis={axis} onLog={onLog} />
      </div>
    </li>
  );
}

function Tags({ trace }: { trace: FlowTrace }) {
  return (
    <>
      {trace.outcome !== "ok" && <span className={classNames(css.tag, css[trace.outcome])}>{trace.outcome}</span>}
      {trace.usual?.late && <span className={classNames(css.tag, css.bad)}>late</span>}
      {trace.usual?.slow && <span className={classNames(css.tag, css.bad)}>slow</span>}
      {!trace.complete && <span className={css.tag} title="Some parents are missing, or there is more than one root">incomplete</span>}
      {trace.how === "link" && <span className={css.tag} title="It does not carry the value itself">by link</span>}
    </>
  );
}

/** Log records as ticks; the tab Logs has the same for the keyboard. */
function Marks({ logs, axis, onLog }: { logs: readonly LogMark[]; axis: (ns: number) => string; onLog: (id: string) => void }) {
  return logs.slice(0, MARKS_MAX).map(({ log, at }) => (
    <button
      key={log.id}
      type="button"
      tabIndex={-1}
      aria-hidden
      className={classNames(css.mark, css[`tone-${severityTone(log.severity)}`])}
      style={{ left: axis(at) }}
      title={`${log.severity ?? "log"} ${attributeText(log.body).slice(0, 200)}`}
      onClick={() => onLog(log.id)}
    />
  ));
}
