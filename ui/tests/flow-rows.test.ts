import { describe, expect, it } from "vitest";
import type { Flow, FlowLog, FlowTrace } from "../src/api/flow-queries";
import { causeWords, flowSummary, gapWords, stepFacts, timelineRows, treeRows } from "../src/screens/flow/flow-rows";

const MS = 1_000_000;
const T0 = 1_700_000_000_000_000_000n;
const at = (ms: number) => String(T0 + BigInt(ms * MS));

function trace(nth: number, start: number, duration: number, gap: number | null, more: Partial<FlowTrace> = {}): FlowTrace {
  return {
    trace_id: `t${nth}`, how: "value", root: { span_id: `s${nth}`, service: "shop", name: `step ${nth}` }, start_time_unix_nano: at(start),
    duration_ns: duration * MS, outcome: "ok", span_count: 3, error_count: 0, services: [{ service: "shop", span_count: 3, error_count: 0 }],
    complete: true, matched_span_count: 1, matched_span_ids: [`s${nth}`], matched_log_count: 0, cause: null, gap_ns: gap === null ? null : gap * MS,
    usual: null, ...more,
  };
}

function log(id: string, time: number, traceId: string | null): FlowLog {
  return {
    id, time_unix_nano: at(time), observed_time_unix_nano: null, severity_number: 9, severity: "INFO", severity_text: null, body: id, trace_id: traceId,
    span_id: null, flags: 0, service: "shop", event_name: null, scope: { name: "", version: "" }, resource: {}, attributes: {}, carries_value: traceId === null,
  };
}

const FLOW: Flow = {
  value: "A-1", looked_under: ["order.id"], found_under: [{ key: "order.id", spans: 2, logs: 1 }], is_trace_id: false,
  start_time_unix_nano: at(0), end_time_unix_nano: at(1010),
  traces: [
    trace(0, 0, 10, null),
    trace(1, 12, 10, 2, { cause: { trace_id: "t0", span: { span_id: "s0", service: "shop", name: "step 0" }, via: "link", age_ns: 12 * MS } }),
    trace(2, 1000, 10, 978, { usual: { wait: { median_ns: 66 * MS, p95_ns: 69 * MS }, duration: { median_ns: MS, p95_ns: 2 * MS }, late: true, slow: true } }),
  ],
  tree: [{ trace: 0, parent: null, depth: 0 }, { trace: 1, parent: 0, depth: 1 }, { trace: 2, parent: null, depth: 0 }],
  logs: [log("in t1", 15, "t1"), log("loose 1", 500, null), log("loose 2", 600, "elsewhere")],
  log_count: 3,
  timeline: [{ trace: 0 }, { trace: 1 }, { log: 0 }, { log: 1 }, { log: 2 }, { trace: 2 }],
  comparison: { key: "order.id", others: 7, alike: 6, partial: false, sentence: "", missing: [{ service: "pay", name: "charge", after: 1 }, { service: "web", name: "GET /", after: null }] },
  notes: [], why_empty: null, elapsed_ms: 3,
};

describe("the rows of a flow", () => {
  it("are in the order of time, with the gaps that matter, loose log records and what is missing", () => {
    const rows = timelineRows(FLOW);
    expect(rows.map((row) => row.kind)).toEqual(["missing", "step", "step", "missing", "logs", "gap", "step"]);
    const gap = rows[5]!;
    expect(gap).toMatchObject({ late: true, start: 22 * MS, end: 1000 * MS });
    const loose = rows[4]!;
    expect(loose.kind === "logs" && loose.logs.map((mark) => [mark.log.id, mark.at])).toEqual([["loose 1", 500 * MS], ["loose 2", 600 * MS]]);
    const second = rows[2]!;
    expect(second.kind === "step" && second.logs.map((mark) => mark.log.id)).toEqual(["in t1"]);
  });

  it("keep the depth of the tree", () => {
    expect(treeRows(FLOW).map((row) => [row.trace.trace_id, row.depth])).toEqual([["t0", 0], ["t1", 1], ["t2", 0]]);
  });

  it("say in words what the bars show", () => {
    expect(gapWords(FLOW.traces[2]!)).toBe("978 ms without a step; others wait 66 ms, 95% of them at most 69 ms");
    expect(gapWords(FLOW.traces[1]!)).toBe("2 ms without a step");
    const [first, second, third] = treeRows(FLOW);
    expect(causeWords(first!)).toBe("");
    expect(causeWords(second!)).toBe("links to shop step 0, 12 ms after its start");
    expect(stepFacts(second!)).toEqual(["3 spans", "1 service", "1 log record", "value in 1 span"]);
    expect(stepFacts(third!).at(-1)).toBe("others take 1 ms, 95% of them at most 2 ms");
    expect(flowSummary(FLOW)).toBe("3 traces of 1 service with 3 log records in 1.01 s; 1 step late, 1 step slow, 2 steps missing");
    const failed = { ...FLOW, traces: FLOW.traces.map((one, nth) => ({ ...one, usual: null, outcome: nth === 1 ? ("fault" as const) : one.outcome })) };
    expect(flowSummary(failed)).toBe("3 traces of 1 service with 3 log records in 1.01 s; 1 of them failed, 2 steps missing");
  });

  it("have a length even when everything happens at once", () => {
    const rows = timelineRows({ ...FLOW, end_time_unix_nano: at(0), traces: [trace(0, 0, 0, null)], tree: [], logs: [], timeline: [{ trace: 0 }] });
    expect(rows.map((row) => row.kind)).toEqual(["missing", "step"]);
  });
});
