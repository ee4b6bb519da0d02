/** How times are shown and read: UTC, the zone of the browser, or a zone of the IANA database by its name. */
export type Zone = "utc" | "local" | `${string}/${string}`;

const DAY_MS = 86_400_000;
/** Offsets change on such marks at most, so one is worked out for each. */
const STEP_MS = 15 * 60_000;

/** `utc`, `local`, or a name such as `Europe/Berlin` in any case; null when the browser knows no such zone. */
export function readZoneName(text: string): Zone | null {
  const typed = text.trim();
  const lower = typed.toLowerCase();
  if (lower === "utc" || lower === "local") return lower;
  if (!lower.includes("/")) return null;
  try {
    // Browsers have one name for zones with several; it may be an old one: Asia/Katmandu.
    const { timeZone } = new Intl.DateTimeFormat("en", { timeZone: typed }).resolvedOptions();
    return (timeZone.toLowerCase() === lower ? timeZone : typed) as Zone;
  } catch {
    return null;
  }
}

/** What has to be added to UTC at that instant (milliseconds since 1970) to get the zone's clock, in milliseconds. */
export function offsetMsAt(unixMs: number, zone: Zone): number {
  if (zone === "utc") return 0;
  if (zone === "local") return -new Date(unixMs).getTimezoneOffset() * 60_000;
  const step = Math.floor(unixMs / STEP_MS);
  const known = lastOffsets.get(zone);
  if (known?.step === step) return known.offsetMs;
  const offsetMs = clockOf(step * STEP_MS, zone) - step * STEP_MS;
  lastOffsets.set(zone, { step, offsetMs });
  return offsetMs;
}

/** Lists show times that follow each other: the last answer is nearly always the next one. */
const lastOffsets = new Map<Zone, { step: number; offsetMs: number }>();
const formats = new Map<Zone, Intl.DateTimeFormat>();

/** The clock of a named zone as if it were UTC, in milliseconds. */
function clockOf(unixMs: number, zone: Zone): number {
  let format = formats.get(zone);
  if (!format) {
    const digits = "2-digit";
    format = new Intl.DateTimeFormat("en", { timeZone: zone, hourCycle: "h23", year: "numeric", month: digits, day: digits, hour: digits, minute: digits, second: digits });
    formats.set(zone, format);
  }
  const parts: Record<string, number> = {};
  for (const { type, value } of format.formatToParts(unixMs)) parts[type] = Number(value);
  return Date.UTC(parts.year!, parts.month! - 1, parts.day, parts.hour, parts.minute, parts.second);
}

/**
 * The instant at which the zone's clock shows `clockMs` (a clock as if it were UTC). Of two, in the night in which clocks
 * go back, the first; of none, when they go forward, as much later as the clock jumps (as ECMAScript's `Date` does).
 */
export function instantMs(clockMs: number, zone: Zone): number {
  const [before, behind] = [offsetMsAt(clockMs - DAY_MS, zone), offsetMsAt(clockMs + DAY_MS, zone)];
  const first = clockMs - before;
  if (offsetMsAt(first, zone) === before) return first;
  const second = clockMs - behind;
  return offsetMsAt(second, zone) === behind ? second : first;
}
