import { describe, expect, it } from "vitest";
import { DEFAULT_RANGE, describeRange, formatDateTime, nanos, printInstant, resolve, rfc3339, spanNs, spanText } from "./time";
import { parseInstant, parseRange } from "./time-language";

const NOW = nanos("1763650000000000000"); // 2025-11-20T14:46:40Z

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

it("a length is printed in the largest unit that holds it", () => {
  for (const text of ["15m", "90m", "2h", "1d", "45s"]) expect(spanText(spanNs(text)!)).toBe(text);
  expect(spanText(spanNs("1.5s")!)).toBe("2s");
});
