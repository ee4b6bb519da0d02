/** What changed in a window, and what tells a selection of spans from the rest. */
import { keepPreviousData, queryOptions } from "@tanstack/react-query";
import type { HeatmapBox } from "../lib/selection-url";
import { getJson, type Params } from "./client";
import type { Window } from "./queries";

export type ChangeKind =
  | "own_time"
  | "on_the_way"
  | "failures"
  | "unanswered_calls"
  | "fewer_calls"
  | "fewer_traces"
  | "messages"
  | "exceptions";

export interface Figure {
  samples: number;
  value: number;
}

export interface CauseChange {
  kind: ChangeKind;
  service: string;
  caller: string | null;
  callee: string | null;
  operation: string | null;
  /** Pattern with `<n>` and `<id>`. */
  message: string | null;
  is_error: boolean;
  window: Figure;
  base: Figure;
  z: number;
  weight: number;
  sentence: string;
  example: { trace_id: string; span_id: string; message: string | null } | null;
}

export interface Cause {
  service: string;
  score: number;
  /** Of the scores of all services. */
  share: number;
  traces: number;
  changes: CauseChange[];
}

export interface PeriodFigures {
  from_unix_nano: string;
  to_unix_nano: string;
  traces: number;
  spans: number;
  logs: number;
}

export interface RootCause {
  window: PeriodFigures;
  base: PeriodFigures;
  services: Cause[];
  edges: CauseChange[];
  messages: CauseChange[];
  traces_one_in: number;
  logs_one_in: number;
  notes: string[];
}

/** `base` null: the time around the window, which the answer names. */
export function rootCauseQuery(window: Window, base: Window | null, q: string) {
  const params: Params = {
    from: window.from.toString(),
    to: window.to.toString(),
    base_from: base?.from.toString(),
    base_to: base?.to.toString(),
    q,
  };
  return queryOptions({
    queryKey: ["root-cause", params],
    queryFn: ({ signal }) => getJson<RootCause>("root-cause", params, signal),
    placeholderData: keepPreviousData,
  });
}

export interface HeatmapAnswer {
  start_unix_nano: string;
  bucket_ns: number;
  columns: number;
  rows: { from_ns: number; to_ns: number }[];
  cells: { x: number[]; y: number[]; ok: number[]; error: number[]; throttle: number[]; fault: number[] };
  spans: number;
  exact: boolean;
}

/** Columns that can be told apart on a screen. */
const HEATMAP_COLUMNS = 120;

export function heatmapQuery(window: Window, q: string) {
  const params = { from: window.from.toString(), to: window.to.toString(), q, columns: HEATMAP_COLUMNS };
  return queryOptions({
    queryKey: ["heatmap", params],
    queryFn: ({ signal }) => getJson<HeatmapAnswer>("spans/heatmap", params, signal),
    placeholderData: keepPreviousData,
  });
}

export interface ValueDifference {
  /** Null: the key is not there. */
  value: string | null;
  inside: number;
  outside: number;
}

export interface Difference {
  key: string;
  kind: "field" | "attribute" | "resource";
  divergence: number;
  coverage_inside: number;
  coverage_outside: number;
  values: ValueDifference[];
  sentence: string;
}

interface Side {
  spans: number;
  sampled: number;
  one_in: number;
}

export interface SelectionComparison {
  inside: Side;
  outside: Side;
  differences: Difference[];
  exact: boolean;
  keys_left_out: boolean;
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
    placeholderData: keepPreviousData,
  });
}
