import { keepPreviousData, infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import { parseExact } from "../lib/json";
import type { UnixNanos } from "../lib/time";
import { ApiError, getJson, type Params, post } from "./client";
import type {
  DurationBucket,
  FacetList,
  FieldList,
  LogHistogram,
  LogPage,
  OperationRow,
  SearchMeaning,
  SearchSignal,
  ServerStatus,
  ServiceRow,
  SqlResult,
  Trace,
  TraceHistogram,
  TracePage,
  ValueCount,
  WhyEmpty,
} from "./types";

/** A range whose relative ends have been resolved, so that pages and charts agree. */
export interface Window {
  from: UnixNanos;
  to: UnixNanos;
}

const TRACES_PER_PAGE = 50;
const LOGS_PER_PAGE = 500;
export const HISTOGRAM_BUCKETS = 90;
const FACET_VALUES = 8;
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
    placeholderData: keepPreviousData,
  });
}

export function traceQuery(traceId: string) {
  return queryOptions({
    queryKey: ["trace", traceId],
    queryFn: ({ signal }) => getJson<Trace>(`traces/${encodeURIComponent(traceId)}`, {}, signal),
    staleTime: 30_000,
    // A big trace keeps its spans in memory only while it is looked at.
    gcTime: 60_000,
  });
}

export function traceOtlpQuery(traceId: string) {
  return queryOptions({
    queryKey: ["trace-otlp", traceId],
    queryFn: ({ signal }) => getJson<unknown>(`traces/${encodeURIComponent(traceId)}`, { format: "otlp" }, signal),
    gcTime: 10_000,
  });
}

export function logsQuery(window: Window, q: string, order: "asc" | "desc") {
  const params = { ...searchParams(window, q), order };
  return infiniteQueryOptions({
    queryKey: ["logs", params],
    queryFn: ({ signal, pageParam }) =>
      getJson<LogPage>("logs", { ...params, limit: LOGS_PER_PAGE, cursor: pageParam }, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
    placeholderData: keepPreviousData,
  });
}

export function logHistogramQuery(window: Window, q: string) {
  const params = { ...searchParams(window, q), buckets: HISTOGRAM_BUCKETS };
  return queryOptions({
    queryKey: ["logs-histogram", params],
    queryFn: ({ signal }) => getJson<LogHistogram>("logs/histogram", params, signal),
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
      return (await getJson<{ values: ValueCount[] }>(`fields/${encodeURIComponent(key)}/values`, params, abort)).values;
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
    placeholderData: keepPreviousData,
  });
}

export function durationsQuery(window: Window, q: string) {
  const params = searchParams(window, q);
  return queryOptions({
    queryKey: ["durations", params],
    queryFn: async ({ signal }) => (await getJson<{ buckets: DurationBucket[] }>("traces/durations", params, signal)).buckets,
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
