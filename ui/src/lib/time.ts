/** Nanoseconds since 1970-01-01T00:00:00Z. Branded: plain bigints are durations or counts. */
export type UnixNanos = bigint & { readonly unixNanos: unique symbol };

export type Zone = "utc" | "local";

/** An instant as the user means it: fixed, or moving with the clock. */
export type Instant =
  | { kind: "absolute"; at: UnixNanos }
  | { kind: "relative"; offsetNs: bigint; text: string };

/** A time range; `from` is inclusive, `to` exclusive. */
export interface TimeRange {
  from: Instant;
  to: Instant;
}

export type Parsed<T> = { ok: true; value: T } | { ok: false; message: string };

const UNIT_NS: Record<string, bigint> = {
  ns: 1n,
  us: 1_000n,
  µs: 1_000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
  d: 86_400_000_000_000n,
  w: 604_800_000_000_000n,
};

const DAY_NS = UNIT_NS.d!;
/** Half the window that opens around a single instant. */
const AROUND_NS = 5n * UNIT_NS.m!;

export const NOW: Instant = { kind: "relative", offsetNs: 0n, text: "now" };
export const DEFAULT_RANGE: TimeRange = { from: ago("15m"), to: NOW };

export function nanos(value: bigint | string): UnixNanos {
  return BigInt(value) as UnixNanos;
}

/** The clock of this machine; its resolution is a millisecond. */
export function nowNanos(): UnixNanos {
  return nanos(BigInt(Date.now()) * 1_000_000n);
}

/** `ago("15m")` is `now-15m`. The argument must be a number with a unit. */
export function ago(span: string): Instant {
  return { kind: "relative", offsetNs: -spanNs(span)!, text: `now-${span}` };
}

export function absolute(at: UnixNanos): Instant {
  return { kind: "absolute", at };
}

export function resolve(instant: Instant, now: UnixNanos): UnixNanos {
  return instant.kind === "absolute" ? instant.at : nanos(now + instant.offsetNs);
}

/** The text for the URL and the API: `now-15m`, or RFC 3339 in UTC. */
export function printInstant(instant: Instant): string {
  return instant.kind === "relative" ? instant.text : rfc3339(instant.at);
}

/** RFC 3339 in UTC with only as many fraction digits as needed (0, 3, 6 or 9). */
export function rfc3339(at: UnixNanos): string {
  const { seconds, fraction } = split(at);
  const head = new Date(Number(seconds) * 1000).toISOString().slice(0, 19);
  const digits = fraction.toString().padStart(9, "0").replace(/(000){1,3}$/, "");
  return `${head}${digits === "" ? "" : `.${digits}`}Z`;
}

/** Splits into whole seconds and 0..999_999_999 ns, also before 1970. */
export function split(at: bigint): { seconds: bigint; fraction: bigint } {
  let seconds = at / 1_000_000_000n;
  let fraction = at % 1_000_000_000n;
  if (fraction < 0n) {
    fraction += 1_000_000_000n;
    seconds -= 1n;
  }
  return { seconds, fraction };
}

/**
 * Parses one instant: `now`, `now-15m`, RFC 3339 (zone optional, then `zone` counts),
 * `2026-11-20 14:00`, `14:00` (today), or an epoch number, whose unit follows from its length.
 */
export function parseInstant(text: string, zone: Zone, now: UnixNanos): Parsed<Instant> {
  const input = text.trim();
  const relative = /^now\s*(?:([+-])\s*(\d+(?:\.\d+)?\s*[a-zµ]+))?$/i.exec(input);
  if (relative) return parseRelative(relative[1], relative[2]);
  if (/^\d{9,20}$/.test(input)) return { ok: true, value: absolute(epochNanos(input)) };
  const at = parseDateTime(input, zone, now);
  if (at !== null) return { ok: true, value: absolute(at) };
  return {
    ok: false,
    message: `“${input}” is not a time. Try now-15m, 2026-11-20 14:00, an RFC 3339 time or epoch digits.`,
  };
}

function parseRelative(sign: string | undefined, span: string | undefined): Parsed<Instant> {
  if (sign === undefined || span === undefined) return { ok: true, value: NOW };
  const compact = span.replace(/\s/g, "").toLowerCase();
  const ns = spanNs(compact);
  if (ns === null) return { ok: false, message: `“${span}” has no known unit; use ns us ms s m h d w.` };
  const offsetNs = sign === "-" ? -ns : ns;
  return { ok: true, value: { kind: "relative", offsetNs, text: `now${sign}${compact}` } };
}

