import { describe, expect, it } from "vitest";
import { attributeFilter, attributeKey, readSearchText, EMPTY_SEARCH, parseFilter, printFilter, printSearchText } from "./filters";
import { nanos, parseRange } from "./time";
import { carryOver, href, languagePatch, patchSearch, rangePatch, readRange, readSearch, readSearchLanguage, readZone } from "./url-state";

const NOW = nanos("1763650000000000000");

describe("addresses", () => {
  it.each([
    "",
    "q=payment+failed",
    "f=service:eq:ts-travel-service&f=status:eq:ERROR&min=50ms&max=2s",
    "f=http.route:eq:/api/v1/*&f=a%253Ab:eq:x:y",
    "q=50%25+%26+more",
    "f=severity:gte:WARN&min=1500us",
  ])("with a search in the language keep its meaning: %s", (search) => {
    const { text, problems } = readSearchLanguage(search);
    expect(problems).toEqual([]);
    const again = new URLSearchParams(patchSearch(search, languagePatch(text)));
    expect([...again.keys()].filter((key) => key !== "q")).toEqual([]);
    expect(again.get("q") ?? "").toBe(text);
  });

  it("read the filters of links into the search", () => {
    expect(readSearchLanguage("f=service:eq:cart&f=operation:eq:GET+/a&f=severity:gte:WARN&min=50ms&max=2s&q=late").text).toBe(
      'service:cart name:"GET /a" severity>=warn duration>=50ms duration<=2s late',
    );
    expect(readSearchLanguage("f=http.route:eq:/api/v1/*&f=a%253Ab:eq:x:y&f=attributes.status:eq:5").text).toBe(
      'http.route:"/api/v1/*" "a:b":x:y attributes.status:5',
    );
  });

  it("keep parameters they do not know", () => {
    expect(patchSearch("future=1&q=a&from=now-1h", { q: "b", f: ["service:eq:x"] })).toBe(
      "future=1&from=now-1h&q=b&f=service:eq:x",
    );
  });

  it("name what they cannot read", () => {
    const { state, problems } = readSearch("f=nonsense&min=fast&q=x");
    expect(state).toEqual({ ...EMPTY_SEARCH, q: "x" });
    expect(problems).toHaveLength(2);
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
    expect(href("/logs", { f: ["trace_id:eq:ab"] }, "from=now-1h")).toBe("/logs?from=now-1h&f=trace_id:eq:ab");
    expect(readZone("tz=local")).toBe("local");
    expect(readZone("tz=mars")).toBeNull();
  });
});

describe("the search box", () => {
  it("turns conditions into filters and leaves words", () => {
    expect(readSearchText('service:cart status=error http.route="/a b" duration>=50ms duration<2s payment failed', EMPTY_SEARCH)).toEqual({
      q: "payment failed",
      filters: [
        { field: "service", op: "eq", value: "cart" },
        { field: "status", op: "eq", value: "ERROR" },
        { field: "http.route", op: "eq", value: "/a b" },
      ],
      min: 50e6,
      max: 2e9,
    });
  });

  it("is printed so that it reads back", () => {
    for (const text of ["", 'service:cart k="a b" duration>=50ms words more', "status:ERROR http.route=/x:1 duration<=2s"]) {
      const state = readSearchText(text, EMPTY_SEARCH);
      expect(readSearchText(printSearchText(state), EMPTY_SEARCH)).toEqual(state);
    }
  });

  it("replaces reserved fields and adds attributes", () => {
    const first = readSearchText("service:a k=1", EMPTY_SEARCH);
    const second = readSearchText("service:b k=2 k=2", first);
    expect(second.filters.map(printFilter)).toEqual(["k:eq:1", "service:eq:b", "k:eq:2"]);
  });

  it("does not mistake addresses and clocks for conditions", () => {
    expect(readSearchText("http://host/a 12:30:00 severity>=warn", EMPTY_SEARCH)).toEqual({
      ...EMPTY_SEARCH,
      q: "http://host/a 12:30:00",
      filters: [{ field: "severity", op: "gte", value: "WARN" }],
    });
  });
});

it("filters survive colons and reserved names", () => {
  for (const filter of [
    { field: "a:b%3Ac", op: "eq" as const, value: "x:eq:y" },
    attributeFilter("status", "5"),
    attributeFilter("attributes.x", "5"),
  ]) {
    expect(parseFilter(printFilter(filter))).toEqual(filter);
  }
  expect(attributeKey(attributeFilter("status", "5").field)).toBe("status");
  expect(attributeKey(attributeFilter("attributes.x", "5").field)).toBe("attributes.x");
});
