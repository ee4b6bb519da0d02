import type { ColorBy } from "../../engine/waterfall-store";

const COLORS = ["service", "status", "kind"] as const;

export interface TraceUrl {
  /** Find text, and whether what does not match is hidden. */
  find: string;
  hide: boolean;
  /** The match that is current: a span id, null for none. */
  mark: string | null;
  /** Services that are shown; empty for all. */
  only: readonly string[];
  skew: "raw" | "adj";
  color: ColorBy;
  /** "Where the time went" is open. */
  critical: boolean;
  /** Sentences about parameters that could not be read. */
  problems: readonly string[];
}

/** The trace page's own parameters of an address. */
export function readTraceUrl(search: string): TraceUrl & { zoom: { t0: number; t1: number } | null; levels: number | null } {
  const params = new URLSearchParams(search);
  const problems: string[] = [];
  const bad = (name: string, expected: string) => problems.push(`${name}=${params.get(name)} in the address is not ${expected}; it is ignored.`);
  const word = <T extends string>(name: string, words: readonly T[], usual: T): T => {
    const value = params.get(name);
    const known = words.find((one) => one === value);
    if (value !== null && known === undefined) bad(name, `one of ${words.join(", ")}`);
    return known ?? usual;
  };
  const zoom = readZoom(params.get("z"));
  if (params.has("z") && zoom === null) bad("z", "two offsets in nanoseconds such as 0,1000");
  const levels = Number(params.get("collapsed") ?? Number.NaN);
  const isLevel = Number.isInteger(levels) && levels >= 1;
  if (params.has("collapsed") && !isLevel) bad("collapsed", "a number of levels");
  return {
    find: params.get("find") ?? "",
    hide: params.get("hide") === "1",
    mark: params.get("mark"),
    only: (params.get("only") ?? "").split(",").filter(Boolean).map(decodeURIComponentSafely),
    skew: word("skew", ["raw", "adj"] as const, "raw"),
    color: colorOf(params.get("color")) ?? word("color", COLORS, "service"),
    critical: params.get("cp") === "1",
    zoom,
    levels: isLevel ? levels : null,
    problems,
  };
}

/** `attr:<key>`; null when it is no such thing. */
function colorOf(text: string | null): ColorBy | null {
  const key = /^attr:(.+)$/s.exec(text ?? "")?.[1];
  return key === undefined ? null : `attr:${key}`;
}

function readZoom(text: string | null): { t0: number; t1: number } | null {
  const match = /^(\d+),(\d+)$/.exec(text ?? "");
  const [t0, t1] = [Number(match?.[1]), Number(match?.[2])];
  return match && t1 > t0 ? { t0, t1 } : null;
}

/** Services may have commas in their names: those are escaped once more. */
function decodeURIComponentSafely(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

export function printOnly(services: readonly string[]): string {
  return services.map((service) => service.replaceAll("%", "%25").replaceAll(",", "%2C")).join(",");
}
