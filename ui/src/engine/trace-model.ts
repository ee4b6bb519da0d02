import type { Span } from "../api/types";

/**
 * A trace as columns over its spans in pre-order: a span's subtree is the index range
 * `[i, subtreeEnd[i])`. Built once per trace; everything on screen is derived from it.
 */
export interface TraceModel {
  readonly count: number;
  readonly spans: readonly Span[];
  /** Index of the parent, -1 for roots (orphans and cycle members are roots too). */
  readonly parent: Int32Array;
  readonly depth: Int32Array;
  readonly subtreeEnd: Int32Array;
  readonly childCount: Int32Array;
  /** 1-based position among the siblings, for `aria-posinset`. */
  readonly position: Int32Array;
  readonly rootCount: number;
  /** Nanoseconds since the start of the trace. */
  readonly start: Float64Array;
  readonly duration: Float64Array;
  readonly error: Uint8Array;
  /** Spans with an error strictly below. */
  readonly errorsBelow: Int32Array;
  /** Index into `services`. */
  readonly service: Int32Array;
  /** Services, the one with the most self time first. */
  readonly services: readonly string[];
  /** Length of the time axis; at least 1. */
  readonly durationNs: number;
  /** Number of levels: 1 for a lone root. */
  readonly levels: number;
  readonly indexOf: ReadonlyMap<string, number>;
}

/**
 * Builds the model from spans in any order. Nothing here recurses: chains of 100,000 spans are
 * as good as any other trace. Of spans that share an id the first one gets the children.
 */
export function buildTraceModel(spans: readonly Span[], durationNs: number): TraceModel {
  const count = spans.length;
  const parents = parentIndexes(spans);
  detachCycles(parents);
  const order = preorder(spans, parents);

  const rank = new Int32Array(count);
  order.forEach((from, to) => (rank[from] = to));
  const sorted = Array.from(order, (from) => spans[from]!);
  const parent = Int32Array.from(order, (from) => (parents[from]! < 0 ? -1 : rank[parents[from]!]!));

  const { depth, position, childCount, rootCount, levels } = shape(parent);
  const error = Uint8Array.from(sorted, (span) => (span.status === "ERROR" ? 1 : 0));
  const { subtreeEnd, errorsBelow } = subtrees(parent, error);
  const { service, services } = serviceColumn(sorted);
  const indexOf = new Map<string, number>();
  sorted.forEach((span, i) => indexOf.has(span.span_id) || indexOf.set(span.span_id, i));

  const start = Float64Array.from(sorted, (span) => span.start_offset_ns);
  const duration = Float64Array.from(sorted, (span) => Math.max(0, span.duration_ns));
  let end = durationNs;
  for (let i = 0; i < count; i += 1) end = Math.max(end, start[i]! + duration[i]!);
  return {
    count, spans: sorted, parent, depth, subtreeEnd, childCount, position, rootCount, start, duration,
    error, errorsBelow, service, services, durationNs: Math.max(1, end), levels, indexOf,
  };
}

function parentIndexes(spans: readonly Span[]): Int32Array {
  const first = new Map<string, number>();
  spans.forEach((span, i) => first.has(span.span_id) || first.set(span.span_id, i));
  return Int32Array.from(spans, (span) => {
    const parent = span.parent_span_id ? first.get(span.parent_span_id) : undefined;
    return parent ?? -1;
  });
}

/** Makes every member of a parent cycle a root, so that what follows can trust the links. */
function detachCycles(parents: Int32Array): void {
  const DONE = -1;
  // 0: not seen; DONE: leads to a root; otherwise the number of the walk that passed here.
  const seenBy = new Int32Array(parents.length);
  for (let from = 0; from < parents.length; from += 1) {
    const walk = from + 1;
    let at = from;
    while (at >= 0 && seenBy[at] === 0) {
      seenBy[at] = walk;
      at = parents[at]!;
    }
    if (at >= 0 && seenBy[at] === walk) {
      for (let member = at; member >= 0; ) {
        const next = parents[member]!;
        parents[member] = -1;
        member = next;
      }
    }
    for (let i = from; i >= 0 && seenBy[i] === walk; i = parents[i]!) seenBy[i] = DONE;
  }
}

/** Old indexes in pre-order, siblings by start time and then as they came. */
function preorder(spans: readonly Span[], parents: Int32Array): Int32Array {
  const count = spans.length;
  const byStart = Uint32Array.from({ length: count }, (_, i) => i);
  byStart.sort((a, b) => spans[a]!.start_offset_ns - spans[b]!.start_offset_ns || a - b);

  const firstChild = new Int32Array(count).fill(-1);
  const nextSibling = new Int32Array(count).fill(-1);
  let firstRoot = -1;
  for (let k = count - 1; k >= 0; k -= 1) {
    const i = byStart[k]!;
    const parent = parents[i]!;
    nextSibling[i] = parent < 0 ? firstRoot : firstChild[parent]!;
    if (parent < 0) firstRoot = i;
    else firstChild[parent] = i;
  }

  const order = new Int32Array(count);
  let at = firstRoot;
  for (let written = 0; written < count; written += 1) {
    order[written] = at;
    let next = firstChild[at]!;
    for (let up = at; next < 0 && up >= 0; up = parents[up]!) next = nextSibling[up]!;
    at = next;
  }
  return order;
}

function shape(parent: Int32Array) {
  const depth = new Int32Array(parent.length);
  const position = new Int32Array(parent.length);
  const childCount = new Int32Array(parent.length);
  let rootCount = 0;
  let levels = 0;
  for (let i = 0; i < parent.length; i += 1) {
    const up = parent[i]!;
    depth[i] = up < 0 ? 0 : depth[up]! + 1;
    position[i] = up < 0 ? (rootCount += 1) : (childCount[up]! += 1);
    levels = Math.max(levels, depth[i]! + 1);
  }
  return { depth, position, childCount, rootCount, levels };
}

function subtrees(parent: Int32Array, error: Uint8Array) {
  const subtreeEnd = new Int32Array(parent.length);
  const errorsBelow = new Int32Array(parent.length);
  for (let i = parent.length - 1; i >= 0; i -= 1) {
    if (subtreeEnd[i] === 0) subtreeEnd[i] = i + 1;
    const up = parent[i]!;
    if (up < 0) continue;
    subtreeEnd[up] = Math.max(subtreeEnd[up]!, subtreeEnd[i]!);
    errorsBelow[up]! += errorsBelow[i]! + error[i]!;
  }
  return { subtreeEnd, errorsBelow };
}

function serviceColumn(spans: readonly Span[]) {
  const selfTime = new Map<string, number>();
  for (const span of spans) {
    selfTime.set(span.service, (selfTime.get(span.service) ?? 0) + span.self_time_ns);
  }
  const services = [...selfTime.keys()].toSorted((a, b) => selfTime.get(b)! - selfTime.get(a)! || (a < b ? -1 : 1));
  const index = new Map(services.map((service, i) => [service, i]));
  return { services, service: Int32Array.from(spans, (span) => index.get(span.service)!) };
}

/** Indexes of the ancestors, the root first, without the span itself. */
export function ancestors(model: TraceModel, index: number): number[] {
  const path: number[] = [];
  for (let at = model.parent[index]!; at >= 0; at = model.parent[at]!) path.push(at);
  return path.toReversed();
}
