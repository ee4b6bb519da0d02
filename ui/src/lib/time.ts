import { offsetMsAt, type Zone } from "./zone";

export type { Zone } from "./zone";

/** Nanoseconds since 1970-01-01T00:00:00Z. Branded: plain bigints are durations or counts. */
export type UnixNanos = bigint & { readonly unixNanos: unique symbol };

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

export const UNIT_NS: Record<string, bigint> = {
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

/** The length of a range as a number with a unit, `90m`, for {@link ago}; at least a second. */
export function spanText(ns: bigint): string {
  const seconds = Math.max(1, Math.ceil(Number(ns) / 1e9));
  const [unit, size] = ([["d", 86_400], ["h", 3_600], ["m", 60], ["s", 1]] as const).find(([, one]) => seconds % one === 0)!;
  return `${seconds / size}${unit}`;
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

/** Nanoseconds of `15m`, `1.5h`, `2 d`; null when it is not a number with a known unit. */
export function spanNs(text: string): bigint | null {
  const match = /^(\d+)(?:\.(\d{1,9}))?\s*([a-zµ]+)$/i.exec(text.trim());
  const unit = match && UNIT_NS[unitName(match[3]!)];
  if (!match || unit === undefined || unit === null) return null;
  const fraction = match[2] ?? "";
  return BigInt(match[1]!) * unit + (BigInt(fraction || "0") * unit) / 10n ** BigInt(fraction.length);
}

/** `minutes` is `m`; what is not known stays as it is. */
export function unitName(unit: string): string {
  const lower = unit.toLowerCase();
  const long: Record<string, string> = {
    sec: "s", secs: "s", second: "s", seconds: "s",
    min: "m", mins: "m", minute: "m", minutes: "m",
    hr: "h", hrs: "h", hour: "h", hours: "h",
    day: "d", days: "d", week: "w", weeks: "w",
  };
  return long[lower] ?? lower;
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

/** As they are written and read. */
export const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** A date whose UTC parts are those of the zone's clock at that instant, without the fraction of the second. */
export function clockDate(at: UnixNanos, zone: Zone): Date {
  const ms = Number(split(at).seconds) * 1000;
  return new Date(ms + offsetMsAt(ms, zone));
}

/** `30 Jan 2023` */
export function formatDate(at: UnixNanos, zone: Zone): string {
  const date = clockDate(at, zone);
  return `${date.getUTCDate()} ${MONTHS[date.getUTCMonth()]} ${date.getUTCFullYear()}`;
}

/** `13:14:54.123`; `digits` of the fraction: 0, 3, 6 or 9. */
export function formatClock(at: UnixNanos, zone: Zone, digits: 0 | 3 | 6 | 9 = 3): string {
  const { fraction } = split(at);
  const clock = clockDate(at, zone).toISOString().slice(11, 19);
  return digits === 0 ? clock : `${clock}.${fraction.toString().padStart(9, "0").slice(0, digits)}`;
}

/** `30 Jan 2023 13:14:54` */
export function formatDateTime(at: UnixNanos, zone: Zone, digits: 0 | 3 | 6 | 9 = 0): string {
  return `${formatDate(at, zone)} ${formatClock(at, zone, digits)}`;
}

/** `30 Jan 2023 13:14:54 – 13:17:53`; another day is named. */
export function formatBetween(from: UnixNanos, to: UnixNanos, zone: Zone): string {
  const sameDay = formatDate(from, zone) === formatDate(to, zone);
  return `${formatDateTime(from, zone)} – ${sameDay ? formatClock(to, zone, 0) : formatDateTime(to, zone)}`;
}

/** `+01:00`, or `UTC`: the zone's offset at that instant, for labels. */
export function zoneLabel(at: UnixNanos, zone: Zone): string {
  const minutes = Math.round(offsetMsAt(Number(split(at).seconds) * 1000, zone) / 60_000);
  if (minutes === 0) return "UTC";
  const abs = Math.abs(minutes);
  const hours = String(Math.floor(abs / 60)).padStart(2, "0");
  return `${minutes < 0 ? "-" : "+"}${hours}:${String(abs % 60).padStart(2, "0")}`;
}
