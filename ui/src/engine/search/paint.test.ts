import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { painted } from "./paint";
import type { Subject } from "./parse";

interface Case {
  subject?: Subject;
  input: string;
  error?: { start: number; end: number };
}

const read = (file: string) => JSON.parse(readFileSync(new URL(`../../../../tests/data/search/${file}`, import.meta.url), "utf8")) as Case[];
const cases = [...read("cases.json"), ...read("xray.json")].map((one) => ({ subject: "traces" as Subject, ...one }));

function underlined(text: string, subject: Subject, at: readonly [number, number] | null): string {
  return painted(text, subject, at).filter((one) => one.isWrong).map((one) => text.slice(one.from, one.to)).join("");
}

describe("a painted search", () => {
  it("is the whole text, whatever it says", () => {
    for (const { input, subject } of cases) {
      const pieces = painted(input, subject, null);
      expect(pieces.map((one) => input.slice(one.from, one.to)).join(""), input).toBe(input);
      expect(pieces.some((one) => one.isWrong), input).toBe(false);
    }
  });

  it("underlines exactly what is wrong", () => {
    const wrong = cases.filter((one) => one.error);
    expect(wrong.length).toBeGreaterThan(80);
    for (const { input, subject, error } of wrong) {
      const text = Array.from(input);
      // What is missing at the end is wrong about the last character.
      const expected = text.slice(error!.start, error!.end).join("") || text.at(-1);
      expect(underlined(input, subject, [error!.start, error!.end]), input).toBe(expected);
    }
  });

  it("counts characters, not UTF-16 units", () => {
    expect(underlined('😀 日本 "a', "logs", [5, 6])).toBe('"');
    expect(underlined("😀😀", "logs", [1, 2])).toBe("😀");
    expect(underlined('😀 service("a") AND foo', "traces", [19, 22])).toBe("foo");
  });

  it("underlines the last character when something is missing behind it", () => {
    expect(underlined("fault AND", "traces", [9, 9])).toBe("D");
    expect(painted("", "traces", [0, 1])).toEqual([]);
  });
});
