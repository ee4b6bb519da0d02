import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { complete, completeWith, keywordsAt, type Place, placeAt } from "./complete";
import { canonicalSearch } from "./parse";
import { editableText, SCOPE_KEYWORDS, TOP_KEYWORDS } from "./xray";

interface Case {
  input: string;
  meaning?: string;
  ours?: boolean;
  error?: { start: number; end: number; message: string };
}

const cases = JSON.parse(readFileSync(new URL("../../../../tests/data/search/xray.json", import.meta.url), "utf8")) as Case[];

/** The cursor is where the bar stands. */
function place(marked: string): Place | null {
  const cursor = marked.indexOf("|");
  return placeAt(marked.replace("|", ""), cursor, "traces");
}

function afterKeyword(marked: string, name: string): string {
  const cursor = marked.indexOf("|");
  const text = marked.replace("|", "");
  const at = placeAt(text, cursor, "traces")!;
  const done = completeWith(text, at, keywordsAt(at, "traces").find((one) => one.name === name)!.insert);
  return `${done.text.slice(0, done.cursor)}|${done.text.slice(done.cursor)}`;
}

function afterValue(marked: string, value: string): string {
  const cursor = marked.indexOf("|");
  const text = marked.replace("|", "");
  const done = complete(text, placeAt(text, cursor, "traces")!, value);
  return `${done.text.slice(0, done.cursor)}|${done.text.slice(done.cursor)}`;
}

function names(marked: string, subject: "traces" | "logs" = "traces"): string[] {
  const at = placeAt(marked.replace("|", ""), marked.indexOf("|"), subject)!;
  return keywordsAt(at, subject).map((one) => one.name);
}

describe("filter expressions of X-Ray", () => {
  it("mean searches that the box can read", () => {
    const meanings = cases.flatMap(({ meaning }) => meaning ?? []);
    expect(meanings.length).toBeGreaterThan(70);
    for (const meaning of meanings) expect(canonicalSearch(meaning, "traces"), meaning).toBe(meaning);
  });

  it("become what they mean before a condition of ours stands beside them", () => {
    for (const { input, meaning, ours } of cases) {
      if (meaning !== undefined) expect(editableText(input, meaning), input).toBe(meaning);
      if (ours) expect(editableText(input, canonicalSearch(input, "traces")), input).toBe(input);
    }
    expect(editableText('name = "a"', null), "the server has not answered yet").toBe('name = "a"');
  });

  it("have their keywords in their braces", () => {
    for (const [marked, expected] of [
      ['service("a") {|', { kind: "keyword", scope: "node", typed: "" }],
      ['service("a") { fau|', { kind: "keyword", scope: "node", typed: "fau" }],
      ["service() {!|", { kind: "keyword", scope: "node", typed: "" }],
      ['service(id(name: "a)", type: "b")) {f|', { kind: "keyword", scope: "node", typed: "f" }],
      ['edge("a", "b") {fault and resp|', { kind: "keyword", scope: "edge", typed: "resp" }],
      ["ok AND rootcause.fault.service {|", { kind: "keyword", scope: "service", typed: "" }],
      ["rootcause.responsetime.entity { remote cov|", { kind: "keyword", scope: "entity", typed: "cov" }],
      ["rootcause.fault.exception {|}", { kind: "keyword", scope: "exception", typed: "" }],
      ['service("che|', { kind: "name", key: "service", typed: "che" }],
      ['!service("|', { kind: "name", key: "service", typed: "" }],
      ['edge("a", "b|', { kind: "name", key: "service", typed: "b" }],
      ['service(id(name: "a|', { kind: "name", key: "service", typed: "a" }],
      ['rootcause.fault.service {name = "Au|', { kind: "name", key: "service", typed: "Au" }],
      ['rootcause.fault.entity {name CONTAINS "GET /c|', { kind: "name", key: "name", typed: "GET /c" }],
      ['SERVICE("a") {fau|', { kind: "keyword", scope: "node", typed: "fau" }],
      ['name = "che|', { kind: "name", key: "service", typed: "che" }],
      ['fault and Name CONTAINS "che|', { kind: "name", key: "service", typed: "che" }],
      // Ours.
      ['name="GET|', { kind: "value", key: "name", typed: "GET" }],
      ['{name = "GET|', { kind: "value", key: "name" }],
      ["{ser|", { kind: "key", typed: "ser" }],
      ["root{ser|", { kind: "key", typed: "ser" }],
      ['service("a") {fault} ser|', { kind: "key", typed: "ser" }],
      ["service:ch|", { kind: "value", key: "service", typed: "ch" }],
    ] as const) {
      expect(place(marked), marked).toMatchObject(expected);
    }
    for (const marked of ['service("a") {fault}|', 'service("a") {responsetime > |', 'service("a") {http.status = 4|', 'service("a") {type = "A|', 'rootcause.fault.exception {name = "x|']) {
      expect(place(marked), marked).toBeNull();
    }
    expect(placeAt('service("a', 10, "logs"), "logs have no nodes").toBeNull();
  });

  it("are put in where they stand", () => {
    expect(afterKeyword('service("a") {fau|}', "fault")).toBe('service("a") {fault |}');
    expect(afterKeyword("rootcause.fault.service {na|", "name")).toBe('rootcause.fault.service {name = "|');
    expect(afterKeyword("ok roo|", "rootcause.fault.service")).toBe("ok rootcause.fault.service {|");
    expect(afterKeyword("ser|", "service()")).toBe('service("|');
    expect(afterValue('service("che|', "checkout")).toBe('service("checkout"|');
    expect(afterValue('service("che|") {fault}', "checkout")).toBe('service("checkout"|) {fault}');
    expect(afterValue('edge("a", "|', 'say "hi"')).toBe(String.raw`edge("a", "say \"hi\""|`);
    expect(afterValue('rootcause.fault.entity {name = "GE|"}', "GET /cart")).toBe('rootcause.fault.entity {name = "GET /cart"|}');
  });

  it("are offered where a condition begins, with the keys of whole traces, and to traces only", () => {
    expect(names("rootc|")).toContain("rootcause.fault.entity");
    expect(names("FAU|")).toEqual(["fault"]);
    expect(names("trace.d|")).toEqual(["trace.duration"]);
    expect(names("{span.|")).toContain("span.cause");
    expect(names("{faul|"), "in our braces a word is a word").toEqual([]);
    expect(names("|"), "nothing is typed yet").toEqual([]);
    expect(names("span.path:|")).toEqual(["fault", "error", "time"]);
    expect(names("{span.cause:(error OR f|"), "within parentheses too").toEqual(["fault"]);
    expect(names("service:f|"), "data is asked").toEqual([]);
    expect(names("fau|", "logs")).toEqual([]);
    expect(names("span|", "logs")).toEqual([]);
    expect(names('service("a") {|}')).toEqual(SCOPE_KEYWORDS.node.map((one) => one.name));
  });

  it("are all in the corpus", () => {
    const inputs = cases.filter((one) => !one.ours).map((one) => one.input).join("\n");
    for (const { name } of [...TOP_KEYWORDS, ...Object.values(SCOPE_KEYWORDS).flat()]) {
      expect(inputs, name).toContain(name.replace("()", "("));
    }
  });
});
