import { keepPreviousData, infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import { decodeTrace } from "../engine/decode-trace";
import { keySql, sqlText } from "../engine/search/attribute-sql";
import { parseExact } from "../lib/json";
import type { UnixNanos } from "../lib/time";
import { ApiError, getBytes, getJson, type Params, post } from "./client";
import type {
  ErrorGroups,
  FacetList,
  FieldList,
  LinksIn,
  LogHistogram,
  LogPage,
  OperationList,
  OutcomeHistogram,
  SearchMeaning,
  SearchSignal,
  ServerStatus,
  ServiceList,
  ServiceMap,
  ServiceOverview,
  SpanDetail,
  SqlResult,
  TraceHistogram,
  TracePage,
  ValueList,
  WhyEmpty,
} from "./types";
import type { RunningQuery } from "./stream-types";

/** A range whose relative ends have been resolved, so that pages and charts agree. */
export interface Window {
  from: UnixNanos;
  to: UnixNanos;
}

/** As `meta` of a query: it counts beside the rows of a search, and Stop ends it with them (`kit/panels`). */
export const PANEL = { panel: true } as const;

const TRACES_PER_PAGE = 50;
const LOGS_PER_PAGE = 500;
const TRACE_LOGS_PER_PAGE = 2_000;
const HISTOGRAM_BUCKETS = 90;
const FACET_VALUES = 8;
/** How often an empty lake is asked whether data has come. */
const EMPTY_POLL_MS = 1_000;
const STATUS_POLL_MS = 15_000;
/** How often a server that does not answer is tried again. */
const LOST_POLL_MS = 2_000;
/** How often the list of running queries is asked for while it is looked at. */
const RUNNING_POLL_MS = 1_000;

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

/** A search within a range. */
function searchParams(window: Window, q: string): Params {
  return { ...windowParams(window), q };
}

export function tracesQuery(window: Window, q: string) {
  const params = searchParams(window, q);
  return infiniteQueryOptions({
    queryKey: ["traces", params],
    queryFn: ({ signal, pageParam }) =>
      getJson<TracePage>("traces", { ...params, limit: TRACES_PER_PAGE, cursor: pageParam }, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
    placeholderData: keepPreviousData,
  });
}

export function traceHistogramQuery(window: Window, q: string) {
  const params = { ...searchParams(window, q), buckets: HISTOGRAM_BUCKETS };
  return queryOptions({
    queryKey: ["traces-histogram", params],
    queryFn: ({ signal }) => getJson<TraceHistogram>("traces/histogram", params, signal),
    meta: PANEL,
    placeholderData: keepPreviousData,
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

/** The log records of a span at one moment. */
export function spanLogsAtQuery(traceId: string, spanId: string, at: UnixNanos) {
  const params = { trace_id: traceId, q: `span_id:${spanId}`, from: String(at), to: String(at + 1n), order: "asc", limit: 1 };
  return queryOptions({
    queryKey: ["span-logs-at", params],
    queryFn: ({ signal }) => getJson<LogPage>("logs", params, signal),
    staleTime: 60_000,
  });
}

const SPANS_FOUND_MAX = 100_000;

/** For each condition (in SQL) the ids of the spans of a trace that fulfil it. */
export function spansWithQuery(traceId: string, conditions: readonly string[]) {
  const columns = conditions.map((condition) => `(${condition}) IS TRUE`);
  const sql = `SELECT span_id, ${columns.join(", ")} FROM spans WHERE trace_id = ${sqlText(traceId)} AND (${columns.join(" OR ")}) LIMIT ${SPANS_FOUND_MAX}`;
  return queryOptions({
    queryKey: ["spans-with", sql],
    queryFn: async ({ signal }) => {
      const { rows } = await runSql(sql, signal);
      return conditions.map((_, nth) => new Set(rows.filter((row) => row[nth + 1] === true).map(([id]) => String(id))));
    },
    enabled: conditions.length > 0,
    structuralSharing: false,
    staleTime: 30_000,
  });
}

/** The values of an attribute by span id, of the spans that have it. */
export function spanValuesQuery(traceId: string, key: string) {
  const sql = `SELECT span_id, ${keySql(key)} FROM spans WHERE trace_id = ${sqlText(traceId)} AND ${keySql(key)} IS NOT NULL LIMIT ${SPANS_FOUND_MAX}`;
  return queryOptions({
    queryKey: ["span-values", sql],
    queryFn: async ({ signal }) => new Map((await runSql(sql, signal)).rows.map(([id, value]) => [String(id), String(value)])),
    structuralSharing: false,
    staleTime: 30_000,
    gcTime: 60_000,
  });
}

/** Keys that the spans of a trace have. */
export function traceFieldsQuery(traceId: string) {
  return queryOptions({
    queryKey: ["trace-fields", traceId],
    queryFn: ({ signal }) => getJson<FieldList>("fields", { signal: "spans", trace_id: traceId }, signal),
    staleTime: 60_000,
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

const isoOf = (time: UnixNanos) => sqlText(new Date(Number(time / 1_000_000n)).toISOString());

/** Spans of one operation in a window: exact figures, by a scan, so only when somebody asks. */
export function peersQuery(service: string, name: string, durationNs: number, window: Window) {
  const sql = `SELECT count(*), count(*) FILTER (WHERE duration_ns <= ${durationNs}), percentile(duration_ns, 0.5), percentile(duration_ns, 0.95), max(duration_ns)
FROM spans WHERE service = ${sqlText(service)} AND name = ${sqlText(name)} AND start_time >= ${isoOf(window.from)} AND start_time < ${isoOf(window.to)}`;
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

/** Parameters of the stream of log records. */
export function logParams(window: Window, q: string, order: "asc" | "desc"): Params {
  return { ...searchParams(window, q), order, limit: LOGS_PER_PAGE };
}

/** One page of the newest log records, where no more than that is shown. */
export function newestLogsQuery(window: Window, q: string, limit: number) {
  const params = { ...logParams(window, q, "desc"), limit };
  return queryOptions({
    queryKey: ["newest-logs", params],
    queryFn: ({ signal }) => getJson<LogPage>("logs", params, signal),
    placeholderData: keepPreviousData,
  });
}

/** Parameters of the stream of traces; `sort` and `order` as in the address, "" for the newest first. */
export function traceParams(window: Window, q: string, sort: string, order: string): Params {
  return { ...searchParams(window, q), sort, order, limit: TRACES_PER_PAGE };
}

export function runningQueriesQuery() {
  return queryOptions({
    queryKey: ["running-queries"],
    queryFn: async ({ signal }) => (await getJson<{ queries: RunningQuery[] }>("queries", {}, signal)).queries,
    refetchInterval: RUNNING_POLL_MS,
    staleTime: 0,
  });
}

export function logHistogramQuery(window: Window, q: string) {
  const params = { ...searchParams(window, q), buckets: HISTOGRAM_BUCKETS };
  return queryOptions({
    queryKey: ["logs-histogram", params],
    queryFn: ({ signal }) => getJson<LogHistogram>("logs/histogram", params, signal),
    meta: PANEL,
    placeholderData: keepPreviousData,
  });
}

/** What a search means, or what is wrong with it. */
export function meaningQuery(signal: SearchSignal, window: Window, q: string) {
  const params = { ...searchParams(window, q), signal };
  return queryOptions({
    queryKey: ["search-meaning", params],
    queryFn: ({ signal: abort }) => getJson<SearchMeaning>("search/explain", params, abort),
    retry: false,
    staleTime: Number.POSITIVE_INFINITY,
  });
}

/** Keys of the rows in the range. */
export function fieldsQuery(signal: SearchSignal, window: Window) {
  const params = { ...windowParams(window), signal };
  return queryOptions({
    queryKey: ["fields", params],
    queryFn: ({ signal: abort }) => getJson<FieldList>("fields", params, abort),
    staleTime: 60_000,
    placeholderData: keepPreviousData,
  });
}

/** Values of a key in the range that contain what was typed. */
export function valuesQuery(signal: SearchSignal, window: Window, key: string, contains: string) {
  const params = { ...windowParams(window), signal, contains, limit: 30 };
  return queryOptions({
    queryKey: ["field-values", key, params],
    queryFn: async ({ signal: abort }) => {
      return (await getJson<ValueList>(`fields/${encodeURIComponent(key)}/values`, params, abort)).values;
    },
    retry: false,
    staleTime: 60_000,
  });
}

export function facetsQuery(signal: SearchSignal, window: Window, q: string, keys: readonly string[]) {
  const params = { ...searchParams(window, q), signal, keys: keys.join(","), limit: FACET_VALUES };
  return queryOptions({
    queryKey: ["facets", params],
    queryFn: ({ signal: abort }) => getJson<FacetList>("facets", params, abort),
    meta: PANEL,
    placeholderData: keepPreviousData,
  });
}

export function durationsQuery(window: Window, q: string) {
  const params = searchParams(window, q);
  return queryOptions({
    queryKey: ["durations", params],
    queryFn: async ({ signal }) => (await getJson<OutcomeHistogram>("traces/durations", params, signal)).buckets,
    meta: PANEL,
    placeholderData: keepPreviousData,
  });
}

export function whyEmptyQuery(signal: SearchSignal, window: Window, q: string) {
  const params = { ...searchParams(window, q), signal };
  return queryOptions({
    queryKey: ["why-empty", params],
    queryFn: ({ signal: abort }) => getJson<WhyEmpty>("search/why_empty", params, abort),
  });
}

export function servicesQuery(window: Window | null) {
  const params = window ? windowParams(window) : {};
  return queryOptions({
    queryKey: ["services", params],
    queryFn: async ({ signal }) => (await getJson<ServiceList>("services", params, signal)).services,
    placeholderData: keepPreviousData,
  });
}

export function operationsQuery(service: string, window: Window) {
  const params = windowParams(window);
  return queryOptions({
    queryKey: ["operations", service, params],
    queryFn: async ({ signal }) => {
      const path = `services/${encodeURIComponent(service)}/operations`;
      return (await getJson<OperationList>(path, params, signal)).operations;
    },
  });
}

export function serviceQuery(service: string, window: Window, buckets: number) {
  const params = { ...windowParams(window), buckets };
  return queryOptions({
    queryKey: ["service", service, params],
    queryFn: ({ signal }) => getJson<ServiceOverview>(`services/${encodeURIComponent(service)}`, params, signal),
    placeholderData: keepPreviousData,
  });
}

export function serviceErrorsQuery(service: string, window: Window) {
  const params = windowParams(window);
  return queryOptions({
    queryKey: ["service-errors", service, params],
    queryFn: ({ signal }) => getJson<ErrorGroups>(`services/${encodeURIComponent(service)}/errors`, params, signal),
    placeholderData: keepPreviousData,
  });
}

/** `buckets`: counts of each node over time in so many parts; none for 0. `groups`: which groups are told, on maps of more than so many nodes. */
export function mapQuery(window: Window, q: string, buckets: number, groups: { by: "namespace" | "env"; above: number } | null = null) {
  const params = { ...searchParams(window, q), buckets: buckets > 0 ? buckets : null, group: groups?.by, group_above: groups && groups.above > 0 ? groups.above : null };
  return queryOptions({
    queryKey: ["map", params],
    queryFn: ({ signal }) => getJson<ServiceMap>("map", params, signal),
    placeholderData: keepPreviousData,
  });
}

export function traceMapQuery(traceId: string) {
  return queryOptions({
    queryKey: ["trace-map", traceId],
    queryFn: ({ signal }) => getJson<ServiceMap>(`traces/${encodeURIComponent(traceId)}/map`, {}, signal),
    staleTime: 30_000,
  });
}

/** Runs a statement; integers of any size stay exact. `id`: to stop it by. */
export async function runSql(sql: string, signal: AbortSignal, id?: string): Promise<SqlResult> {
  const response = await post("sql", { sql }, "application/json", signal, id);
  return parseExact(await response.text()) as SqlResult;
}

/** The same statement's whole result as CSV, made by the server. */
export async function fetchSqlCsv(sql: string): Promise<Blob> {
  return (await post("sql", { sql }, "text/csv")).blob();
}

/** Errors of the request itself do not get better by asking again. */
export function shouldRetry(failures: number, error: unknown): boolean {
  // What took too long takes as long again.
  const temporary = error instanceof ApiError && error.code !== "timeout" && (error.status === 0 || error.status === 429 || error.status >= 502);
  return temporary && failures < 3;
}
