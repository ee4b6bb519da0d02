/** The shapes of the HTTP API. `*_unix_nano` are decimal strings, `*_ns` and counts numbers. */
import type { JsonValue } from "../lib/json";

export type Attributes = Record<string, JsonValue>;
export type SpanStatus = "UNSET" | "OK" | "ERROR";

export interface ApiErrorBody {
  error: { code: string; message: string; hint?: string | null };
}

export interface SignalStatus {
  rows: number;
  memtable_rows: number;
  segments: number;
  segment_bytes: number;
  oldest_unix_nano: string | null;
  newest_unix_nano: string | null;
}

export interface ServerStatus {
  version: string;
  ready: boolean;
  otlp_grpc: string;
  otlp_http: string;
  signals: { spans: SignalStatus; logs: SignalStatus };
}

export interface TraceRoot {
  span_id: string;
  service: string;
  name: string;
  status: SpanStatus;
}

export interface ServiceShare {
  service: string;
  span_count: number;
  error_count: number;
}

export interface TraceSummary {
  trace_id: string;
  root: TraceRoot | null;
  start_time_unix_nano: string;
  duration_ns: number;
  span_count: number;
  service_count: number;
  services: ServiceShare[];
  error_count: number;
  matched_span_count: number;
  complete: boolean;
}

export interface TracePage {
  traces: TraceSummary[];
  next_cursor: string | null;
  elapsed_ms: number;
}

export interface Scope {
  name: string;
  version: string;
}

export interface SpanEvent {
  time_unix_nano: string;
  name: string;
  attributes: Attributes;
}

export interface SpanLink {
  trace_id: string;
  span_id: string;
  trace_state: string | null;
  attributes: Attributes;
}

/** A span as it was sent. */
export interface Span {
  span_id: string;
  parent_span_id: string | null;
  service: string;
  name: string;
  kind: string;
  start_time_unix_nano: string;
  duration_ns: number;
  status: SpanStatus;
  status_message: string | null;
  trace_state: string | null;
  flags: number;
  scope: Scope | null;
  resource: Attributes;
  attributes: Attributes;
  events: SpanEvent[];
  links: SpanLink[];
  dropped_attributes_count: number;
  dropped_events_count: number;
  dropped_links_count: number;
}

export interface SpanDetail {
  trace_id: string;
  /** More than one when spans of different content share the id. */
  spans: Span[];
  spans_truncated: boolean;
  logs: LogRecord[];
  logs_truncated: boolean;
}

/** A span that has a link to the trace that was asked about. */
export interface LinkingSpan {
  trace_id: string;
  span_id: string;
  service: string;
  name: string;
  kind: string;
  status: SpanStatus;
  start_time_unix_nano: string;
  duration_ns: number;
  linked_span_id: string;
}

export interface LinksIn {
  links: LinkingSpan[];
  truncated: boolean;
}

export interface LogRecord {
  id: string;
  time_unix_nano: string;
  observed_time_unix_nano: string | null;
  severity_number: number;
  severity: string | null;
  severity_text: string | null;
  body: JsonValue;
  trace_id: string | null;
  span_id: string | null;
  flags: number;
  service: string;
  event_name: string | null;
  scope: Scope | null;
  resource: Attributes;
  attributes: Attributes;
}

export interface LogPage {
  logs: LogRecord[];
  next_cursor: string | null;
  elapsed_ms: number;
}

export interface LogHistogram {
  bucket_ns: number;
  buckets: { start_unix_nano: string; counts: Record<string, number> }[];
}

export interface TraceHistogram {
  bucket_ns: number;
  buckets: { start_unix_nano: string; spans: number; errors: number }[];
}

export interface Percentiles {
  p50: number;
  p95: number;
  p99: number;
  max: number;
}

export interface ServiceRow {
  service: string;
  span_count: number;
  error_count: number;
  log_count: number;
  trace_count: number;
  /** Null for a service that only writes logs. */
  duration_ns: Percentiles | null;
}

export interface OperationRow {
  name: string;
  kind: string;
  span_count: number;
  error_count: number;
  duration_ns: Percentiles | null;
}

export interface SqlResult {
  columns: { name: string; type: string }[];
  rows: JsonValue[][];
  elapsed_ms: number;
  truncated: boolean;
}
