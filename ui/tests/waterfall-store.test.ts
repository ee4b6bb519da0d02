import { describe, expect, it } from "vitest";
import { findSpans, readFind } from "../src/engine/find";
import { isGroupRow, outlineAncestors, spanOfRow, spanRow } from "../src/engine/folds";
import type { TraceModel } from "../src/engine/trace-model";
import { WaterfallStore } from "../src/engine/waterfall-store";
import { naiveTree } from "./naive-trace";
import { NaiveTreegrid } from "./naive-treegrid";
import { chain, idAt, modelOf, random, randomTrace, span } from "./traces";

const found = (model: TraceModel, text: string) => findSpans(model, readFind(model, text), null);

const KEYS = [
  "ArrowDown", "ArrowUp", "ArrowLeft", "ArrowRight", "Home", "End", "PageDown", "PageUp", "*", "e", "E", "n", "N",
  "p", "C", "1", "3", "w", "s", "a", "d", "0", "z",
];

describe("the keys of the waterfall", () => {
  it("keep the active row visible and the view inside the trace, whatever is pressed", () => {
    let groups = 0;
    for (let seed = 1; seed <= 12; seed += 1) {
      const next = random(seed);
      // Few names, so that there are groups of siblings.
      const store = new WaterfallStore(modelOf(randomTrace(300, seed).map((one) => ({ ...one, service: one.id % 40 ? "s1" : "s3", name: "same" }))));
      groups += store.model.groups.count;
      store.setMatches(found(store.model, "service:s3"));
      for (let step = 0; step < 200; step += 1) {
        const key = KEYS[Math.floor(next() * KEYS.length)]!;
        expect(store.key(key, 10), key).toBe("handled");
        expect(store.rows[store.activeRow()], `seed ${seed} step ${step} ${key}`).toBe(store.active);
        expect(outlineAncestors(store.model, store.active, false, Infinity).some((up) => store.isFolded(up))).toBe(false);
        expect(store.view.t0).toBeGreaterThanOrEqual(0);
        expect(store.view.t1).toBeLessThanOrEqual(store.model.durationNs);
        expect(store.view.t1).toBeGreaterThan(store.view.t0);
      }
    }
    expect(groups).toBeGreaterThan(0);
  });

  it("do what the specification says, for 200 random keys on each of 15 traces", () => {
    const keys = [...KEYS.filter((key) => !/^[wsad0z]$/.test(key)), "2", "4", "5", "6", "7", "8", "9"];
    for (let seed = 1; seed <= 15; seed += 1) {
      const next = random(seed);
      // Every name is its own: no groups. Parents that are not there make roots.
      const spans = randomTrace(20 + seed * 4, seed).map((one) => ({ ...one, name: `op ${one.id}` }));
      const store = new WaterfallStore(modelOf(spans));
      store.setMatches(found(store.model, "service:s3"));
      const naive = new NaiveTreegrid(naiveTree(spans), (one) => one.service === "s3", 7);
      const pressed: string[] = [];
      for (let step = 0; step < 200; step += 1) {
        pressed.push(keys[Math.floor(next() * keys.length)]!);
        store.key(pressed.at(-1)!, 7);
        naive.press(pressed.at(-1)!);
        const said = `seed ${seed}: ${pressed.join(" ")}`;
        expect(idAt(store.model, store.activeSpan), said).toBe(naive.active.id);
        expect(Array.from(store.rows, (row) => idAt(store.model, spanOfRow(row))).join(), said).toBe(naive.rows().map((one) => one.id).join());
      }
    }
  });

  it("follow the treegrid pattern", () => {
    const store = new WaterfallStore(modelOf([span(1, 0, 0, 9), span(2, 1, 1, 5), span(3, 2, 2, 1), span(4, 1, 7, 1)]));
    const at = () => idAt(store.model, store.activeSpan);
    const press = (...keys: string[]) => keys.forEach((key) => store.key(key, 10));
    press("ArrowRight");
    expect(at()).toBe(2);
    press("ArrowLeft");
    expect([at(), store.isFolded(store.active), store.rows.length]).toEqual([2, true, 3]);
    press("ArrowLeft");
    expect(at()).toBe(1);
    press("End", "ArrowDown");
    expect(at()).toBe(4);
    press("Home", "ArrowUp");
    expect(at()).toBe(1);
    press("ArrowDown", "*");
    expect(store.rows.length).toBe(4);
    expect([store.key("Enter", 10), store.key("Escape", 10), store.key("x", 10)]).toEqual(["inspect", "close", "ignored"]);
  });

  it("visit errors and matches in order and around the end", () => {
    const spans = [1, 2, 3, 4].map((id, i) => span(id, i === 0 ? 0 : 1, i, 1, { status: i % 2 ? 2 : 0 }));
    const store = new WaterfallStore(modelOf(spans));
    const visited = ["e", "e", "e", "E"].map((key) => {
      store.key(key, 10);
      return idAt(store.model, store.activeSpan);
    });
    expect(visited).toEqual([2, 4, 2, 4]);
    store.setActive(0);
    store.setMatches(found(store.model, "error"));
    expect([store.stepMatch(1), store.stepMatch(1), store.stepMatch(1), store.stepMatch(-1)]).toEqual([0, 1, 0, 1]);
    store.setMatches(new Int32Array(0));
    expect(store.stepMatch(1)).toBe(-1);
  });

  it("unfold what a found span is hidden under", () => {
    const store = new WaterfallStore(modelOf(chain(50)));
    store.foldToLevels(1);
    expect(store.rows.length).toBe(1);
    store.setActive(49);
    expect([store.rows.length, store.activeRow()]).toEqual([50, 49]);
  });

  it("open and leave groups of siblings", () => {
    const store = new WaterfallStore(modelOf([span(1, 0, 0, 99), ...[2, 3, 4, 5, 6].map((id) => span(id, 1, id, 1, { name: "same" }))]));
    const press = (...keys: string[]) => keys.forEach((key) => store.key(key, 10));
    expect(store.rows.length).toBe(2);
    press("ArrowDown");
    expect([isGroupRow(store.active), store.isFolded(store.active)]).toEqual([true, true]);
    press("Enter");
    expect(store.rows.length).toBe(7);
    press("ArrowRight", "ArrowDown");
    expect(idAt(store.model, store.activeSpan)).toBe(3);
    press("ArrowLeft");
    expect(isGroupRow(store.active)).toBe(true);
    press("ArrowLeft", "ArrowLeft");
    expect([store.active, store.rows.length]).toEqual([spanRow(0), 2]);
  });

  it("show only what is wanted, with its ancestors", () => {
    const store = new WaterfallStore(modelOf(chain(10)));
    store.showOnly([4]);
    expect(store.rows.length).toBe(5);
    store.setActive(8);
    expect(store.activeRow()).toBe(0);
    store.showOnly([]);
    expect([store.rows.length, store.key("ArrowDown", 5)]).toEqual([0, "ignored"]);
    store.showOnly(null);
    expect(store.rows.length).toBe(10);
  });
});
