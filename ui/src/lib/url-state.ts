import { DEFAULT_RANGE, type Instant, type Parsed, printInstant, resolve, type TimeRange, type UnixNanos, type Zone } from "./time";
import { parseInstant } from "./time-language";
import { readZoneName } from "./zone";

/** New values of parameters; null, "" or an empty list removes one, a list repeats it. */
export type Patch = Record<string, string | readonly string[] | null>;

/** The query string with the patch applied. Parameters that are not named stay, known or not. */
export function patchSearch(search: string, patch: Patch): string {
  const params = new URLSearchParams(search);
  for (const [key, value] of Object.entries(patch)) {
    params.delete(key);
    for (const one of typeof value === "string" ? [value] : (value ?? [])) if (one !== "") params.append(key, one);
  }
  return printParams(params);
}

// Readable addresses: these characters need no escape in a query string.
function printParams(params: URLSearchParams): string {
  const readable: Record<string, string> = { "%3A": ":", "%2F": "/", "%2C": ",", "%40": "@", "%7E": "~" };
  return params.toString().replace(/%(?:3A|2F|2C|40|7E)/g, (code) => readable[code]!);
}

/** The parameters of a time range, for {@link patchSearch}; the default range has none. */
export function rangePatch(range: TimeRange): Patch {
  const from = printInstant(range.from);
  const to = printInstant(range.to);
  const usual = from === "now-15m" && to === "now";
  return { from: usual ? null : from, to: usual || to === "now" ? null : to };
}

/**
 * The time range of an address. A missing `from` is the default, a missing `to` is now.
 * An unreadable value is reported, never silently replaced.
 */
export function readRange(search: string, zone: Zone, now: UnixNanos): Parsed<TimeRange> {
  const params = new URLSearchParams(search);
  const from = readInstant(params.get("from"), DEFAULT_RANGE.from, zone, now);
  const to = readInstant(params.get("to"), DEFAULT_RANGE.to, zone, now);
  if (!from.ok) return from;
  if (!to.ok) return to;
  if (resolve(to.value, now) <= resolve(from.value, now)) {
    return { ok: false, message: "The end of the range in the address is not after its start." };
  }
  return { ok: true, value: { from: from.value, to: to.value } };
}

function readInstant(text: string | null, fallback: Instant, zone: Zone, now: UnixNanos): Parsed<Instant> {
  return text === null ? { ok: true, value: fallback } : parseInstant(text, zone, now);
}

export function readZone(search: string): Zone | null {
  const tz = new URLSearchParams(search).get("tz");
  return tz === null ? null : readZoneName(tz);
}

/** The search of an address, in the search language. */
export function readText(search: string): string {
  return new URLSearchParams(search).get("q") ?? "";
}

export function textPatch(text: string): Patch {
  return { q: text.trim() };
}

/** An address inside the application: path plus query string. */
export function href(path: string, patch: Patch, search = ""): string {
  const query = patchSearch(search, patch);
  return query === "" ? path : `${path}?${query}`;
}

/** What survives a change of screen: the time range and how times are shown. */
export function carryOver(search: string): string {
  const params = new URLSearchParams(search);
  const kept = new URLSearchParams();
  for (const key of ["from", "to", "tz", "refresh"]) {
    const value = params.get(key);
    if (value !== null) kept.set(key, value);
  }
  return printParams(kept);
}
