import { describe, expect, it } from "vitest";
import { findSpans } from "../src/engine/find";
import { ancestors, buildTraceModel } from "../src/engine/trace-model";
import { WaterfallStore } from "../src/engine/waterfall-store";
import { chain, random, randomTrace, span } from "./traces";

const KEYS = [
  "ArrowDown", "ArrowUp", "ArrowLeft", "ArrowRight", "Home", "End", "PageDown", "PageUp", "*", "e", "E", "n", "N",
  "p", "C", "1", "3", "w", "s", "a", "d", "0", "z",
];

describe("the keys of the waterfall", () => {
  it("keep the active row visible and the view inside the trace, whatever is pressed", () => {
    for (let seed = 1; seed <= 12; seed += 1) {
      const next = random(seed);
      const store = new WaterfallStore(buildTraceModel(randomTrace(300, seed), 1e9));
      store.setMatches(findSpans(store.model, "service:s3"));
      for (let step = 0; step < 200; step += 1) {
        const key = KEYS[Math.floor(next() * KEYS.length)]!;
        expect(store.key(key, 10), key).toBe("handled");
        expect(store.rows[store.activeRow()], `seed ${seed} step ${step} ${key}`).toBe(store.active);
        expect(ancestors(store.model, store.active).some((up) => store.isFolded(up))).toBe(false);
        expect(store.view.t0).toBeGreaterThanOrEqual(0);
        expect(store.view.t1).toBeLessThanOrEqual(store.model.durationNs);
        expect(store.view.t1).toBeGreaterThan(store.view.t0);
      }
    }
  });

  it("follow the treegrid pattern", () => {
    const store = new WaterfallStore(buildTraceModel([span("a", null, 0, 9), span("b", "a", 1, 5), span("c", "b", 2, 1), span("d", "a", 7, 1)], 9));
    const at = () => store.model.spans[store.active]!.span_id;
    const press = (...keys: string[]) => keys.forEach((key) => store.key(key, 10));
    press("ArrowRight");
    expect(at()).toBe("b");
    press("ArrowLeft");
    expect([at(), store.isFolded(store.active), store.rows.length]).toEqual(["b", true, 3]);
    press("ArrowLeft");
    expect(at()).toBe("a");
    press("End", "ArrowDown");
    expect(at()).toBe("d");
    press("Home", "ArrowUp");
    expect(at()).toBe("a");
    press("ArrowDown", "*");
    expect(store.rows.length).toBe(4);
    expect([store.key("Enter", 10), store.key("Escape", 10), store.key("x", 10)]).toEqual(["inspect", "close", "ignored"]);
  });

  it("visit errors and matches in order and around the end", () => {
    const spans = ["a", "b", "c", "d"].map((id, i) => span(id, i === 0 ? null : "a", i, 1, { status: i % 2 ? "ERROR" : "UNSET" }));
    const store = new WaterfallStore(buildTraceModel(spans, 9));
    const visited = ["e", "e", "e", "E"].map((key) => {
      store.key(key, 10);
      return store.model.spans[store.active]!.span_id;
    });
    expect(visited).toEqual(["b", "d", "b", "d"]);
    store.setActive(0);
    store.setMatches(findSpans(store.model, "error"));
    expect([store.stepMatch(1), store.stepMatch(1), store.stepMatch(1), store.stepMatch(-1)]).toEqual([0, 1, 0, 1]);
    store.setMatches(new Int32Array(0));
    expect(store.stepMatch(1)).toBe(-1);
  });

  it("unfold what a found span is hidden under", () => {
    const store = new WaterfallStore(buildTraceModel(chain(50), 100));
    store.foldToLevels(1);
    expect(store.rows.length).toBe(1);
    store.setActive(49);
    expect([store.rows.length, store.activeRow()]).toEqual([50, 49]);
  });
});
