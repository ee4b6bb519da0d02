import { keepPreviousData, queryOptions } from "@tanstack/react-query";
import { getJson } from "./client";
import type { Window } from "./queries";
import type { components } from "./schema";

type Schemas = components["schemas"];

export type Flow = Schemas["Flow"];
/** A trace as a step of a flow. */
export type FlowTrace = Schemas["FlowTrace"];
export type FlowLog = Schemas["FlowLog"];
export type MissingStep = Schemas["MissingStep"];

export type Chattiness = Schemas["ChattinessAnswer"];
/** Calls over one edge, or of one root operation. */
export type CallFigures = Schemas["CallFigures"];
export type EdgeCalls = Schemas["EdgeCalls"];

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
