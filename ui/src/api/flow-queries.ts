import { keepPreviousData, queryOptions } from "@tanstack/react-query";
import { getJson } from "./client";
import type { Window } from "./queries";
import type { LogRecord, NodeType, ServiceShare } from "./types";

/** Of other flows. Nanoseconds. */
export interface Usual {
  median_ns: number;
  p95_ns: number;
}

export interface FlowSpan {
  span_id: string;
  service: string;
  name: string;
}

/** A trace as a step of a flow. */
export interface FlowTrace {
  trace_id: string;
  how: "value" | "trace_id" | "link";
  root: FlowSpan;
  start_time_unix_nano: string;
  duration_ns: number;
  outcome: "ok" | "error" | "throttle" | "fault";
  span_count: number;
  error_count: number;
  services: ServiceShare[];
  complete: boolean;
  matched_span_count: number;
  /** The first of them. */
  matched_span_ids: string[];
  matched_log_count: number;
  cause: { trace_id: string; span: FlowSpan | null; via: "link" | "message"; age_ns: number | null } | null;
  /** From the end of all steps before, negative when they overlap; null for the first. */
  gap_ns: number | null;
  usual: { wait: Usual | null; duration: Usual; late: boolean; slow: boolean } | null;
}

export interface FlowLog extends LogRecord {
  carries_value: boolean;
}

export interface MissingStep {
  service: string;
  name: string;
  /** Index of the trace behind which it is expected; null at the beginning. */
  after: number | null;
}

export interface Flow {
  value: string;
  looked_under: string[];
  found_under: { key: string; spans: number; logs: number }[];
  is_trace_id: boolean;
  start_time_unix_nano: string | null;
  end_time_unix_nano: string | null;
  /** By start. */
  traces: FlowTrace[];
  /** In pre-order; indices of `traces`. */
  tree: { trace: number; parent: number | null; depth: number }[];
  /** By time. */
  logs: FlowLog[];
  log_count: number;
  /** Indices of `traces` and `logs`, by time. */
  timeline: ({ trace: number } | { log: number })[];
  comparison: { key: string | null; others: number; alike: number; partial: boolean; sentence: string; missing: MissingStep[] };
  notes: string[];
  why_empty: {
    sentence: string;
    spans_in_range: number;
    logs_in_range: number;
    nearest_before_unix_nano: string | null;
    nearest_after_unix_nano: string | null;
  } | null;
  elapsed_ms: number;
}

export interface CallExample {
  trace_id: string;
  /** The parent span of the calls. */
  span_id: string;
  calls: number;
  operation: string;
}

interface Repeated {
  groups: number;
  calls: number;
  worst: CallExample | null;
}

/** Calls over one edge, or of one root operation. */
export interface CallFigures {
  requests: number;
  calls: number;
  per_request: { mean: number; p95: number; max: number };
  n_plus_one: Repeated | null;
  repeated: Repeated | null;
  identical: number;
  /** `share` is from 0 to 1. */
  sequential: { calls: number; time_ns: number; share: number };
  example: CallExample | null;
}

export interface EdgeCalls extends CallFigures {
  caller: string;
  callee: string;
  /** Null when the callee names itself nowhere. */
  callee_type: NodeType | null;
}

export interface RootCalls extends CallFigures {
  service: string;
  name: string;
}

export interface Chattiness {
  edges: EdgeCalls[];
  roots: RootCalls[];
  trace_count: number;
  span_count: number;
  left_out_edge_count: number;
  left_out_root_count: number;
}

const rangeParams = (window: Window) => ({ from: window.from.toString(), to: window.to.toString() });

/** The most log records that the server gives with a flow. */
export const FLOW_LOGS_MAX = 10_000;

/** Everything that carries a value; `key` is the only one looked under, null for all that are configured. */
export function flowQuery(value: string, key: string | null, window: Window, allLogs: boolean) {
  const params = { ...rangeParams(window), key, logs: allLogs ? FLOW_LOGS_MAX : null };
  return queryOptions({
    queryKey: ["flow", value, params],
    queryFn: ({ signal }) => getJson<Flow>(`flows/${encodeURIComponent(value)}`, params, signal),
    placeholderData: keepPreviousData,
  });
}

export function chattinessQuery(window: Window, q: string) {
  const params = { ...rangeParams(window), q };
  return queryOptions({
    queryKey: ["chattiness", params],
    queryFn: ({ signal }) => getJson<Chattiness>("chattiness", params, signal),
    placeholderData: keepPreviousData,
  });
}
