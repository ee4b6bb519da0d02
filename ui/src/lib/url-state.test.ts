import { describe, expect, it } from "vitest";
import { nanos } from "./time";
import { parseRange } from "./time-language";
import { carryOver, href, patchSearch, rangePatch, readRange, readText, readZone, textPatch } from "./url-state";

const NOW = nanos("1763650000000000000");

describe("addresses", () => {
  it.each(["", "payment failed", 'service:cart name:"GET /a" duration>=50ms', "50% & more", "{service:a} => {k:/x+/}"])("hold a search: %s", (text) => {
    const search = patchSearch("from=now-1h&q=before", textPatch(text));
    expect(readText(search)).toBe(text);
    expect(readText(patchSearch(search, textPatch("")))).toBe("");
    expect(new URLSearchParams(search).get("from")).toBe("now-1h");
  });

  it("keep parameters they do not know", () => {
    expect(patchSearch("future=1&q=a&from=now-1h", { q: "b" })).toBe("future=1&from=now-1h&q=b");
  });

  it("name what they cannot read", () => {
    expect(readRange("from=whenever", "utc", NOW).ok).toBe(false);
    expect(readRange("from=now&to=now-1h", "utc", NOW).ok).toBe(false);
  });

  it("hold the time range, the default one by absence", () => {
    for (const text of ["15m", "2h", "2025-11-20 14:00..15:30", "now-2h..now-1h", "1763649000000000001..now"]) {
      const parsed = parseRange(text, "utc", NOW);
      if (!parsed.ok) throw new Error(parsed.message);
      expect(readRange(patchSearch("", rangePatch(parsed.value)), "utc", NOW)).toEqual(parsed);
    }
    expect(patchSearch("from=now-1h&to=now", rangePatch({ from: { kind: "relative", offsetNs: -900n, text: "now-15m" }, to: { kind: "relative", offsetNs: 0n, text: "now" } }))).toBe("");
  });

  it("carry time to the next screen and leave the rest", () => {
    expect(carryOver("q=a&from=now-1h&span=1&tz=local")).toBe("from=now-1h&tz=local");
    expect(href("/logs", { q: "trace_id:ab" }, "from=now-1h")).toBe("/logs?from=now-1h&q=trace_id:ab");
    expect(readZone("tz=local")).toBe("local");
    expect(readZone("tz=mars")).toBeNull();
  });
});
