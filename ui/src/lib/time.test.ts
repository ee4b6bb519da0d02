import { describe, expect, it } from "vitest";
import {
  DEFAULT_RANGE,
  describeRange,
  formatDateTime,
  nanos,
  parseInstant,
  parseRange,
  printInstant,
  resolve,
  rfc3339,
  spanNs,
} from "./time";

const NOW = nanos("1763650000000000000"); // 2025-11-20T14:46:40Z

function range(text: string): [string, string] | string {
  const parsed = parseRange(text, "utc", NOW);
  if (!parsed.ok) return parsed.message;
  return [printInstant(parsed.value.from), printInstant(parsed.value.to)];
}

describe("the time field", () => {
  it.each([
    ["15m", "now-15m", "now"],
    ["last 2 hours", "now-2h", "now"],
    ["90 s", "now-90s", "now"],
    ["now-1h..now", "now-1h", "now"],
    ["now-1h", "now-1h", "now"],
    ["now-2h .. now-1h", "now-2h", "now-1h"],
    ["today", "2025-11-20T00:00:00Z", "now"],
    ["yesterday", "2025-11-19T00:00:00Z", "2025-11-20T00:00:00Z"],
    ["2025-11-20T14:00:00Z..2025-11-20T15:30:00Z", "2025-11-20T14:00:00Z", "2025-11-20T15:30:00Z"],
    ["2025-11-20 14:00..15:30", "2025-11-20T14:00:00Z", "2025-11-20T15:30:00Z"],
    ["2025-11-20 14:00 – 15:30", "2025-11-20T14:00:00Z", "2025-11-20T15:30:00Z"],
    ["2025-11-20 14:00 to 2025-11-21 01:00", "2025-11-20T14:00:00Z", "2025-11-21T01:00:00Z"],
    ["2025-11-20T14:00:00+02:00..2025-11-20T13:00:00Z", "2025-11-20T12:00:00Z", "2025-11-20T13:00:00Z"],
    ["2025-11-20T14:00:00.123456789Z", "2025-11-20T13:55:00.123456789Z", "2025-11-20T14:05:00.123456789Z"],
    ["1763650000", "2025-11-20T14:41:40Z", "2025-11-20T14:51:40Z"],
    ["1763650000000..1763650060000", "2025-11-20T14:46:40Z", "2025-11-20T14:47:40Z"],
    ["1763649999000000001..now", "2025-11-20T14:46:39.000000001Z", "now"],
    ["14:00..14:30", "2025-11-20T14:00:00Z", "2025-11-20T14:30:00Z"],
  ])("reads %s", (text, from, to) => {
    expect(range(text)).toEqual([from, to]);
  });

  it.each(["soon", "2025-13-01", "2025-02-30", "now-3x", "25:00", "now..now-1h"])("explains %s", (text) => {
    expect(typeof range(text)).toBe("string");
  });

  it("opens on the last 15 minutes when empty", () => {
    expect(parseRange(" ", "utc", NOW)).toEqual({ ok: true, value: DEFAULT_RANGE });
  });
});

describe("instants", () => {
  it("survive printing and parsing to the nanosecond", () => {
    for (const text of ["now", "now-15m", "2022-08-22T03:51:07.000000001Z", "2022-08-22T03:51:07.5Z"]) {
      const parsed = parseInstant(text, "utc", NOW);
      if (!parsed.ok) throw new Error(parsed.message);
      const again = parseInstant(printInstant(parsed.value), "local", NOW);
      expect(again.ok && resolve(again.value, NOW)).toBe(resolve(parsed.value, NOW));
    }
  });

  it("before 1970 print too", () => {
    expect(rfc3339(nanos(-1n))).toBe("1969-12-31T23:59:59.999999999Z");
  });

  it("show as date and clock", () => {
    expect(formatDateTime(nanos("1675084655372231884"), "utc", 9)).toBe("30 Jan 2023 13:17:35.372231884");
  });
});

describe("describeRange", () => {
  it("prefers words", () => {
    expect(describeRange(DEFAULT_RANGE, "utc")).toBe("Last 15 min");
    const day = parseRange("2025-11-20 14:00..15:30", "utc", NOW);
    expect(day.ok && describeRange(day.value, "utc")).toBe("20 Nov 2025 14:00:00 – 15:30:00");
  });
});

it("spans are exact", () => {
  expect(spanNs("1.5s")).toBe(1_500_000_000n);
  expect(spanNs("250ms")).toBe(250_000_000n);
  expect(spanNs("7")).toBeNull();
});
