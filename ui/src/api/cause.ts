/** What changed in a window, and what tells a selection of spans from the rest. */
import { keepPreviousData, queryOptions } from "@tanstack/react-query";
import type { HeatmapBox } from "../lib/selection-url";
import { getJson, type Params } from "./client";
import { PANEL, type Window } from "./queries";
import type { components } from "./schema";

type Schemas = components["schemas"];

export type ChangeKind = Schemas["ChangeKind"];
export type CauseChange = Schemas["Change"];
export type Cause = Schemas["Cause"];
export type PeriodFigures = Schemas["PeriodAnswer"];
export type RootCause = Schemas["RootCauseAnswer"];

export type HeatmapAnswer = Schemas["HeatmapAnswer"];

export type ValueDifference = Schemas["ValueDifference"];
/** A key whose values are distributed differently. */
export type Difference = Schemas["Difference"];
export type SelectionComparison = Schemas["ComparisonAnswer"];

/** `base` null: the time around the window, which the answer names. `timeout`: what the server may take, null for the usual. */
export function rootCauseQuery(window: Window, base: Window | null, q: string, timeout: string | null = null) {
  const params: Params = {
    from: window.from.toString(),
    to: window.to.toString(),
    base_from: base?.from.toString(),
    base_to: base?.to.toString(),
    q,
    timeout,
  };
  return queryOptions({
    queryKey: ["root-cause", params],
    queryFn: ({ signal }) => getJson<RootCause>("root-cause", params, signal),
    placeholderData: keepPreviousData,
  });
}

/** Columns that can be told apart on a screen. */
const HEATMAP_COLUMNS = 120;

export function heatmapQuery(window: Window, q: string) {
  const params = { from: window.from.toString(), to: window.to.toString(), q, columns: HEATMAP_COLUMNS };
  return queryOptions({
    queryKey: ["heatmap", params],
    queryFn: ({ signal }) => getJson<HeatmapAnswer>("spans/heatmap", params, signal),
    meta: PANEL,
    placeholderData: keepPreviousData,
  });
}

export function compareSelectionQuery(window: Window, q: string, box: HeatmapBox) {
  const params: Params = {
    from: window.from.toString(),
    to: window.to.toString(),
    q,
    sel_from: box.from.toString(),
    sel_to: box.to.toString(),
    sel_min_duration: String(box.fromNs),
    sel_max_duration: box.toNs === null ? null : String(box.toNs),
    sel_outcome: box.outcome,
  };
  return queryOptions({
    queryKey: ["compare-selection", params],
    queryFn: ({ signal }) => getJson<SelectionComparison>("spans/compare", params, signal),
    meta: PANEL,
    placeholderData: keepPreviousData,
  });
}
