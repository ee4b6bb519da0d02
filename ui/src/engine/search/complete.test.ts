import { describe, expect, it } from "vitest";
import { complete, placeAt } from "./complete";
import { addCondition, conditionText, hasCondition, removeCondition, searchedWords, setDuration } from "./edit";

/** The cursor is where the bar stands. */
function place(marked: string) {
  const cursor = marked.indexOf("|");
  return placeAt(marked.replace("|", ""), cursor, "traces");
}

function chosen(marked: string, value: string): string {
  const cursor = marked.indexOf("|");
  const text = marked.replace("|", "");
  const done = complete(text, placeAt(text, cursor, "traces")!, value);
  return `${done.text.slice(0, done.cursor)}|${done.text.slice(done.cursor)}`;
}

describe("completion", () => {
  it("knows whether a key or a value stands at the cursor", () => {
    for (const [marked, expected] of [
      ["|", { kind: "key", typed: "" }],
      ["ser|", { kind: "key", typed: "ser" }],
      ["a ser|", { kind: "key", typed: "ser" }],
      ["a |", { kind: "key", typed: "" }],
      ["(ser|", { kind: "key", typed: "ser" }],
      ["-ser|", { kind: "key", typed: "ser" }],
      ["{ser|", { kind: "key", typed: "ser" }],
      ["service:|", { kind: "value", key: "service", typed: "" }],
      ["service:ch|", { kind: "value", key: "service", typed: "ch" }],
      ["service:ch|eckout x", { kind: "value", key: "service", typed: "ch" }],
      ['name:"GET /c|', { kind: "value", key: "name", typed: "GET /c" }],
      ["service:(a OR b|", { kind: "value", key: "service", typed: "b" }],
      ["service:(a OR |", { kind: "value", key: "service", typed: "" }],
      ["service:a |", { kind: "key", typed: "" }],
      ["duration>|", { kind: "value", key: "duration", typed: "" }],
      ["{service:ch|", { kind: "value", key: "service", typed: "ch" }],
    ] as const) {
      expect(place(marked), marked).toMatchObject(expected);
    }
    expect(place("name:/a|")).toBeNull();
    expect(place('"half a phr|')).toBeNull();
  });

  it("puts in what was chosen", () => {
    expect(chosen("a ser|", "service")).toBe("a service:|");
    expect(chosen("service:ch|", "checkout")).toBe("service:checkout |");
    expect(chosen("name:GE|", "GET /cart")).toBe('name:"GET /cart" |');
    expect(chosen('name:"GE|', "GET /cart")).toBe('name:"GET /cart" |');
    expect(chosen("service:(a OR b|)", "bar")).toBe("service:(a OR bar |)");
    expect(chosen("😀 ser|", "service")).toBe("😀 service:|");
  });
});

describe("editing by clicks", () => {
  it("adds and removes conditions", () => {
    expect(addCondition("", "service:a", "logs")).toBe("service:a");
    expect(addCondition("timeout", conditionText("name", "GET /a"), "logs")).toBe('timeout name:"GET /a"');
    expect(addCondition("a OR b", "service:a", "logs")).toBe("(a OR b) service:a");
    expect(addCondition("service:a x", "service:a", "logs")).toBe("service:a x");
    expect(removeCondition("timeout service:a", "service:a", "logs")).toBe("timeout");
    expect(removeCondition("(a OR b) -c service:a", "service:a", "logs")).toBe("(a OR b) -c");
    expect(removeCondition("a OR service:a", "service:a", "logs")).toBe("a OR service:a");
    expect(hasCondition("x -status:error", conditionText("status", "error", true), "logs")).toBe(true);
    expect(conditionText("http.response.status_code", "500")).toBe("http.response.status_code:500");
  });

  it("replaces the bounds of the duration", () => {
    expect(setDuration("a duration>1s", "10ms", "22ms", "traces")).toBe("a duration>=10ms duration<22ms");
    expect(setDuration("a duration>1s", null, null, "traces")).toBe("a");
  });

  it("finds the words to mark", () => {
    expect(searchedWords('timeout "connection refused" service:a body:late', "logs")).toBe("timeout connection refused late");
  });
});
