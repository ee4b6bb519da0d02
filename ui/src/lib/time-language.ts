/** What people type or paste into the time field, and what stands in the address. */
import { absolute, ago, clockDate, DEFAULT_RANGE, type Instant, MONTHS, NOW, nanos, type Parsed, resolve, spanNs, type TimeRange, type UnixNanos, UNIT_NS, unitName } from "./time";
import { instantMs, type Zone } from "./zone";

/** Half the window that opens around a single instant. */
const AROUND_NS = 5n * UNIT_NS.m!;
/** A date without a year is not in the future by more than this. */
const FUTURE_NS = UNIT_NS.d!;

/**
 * Parses one instant: `now`, `now-15m`, `2 hours ago`, RFC 3339 (zone optional, then `zone` counts), `2026-11-20 14:00`,
 * `20 Nov 2026 14:00`, `20/Nov/2026:14:00:01 +0000`, `Nov 20 14:00:01`, `yesterday 14:00`, `14:00` (today), or an epoch
 * number, whose unit follows from its length. Quotes and brackets around it do not count.
 */
export function parseInstant(text: string, zone: Zone, now: UnixNanos): Parsed<Instant> {
  const input = unwrapped(text);
  const relative = /^now\s*(?:([+-])\s*(\d+(?:\.\d+)?\s*[a-zµ]+))?$/i.exec(input) ?? /^()(\d+(?:\.\d+)?\s*[a-zµ]+)\s+ago$/i.exec(input);
  if (relative) return parseRelative(relative[1], relative[2]);
  const epoch = /^(\d{9,20})(?:\.(\d{1,9}))?$/.exec(input);
  if (epoch && (epoch[2] === undefined || epoch[1]!.length <= SECONDS_DIGITS_MAX)) return { ok: true, value: absolute(epochNanos(epoch[1]!, epoch[2] ?? "")) };
  const at = parseDateTime(input, zone, now);
  if (at !== null) return { ok: true, value: absolute(at) };
  return {
    ok: false,
    message: `“${input}” is not a time. Try now-15m, 2026-11-20 14:00, an RFC 3339 time or epoch digits.`,
  };
}

