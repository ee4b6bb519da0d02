import { describe, expect, it } from "vitest";
import { DEFAULT_RANGE, formatClock, formatDate, formatDateTime, nanos, printInstant, resolve, zoneLabel } from "./time";
import { parseInstant, parseRange } from "./time-language";
import { readZoneName, type Zone } from "./zone";

const NOW = nanos("1763650000000000000"); // 2025-11-20T14:46:40Z

function range(text: string, zone: Zone = "utc"): [string, string] | string {
  const parsed = parseRange(text, zone, NOW);
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
    ["2 hours ago", "now-2h", "now"],
    ["past 30 min", "now-30m", "now"],
    ["Last 15 min", "now-15m", "now"],
    ["today 9-11", "2025-11-20T09:00:00Z", "2025-11-20T11:00:00Z"],
    ["yesterday 14:00-15:30", "2025-11-19T14:00:00Z", "2025-11-19T15:30:00Z"],
    ["yesterday 14:00 .. 15:30", "2025-11-19T14:00:00Z", "2025-11-19T15:30:00Z"],
    ["2025-11-20 9 to 11", "2025-11-20T09:00:00Z", "2025-11-20T11:00:00Z"],
    ["14:00-14:30", "2025-11-20T14:00:00Z", "2025-11-20T14:30:00Z"],
    ["2025-11-18", "2025-11-18T00:00:00Z", "2025-11-19T00:00:00Z"],
    ["18 Nov 2025", "2025-11-18T00:00:00Z", "2025-11-19T00:00:00Z"],
    ["20 Nov 2025 14:00:00 – 15:30:00", "2025-11-20T14:00:00Z", "2025-11-20T15:30:00Z"],
    ["2025-11-20T14:00:00Z/2025-11-20T15:00:00Z", "2025-11-20T14:00:00Z", "2025-11-20T15:00:00Z"],
    ["[2025-11-20 14:00:01,123]", "2025-11-20T13:55:01.123Z", "2025-11-20T14:05:01.123Z"],
    ['"2025-11-20T14:00:00.5+01:00"', "2025-11-20T12:55:00.500Z", "2025-11-20T13:05:00.500Z"],
    ["20/Nov/2025:14:00:01 +0200", "2025-11-20T11:55:01Z", "2025-11-20T12:05:01Z"],
    ["Thu, 20 Nov 2025 14:00:00 GMT", "2025-11-20T13:55:00Z", "2025-11-20T14:05:00Z"],
    ["Nov 20 14:00:01", "2025-11-20T13:55:01Z", "2025-11-20T14:05:01Z"],
    ["Dec 24 18:00:00", "2024-12-24T17:55:00Z", "2024-12-24T18:05:00Z"],
    ["1763650000.25", "2025-11-20T14:41:40.250Z", "2025-11-20T14:51:40.250Z"],
    ["1763650000000000", "2025-11-20T14:41:40Z", "2025-11-20T14:51:40Z"],
  ])("reads %s", (text, from, to) => {
    expect(range(text)).toEqual([from, to]);
  });

  it.each([
    "soon", "2025-13-01", "2025-02-30", "30 Feb 2025", "20/Foo/2025:14:00:00 +0000", "now-3x", "3 fortnights ago", "25:00", "today 25-26", "now..now-1h", "17636500000000.5",
  ])("explains %s", (text) => {
    expect(range(text)).toMatch(/is not a time|no known unit|not after its start/);
  });

  it("opens on the last 15 minutes when empty", () => {
    expect(parseRange(" ", "utc", NOW)).toEqual({ ok: true, value: DEFAULT_RANGE });
  });
});

