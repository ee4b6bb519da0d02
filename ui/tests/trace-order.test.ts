import { expect, it } from "vitest";
import { patchSearch } from "../src/lib/url-state";
import { readTraceOrder, TRACE_ORDERS, traceOrderPatch } from "../src/screens/traces/trace-order";

it("every order comes back from the address, and the newest first needs none", () => {
  for (const one of TRACE_ORDERS) {
    expect(readTraceOrder(patchSearch("q=x&sort=errors", traceOrderPatch(one.value))).order).toBe(one);
  }
  expect(patchSearch("q=x&sort=errors&order=asc", traceOrderPatch("newest"))).toBe("q=x");
  expect(readTraceOrder("sort=duration&order=desc").order.value).toBe("longest");
  expect(readTraceOrder("sort=start").order.value).toBe("newest");
  expect(readTraceOrder("order=asc").order.value).toBe("oldest");
});

it("an order that is not offered is the newest first, and said", () => {
  expect(readTraceOrder("q=x")).toEqual({ order: TRACE_ORDERS[0], problem: null });
  for (const search of ["sort=nonsense", "sort=errors&order=asc", "order=down"]) {
    const { order, problem } = readTraceOrder(search);
    expect([search, order.value]).toEqual([search, "newest"]);
    expect(problem).toContain(search.split("&")[0]);
  }
});