/** Nanoseconds of `15m`, `1.5h`, `2 d`; null when it is not a number with a known unit. */
export function spanNs(text: string): bigint | null {
  const match = /^(\d+)(?:\.(\d{1,9}))?\s*([a-zµ]+)$/i.exec(text.trim());
  const unit = match && UNIT_NS[unitName(match[3]!)];
  if (!match || unit === undefined || unit === null) return null;
  const fraction = match[2] ?? "";
  return BigInt(match[1]!) * unit + (BigInt(fraction || "0") * unit) / 10n ** BigInt(fraction.length);
}

function unitName(unit: string): string {
  const lower = unit.toLowerCase();
  const long: Record<string, string> = {
    sec: "s", secs: "s", second: "s", seconds: "s",
    min: "m", mins: "m", minute: "m", minutes: "m",
    hr: "h", hrs: "h", hour: "h", hours: "h",
    day: "d", days: "d", week: "w", weeks: "w",
  };
  return long[lower] ?? lower;
}

// Digits say their own unit by magnitude: 10 are seconds of our century, 13 ms, 16 us, 19 ns.
function epochNanos(digits: string): UnixNanos {
  const value = BigInt(digits);
  if (digits.length <= 11) return nanos(value * 1_000_000_000n);
  if (digits.length <= 14) return nanos(value * 1_000_000n);
  if (digits.length <= 17) return nanos(value * 1_000n);
  return nanos(value);
}

