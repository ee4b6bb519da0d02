import type { Patch } from "../../lib/url-state";

/** Orders of the list of traces: what the menu offers, and what the address and the API call them. */
export const TRACE_ORDERS = [
  { value: "newest", label: "Newest first", sort: "", order: "" },
  { value: "oldest", label: "Oldest first", sort: "start", order: "asc" },
  { value: "longest", label: "Longest first", sort: "duration", order: "" },
  { value: "shortest", label: "Shortest first", sort: "duration", order: "asc" },
  { value: "spans", label: "Most spans first", sort: "span_count", order: "" },
  { value: "errors", label: "Most errors first", sort: "errors", order: "" },
] as const;

export type TraceOrder = (typeof TRACE_ORDERS)[number];

/** The order in an address; the newest first when it names none, or none that is offered. */
export function readTraceOrder(search: string): TraceOrder {
  const params = new URLSearchParams(search);
  const [sort, order] = [params.get("sort") ?? "", params.get("order") ?? ""];
  return TRACE_ORDERS.find((one) => one.sort === sort && one.order === order) ?? TRACE_ORDERS[0];
}

export function traceOrderPatch(value: TraceOrder["value"]): Patch {
  const { sort, order } = TRACE_ORDERS.find((one) => one.value === value)!;
  return { sort, order };
}
