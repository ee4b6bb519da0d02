import { conditionText } from "../engine/search/edit";
import { parseDuration, printDuration } from "./format";

/** One condition of a search. `field` is a reserved name or an attribute key. */
export interface Filter {
  field: string;
  op: "eq" | "gte";
  value: string;
}

/** What the search of traces or logs asks for besides the time range. */
export interface SearchState {
  /** Words that must all occur. */
  q: string;
  filters: Filter[];
  /** Durations in nanoseconds, inclusive. */
  min: number | null;
  max: number | null;
}

export const EMPTY_SEARCH: SearchState = { q: "", filters: [], min: null, max: null };

const RESERVED = new Set(["service", "operation", "status", "severity", "trace_id", "span_id"]);
const ATTRIBUTE_PREFIX = "attributes.";

/** True for fields with a parameter of their own in the API; all others are attributes. */
export function isReserved(field: string): boolean {
  return RESERVED.has(field);
}

/** The attribute key a filter means: `attributes.status` is the attribute `status`. */
export function attributeKey(field: string): string {
  return field.startsWith(ATTRIBUTE_PREFIX) ? field.slice(ATTRIBUTE_PREFIX.length) : field;
}

/** A filter on an attribute, escaped when the key is a reserved name. */
export function attributeFilter(key: string, value: string): Filter {
  const escape = isReserved(key) || key.startsWith(ATTRIBUTE_PREFIX);
  return { field: escape ? ATTRIBUTE_PREFIX + key : key, op: "eq", value };
}

/** `service:eq:cart`; colons of the field are percent-encoded, the value is verbatim. */
export function printFilter(filter: Filter): string {
  return `${filter.field.replaceAll("%", "%25").replaceAll(":", "%3A")}:${filter.op}:${filter.value}`;
}

/** The inverse of {@link printFilter}; null when the text is not a filter. */
export function parseFilter(text: string): Filter | null {
  const match = /^([^:]+):(eq|gte):([\s\S]*)$/.exec(text);
  if (!match) return null;
  const field = match[1]!.replaceAll("%3A", ":").replaceAll("%25", "%");
  return { field, op: match[2] as Filter["op"], value: match[3]! };
}

/** Replaces every filter of the field; `value` null removes it. */
export function setFilter(filters: Filter[], field: string, value: string | null, op: Filter["op"] = "eq"): Filter[] {
  const others = filters.filter((filter) => filter.field !== field);
  return value === null ? others : [...others, { field, op, value }];
}

export function addFilter(filters: Filter[], filter: Filter): Filter[] {
  if (isReserved(filter.field)) return setFilter(filters, filter.field, filter.value, filter.op);
  const same = filters.some((other) => printFilter(other) === printFilter(filter));
  return same ? filters : [...filters, filter];
}

export function findFilter(filters: Filter[], field: string): Filter | undefined {
  return filters.find((filter) => filter.field === field);
}

/**
 * Reads the search box: `service:cart status:error http.route=/cart duration>50ms payment failed`.
 * Conditions leave the text and become filters; what stays are the words.
 */
export function readSearchText(text: string, into: SearchState): SearchState {
  const state: SearchState = { ...into, filters: [...into.filters] };
  const rest: string[] = [];
  for (const token of text.match(TOKEN) ?? []) {
    if (!readToken(token, state)) rest.push(token);
  }
  return { ...state, q: rest.join(" ") };
}

/** The search as one line that {@link readSearchText} reads back. */
export function printSearchText(state: SearchState): string {
  const conditions = state.filters.map((filter) => {
    const op = filter.op === "gte" ? ">=" : isReserved(filter.field) ? ":" : "=";
    return `${filter.field}${op}${quoteIfNeeded(filter.value)}`;
  });
  if (state.min !== null) conditions.push(`duration>=${printDuration(state.min)}`);
  if (state.max !== null) conditions.push(`duration<=${printDuration(state.max)}`);
  return [...conditions, state.q].filter(Boolean).join(" ");
}

function quoteIfNeeded(value: string): string {
  return value === "" || /[\s"]/.test(value) ? `"${value.replaceAll('"', "")}"` : value;
}

const TOKEN = /[^\s"=:<>]+\s?(?:>=|<=|[:=<>])\s?(?:"[^"]*"|\S+)|"[^"]*"|\S+/g;

function readToken(token: string, state: SearchState): boolean {
  const match = /^([^\s"=:<>]+)\s?(>=|<=|[:=<>])\s?("[^"]*"|\S+)$/.exec(token);
  if (!match) return false;
  const [, key, op] = match as unknown as [string, string, string];
  const value = match[3]!.replace(/^"([\s\S]*)"$/, "$1");
  if (key === "duration") return readDuration(op, value, state);
  if (op === "=" || op === ":") return readEquality(key, op, value, state);
  if (key === "severity" && op === ">=") {
    state.filters = setFilter(state.filters, "severity", value.toUpperCase(), "gte");
    return true;
  }
  return false;
}

function readEquality(key: string, op: string, value: string, state: SearchState): boolean {
  // "http://host" and "12:30:00" are words, not conditions.
  if (op === ":" && (value.startsWith("//") || /^\d+$/.test(key))) return false;
  const field = key === "name" ? "operation" : key;
  const upper = field === "status" || field === "severity";
  const filter: Filter = { field, op: "eq", value: upper ? value.toUpperCase() : value };
  state.filters = addFilter(state.filters, filter);
  return true;
}

function readDuration(op: string, value: string, state: SearchState): boolean {
  const ns = parseDuration(value);
  if (ns === null) return false;
  if (op.startsWith(">")) state.min = ns;
  else if (op.startsWith("<")) state.max = ns;
  else return false;
  return true;
}

/** Words, filters and bounds as one text of the search language. */
export function languageText(state: SearchState): string {
  const conditions = state.filters.map((filter) => {
    if (filter.op === "gte") return `${filter.field}>=${filter.value.toLowerCase()}`;
    return conditionText(filter.field === "operation" ? "name" : filter.field, filter.value);
  });
  if (state.min !== null) conditions.push(`duration>=${printDuration(state.min)}`);
  if (state.max !== null) conditions.push(`duration<=${printDuration(state.max)}`);
  return [...conditions, state.q].filter(Boolean).join(" ");
}