const DATE_TIME =
  /^(\d{4})[-/](\d{1,2})[-/](\d{1,2})(?:[T ,]+(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?)?\s*(Z|UTC|[+-]\d{2}:?\d{2})?$/i;
const CLOCK = /^(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?$/;

function parseDateTime(input: string, zone: Zone, now: UnixNanos): UnixNanos | null {
  const full = DATE_TIME.exec(input);
  if (full) {
    const date = [Number(full[1]), Number(full[2]), Number(full[3])] as const;
    return civilNanos(date, clockOf(full[4], full[5], full[6]), full[7], full[8], zone);
  }
  const clock = CLOCK.exec(input);
  if (!clock) return null;
  return civilNanos(civilDate(now, zone), clockOf(clock[1], clock[2], clock[3]), clock[4], undefined, zone);
}

type Triple = readonly [number, number, number];

function clockOf(hour = "0", minute = "0", second = "0"): Triple {
  return [Number(hour), Number(minute), Number(second)];
}

function civilDate(at: UnixNanos, zone: Zone): Triple {
  const date = new Date(Number(at / 1_000_000n));
  return zone === "utc"
    ? [date.getUTCFullYear(), date.getUTCMonth() + 1, date.getUTCDate()]
    : [date.getFullYear(), date.getMonth() + 1, date.getDate()];
}

function civilNanos(
  [year, month, day]: Triple,
  [hour, minute, second]: Triple,
  fraction: string | undefined,
  offset: string | undefined,
  zone: Zone,
): UnixNanos | null {
  if (month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 || minute > 59 || second > 59) return null;
  const utcMs = Date.UTC(year, month - 1, day, hour, minute, second);
  if (new Date(utcMs).getUTCDate() !== day) return null;
  const local = offset === undefined && zone === "local";
  const ms = local ? new Date(year, month - 1, day, hour, minute, second).getTime() : utcMs - offsetMs(offset);
  return nanos(BigInt(ms) * 1_000_000n + BigInt((fraction ?? "").padEnd(9, "0")));
}

function offsetMs(offset: string | undefined): number {
  const match = offset && /^([+-])(\d{2}):?(\d{2})$/.exec(offset);
  if (!match) return 0;
  const minutes = Number(match[2]) * 60 + Number(match[3]);
  return (match[1] === "-" ? -minutes : minutes) * 60_000;
}

/**
 * Parses what people type or paste into the time field: `15m`, `last 2 hours`, `now-1h..now`,
 * `yesterday`, two instants joined by `..`, `to`, ` - ` or `/`, or one instant (a window around it).
 */
export function parseRange(text: string, zone: Zone, now: UnixNanos): Parsed<TimeRange> {
  const input = text.trim().replace(/[–—]/g, "-");
  if (input === "") return { ok: true, value: DEFAULT_RANGE };
  const named = namedRange(input.toLowerCase(), zone, now);
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

/** `2026-11-20 14:00..15:30`: a bare clock time at the end means the day of the start. */
function withDateOf(start: string, end: string): string {
  const day = /^\d{4}[-/]\d{1,2}[-/]\d{1,2}/.exec(start.trim());
  if (!day || !CLOCK.test(end.trim())) return end;
  const offset = /(Z|[+-]\d{2}:?\d{2})$/i.exec(start.trim().slice(day[0].length));
  return `${day[0]} ${end.trim()}${offset?.[0] ?? ""}`;
}

function namedRange(input: string, zone: Zone, now: UnixNanos): TimeRange | null {
  const span = /^(?:last\s+|-)?(\d+(?:\.\d+)?\s*[a-zµ]+)$/i.exec(input);
  if (span && spanNs(span[1]!) !== null) {
    const ns = spanNs(span[1]!)!;
    return ns > 0n ? { from: ago(shortSpan(span[1]!)), to: NOW } : null;
  }
  if (input !== "today" && input !== "yesterday") return null;
  const midnight = civilNanos(civilDate(now, zone), [0, 0, 0], undefined, undefined, zone)!;
  if (input === "today") return { from: absolute(midnight), to: NOW };
  return { from: absolute(nanos(midnight - DAY_NS)), to: absolute(midnight) };
}

function shortSpan(text: string): string {
  const match = /^([\d.]+)\s*([a-zµ]+)$/i.exec(text)!;
  return `${match[1]}${unitName(match[2]!).replace("µ", "u")}`;
}

function around(instant: Instant, now: UnixNanos): TimeRange {
  // "now-1h" alone means "since an hour ago"; a date means "what happened around then".
  if (instant.kind === "relative") {
    return instant.offsetNs < 0n ? { from: instant, to: NOW } : DEFAULT_RANGE;
  }
  const at = resolve(instant, now);
  return { from: absolute(nanos(at - AROUND_NS)), to: absolute(nanos(at + AROUND_NS)) };
}

/** The same range in words for the time field: `Last 15 min`, or both ends. */
export function describeRange(range: TimeRange, zone: Zone): string {
  const { from, to } = range;
  if (from.kind === "relative" && to.kind === "relative" && to.offsetNs === 0n && from.offsetNs < 0n) {
    return `Last ${from.text.slice(4).replace(/^([\d.]+)([a-z]+)$/, (_, n, u) => `${n} ${longUnit(u)}`)}`;
  }
  const start = from.kind === "relative" ? from.text : formatDateTime(from.at, zone);
  if (to.kind === "relative") return `${start} – ${to.text}`;
  const sameDay = from.kind === "absolute" && formatDate(from.at, zone) === formatDate(to.at, zone);
  return `${start} – ${sameDay ? formatClock(to.at, zone, 0) : formatDateTime(to.at, zone)}`;
}

function longUnit(unit: string): string {
  return { m: "min", d: "days", w: "weeks" }[unit] ?? unit;
}

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** `30 Jan 2023` */
export function formatDate(at: UnixNanos, zone: Zone): string {
  const [year, month, day] = civilDate(at, zone);
  return `${day} ${MONTHS[month - 1]} ${year}`;
}

/** `13:14:54.123`; `digits` of the fraction: 0, 3, 6 or 9. */
export function formatClock(at: UnixNanos, zone: Zone, digits: 0 | 3 | 6 | 9 = 3): string {
  const { seconds, fraction } = split(at);
  const date = new Date(Number(seconds) * 1000);
  const parts =
    zone === "utc"
      ? [date.getUTCHours(), date.getUTCMinutes(), date.getUTCSeconds()]
      : [date.getHours(), date.getMinutes(), date.getSeconds()];
  const clock = parts.map((part) => String(part).padStart(2, "0")).join(":");
  return digits === 0 ? clock : `${clock}.${fraction.toString().padStart(9, "0").slice(0, digits)}`;
}

/** `30 Jan 2023 13:14:54` */
export function formatDateTime(at: UnixNanos, zone: Zone, digits: 0 | 3 | 6 | 9 = 0): string {
  return `${formatDate(at, zone)} ${formatClock(at, zone, digits)}`;
}

/** `+01:00`, or `UTC`: the zone's offset at that instant, for labels. */
export function zoneLabel(at: UnixNanos, zone: Zone): string {
  if (zone === "utc") return "UTC";
  const minutes = -new Date(Number(at / 1_000_000n)).getTimezoneOffset();
  if (minutes === 0) return "UTC";
  const abs = Math.abs(minutes);
  const hours = String(Math.floor(abs / 60)).padStart(2, "0");
  return `${minutes < 0 ? "-" : "+"}${hours}:${String(abs % 60).padStart(2, "0")}`;
}
