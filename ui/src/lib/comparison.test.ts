import { describe, expect, it } from "vitest";
import { comparedWindow, durationDelta, rateDelta, readComparison, shareDelta } from "./comparison";
import { nanos } from "./time";

const print = (value: number) => String(value);

describe("what is compared", () => {
  it("is read from the address, and what cannot be read is said", () => {
    expect(readComparison("")).toEqual({ cmp: "none", problem: null });
    expect(readComparison("from=now-1h&cmp=-7d").cmp).toBe("-7d");
    expect(readComparison("cmp=-2d")).toMatchObject({ cmp: "none", problem: expect.stringContaining("-1d") });
  });

  it("is as long and earlier", () => {
    const window = { from: nanos(2_000_000_000_000_000n), to: nanos(2_000_900_000_000_000n) };
    expect(comparedWindow(window, "prev")).toEqual({ from: 1_999_100_000_000_000n, to: window.from });
    const day = comparedWindow(window, "-1d");
    expect([window.from - day.from, day.to - day.from]).toEqual([86_400_000_000_000n, window.to - window.from]);
    expect(window.to - comparedWindow(window, "-7d").to).toBe(7n * 86_400_000_000_000n);
  });
});

describe("differences", () => {
  it("of rates are neither good nor bad", () => {
    expect(rateDelta(150, 100, print)).toEqual({ text: "+50%", tone: "neutral", before: "100" });
    expect([rateDelta(50, 100, print).text, rateDelta(100, 100, print).text, rateDelta(3, 0, print).text, rateDelta(2_400, 100, print).text]).toEqual(["−50%", "±0%", "new", "×24"]);
  });

  it("of failures are in points", () => {
    expect(shareDelta(0.58, 0.02, print)).toMatchObject({ text: "+56.0 pts", tone: "worse" });
    expect(shareDelta(0.02, 0.58, print)).toMatchObject({ text: "−56.0 pts", tone: "better" });
    expect([shareDelta(0.021, 0.02, print), shareDelta(0.02, 0.02, print)]).toMatchObject([{ text: "+0.1 pts", tone: "neutral" }, { text: "±0 pts" }]);
  });

  it("of durations are worse when longer, beyond chance", () => {
    expect(durationDelta(80e6, 40e6)).toEqual({ text: "+100%", tone: "worse", before: "40 ms" });
    expect(durationDelta(20e6, 40e6)).toMatchObject({ text: "−50%", tone: "better" });
    expect(durationDelta(42e6, 40e6)).toMatchObject({ text: "+5%", tone: "neutral" });
  });
});
