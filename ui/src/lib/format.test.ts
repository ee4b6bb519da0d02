import { describe, expect, it } from "vitest";
import {
  formatAgo,
  formatBytes,
  formatCount,
  formatDuration,
  formatShare,
  group,
  parseDuration,
  plural,
  printDuration,
  tightDuration,
} from "./format";

describe("formatDuration", () => {
  it.each([
    [0, "0 µs"],
    [1, "1 ns"],
    [926_000, "926 µs"],
    [999_600, "1 ms"],
    [1_395_381, "1.4 ms"],
    [11_930_000, "11.9 ms"],
    [263_400_000, "263 ms"],
    [999_960_000, "1 s"],
    [1_271_000_000, "1.27 s"],
    [90e9, "1.5 min"],
    [-5_000_000, "−5 ms"],
    [30 * 86400e9, "30 d"],
  ])("%d", (ns, text) => expect(formatDuration(ns)).toBe(text));
});

it("shares never round to none or all", () => {
  expect(formatShare(0, 10)).toBe("0%");
  expect(formatShare(1, 100_000)).toBe("<0.1%");
  expect(formatShare(99_999, 100_000)).toBe(">99.9%");
  expect(formatShare(21, 100)).toBe("21%");
  expect(formatShare(25, 1000)).toBe("2.5%");
  expect(formatShare(3, 3)).toBe("100%");
});

it("counts are grouped or shortened", () => {
  expect(group(1204331)).toBe("1,204,331");
  expect(group(-9223372036854775808n)).toBe("-9,223,372,036,854,775,808");
  expect(formatCount(9_999)).toBe("9,999");
  expect(formatCount(12_345)).toBe("12.3 k");
  expect(formatCount(999_999)).toBe("1 M");
  expect(plural(1, "span")).toBe("1 span");
  expect(plural(2, "entry")).toBe("2 entries");
  expect(plural(30, "day")).toBe("30 days");
});

it("bytes and ages", () => {
  expect(formatBytes(512)).toBe("512 B");
  expect(formatBytes(1_500_000)).toBe("1.43 MiB");
  expect(formatAgo(3_000_000_000n)).toBe("just now");
  expect(formatAgo(7_200_000_000_000n)).toBe("2 h ago");
});

describe("durations that are typed", () => {
  it.each([
    ["500ms", 500e6],
    ["1.5 s", 1.5e9],
    ["200", 200e6],
    ["2m", 120e9],
    ["10us", 10e3],
  ])("%s", (text, ns) => {
    expect(parseDuration(text)).toBe(ns);
    expect(parseDuration(printDuration(ns))).toBe(ns);
  });

  it("are printed so that they can be read, to the nanosecond", () => {
    const texts: [number, string][] = [[0, "0ns"], [1, "1ns"], [1_500, "1.5us"], [7_943_282, "7.943282ms"], [50_120_000, "50.12ms"], [1_500_000_000, "1500ms"], [12_345_678_901, "12.345678901s"], [5_400_000_000_000, "90m"]];
    for (const [ns, text] of texts) expect([printDuration(ns), parseDuration(text)]).toEqual([text, ns]);
    for (let k = 0; k <= 120; k += 1) {
      const edge = Math.round(10 ** (k / 10));
      expect(parseDuration(printDuration(edge))).toBe(edge);
    }
  });

  it("refuses the rest", () => {
    for (const text of ["", "fast", "-1ms", "1 parsec"]) expect(parseDuration(text)).toBeNull();
  });
});

describe("durations in discs", () => {
  it("have no blank and at most five letters", () => {
    const cases: [number, string][] = [[28_100_000, "28ms"], [4_070_000, "4.1ms"], [9_960_000, "10ms"], [487_000, "487µs"], [1_020_000_000, "1.02s"], [61_000_000_000, "1.02min"], [3_000_000, "3ms"]];
    for (const [ns, text] of cases) expect(tightDuration(ns)).toBe(text);
  });
});
