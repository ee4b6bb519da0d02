import { expect, it } from "vitest";
import { patchSearch } from "../src/lib/url-state";
import { readMarks, toggleMark } from "../src/screens/traces/trace-marks";

const [a, b, c] = ["1", "2", "3"].map((digit) => digit.repeat(32)) as [string, string, string];

it("marks come back from the address, a third takes the place of the second", () => {
  let search = "q=x";
  const steps: [string, string[]][] = [[a, [a]], [b, [a, b]], [c, [a, c]], [a, [c]], [b, [c, b]], [b, [c]], [c, []]];
  for (const [id, expected] of steps) {
    search = patchSearch(search, toggleMark(readMarks(search).marks, id));
    expect(readMarks(search)).toEqual({ marks: expected, problem: null });
  }
  expect(search).toBe("q=x");
});

it("what is no pair of traces is said", () => {
  for (const text of ["x", `${a},x`, `${a},${b},${c}`, `${a},${a}`]) {
    const { marks, problem } = readMarks(`pick=${text}`);
    expect([marks, problem?.startsWith(`pick=${text} `)]).toEqual([[], true]);
  }
});
