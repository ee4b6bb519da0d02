import { describe, expect, it } from "vitest";
import { printOnly, readTraceUrl } from "../src/screens/trace/trace-url";

describe("the address of a trace", () => {
  it.each([
    ["", {}],
    ["find=service:cart&hide=1", { find: "service:cart", hide: true }],
    ["find=cart&mark=000000000000000a", { find: "cart", mark: "000000000000000a" }],
    ["only=a,b", { only: ["a", "b"] }],
    ["only=a%252Cb,100%2525", { only: ["a,b", "100%"] }],
    ["z=5,1000", { zoom: { t0: 5, t1: 1000 } }],
    ["cp=1&skew=adj&color=kind&collapsed=3", { critical: true, skew: "adj", color: "kind", levels: 3 }],
    ["color=attr:http.route", { color: "attr:http.route" }],
    ["whatever=else", {}],
  ])("%s", (search, expected) => {
    const usual = { find: "", hide: false, mark: null, only: [], skew: "raw", color: "service", critical: false, zoom: null, levels: null, problems: [] };
    expect(readTraceUrl(search)).toEqual({ ...usual, ...expected });
  });

  it.each(["z=9,1", "z=a", "skew=yes", "color=blue", "color=attr:", "collapsed=0", "collapsed=x"])("says that %s cannot be read", (search) => {
    const { problems, zoom, skew, color, levels } = readTraceUrl(search);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain(search);
    expect([zoom, skew, color, levels]).toEqual([null, "raw", "service", null]);
  });

  it("prints services that read back", () => {
    for (const only of [["a"], ["a,b", "c%2C", "%"], ["ts-order-service", ""].filter(Boolean)]) {
      expect(readTraceUrl(new URLSearchParams({ only: printOnly(only) }).toString()).only).toEqual(only);
    }
  });
});
