import type { TraceModel } from "./trace-model";

/**
 * The moment from which a span can be said to have waited before it began, or -1 when nothing says so: the start of a
 * CLIENT span that called another service, the end of a PRODUCER or of any parent that had ended before.
 */
export function waitFrom(model: TraceModel, index: number): number {
  const up = model.parent[index]!;
  if (up < 0) return -1;
  const kind = model.kinds[model.kind[up]!];
  const parentEnd = model.start[up]! + model.duration[up]!;
  if (model.start[index]! >= parentEnd && (kind === "PRODUCER" || model.kinds[model.kind[index]!] === "CONSUMER")) return parentEnd;
  if (kind !== "CLIENT" || model.service[up] === model.service[index]) return -1;
  // Of several attempts only the first has waited since the call began.
  return index === up + 1 && model.start[index]! > model.start[up]! ? model.start[up]! : -1;
}
