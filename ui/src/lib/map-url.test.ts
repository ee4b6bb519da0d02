import { describe, expect, it } from "vitest";
import { mapPatch, type MapView, readMapView } from "./map-url";
import { nanos } from "./time";
import { patchSearch } from "./url-state";

const USUAL: MapView = {
  focus: null, hops: 1, dir: "lr", group: "auto", open: [], hide: [], cmp: "none", color: "health", min: 0, view: "map", camera: null, panel: null, at: null,
};

describe("the address of the map", () => {
  it("is empty for the usual view", () => {
    expect(readMapView("")).toEqual({ view: USUAL, problems: [] });
    expect(patchSearch("", mapPatch(USUAL))).toBe("");
  });

  it("is read back as it was written", () => {
    const view: MapView = {
      focus: "service:cart & co", hops: 3, dir: "tb", group: "env", open: ["prod", "a~b"], hide: ["service:noise"], cmp: "prev", color: "latency", min: 0.5, view: "list", camera: { x: -20, y: 300, k: 1.25 },
      panel: "edge:service:a~database:pg shop~sync", at: nanos("1675084494000000000"),
    };
    const search = patchSearch("from=now-1h&unknown=1", mapPatch(view));
    expect(readMapView(search)).toEqual({ view, problems: [] });
    expect(search).toContain("from=now-1h&unknown=1&");
    expect(search).toContain("panel=edge:service:a~database:pg+shop~sync");
  });

  it("says what it cannot read", () => {
    const { view, problems } = readMapView("hops=9&dir=up&group=team&min=many&at=yesterday&x=1&y=2&k=99");
    expect(view).toEqual(USUAL);
    expect(problems.map((problem) => problem.split("=")[0])).toEqual(["k", "hops", "at", "dir", "group", "min"]);
  });
});
