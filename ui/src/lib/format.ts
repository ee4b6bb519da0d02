const DURATION_UNITS: [limitNs: number, divisor: number, unit: string][] = [
  [1e3, 1, "ns"],
  [1e6, 1e3, "µs"],
  [1e9, 1e6, "ms"],
  [60e9, 1e9, "s"],
  [3600e9, 60e9, "min"],
  [86400e9, 3600e9, "h"],
  [Infinity, 86400e9, "d"],
];

/** `1.27 s`, `926 µs`: three significant digits and a unit. `ns` may be negative. */
export function formatDuration(ns: number): string {
  if (ns === 0) return "0 µs";
  const abs = Math.abs(ns);
  // 999.6 µs would print as "1000 µs": step to the next unit before rounding gets there.
  const [, divisor, unit] = DURATION_UNITS.find(([limit]) => abs < limit * 0.9995)!;
  return `${ns < 0 ? "−" : ""}${significant(abs / divisor)} ${unit}`;
}

/** `28ms`, `4.1ms`, `1.02s`: for discs of the map, where five letters have room; the exact number is in the details. */
export function tightDuration(ns: number): string {
  const [number, unit] = formatDuration(ns).split(" ") as [string, string];
  const value = Number(number);
  // Seconds and longer keep their digits: there they are worth something.
  const digits = unit === "s" || unit === "min" || unit === "h" || unit === "d" ? number : value >= 9.95 ? String(Math.round(value)) : trimZeros(value.toFixed(1));
  return `${digits}${unit}`;
}

/** The exact number for titles: `1,271,884,003 ns`. */
export function formatNanos(ns: number | bigint): string {
  return `${group(ns)} ns`;
}

function significant(value: number): string {
  if (value >= 99.95) return String(Math.round(value));
  if (value >= 9.995) return trimZeros(value.toFixed(1));
  return trimZeros(value.toFixed(2));
}

function trimZeros(text: string): string {
  return text.replace(/\.?0+$/, "");
}

/** `1,204,331` */
export function group(value: number | bigint): string {
  return String(value).replace(/\B(?=(\d{3})+(?!\d))/g, ",");
}

/** `1,204`, then `12.3 k`, `1.2 M`: for tight places; put the exact number into the title. */
export function formatCount(value: number): string {
  if (value < 10_000) return group(value);
  if (value < 999_500) return `${significant(value / 1e3)} k`;
  if (value < 999_500_000) return `${significant(value / 1e6)} M`;
  return `${significant(value / 1e9)} G`;
}

/** `2.5%`; `0%` only when it is none, `100%` only when it is all. */
export function formatShare(part: number, whole: number): string {
  if (whole <= 0 || part <= 0) return "0%";
  if (part >= whole) return "100%";
  const percent = (part / whole) * 100;
  if (percent < 0.1) return "<0.1%";
  if (percent > 99.9) return ">99.9%";
  return `${percent < 9.95 ? trimZeros(percent.toFixed(1)) : Math.min(99.9, Math.round(percent))}%`;
}

/** `1.4 MiB` */
export function formatBytes(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? value : significant(value)} ${units[unit]}`;
}

/** `1 span`, `2 spans` */
export function plural(count: number, noun: string): string {
  const many = /[^aeiou]y$/.test(noun) ? `${noun.slice(0, -1)}ies` : `${noun}s`;
  return `${group(count)} ${count === 1 ? noun : many}`;
}

/** `3 min ago`, `2 h ago`, for a difference in nanoseconds. */
export function formatAgo(ns: bigint): string {
  const seconds = Number(ns / 1_000_000_000n);
  if (seconds < 5) return "just now";
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 172_800) return `${Math.floor(seconds / 3600)} h ago`;
  return `${group(Math.floor(seconds / 86_400))} days ago`;
}

/**
 * Nanoseconds of `500ms`, `1.5 s`, `2m` or a bare number (milliseconds, what people mean when
 * they type "200" beside a duration). Null when it is none of these.
 */
export function parseDuration(text: string): number | null {
  const match = /^(\d+(?:\.\d+)?)\s*(ns|us|µs|ms|s|m|min|h|)$/i.exec(text.trim());
  if (!match) return null;
  const factor = { ns: 1, us: 1e3, µs: 1e3, ms: 1e6, s: 1e9, m: 60e9, min: 60e9, h: 3600e9, "": 1e6 };
  return Math.round(Number(match[1]) * factor[match[2]!.toLowerCase() as keyof typeof factor]);
}

/** An exact text that {@link parseDuration} and the API read back: `1500ms`, `2s`, `7.943282ms`. */
export function printDuration(ns: number): string {
  for (const [unit, size] of [["h", 3600e9], ["m", 60e9], ["s", 1e9], ["ms", 1e6], ["us", 1e3]] as const) {
    if (ns !== 0 && ns % size === 0 && size >= (ns >= 1e6 ? 1e6 : 1e3)) return `${ns / size}${unit}`;
  }
  // Nanoseconds have too many digits to be read.
  const [unit, digits] = ns >= 1e9 ? ["s", 9] : ns >= 1e6 ? ["ms", 6] : ns >= 1e3 ? ["us", 3] : ["ns", 0];
  const whole = String(ns);
  const fraction = digits === 0 ? "" : whole.slice(-digits).replace(/0+$/, "");
  return `${whole.slice(0, whole.length - digits)}${fraction && `.${fraction}`}${unit}`;
}
