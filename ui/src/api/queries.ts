import { keepPreviousData, infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import { decodeTrace } from "../engine/decode-trace";
import { attributeKey, type Filter, findFilter, isReserved, type SearchState } from "../lib/filters";
import { parseExact } from "../lib/json";
import type { UnixNanos } from "../lib/time";
import { ApiError, getBytes, getJson, type Params, post } from "./client";
import type {
  LogHistogram,
  LinksIn,
  LogPage,
  OperationRow,
  ServerStatus,
  ServiceRow,
  SpanDetail,
  SqlResult,
  TraceHistogram,
  TracePage,
} from "./types";

/** A range whose relative ends have been resolved, so that pages and charts agree. */
export interface Window {
  from: UnixNanos;
  to: UnixNanos;
}

const TRACES_PER_PAGE = 50;
const LOGS_PER_PAGE = 500;
const TRACE_LOGS_PER_PAGE = 2_000;
export const HISTOGRAM_BUCKETS = 90;
/** How often an empty lake is asked whether data has come. */
const EMPTY_POLL_MS = 1_000;
const STATUS_POLL_MS = 15_000;
/** How often a server that does not answer is tried again. */
const LOST_POLL_MS = 2_000;

function isEmptyLake(status: ServerStatus): boolean {
  return status.signals.spans.rows === 0 && status.signals.logs.rows === 0;
}

export function statusQuery() {
  return queryOptions({
    queryKey: ["status"],
    queryFn: ({ signal }) => getJson<ServerStatus>("status", {}, signal),
    // The interval below is its retry.
    retry: false,
    refetchInterval: ({ state }) => {
      if (state.status === "error") return LOST_POLL_MS;
      return state.data && isEmptyLake(state.data) ? EMPTY_POLL_MS : STATUS_POLL_MS;
    },
  });
}

function windowParams(window: Window): Params {
  return { from: window.from.toString(), to: window.to.toString() };
}

function attributeParams(filters: Filter[]): string[] {
  return filters.filter((f) => !isReserved(f.field)).map((f) => `${attributeKey(f.field)}=${f.value}`);
}

function traceParams(window: Window, search: SearchState): Params {
  const value = (field: string) => findFilter(search.filters, field)?.value;
  return {
    ...windowParams(window),
    service: value("service"),
    name: value("operation"),
    status: value("status"),
    trace_id: value("trace_id"),
    min_duration: search.min,
    max_duration: search.max,
    attr: attributeParams(search.filters),
    q: search.q,
  };
}

function logParams(window: Window, search: SearchState): Params {
  const severity = findFilter(search.filters, "severity");
  return {
    ...windowParams(window),
    service: findFilter(search.filters, "service")?.value,
    trace_id: findFilter(search.filters, "trace_id")?.value,
    span_id: findFilter(search.filters, "span_id")?.value,
    severity: severity?.op === "eq" ? severity.value : null,
    min_severity: severity?.op === "gte" ? severity.value : null,
    attr: attributeParams(search.filters),
    q: search.q,
  };
}

export function tracesQuery(window: Window, search: SearchState) {
  const params = traceParams(window, search);
  return infiniteQueryOptions({
    queryKey: ["traces", params],
    queryFn: ({ signal, pageParam }) =>
      getJson<TracePage>("traces", { ...params, limit: TRACES_PER_PAGE, cursor: pageParam }, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
    placeholderData: keepPreviousData,
  });
}

export function traceHistogramQuery(window: Window, search: SearchState) {
  const params = { ...traceParams(window, search), buckets: HISTOGRAM_BUCKETS };
  return queryOptions({
    queryKey: ["traces-histogram", params],
    queryFn: ({ signal }) => getJson<TraceHistogram>("traces/histogram", params, signal),
    placeholderData: keepPreviousData,
  });
}

/** Whether any trace matches; cheaper than a page. */
export function anyTraceQuery(window: Window, search: SearchState) {
  const params = { ...traceParams(window, search), limit: 1 };
  return queryOptions({
    queryKey: ["traces-any", params],
    queryFn: async ({ signal }) => (await getJson<TracePage>("traces", params, signal)).traces.length > 0,
  });
}

/** Whether any log record matches. */
export function anyLogQuery(window: Window, search: SearchState) {
  const params = { ...logParams(window, search), limit: 1 };
  return queryOptions({
    queryKey: ["logs-any", params],
    queryFn: async ({ signal }) => (await getJson<LogPage>("logs", params, signal)).logs.length > 0,
  });
}

/** A trace as the columns that the trace page draws, decoded in a worker. */
export function traceQuery(traceId: string) {
  return queryOptions({
    queryKey: ["trace", traceId],
    queryFn: async ({ signal }) => decodeTrace(await getBytes(`traces/${encodeURIComponent(traceId)}`, { view: "skeleton" }, signal), signal),
    staleTime: 30_000,
    // A big trace keeps its columns in memory only while it is looked at.
    gcTime: 60_000,
    // Typed arrays are compared by nobody.
    structuralSharing: false,
  });
}

export function spanDetailQuery(traceId: string, spanId: string) {
  return queryOptions({
    queryKey: ["span", traceId, spanId],
    queryFn: ({ signal }) => getJson<SpanDetail>(`traces/${encodeURIComponent(traceId)}/spans/${spanId}`, {}, signal),
    staleTime: 30_000,
    gcTime: 60_000,
    placeholderData: keepPreviousData,
  });
}

/** Spans that link to a trace; `window` bounds what is read. */
export function linksInQuery(traceId: string, window: Window) {
  return queryOptions({
    queryKey: ["links-in", traceId, windowParams(window)],
    queryFn: ({ signal }) => getJson<LinksIn>(`traces/${encodeURIComponent(traceId)}/links_in`, windowParams(window), signal),
    staleTime: 60_000,
    gcTime: 60_000,
  });
}

/** The log records of a trace by time, in pages. */
export function traceLogsQuery(traceId: string) {
  return infiniteQueryOptions({
    queryKey: ["trace-logs", traceId],
    queryFn: ({ signal, pageParam }) =>
      getJson<LogPage>("logs", { trace_id: traceId, order: "asc", limit: TRACE_LOGS_PER_PAGE, cursor: pageParam }, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
    staleTime: 30_000,
    gcTime: 60_000,
  });
}

const SPANS_FOUND_MAX = 100_000;

/** A text as a SQL literal. */
const quoted = (text: string) => `'${text.replaceAll("'", "''")}'`;

/** Ids of the spans of a trace that have all these attributes, on themselves or else on their resource. */
export function spansWithAttributesQuery(traceId: string, filters: readonly Filter[]) {
  const conditions = filters.map((filter) => {
    const key = quoted(attributeKey(filter.field));
    return `coalesce(attributes[${key}], resource[${key}]) = ${quoted(filter.value)}`;
  });
  const sql = `SELECT span_id FROM spans WHERE trace_id = ${quoted(traceId)} AND ${conditions.join(" AND ")} LIMIT ${SPANS_FOUND_MAX}`;
  return queryOptions({
    queryKey: ["spans-with", sql],
    queryFn: async ({ signal }) => new Set((await runSql(sql, signal)).rows.map(([id]) => String(id))),
    enabled: filters.length > 0,
    structuralSharing: false,
    staleTime: 30_000,
  });
}

/** How a duration compares with others of the same operation. Nanoseconds. */
export interface Peers {
  count: number;
  /** Of them not longer than the one asked about. */
  notLonger: number;
  p50: number;
  p95: number;
  max: number;
}

/** Spans of one operation in a window: exact figures, by a scan, so only when somebody asks. */
export function peersQuery(service: string, name: string, durationNs: number, window: Window) {
  const isoOf = (time: UnixNanos) => quoted(new Date(Number(time / 1_000_000n)).toISOString());
  const sql = `SELECT count(*), count(*) FILTER (WHERE duration_ns <= ${durationNs}), percentile(duration_ns, 0.5), percentile(duration_ns, 0.95), max(duration_ns)
FROM spans WHERE service = ${quoted(service)} AND name = ${quoted(name)} AND start_time >= ${isoOf(window.from)} AND start_time < ${isoOf(window.to)}`;
  return queryOptions({
    queryKey: ["peers", sql],
    queryFn: async ({ signal }): Promise<Peers> => {
      const [count, notLonger, p50, p95, max] = ((await runSql(sql, signal)).rows[0] ?? []).map(Number);
      return { count: count ?? 0, notLonger: notLonger ?? 0, p50: p50 ?? 0, p95: p95 ?? 0, max: max ?? 0 };
    },
    staleTime: 60_000,
  });
}

export function traceOtlpQuery(traceId: string) {
  return queryOptions({
    queryKey: ["trace-otlp", traceId],
    queryFn: ({ signal }) => getJson<unknown>(`traces/${encodeURIComponent(traceId)}`, { format: "otlp" }, signal),
    gcTime: 10_000,
  });
}

export function logsQuery(window: Window, search: SearchState, order: "asc" | "desc") {
  const params = { ...logParams(window, search), order };
  return infiniteQueryOptions({
    queryKey: ["logs", params],
    queryFn: ({ signal, pageParam }) =>
      getJson<LogPage>("logs", { ...params, limit: LOGS_PER_PAGE, cursor: pageParam }, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
    placeholderData: keepPreviousData,
  });
}

export function logHistogramQuery(window: Window, search: SearchState) {
  const params = { ...logParams(window, search), buckets: HISTOGRAM_BUCKETS };
  return queryOptions({
    queryKey: ["logs-histogram", params],
    queryFn: ({ signal }) => getJson<LogHistogram>("logs/histogram", params, signal),
    placeholderData: keepPreviousData,
  });
}

export function servicesQuery(window: Window | null) {
  const params = window ? windowParams(window) : {};
  return queryOptions({
    queryKey: ["services", params],
    queryFn: async ({ signal }) => (await getJson<{ services: ServiceRow[] }>("services", params, signal)).services,
    placeholderData: keepPreviousData,
  });
}

export function operationsQuery(service: string, window: Window) {
  const params = windowParams(window);
  return queryOptions({
    queryKey: ["operations", service, params],
    queryFn: async ({ signal }) => {
      const path = `services/${encodeURIComponent(service)}/operations`;
      return (await getJson<{ operations: OperationRow[] }>(path, params, signal)).operations;
    },
  });
}

/** Runs a statement; integers of any size stay exact. */
export async function runSql(sql: string, signal: AbortSignal): Promise<SqlResult> {
  const response = await post("sql", { sql }, "application/json", signal);
  return parseExact(await response.text()) as SqlResult;
}

/** The same statement's whole result as CSV, made by the server. */
export async function fetchSqlCsv(sql: string): Promise<Blob> {
  return (await post("sql", { sql }, "text/csv")).blob();
}

/** Errors of the request itself do not get better by asking again. */
export function shouldRetry(failures: number, error: unknown): boolean {
  const temporary = error instanceof ApiError && (error.status === 0 || error.status === 429 || error.status >= 502);
  return temporary && failures < 3;
}
