import { describe, expect, it } from "vitest";
import { COLORED_VALUES_MAX, NO_VALUE, OTHER_VALUE, spanValues } from "../src/engine/value-colors";

describe("colours by an attribute", () => {
  it("go to the most frequent values; spans without one have none", () => {
    const spans = ["b", undefined, "a", "b", "c", "a", "b"];
    const found = spanValues(spans.length, (i) => spans[i]);
    expect(found.values).toEqual([{ value: "b", count: 3 }, { value: "a", count: 2 }, { value: "c", count: 1 }]);
    expect([...found.ofSpan]).toEqual([0, NO_VALUE, 1, 0, 2, 1, 0]);
    expect(found.others).toEqual({ values: 0, spans: 0 });
  });

  it("are shared by the values beyond the palette", () => {
    const count = COLORED_VALUES_MAX + 30;
    const found = spanValues(count + 5, (i) => (i < 5 ? "often" : `v${i}`));
    expect(found.values).toHaveLength(COLORED_VALUES_MAX);
    expect(found.values[0]).toEqual({ value: "often", count: 5 });
    const rare = found.ofSpan.filter((at) => at === OTHER_VALUE).length;
    expect(found.others).toEqual({ values: count - (COLORED_VALUES_MAX - 1), spans: rare });
    expect(found.values.reduce((sum, one) => sum + one.count, 0) + rare).toBe(count + 5);
  });
});
