import type { Flow, FlowLog, FlowTrace, MissingStep } from "../../api/flow-queries";
import { formatDuration, plural } from "../../lib/format";
import { nanos } from "../../lib/time";

/** A log record on the axis. */
export interface LogMark {
  log: FlowLog;
  /** Nanoseconds since the start of the flow. */
  at: number;
}

export interface StepRow {
  kind: "step";
  trace: FlowTrace;
  /** Position among the steps, from 0. */
  nth: number;
  /** Levels below the first trace that caused it; 0 in the timeline. */
  depth: number;
  /** Nanoseconds since the start of the flow. */
  start: number;
  end: number;
  logs: LogMark[];
}

/** What one line of the timeline shows. */
export type FlowRow =
  | StepRow
  /** Nothing of the flow runs. */
  | { kind: "gap"; id: string; start: number; end: number; late: boolean; words: string }
  | { kind: "missing"; id: string; step: MissingStep }
  /** Log records of no trace of the flow, between two steps. */
  | { kind: "logs"; id: string; logs: LogMark[] };

/** Gaps below this share of the whole are said at the step only. */
const GAP_SHARE_MIN = 0.02;

/** Length of the whole flow, at least 1 ns. */
export function flowLength(flow: Flow): number {
  if (flow.start_time_unix_nano === null || flow.end_time_unix_nano === null) return 1;
  return Math.max(1, Number(nanos(flow.end_time_unix_nano) - nanos(flow.start_time_unix_nano)));
}

function offset(flow: Flow, time: string): number {
  return Number(nanos(time) - nanos(flow.start_time_unix_nano ?? time));
}

/** Traces and log records in the order of time, with the gaps between them and what is missing. */
export function timelineRows(flow: Flow): FlowRow[] {
  const steps = stepRows(flow);
  const length = flowLength(flow);
  const rows: FlowRow[] = missingAfter(flow, null);
  let loose: LogMark[] = [];
  const flush = () => {
    if (loose.length > 0) rows.push({ kind: "logs", id: `logs ${loose[0]!.log.id}`, logs: loose });
    loose = [];
  };
  const known = new Set(flow.traces.map((trace) => trace.trace_id));
  for (const entry of flow.timeline) {
    if ("log" in entry) {
      const log = flow.logs[entry.log]!;
      if (log.trace_id === null || !known.has(log.trace_id)) loose.push({ log, at: offset(flow, log.time_unix_nano) });
      continue;
    }
    flush();
    const step = steps[entry.trace]!;
    const gap = gapBefore(step, length);
    if (gap) rows.push(gap);
    rows.push(step, ...missingAfter(flow, entry.trace));
  }
  flush();
  return rows;
}

/** The traces, each behind the one that caused it. */
export function treeRows(flow: Flow): StepRow[] {
  const steps = stepRows(flow);
  return flow.tree.map(({ trace, depth }) => ({ ...steps[trace]!, depth }));
}

function stepRows(flow: Flow): StepRow[] {
  const logs = new Map<string, LogMark[]>();
  for (const log of flow.logs) {
    if (log.trace_id === null) continue;
    const marks = logs.get(log.trace_id) ?? [];
    marks.push({ log, at: offset(flow, log.time_unix_nano) });
    logs.set(log.trace_id, marks);
  }
  return flow.traces.map((trace, nth) => {
    const start = offset(flow, trace.start_time_unix_nano);
    return { kind: "step", trace, nth, depth: 0, start, end: start + trace.duration_ns, logs: logs.get(trace.trace_id) ?? [] };
  });
}

function gapBefore(step: StepRow, length: number): FlowRow | null {
  const { gap_ns: gap, usual } = step.trace;
  const late = usual?.late ?? false;
  if (gap === null || gap <= 0 || (gap < length * GAP_SHARE_MIN && !late)) return null;
  return { kind: "gap", id: `gap ${step.trace.trace_id}`, start: step.start - gap, end: step.start, late, words: gapWords(step.trace) };
}

function missingAfter(flow: Flow, after: number | null): FlowRow[] {
  return flow.comparison.missing.flatMap((step, nth) => (step.after === after ? [{ kind: "missing" as const, id: `missing ${nth}`, step }] : []));
}

/** `970 ms without a step; others wait 66 ms, 95% of them at most 69 ms` */
export function gapWords({ gap_ns: gap, usual }: FlowTrace): string {
  const words = `${formatDuration(gap ?? 0)} without a step`;
  if (!usual?.wait) return words;
  const { median_ns: median, p95_ns: p95 } = usual.wait;
  return `${words}; others wait ${formatDuration(median)}${p95 > median ? `, 95% of them at most ${formatDuration(p95)}` : ""}`;
}

/** What stands below the name of a step. */
export function stepFacts({ trace, logs }: StepRow): string[] {
  const services = trace.services.length;
  const carrying = [trace.matched_span_count > 0 && plural(trace.matched_span_count, "span"), trace.matched_log_count > 0 && plural(trace.matched_log_count, "log record")].filter((part) => typeof part === "string");
  return [
    plural(trace.span_count, "span"),
    plural(services, "service"),
    ...(trace.error_count > 0 ? [plural(trace.error_count, "error")] : []),
    ...(logs.length > 0 ? [plural(logs.length, "log record")] : []),
    ...(carrying.length > 0 ? [`value in ${carrying.join(" and ")}`] : []),
    ...(trace.usual?.slow ? [`others take ${formatDuration(trace.usual.duration.median_ns)}, 95% of them at most ${formatDuration(trace.usual.duration.p95_ns)}`] : []),
  ];
}

/** Why a step stands where it stands; empty for one that nothing caused. */
export function causeWords({ trace }: StepRow): string {
  const { cause } = trace;
  if (!cause) return trace.how === "link" ? "another step links to it" : "";
  const what = cause.span ? `${cause.span.service} ${cause.span.name}` : `trace ${cause.trace_id.slice(0, 8)}`;
  const age = cause.age_ns === null ? "" : `, ${formatDuration(Math.abs(cause.age_ns))} ${cause.age_ns < 0 ? "before its start" : "after its start"}`;
  return `${cause.via === "message" ? "received the message of" : "links to"} ${what}${age}`;
}

/** `4 traces of 3 services with 12 log records in 1.2 s` */
export function flowSummary(flow: Flow): string {
  const services = new Set(flow.traces.flatMap((trace) => trace.services.map((one) => one.service)));
  for (const log of flow.logs) if (log.service !== "") services.add(log.service);
  const late = flow.traces.filter((trace) => trace.usual?.late).length;
  const slow = flow.traces.filter((trace) => trace.usual?.slow).length;
  const failed = flow.traces.filter((trace) => trace.outcome !== "ok").length;
  const marks = [
    failed > 0 && (flow.traces.length === 1 ? "it failed" : `${failed} of them failed`),
    late > 0 && `${plural(late, "step")} late`,
    slow > 0 && `${plural(slow, "step")} slow`,
    flow.comparison.missing.length > 0 && `${plural(flow.comparison.missing.length, "step")} missing`,
  ].filter((part) => typeof part === "string");
  const what = `${plural(flow.traces.length, "trace")} of ${plural(services.size, "service")} with ${plural(flow.log_count, "log record")} in ${formatDuration(flowLength(flow))}`;
  return marks.length > 0 ? `${what}; ${marks.join(", ")}` : what;
}
