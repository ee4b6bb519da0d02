import type { TraceModel } from "./trace-model";

/** Where the time of a trace went, and how often each operation was called. */
export interface Profile {
  durationNs: number;
  spans: number;
  parts: readonly Part[];
}

/** One operation of one service. */
export interface Part {
  /** Both names are empty where no span of the path was running. */
  service: string;
  name: string;
  /** Nanoseconds on the critical path. */
  ns: number;
  /** Spans, on the path or not. */
  count: number;
  /** Of a baseline: the smallest and largest `ns` of its traces, and in how many the operation was called. */
  usual?: Usual;
}

export interface Usual {
  low: number;
  high: number;
  traces: number;
}

/** How much longer one operation made B than A, by its time on the critical paths. */
export interface Contribution {
  /** Both names are empty where no span of the path was running. */
  service: string;
  name: string;
  /** It is what medians leave over: those of the parts do not add up to that of the whole. */
  isRest: boolean;
  a: number;
  b: number;
  /** b − a, nanoseconds. */
  delta: number;
  countA: number;
  countB: number;
  /** Of the side that is a baseline. */
  usual: Usual | null;
}

const keyOf = (service: string, name: string) => `${service}\0${name}`;

/** The critical path covers a trace without a gap: the parts add up to its duration. */
export function profileOf(model: TraceModel): Profile {
  const parts = new Map<string, Part>();
  const partOf = (service: string, name: string) => {
    const key = keyOf(service, name);
    let part = parts.get(key);
    if (!part) parts.set(key, (part = { service, name, ns: 0, count: 0 }));
    return part;
  };
  const operation = (i: number) => partOf(model.services[model.service[i]!]!, model.names[model.name[i]!]!);
  const { span, from, to } = model.critical;
  span.forEach((i, k) => ((i < 0 ? partOf("", "") : operation(i)).ns += to[k]! - from[k]!));
  for (let i = 0; i < model.count; i += 1) operation(i).count += 1;
  return { durationNs: model.durationNs, spans: model.count, parts: [...parts.values()] };
}

/**
 * What is usual: the median of the duration, of the spans, and of each part, where a trace without it counts as 0.
 * Expects at least one trace.
 */
export function baselineOf(traces: readonly Profile[]): Profile {
  const parts = new Map<string, Part[]>();
  for (const part of traces.flatMap((trace) => trace.parts)) {
    const key = keyOf(part.service, part.name);
    parts.set(key, [...(parts.get(key) ?? []), part]);
  }
  const medianOf = (found: readonly number[]) => median([...found, ...Array.from({ length: traces.length - found.length }, () => 0)]);
  return {
    durationNs: median(traces.map((trace) => trace.durationNs)),
    spans: median(traces.map((trace) => trace.spans)),
    parts: [...parts.values()].map((found) => {
      const ns = found.map((part) => part.ns);
      const low = found.length < traces.length ? 0 : Math.min(...ns);
      const usual = { low, high: Math.max(...ns), traces: found.length };
      return { service: found[0]!.service, name: found[0]!.name, ns: medianOf(ns), count: medianOf(found.map((part) => part.count)), usual };
    }),
  };
}

/** The lower of the two in the middle: a value that occurs. */
function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[(values.length - 1) >> 1]!;
}

/**
 * What the difference of two durations is made of, the largest part first. The deltas add up to `b.durationNs -
 * a.durationNs`, with a row of its own for what the medians of a baseline leave over; swapping inverts every sign.
 */
export function contributions(a: Profile, b: Profile): Contribution[] {
  const rows = new Map<string, Contribution>();
  for (const [profile, side, count] of [[a, "a", "countA"], [b, "b", "countB"]] as const) {
    for (const part of profile.parts) {
      const key = keyOf(part.service, part.name);
      const row = rows.get(key) ?? { service: part.service, name: part.name, isRest: false, a: 0, b: 0, delta: 0, countA: 0, countB: 0, usual: null };
      rows.set(key, row);
      row[side] = part.ns;
      row[count] = part.count;
      row.usual ??= part.usual ?? null;
    }
  }
  const onPath = [...rows.values()].filter((row) => row.a > 0 || row.b > 0);
  const [restA, restB] = [restOf(a), restOf(b)];
  if (restA !== 0 || restB !== 0) onPath.push({ service: "", name: "", isRest: true, a: restA, b: restB, delta: 0, countA: 0, countB: 0, usual: null });
  for (const row of onPath) row.delta = row.b - row.a;
  return onPath.toSorted((x, y) => Math.abs(y.delta) - Math.abs(x.delta) || y.b + y.a - (x.b + x.a));
}

/** What the parts lack of the whole; sums of offsets of a long trace are off by fractions of a nanosecond. */
function restOf(profile: Profile): number {
  return Math.round(profile.parts.reduce((left, part) => left - part.ns, profile.durationNs));
}
