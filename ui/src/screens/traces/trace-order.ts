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

/** The order in an address; the newest first when it names none, and with a sentence when it names none that is offered. */
export function readTraceOrder(search: string): { order: TraceOrder; problem: string | null } {
  const params = new URLSearchParams(search);
  const [sort, order] = [params.get("sort") ?? "", params.get("order") ?? ""];
  const descending = order === "" || order === "desc";
  const found = TRACE_ORDERS.find((one) => (one.sort || "start") === (sort || "start") && (descending ? one.order === "" : one.order === order));
  if (found) return { order: found, problem: null };
  const asked = [sort && `sort=${sort}`, order && `order=${order}`].filter(Boolean).join(" and ");
  return { order: TRACE_ORDERS[0], problem: `${asked} in the address is no order of traces: sort is one of start, duration, span_count, errors, and only the first two can have order=asc; the newest come first.` };
}

export function traceOrderPatch(value: TraceOrder["value"]): Patch {
  const { sort, order } = TRACE_ORDERS.find((one) => one.value === value)!;
  return { sort, order };
}
