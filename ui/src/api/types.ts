/** The shapes of the HTTP API. `*_unix_nano` are decimal strings, `*_ns` and counts numbers. */
import type { JsonValue } from "../lib/json";

export type Attributes = Record<string, JsonValue>;
export type SpanStatus = "UNSET" | "OK" | "ERROR";

export interface ApiErrorBody {
  error: { code: string; message: string; hint?: string | null; at?: [number, number] | null };
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
  /** Attribute keys that carry the id of a flow. */
  flow_keys: string[];
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
  /** False when spans of more traces are counted than match. */
  exact: boolean;
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
  ok: number;
  errors: number;
  throttles: number;
  faults: number;
  /** Sum of the durations. */
  total_ns: number;
}

export interface SqlResult {
  columns: { name: string; type: string }[];
  rows: JsonValue[][];
  elapsed_ms: number;
  truncated: boolean;
}

export type SearchSignal = "spans" | "logs";

/** What a search means, or what is wrong with it; `sql` is null when SQL cannot say it. */
export interface SearchMeaning {
  canonical: string | null;
  /** `at`: the first character that is wrong and the one behind the last. */
  problem: { message: string; hint: string; at: [number, number] } | null;
  sql: string | null;
  warnings: string[];
}

export interface FieldCount {
  key: string;
  kind: "field" | "attribute" | "resource";
  count: number | null;
}

export interface FieldList {
  fields: FieldCount[];
  rows: number;
  partial: boolean;
}

export interface ValueCount {
  value: string;
  count: number;
}

export interface Facet {
  key: string;
  values: ValueCount[];
  distinct: number;
  count: number;
}

export interface FacetList {
  facets: Facet[];
  rows: number;
  partial: boolean;
}

export interface OutcomeBucket {
  from_ns: number;
  to_ns: number;
  ok: number;
  error: number;
  throttle: number;
  fault: number;
}

export interface WhyEmpty {
  rows_in_range: number;
  conditions: {
    condition: string;
    without: string | null;
    parameter: string | null;
    matches_without: number;
    matches_alone: number;
  }[];
  nearest_before_unix_nano: string | null;
  nearest_after_unix_nano: string | null;
}

/** Flags do not exclude each other: a request may be an error and a fault; every throttle is an error. */
export interface OutcomeCounts {
  requests: number;
  /** Neither error nor fault. */
  ok: number;
  errors: number;
  throttles: number;
  faults: number;
}

export interface DurationFigures extends Percentiles {
  mean: number;
}

/** Requests whose duration lies in `start_ns..end_ns`; empty buckets are left out. */
export interface DurationBucket extends OutcomeCounts {
  start_ns: number;
  end_ns: number;
}

export type NodeType = "client" | "service" | "database" | "cache" | "queue" | "external";
export type EdgeKind = "sync" | "async" | "link";

export interface MapNode extends OutcomeCounts {
  id: string;
  name: string;
  type: NodeType;
  /** Sends no spans itself. */
  inferred: boolean;
  traces: number;
  duration_ns: DurationFigures | null;
  histogram: DurationBucket[];
  /** One number for each of the map's buckets. */
  over_time: Record<keyof OutcomeCounts, number[]> | null;
}

export interface MapEdge extends OutcomeCounts {
  source: string;
  target: string;
  kind: EdgeKind;
  traces: number;
  /** Null where messages have an age instead. */
  duration_ns: DurationFigures | null;
  /** Of the durations, or of the message ages. */
  histogram: DurationBucket[];
  message_age_ns: DurationFigures | null;
}

export interface ServiceMap {
  from_unix_nano: string | null;
  to_unix_nano: string | null;
  span_count: number;
  trace_count: number;
  nodes: MapNode[];
  edges: MapEdge[];
  buckets: { start_unix_nano: string; width_ns: number; count: number } | null;
  left_out_node_count: number;
  elapsed_ms: number;
}

export interface Red extends OutcomeCounts {
  total_ns: number;
  duration_ns: DurationFigures | null;
}

export interface RedPart extends Red {
  name: string;
  first_unix_nano: string;
  last_unix_nano: string;
}

export interface ServiceOverview extends Red {
  service: string;
  /** `spans`: the service has no server or consumer span, all of its spans are measured. */
  measured: "requests" | "spans";
  bucket_ns: number;
  over_time: (Red & { start_unix_nano: string })[];
  versions: RedPart[];
  instances: RedPart[];
}

export interface ErrorGroup {
  type: string;
  pattern: string;
  count: number;
  fault_count: number;
  operations: { name: string; count: number }[];
  first_unix_nano: string;
  last_unix_nano: string;
  example: { trace_id: string; span_id: string; message: string };
}

export interface ErrorGroups {
  groups: ErrorGroup[];
  span_count: number;
  other_count: number;
}
