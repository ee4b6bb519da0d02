import { keepPreviousData, infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import { attributeKey, type Filter, findFilter, isReserved, type SearchState } from "../lib/filters";
import { parseExact } from "../lib/json";
import type { UnixNanos } from "../lib/time";
import { ApiError, getJson, type Params, post } from "./client";
import type {
  ErrorGroups,
  LogHistogram,
  LogPage,
  OperationRow,
  ServerStatus,
  ServiceMap,
  ServiceOverview,
  ServiceRow,
  SqlResult,
  Trace,
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

/** `buckets`: counts of each node over time in so many parts; none for 0. */
export function mapQuery(window: Window, search: SearchState, buckets: number) {
  const params = { ...traceParams(window, search), buckets: buckets > 0 ? buckets : null };
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
