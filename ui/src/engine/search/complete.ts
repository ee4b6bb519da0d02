/** What may be completed where the cursor stands. */
import { parseSearch, type Subject } from "./parse";
import type { Token } from "./reader";
import { PLACE_KEYS, quoted, TRACE_KEYS, valueText } from "./tree";
import { type Keyword, SCOPE_KEYWORDS, TOP_KEYWORDS, type XrayPlace, xrayPlaceAt } from "./xray";

export type Place =
  /** A word, which may become a key: `from` to `to` is replaced. */
  | { kind: "key"; typed: string; from: number; to: number; inBraces: boolean }
  /** A value of `key`. */
  | { kind: "value"; key: string; typed: string; from: number; to: number }
  | XrayPlace;

/** `cursor` counts UTF-16 units, as inputs do. Null where nothing can be completed: within a regular expression. */
export function placeAt(text: string, cursor: number, subject: Subject): Place | null {
  const ofXray = subject === "traces" ? xrayPlaceAt(text, cursor) : undefined;
  if (ofXray !== undefined) return ofXray;
  const before = text.slice(0, cursor);
  const { tokens } = parseSearch(before, subject);
  const unit = unitsOf(before);
  const end = Array.from(before).length;
  const last = tokens.at(-1);
  const isAtEnd = last !== undefined && last.end === end;
  const unclosed = unclosedValue(before, tokens, unit);
  if (unclosed !== null) {
    const from = unit(last!.end);
    return { kind: "value", key: unclosed, typed: before.slice(from + 1), from, to: cursor };
  }
  const key = valueKey(before, tokens, isAtEnd, unit);
  if (key !== null) {
    const from = isAtEnd && last.kind !== "operator" && last.kind !== "bracket" ? unit(last.start) : cursor;
    const typed = before.slice(from);
    if (typed.startsWith("/")) return null;
    return { kind: "value", key, typed: typed.replace(/^"/, ""), from, to: cursor };
  }
  if (unclosedQuote(before, tokens, unit)) return null;
  const inBraces = isInBraces(before, tokens, unit);
  // Behind what the parser could not read: an expression of X-Ray.
  if (before.slice(unit(last?.end ?? 0)).trim() !== "") {
    const typed = /[\p{Alphabetic}\p{N}_.]*$/u.exec(before)![0];
    if (!/[\s(!]$/.test(before.slice(0, before.length - typed.length))) return null;
    return { kind: "key", typed, from: cursor - typed.length, to: cursor, inBraces };
  }
  if (isAtEnd && last.kind === "word") return { kind: "key", typed: before.slice(unit(last.start)), from: unit(last.start), to: cursor, inBraces };
  if (isAtEnd && last.kind !== "bracket" && last.kind !== "operator") return null;
  return { kind: "key", typed: "", from: cursor, to: cursor, inBraces };
}

/** The key whose value stands before the cursor, within parentheses too. */
function valueKey(before: string, tokens: Token[], isAtEnd: boolean, unit: (at: number) => number): string | null {
  const open: (string | null)[] = [];
  let key: string | null = null;
  let last: string | null = null;
  for (const token of tokens) {
    const text = before.slice(unit(token.start), unit(token.end));
    if (token.kind === "key") key = text;
    if (token.kind === "bracket" && (text === "(" || text === "{")) {
      open.push(last === "operator" ? key : null);
    }
    if (token.kind === "bracket" && (text === ")" || text === "}")) open.pop();
    last = token.kind;
  }
  const within = open.at(-1) ?? null;
  if (within !== null) return unquoted(within);
  const after = isAtEnd || last === "operator" ? tokens.at(-1) : undefined;
  if (after?.kind === "operator" && key !== null && /[:=<>]$/.test(before.slice(unit(after.start), unit(after.end)))) {
    // A blank behind a colon ends the condition.
    return isAtEnd || !before.slice(unit(after.start)).startsWith(":") ? unquoted(key) : null;
  }
  const previous = tokens.at(-2);
  if (isAtEnd && (after?.kind === "value" || after?.kind === "string") && previous?.kind === "operator" && key !== null) return unquoted(key);
  return null;
}

function isInBraces(before: string, tokens: Token[], unit: (at: number) => number): boolean {
  const brackets = tokens.filter((token) => token.kind === "bracket").map((token) => before.slice(unit(token.start), unit(token.end)));
  return brackets.filter((one) => one === "{").length > brackets.filter((one) => one === "}").length;
}

/** `key:"half a val`, which the parser refuses. */
function unclosedValue(before: string, tokens: Token[], unit: (at: number) => number): string | null {
  const last = tokens.at(-1);
  const key = tokens.at(-2);
  if (last?.kind !== "operator" || key?.kind !== "key") return null;
  return before.slice(unit(last.end)).startsWith('"') ? unquoted(before.slice(unit(key.start), unit(key.end))) : null;
}

function unclosedQuote(before: string, tokens: Token[], unit: (at: number) => number): boolean {
  const rest = before.slice(unit(tokens.at(-1)?.end ?? 0)).replaceAll(/\\./g, "");
  return (rest.split('"').length - 1) % 2 === 1;
}

function unquoted(text: string): string {
  return text.startsWith('"') ? text.slice(1, -1).replaceAll('\\"', '"').replaceAll("\\\\", "\\") : text;
}

/** From characters to UTF-16 units. */
export function unitsOf(text: string): (at: number) => number {
  const units: number[] = [0];
  for (const character of text) units.push(units.at(-1)! + character.length);
  return (at) => units[Math.min(at, units.length - 1)]!;
}

/** Keys that are compared with a word; all others with a number. */
const OPERATORS: Readonly<Record<string, string>> = {
  "trace.partial": "trace.partial:true ",
  "span.inferred": "span.inferred:true ",
  "span.path": "span.path:",
  "span.cause": "span.cause:",
  "span.cause_service": "span.cause_service:",
};

const PLACE_HINTS: Readonly<Record<string, string>> = {
  "span.depth": "spans above it",
  "span.hop": "changes of service above it",
  "span.coverage": "share of the root's duration",
  "span.inferred": "calls what sends no spans",
  "span.path": "on the way to a root cause",
  "span.cause": "is a root cause",
  "span.cause_service": "in the service of a root cause",
};

/** The values that a key can have, where no data has to be asked. */
const CAUSES = ["fault", "error", "time"];
const VALUES: Readonly<Record<string, readonly string[]>> = {
  "trace.partial": ["true"],
  "span.inferred": ["true"],
  "span.path": CAUSES,
  "span.cause": CAUSES,
  "span.cause_service": CAUSES,
};

const ownKey = (name: string, hint: string): Keyword => ({ name, insert: OPERATORS[name] ?? `${name}>`, hint });

export interface Completed {
  text: string;
  cursor: number;
}

/** What is offered besides the keys and values of the data: keys of whole traces, and what X-Ray writes. */
export function keywordsAt(place: Place, subject: Subject): Keyword[] {
  const typed = place.typed.toLowerCase();
  const fits = (one: Keyword) => one.name.toLowerCase().startsWith(typed);
  if (place.kind === "keyword") return SCOPE_KEYWORDS[place.scope].filter(fits);
  if (place.kind === "value") return (VALUES[place.key] ?? []).map((value) => ({ name: value, insert: `${value} `, hint: "" })).filter(fits);
  if (place.kind !== "key" || subject !== "traces" || typed === "") return [];
  const ofSpans = PLACE_KEYS.map((name) => ownKey(name, PLACE_HINTS[name] ?? ""));
  if (place.inBraces) return ofSpans.filter(fits);
  return [...TRACE_KEYS.map((name) => ownKey(name, "whole trace")), ...ofSpans, ...TOP_KEYWORDS].filter(fits);
}

/** The text with a keyword put in as it is, and where the cursor goes. */
export function completeWith(text: string, place: Place, insert: string): Completed {
  const behind = text.slice(place.to);
  return { text: text.slice(0, place.from) + insert + (insert.endsWith(" ") ? behind.replace(/^ /, "") : behind), cursor: place.from + insert.length };
}

/** The text with the chosen completion, and where the cursor goes. */
export function complete(text: string, place: Place, chosen: string): Completed {
  if (place.kind === "name") {
    const insert = quoted(chosen).slice(1);
    return { text: text.slice(0, place.from) + insert + text.slice(place.to).replace(/^"/, ""), cursor: place.from + insert.length };
  }
  const insert = place.kind === "key" ? `${keyText(chosen)}:` : `${valueText(chosen)} `;
  const behind = text.slice(place.to);
  const skip = place.kind === "value" && (behind.startsWith('"') || behind.startsWith(" ")) ? 1 : 0;
  const from = place.kind === "value" && text[place.from - 1] === '"' ? place.from - 1 : place.from;
  return { text: text.slice(0, from) + insert + behind.slice(skip), cursor: from + insert.length };
}

export function keyText(key: string): string {
  return /^[\p{Alphabetic}_@$][\p{Alphabetic}\p{N}_@$./-]*$/u.test(key) ? key : quoted(key);
}
