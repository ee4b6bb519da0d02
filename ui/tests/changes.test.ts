import { describe, expect, it } from "vitest";
import type { MapNode } from "../src/api/types";
import { changesOf } from "../src/engine/changes";

function node(name: string, requests: number, faults = 0, p95 = 10e6): MapNode {
  return {
    id: `service:${name}`, name, type: "service", inferred: false, measured: "served", group: null, traces: requests, requests, ok: requests - faults, errors: 0, throttles: 0, faults,
    duration_ns: { mean: p95, p50: p95, p95, p99: p95, max: p95 }, histogram: [], over_time: null,
  };
}

describe("what changed", () => {
  it("names the strongest difference of each service, the worst first", () => {
    const before = [node("same", 100), node("failing", 100, 2), node("slow", 100), node("busy", 100), node("gone", 50), node("healed", 100, 50)];
    const now = [node("same", 104), node("failing", 100, 58), node("slow", 100, 0, 80e6), node("busy", 300), node("fresh", 5), node("healed", 100)];
    const changes = changesOf(now, before);
    expect(changes.map(({ node: { name }, words, tone }) => [name, words, tone])).toEqual([
      ["failing", "fault 2% → 58%", "worse"],
      ["gone", "no requests any more (50 before)", "worse"],
      ["slow", "p95 10 ms → 80 ms", "worse"],
      ["healed", "fault 50% → 0%", "better"],
      ["fresh", "new", "neutral"],
      ["busy", "3.0 times the requests", "neutral"],
    ]);
  });

  it("says nothing about a handful of requests, or without a time before", () => {
    expect(changesOf([node("rare", 5, 5)], [node("rare", 5)])).toEqual([]);
    expect(changesOf([node("new", 100)], [])).toEqual([]);
  });
});