describe("a zone", () => {
  it("has a name that the browser knows", () => {
    expect(readZoneName("europe/berlin")).toBe("Europe/Berlin");
    expect(readZoneName("UTC")).toBe("utc");
    expect(readZoneName("Asia/Kathmandu")).toBe("Asia/Kathmandu");
    for (const wrong of ["", "Berlin", "Europe/Atlantis", "+01:00"]) expect(readZoneName(wrong), wrong).toBeNull();
  });

  it.each<[Zone, string, string, string]>([
    ["Europe/Berlin", "2025-11-20 14:00..15:30", "2025-11-20T13:00:00Z", "2025-11-20T14:30:00Z"],
    ["Europe/Berlin", "today", "2025-11-19T23:00:00Z", "now"],
    ["America/New_York", "yesterday 9-11", "2025-11-19T14:00:00Z", "2025-11-19T16:00:00Z"],
    ["Asia/Kathmandu", "2025-11-20", "2025-11-19T18:15:00Z", "2025-11-20T18:15:00Z"],
    ["Pacific/Kiritimati", "today", "2025-11-20T10:00:00Z", "now"],
    // Clocks went back at 3:00 and were set forward at 2:00: the days have 25 and 23 hours.
    ["Europe/Berlin", "2025-10-26", "2025-10-25T22:00:00Z", "2025-10-26T23:00:00Z"],
    ["Europe/Berlin", "2025-03-30", "2025-03-29T23:00:00Z", "2025-03-30T22:00:00Z"],
    // 2:30 comes twice: the first one; 2:30 does not come: as much later as the clock jumps.
    ["Europe/Berlin", "2025-10-26 02:30..03:30", "2025-10-26T00:30:00Z", "2025-10-26T02:30:00Z"],
    ["Europe/Berlin", "2025-03-30 01:30..02:30", "2025-03-30T00:30:00Z", "2025-03-30T01:30:00Z"],
    // Half an hour of summer time.
    ["Australia/Lord_Howe", "2025-10-05", "2025-10-04T13:30:00Z", "2025-10-05T13:00:00Z"],
    // What carries its zone does not depend on the reader's.
    ["Asia/Kathmandu", "2025-11-20T14:00:00+02:00..2025-11-20T13:00:00Z", "2025-11-20T12:00:00Z", "2025-11-20T13:00:00Z"],
    ["Asia/Kathmandu", "1763650000000..1763650060000", "2025-11-20T14:46:40Z", "2025-11-20T14:47:40Z"],
  ])("%s: %s", (zone, text, from, to) => {
    expect(range(text, zone)).toEqual([from, to]);
  });

  it("reads what it shows, but for the hour that comes twice", () => {
    const twice: Record<string, [string, string]> = {
      "Europe/Berlin": ["2025-10-26T01:00:00Z", "2025-10-26T02:00:00Z"],
      "America/New_York": ["2025-11-02T06:00:00Z", "2025-11-02T07:00:00Z"],
      "Australia/Lord_Howe": ["2025-04-05T15:00:00Z", "2025-04-05T15:30:00Z"],
      "Asia/Kathmandu": ["", ""],
    };
    const start = BigInt(Date.UTC(2025, 0, 1)) * 1_000_000n;
    for (const [zone, [from, to]] of Object.entries(twice)) {
      for (let half = 0n; half < 365n * 48n; half += 5n) {
        const at = nanos(start + half * 1_800_000_000_000n + 1_234_567_890n);
        const utc = new Date(Number(at / 1_000_000n)).toISOString();
        if (utc >= from && utc < to) continue;
        const shown = formatDateTime(at, zone as Zone, 9);
        const read = parseInstant(shown, zone as Zone, NOW);
        if (!read.ok || resolve(read.value, NOW) !== at) expect.fail(`${zone} shows ${utc} as ${shown} and reads ${read.ok ? printInstant(read.value) : read.message}`);
      }
    }
  });

  it("is shown by what it adds to UTC", () => {
    const winter = nanos("1763650000000000000");
    const summer = nanos("1752000000000000000");
    expect([zoneLabel(winter, "Europe/Berlin"), zoneLabel(summer, "Europe/Berlin")]).toEqual(["+01:00", "+02:00"]);
    expect([zoneLabel(winter, "America/St_Johns"), zoneLabel(winter, "utc")]).toEqual(["-03:30", "UTC"]);
    expect(`${formatDate(winter, "Asia/Tokyo")} ${formatClock(winter, "Asia/Tokyo", 0)}`).toBe("20 Nov 2025 23:46:40");
  });
});
