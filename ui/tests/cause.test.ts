import { describe, expect, it } from "vitest";
import type { CauseChange } from "../src/api/cause";
import type { ServiceMap } from "../src/api/types";
import { edgePanel, linkOf, partsOf, phraseOf } from "../src/engine/cause-links";
import { parseSearch } from "../src/engine/search/parse";
import { boxPatch, readBox, readWindow, windowPatch } from "../src/lib/selection-url";
import { nanos } from "../src/lib/time";
import { patchSearch } from "../src/lib/url-state";

const CHANGE: CauseChange = {
  kind: "own_time", service: "cart", caller: null, callee: null, operation: "GET /cart", message: null, is_error: false,
  window: { samples: 1, value: 1 }, base: { samples: 1, value: 1 }, z: 3, weight: 0.1, sentence: "", example: null,
};

describe("what changed", () => {
  it("leads to the spans or log records that it is about", () => {
    expect(linkOf(CHANGE)).toEqual({ path: "/traces", q: 'service:cart name:"GET /cart"', label: "Traces" });
    expect(linkOf({ ...CHANGE, kind: "on_the_way", caller: "shop", callee: "cart" }).q).toBe('service:shop name:"GET /cart"');
    expect(linkOf({ ...CHANGE, kind: "failures" }).q).toBe('service:cart name:"GET /cart" -outcome:ok');
    const logs = linkOf({ ...CHANGE, kind: "messages", operation: null, message: "<n>:<n> pool of <n> (main) is empty after <n> ms" });
    expect(logs).toEqual({ path: "/logs", q: 'service:cart "main is empty after"', label: "Logs" });
    for (const kind of ["own_time", "failures", "fewer_calls", "exceptions"] as const) {
      expect(parseSearch(linkOf({ ...CHANGE, kind, operation: 'odd "name" (x)*' }).q, "traces").tree, kind).not.toBeNull();
    }
  });

  it("leads to the arrow on the map, or to the caller", () => {
    const call = { ...CHANGE, kind: "on_the_way" as const, caller: "shop", callee: "cart" };
    const edge = { source: "service:shop", target: "service:cart", kind: "async" } as ServiceMap["edges"][number];
    expect(edgePanel(call, { edges: [edge] })).toBe("edge:service:shop~service:cart~async");
    expect(edgePanel(call, { edges: [{ ...edge, target: "service:other" }] })).toBe("node:service:shop");
    expect(edgePanel(call, undefined)).toBe("node:service:shop");
  });

  it("searches for words, not for what differs", () => {
    expect(phraseOf("connection refused")).toBe('"connection refused"');
    expect(phraseOf("<id> <n>")).toBe("");
    expect(phraseOf("timeout")).toBe("timeout");
    expect(phraseOf("a <n>")).toBe("");
  });

  it("tells names from words", () => {
    expect(partsOf("`a` calls `b` twice")).toEqual([
      { text: "a", code: true }, { text: " calls ", code: false }, { text: "b", code: true }, { text: " twice", code: false },
    ]);
  });
});

describe("selections in the address", () => {
  it("are read as they were written", () => {
    const boxes = [
      { from: nanos("1761000000000000000"), to: nanos("1761000060000000000"), fromNs: 0, toNs: 1_467_799, outcome: null },
      { from: nanos("1"), to: nanos("2"), fromNs: 5, toNs: null, outcome: "fault" as const },
    ];
    for (const box of boxes) expect(readBox(patchSearch("q=a&sel=1,2,3,4", boxPatch(box)))).toEqual({ ok: true, value: box });
    expect(readBox("q=a")).toEqual({ ok: true, value: null });
    expect(patchSearch("sel=1,2,3,4", boxPatch(null))).toBe("");
    expect(patchSearch("", boxPatch(boxes[0]!))).toBe("sel=1761000000000000000,1761000060000000000,0,1467799");
    const window = { from: nanos("10"), to: nanos("20") };
    expect(readWindow(patchSearch("", windowPatch(window)))).toEqual({ ok: true, value: window });
  });

  it("that cannot be read are told", () => {
    for (const text of ["1,2,3", "2,1,0,5", "1,2,9,5", "a,b,c,d", "1,2,3,4,wrong"]) expect(readBox(`sel=${text}`).ok, text).toBe(false);
    for (const text of ["1", "2,1", "now,later"]) expect(readWindow(`win=${text}`).ok, text).toBe(false);
  });
});
