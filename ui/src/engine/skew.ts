import type { TraceTree } from "./trace-model";

interface Timed extends TraceTree {
  readonly start: Float64Array;
  readonly duration: Float64Array;
  readonly service: Int32Array;
}

/**
 * How far clocks of services are off, seen from their callers. A span of another service that starts before its parent
 * cannot have: it is moved into the middle of the parent (the network took as long there as back), or to the parent's
 * start when it does not fit; spans of the same service below move along. Ending after the parent proves nothing:
 * asynchronous work does. The rule is that of Jaeger's clock skew adjuster, for starts only.
 */
export function skewShifts(tree: Timed): { shift: Float64Array; skewedCount: number } {
  const { count, parent, start, duration, service } = tree;
  const shift = new Float64Array(count);
  let skewedCount = 0;
  for (let i = 0; i < count; i += 1) {
    const up = parent[i]!;
    if (up < 0) continue;
    if (service[i] === service[up]) shift[i] = shift[up]!;
    else {
      const callerStart = start[up]! + shift[up]!;
      if (start[i]! < callerStart) shift[i] = callerStart + Math.max(0, (duration[up]! - duration[i]!) / 2) - start[i]!;
    }
    if (shift[i] !== 0) skewedCount += 1;
  }
  return { shift, skewedCount };
}
