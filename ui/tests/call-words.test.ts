import { expect, it } from "vitest";
import type { CallFigures } from "../src/api/flow-queries";
import { findings, timesWords, waitWords } from "../src/kit/call-words";

const CALLS: CallFigures = {
  requests: 10, calls: 470, per_request: { mean: 47, p95: 60, max: 61 },
  n_plus_one: { groups: 10, calls: 470, worst: { trace_id: "t", span_id: "s", calls: 61, operation: "SELECT items" } },
  repeated: null, identical: 3, sequential: { calls: 400, time_ns: 620, share: 0.62 }, example: null,
};

it("calls a request are said as people count", () => {
  expect([1, 1.02, 2, 2.38, 9.96, 47.4, 12_000].map(timesWords)).toEqual([
    "once a request", "once a request", "twice a request", "2.4 times a request", "10 times a request", "47 times a request", "12 k times a request",
  ]);
});

it("waiting is said with its share, unless there is none to speak of", () => {
  expect(waitWords(CALLS)).toBe(", one after another: 62% of its time");
  expect(waitWords({ ...CALLS, sequential: { calls: 2, time_ns: 1, share: 0.004 } })).toBe("");
  expect(waitWords({ ...CALLS, sequential: { calls: 0, time_ns: 0, share: 0 } })).toBe("");
});

it("what is odd is named with its numbers", () => {
  expect(findings(CALLS)).toEqual([
    { label: "N+1", detail: "61 times SELECT items from one span, with differing parameters" },
    { label: "identical", detail: "3 calls that the same request had made before, with the same parameters" },
  ]);
  const open = { ...CALLS, n_plus_one: null, identical: 0, repeated: { groups: 1, calls: 7, worst: { trace_id: "t", span_id: "s", calls: 7, operation: "get" } } };
  expect(findings(open)).toEqual([{ label: "repeated", detail: "7 times get from one span, with the same parameters or with none recorded" }]);
});
