import { expect, it } from "vitest";
import { patchSearch } from "../src/lib/url-state";
import { readTraceOrder, TRACE_ORDERS, traceOrderPatch } from "../src/screens/traces/trace-order";

it("every order comes back from the address, and the newest first needs none", () => {
  for (const one of TRACE_ORDERS) {
    expect(readTraceOrder(patchSearch("q=x&sort=errors", traceOrderPatch(one.value)))).toBe(one);
  }
  expect(patchSearch("q=x&sort=errors&order=asc", traceOrderPatch("newest"))).toBe("q=x");
  expect(readTraceOrder("sort=nonsense").value).toBe("newest");
});
