import type { TraceModel } from "./trace-model";

/** What spans are put together by. */
export type StatisticsBy = "operation" | "service" | "kind";

/** Figures of spans that have something in common. Durations in nanoseconds. */
export interface StatisticsRow {
  service: number;
  /** -1 when rows are services or kinds. */
  name: number;
  kind: number;
  count: number;
  total: number;
  self: number;
  mean: number;
  p95: number;
  max: number;
  errors: number;
  /** Time on the critical path. */
  critical: number;
  /** The longest of them. */
  longest: number;
}

/** Rows by self time, the most first. The percentile is by nearest rank, exact. */
export function statistics(model: TraceModel, by: StatisticsBy): StatisticsRow[] {
  const keyOf = {
    operation: (i: number) => model.service[i]! * model.names.length + model.name[i]!,
    service: (i: number) => model.service[i]!,
    kind: (i: number) => model.kind[i]!,
  }[by];
  const critical = criticalTimes(model);
  const rows = new Map<number, StatisticsRow & { durations: number[] }>();
  for (let i = 0; i < model.count; i += 1) {
    const key = keyOf(i);
    let row = rows.get(key);
    if (!row) {
      row = {
        service: by === "kind" ? -1 : model.service[i]!, name: by === "operation" ? model.name[i]! : -1, kind: by === "service" ? -1 : model.kind[i]!,
        count: 0, total: 0, self: 0, mean: 0, p95: 0, max: -1, errors: 0, critical: 0, longest: i, durations: [],
      };
      rows.set(key, row);
    }
    const duration = model.duration[i]!;
    row.count += 1;
    row.total += duration;
    row.self += model.selfTime[i]!;
    row.errors += model.error[i]!;
    row.critical += critical[i]!;
    if (duration > row.max) [row.max, row.longest] = [duration, i];
    row.durations.push(duration);
  }
  return [...rows.values()]
    .map(({ durations, ...row }) => {
      const sorted = Float64Array.from(durations).toSorted();
      return { ...row, mean: row.total / row.count, p95: sorted[Math.ceil(row.count * 0.95) - 1]! };
    })
    .toSorted((a, b) => b.self - a.self || b.total - a.total);
}

/** Time of each span on the critical path. */
export function criticalTimes(model: TraceModel): Float64Array {
  const times = new Float64Array(model.count);
  const { span, from, to } = model.critical;
  span.forEach((one, k) => {
    if (one >= 0) times[one]! += to[k]! - from[k]!;
  });
  return times;
}