function unwrapped(text: string): string {
  return text.trim().replace(/^[["'(<]+\s*/, "").replace(/\s*[\]"')>,;]+$/, "");
}

function parseRelative(sign: string | undefined, span: string | undefined): Parsed<Instant> {
  if (sign === undefined || span === undefined) return { ok: true, value: NOW };
  const match = /^([\d.]+)\s*([a-zµ]+)$/i.exec(span)!;
  const compact = `${match[1]}${unitName(match[2]!).replace("µ", "u")}`;
  const ns = spanNs(compact);
  if (ns === null) return { ok: false, message: `“${span}” has no known unit; use ns us ms s m h d w.` };
  const way = sign === "+" ? "+" : "-";
  return { ok: true, value: { kind: "relative", offsetNs: way === "-" ? -ns : ns, text: `now${way}${compact}` } };
}

/** Digits say their own unit by magnitude: 10 are seconds of our century, 13 ms, 16 us, 19 ns. */
const SECONDS_DIGITS_MAX = 11;

function epochNanos(digits: string, fraction: string): UnixNanos {
  const value = BigInt(digits);
  if (digits.length <= SECONDS_DIGITS_MAX) return nanos(value * 1_000_000_000n + BigInt(fraction.padEnd(9, "0")));
  if (digits.length <= 14) return nanos(value * 1_000_000n);
  if (digits.length <= 17) return nanos(value * 1_000n);
  return nanos(value);
}

const CLOCK = String.raw`(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?`;
const OFFSET = String.raw`(?:\s*(Z|UTC|GMT|[+-]\d{2}:?\d{2}))?`;
const DATE_TIME = new RegExp(String.raw`^(\d{4})[-/](\d{1,2})[-/](\d{1,2})(?:[T ,]+${CLOCK})?${OFFSET}$`, "i");
/** Of a person, of HTTP (RFC 9110) and of the log of a web server. */
const NAMED_MONTH = new RegExp(String.raw`^(?:[a-z]{3,9},?\s+)?(\d{1,2})[ /-]([a-z]{3,9})[ /-](\d{4})(?:[ :T,]+${CLOCK})?${OFFSET}$`, "i");
/** Of syslog (RFC 3164), which has no year. */
const MONTH_FIRST = new RegExp(String.raw`^([a-z]{3,9})\s+(\d{1,2})\s+${CLOCK}$`, "i");
const ONLY_CLOCK = new RegExp(`^${CLOCK}$`);

type Triple = readonly [number, number, number];

function parseDateTime(input: string, zone: Zone, now: UnixNanos): UnixNanos | null {
  const full = DATE_TIME.exec(input);
  if (full) return instantOf([Number(full[1]), Number(full[2]), Number(full[3])], full.slice(4, 8), full[8], zone);
  const named = NAMED_MONTH.exec(input);
  if (named) return instantOf([Number(named[3]), monthOf(named[2]!), Number(named[1])], named.slice(4, 8), named[8], zone);
  const yearless = MONTH_FIRST.exec(input);
  if (yearless) {
    const [year] = today(now, zone);
    const at = (of: number) => instantOf([of, monthOf(yearless[1]!), Number(yearless[2])], yearless.slice(3, 7), undefined, zone);
    const thisYear = at(year);
    return thisYear === null || thisYear > now + FUTURE_NS ? at(year - 1) : thisYear;
  }
  const day = /^(today|yesterday)\s+(.+)$/i.exec(input);
  const clock = ONLY_CLOCK.exec(day?.[2] ?? input);
  return clock && instantOf(day?.[1]!.toLowerCase() === "yesterday" ? dayBefore(today(now, zone)) : today(now, zone), clock.slice(1, 5), undefined, zone);
}

/** 1 to 12, 0 for no month. */
function monthOf(name: string): number {
  return MONTHS.findIndex((month) => name.toLowerCase().startsWith(month.toLowerCase())) + 1;
}

function today(now: UnixNanos, zone: Zone): Triple {
  const date = clockDate(now, zone);
  return [date.getUTCFullYear(), date.getUTCMonth() + 1, date.getUTCDate()];
}

/** By the calendar: a day of the night in which clocks change has not 24 hours. */
function dayBefore(date: Triple): Triple {
  return shifted(date, -1);
}

function shifted([year, month, day]: Triple, days: number): Triple {
  const date = new Date(Date.UTC(year, month - 1, day + days));
  return [date.getUTCFullYear(), date.getUTCMonth() + 1, date.getUTCDate()];
}

/** `clock`: hour, minute, second and digits of the fraction, as far as they are there. */
function instantOf([year, month, day]: Triple, clock: readonly (string | undefined)[], offset: string | undefined, zone: Zone): UnixNanos | null {
  const [hour = 0, minute = 0, second = 0] = clock.slice(0, 3).map((part) => Number(part ?? 0));
  if (month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 || minute > 59 || second > 59) return null;
  const clockMs = Date.UTC(year, month - 1, day, hour, minute, second);
  if (new Date(clockMs).getUTCDate() !== day) return null;
  const ms = offset === undefined ? instantMs(clockMs, zone) : clockMs - offsetMs(offset);
  return nanos(BigInt(ms) * 1_000_000n + BigInt((clock[3] ?? "").padEnd(9, "0")));
}

function offsetMs(offset: string): number {
  const match = /^([+-])(\d{2}):?(\d{2})$/.exec(offset);
  if (!match) return 0;
  const minutes = Number(match[2]) * 60 + Number(match[3]);
  return (match[1] === "-" ? -minutes : minutes) * 60_000;
}

/**
 * Parses what people type or paste into the time field: `15m`, `last 2 hours`, `now-1h..now`, `yesterday`, `today 9-11`,
 * a date (the whole day), two instants joined by `..`, `to`, ` - ` or `/`, or one instant (a window around it).
 */
export function parseRange(text: string, zone: Zone, now: UnixNanos): Parsed<TimeRange> {
  const input = text.trim().replace(/[–—]/g, "-");
  if (input === "") return { ok: true, value: DEFAULT_RANGE };
  const named = namedRange(input, zone, now) ?? hoursOfDay(input, zone, now);
  if (named) return { ok: true, value: named };
  const pair = input.split(/\s*\.\.+\s*|\s+to\s+|\s+-\s+|\s*\/\s*(?=\d{4}-|now)/i);
  if (pair.length === 2) return parsePair(pair[0]!, pair[1]!, zone, now);
  const single = parseInstant(input, zone, now);
  if (!single.ok) return single;
  return { ok: true, value: around(single.value, now) };
}

function parsePair(start: string, end: string, zone: Zone, now: UnixNanos): Parsed<TimeRange> {
  const from = parseInstant(start, zone, now);
  if (!from.ok) return from;
  const to = parseInstant(withDateOf(start, end), zone, now);
  if (!to.ok) return to;
  if (resolve(to.value, now) <= resolve(from.value, now)) {
    return { ok: false, message: "The end of the range is not after its start." };
  }
  return { ok: true, value: { from: from.value, to: to.value } };
}

const DATE_HEAD = /^[["'(<]*\s*(\d{4}[-/]\d{1,2}[-/]\d{1,2}|\d{1,2}[ /-][a-z]{3,9}[ /-]\d{4}|today|yesterday)/i;

/** `2026-11-20 14:00..15:30`: a bare clock time at the end means the day of the start, and its zone. */
function withDateOf(start: string, end: string): string {
  const day = DATE_HEAD.exec(start.trim());
  if (!day || !ONLY_CLOCK.test(unwrapped(end))) return end;
  const offset = /(Z|[+-]\d{2}:?\d{2})$/i.exec(unwrapped(start).slice(day[1]!.length));
  return `${day[1]} ${unwrapped(end)}${offset?.[0] ?? ""}`;
}

function namedRange(input: string, zone: Zone, now: UnixNanos): TimeRange | null {
  const span = /^(?:last\s+|past\s+|-)?(\d+(?:\.\d+)?\s*[a-zµ]+)$/i.exec(input);
  if (span && spanNs(span[1]!) !== null) {
    const match = /^([\d.]+)\s*([a-zµ]+)$/i.exec(span[1]!)!;
    return spanNs(span[1]!)! > 0n ? { from: ago(`${match[1]}${unitName(match[2]!).replace("µ", "u")}`), to: NOW } : null;
  }
  const date = dayOf(input, zone, now);
  if (date === null) return null;
  const midnight = (of: Triple) => absolute(instantOf(of, [], undefined, zone)!);
  return { from: midnight(date), to: input.toLowerCase() === "today" ? NOW : midnight(shifted(date, 1)) };
}

/** `today`, `yesterday`, `2026-11-20` or `20 Nov 2026`; null when it is none. */
function dayOf(input: string, zone: Zone, now: UnixNanos): Triple | null {
  const lower = input.toLowerCase();
  if (lower === "today") return today(now, zone);
  if (lower === "yesterday") return dayBefore(today(now, zone));
  if (DATE_HEAD.exec(input)?.[0] !== input) return null;
  const at = parseDateTime(input, "utc", now);
  return at === null ? null : today(at, "utc");
}

/** `today 9-11`, `yesterday 14:00-15:30`, `2026-11-20 9 to 11`, `9:00-11:30`. */
function hoursOfDay(input: string, zone: Zone, now: UnixNanos): TimeRange | null {
  const match = /^(?:(\S+|\d{1,2} [a-z]{3,9} \d{4})\s+)?(\d{1,2})(?::(\d{2}))?\s*(?:-|to)\s*(\d{1,2})(?::(\d{2}))?$/i.exec(input);
  if (!match || (match[1] === undefined && (match[3] === undefined || match[5] === undefined))) return null;
  const date = dayOf(match[1] ?? "today", zone, now);
  const from = date && instantOf(date, match.slice(2, 4), undefined, zone);
  const to = date && instantOf(date, match.slice(4, 6), undefined, zone);
  return from && to && to > from ? { from: absolute(from), to: absolute(to) } : null;
}

function around(instant: Instant, now: UnixNanos): TimeRange {
  // "now-1h" alone means "since an hour ago"; a date means "what happened around then".
  if (instant.kind === "relative") {
    return instant.offsetNs < 0n ? { from: instant, to: NOW } : DEFAULT_RANGE;
  }
  const at = resolve(instant, now);
  return { from: absolute(nanos(at - AROUND_NS)), to: absolute(nanos(at + AROUND_NS)) };
}
