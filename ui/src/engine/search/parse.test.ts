import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { canonicalSearch, parseSearch, type Subject } from "./parse";

interface Case {
  subject: Subject;
  input: string;
  meaning?: string;
  error?: { start: number; end: number; message: string };
}

const cases = JSON.parse(readFileSync(new URL("../../../../tests/data/search/cases.json", import.meta.url), "utf8")) as Case[];

describe("the search language", () => {
  it("means what the shared corpus says", () => {
    expect(cases.length).toBeGreaterThanOrEqual(150);
    for (const { subject, input, meaning, error } of cases) {
      const { problem } = parseSearch(input, subject);
      const got = problem ? { start: problem.start, end: problem.end, message: problem.message } : canonicalSearch(input, subject);
      expect(got, `${subject}: ${input}`).toEqual(error ?? meaning);
      if (meaning !== undefined) expect(canonicalSearch(meaning, subject), `again: ${meaning}`).toBe(meaning);
      else expect(problem!.hint).not.toBe("");
    }
  });

  it("marks every character that is not blank, in order", () => {
    for (const { subject, input, meaning } of cases) {
      if (meaning === undefined) continue;
      const text = Array.from(input);
      let end = 0;
      for (const token of parseSearch(input, subject).tokens) {
        expect(token.start, input).toBeGreaterThanOrEqual(end);
        expect(text.slice(end, token.start).join("").trim(), input).toBe("");
        end = token.end;
      }
      expect(text.slice(end).join("").trim(), input).toBe("");
    }
  });

  it("keeps its stack whatever is typed", () => {
    for (const text of ["(".repeat(4000), "-".repeat(4000) + "a", "k:(".repeat(1000), "{".repeat(4000)]) {
      expect(() => parseSearch(text, "traces")).not.toThrow();
    }
  });
});
