import { criticalPath, type CriticalPath } from "./critical-path";
import { type Groups, groupSiblings } from "./groups";
import { FLAG, OUTCOME, type Skeleton, STATUS_ERROR } from "./skeleton";
import { skewShifts } from "./skew";

/** The tree of a trace as columns over its spans in pre-order: a subtree is the range `[i, subtreeEnd[i])`. */
export interface TraceTree {
  readonly count: number;
  /** Index of the parent, -1 for roots (orphans and cycle members are roots too). */
  readonly parent: Int32Array;
  readonly depth: Int32Array;
  readonly subtreeEnd: Int32Array;
  readonly childCount: Int32Array;
  readonly rootCount: number;
  /** Number of levels: 1 for a lone root. */
  readonly levels: number;
}

/**
 * A trace, made once from its skeleton (in a worker) and never changed: typed arrays that move between threads without
 * a copy. Everything on screen is derived from it.
 */
export interface TraceModel extends TraceTree {
  /** Nanoseconds since the start of the trace. */
  readonly start: Float64Array;
  /** Never negative. */
  readonly duration: Float64Array;
  /** Duration minus the union of the direct children's intervals clipped to the span. */
  readonly selfTime: Float64Array;
  /** Indexes into `services`, `names`, `kinds`. */
  readonly service: Int32Array;
  readonly name: Int32Array;
  readonly kind: Uint8Array;
  readonly status: Uint8Array;
  readonly outcome: Uint8Array;
  readonly flags: Uint16Array;
  /** 1 for a span with status ERROR or an outcome that is not ok. */
  readonly error: Uint8Array;
  readonly errorCount: number;
  /** Spans with an error strictly below. */
  readonly errorsBelow: Int32Array;
  /** The service with the most self time first. */
  readonly services: readonly string[];
  readonly names: readonly string[];
  readonly kinds: readonly string[];
  /** 8 bytes a span. */
  readonly ids: Uint8Array;
  /** Length of the time axis; at least 1. */
  readonly durationNs: number;
  readonly groups: Groups;
  readonly critical: CriticalPath;
  readonly points: Points;
  readonly events: { readonly span: Int32Array; readonly time: Float64Array; readonly text: Int32Array; readonly texts: readonly string[] };
  /** What has to be added to a span's start to undo the skew of its clock; all 0 without skew. */
  readonly shift: Float64Array;
  readonly skewedCount: number;
}

/** Moments inside spans: those of span `i` are `[from[i], from[i + 1])`, by time. */
export interface Points {
  readonly from: Int32Array;
  readonly time: Float64Array;
  /** One of {@link POINT}. */
  readonly kind: Uint8Array;
}

/** What a point is: an event of the span, a log record, one of severity ERROR and worse. */
export const POINT = { event: 0, log: 1, errorLog: 2 } as const;

const SEVERITY_ERROR = 17;
const KINDS_MAX = 255;

/** Errors: a skeleton whose columns contradict each other. */
export function buildTraceModel(skeleton: Skeleton): TraceModel {
  const { spans } = skeleton;
  const tree = buildTree(spans.parent);
  const { count } = tree;
  const start = Float64Array.from(spans.start_ns);
  const duration = Float64Array.from(spans.duration_ns, (ns) => Math.max(0, ns));
  const status = Uint8Array.from(spans.status);
  const outcome = Uint8Array.from(spans.outcome);
  const error = status.map((one, i) => (one === STATUS_ERROR || outcome[i]! !== 0 ? 1 : 0));
  const kind = Uint8Array.from(spans.kind, (one) => Math.min(KINDS_MAX, one));
  const service = Int32Array.from(spans.service);
  const name = Int32Array.from(spans.name);
  const ids = bytesOfBase64(spans.span_id);
  const lengths = [start, duration, status, outcome, kind, service, name, spans.flags];
  if (ids.length !== count * 8 || lengths.some((column) => column.length !== count)) {
    throw new Error("the trace's columns have different lengths");
  }
  let durationNs = Math.max(1, skeleton.duration_ns);
  for (let i = 0; i < count; i += 1) durationNs = Math.max(durationNs, start[i]! + duration[i]!);
  const timed = { ...tree, start, duration, service, name, kind, kinds: skeleton.kinds, durationNs };
  const { shift, skewedCount } = skewShifts(timed);
  return {
    ...timed, status, outcome, error, ids, shift, skewedCount,
    flags: Uint16Array.from(spans.flags),
    errorCount: error.reduce((sum, one) => sum + one, 0),
    errorsBelow: errorsBelow(tree, error),
    selfTime: selfTimes(tree, start, duration),
    services: skeleton.services,
    names: skeleton.names,
    groups: groupSiblings(timed, error),
    critical: criticalPath(timed),
    points: buildPoints(skeleton, count),
    events: {
      span: Int32Array.from(skeleton.events.span),
      time: Float64Array.from(skeleton.events.time_ns),
      text: Int32Array.from(skeleton.events.text),
      texts: skeleton.events.texts,
    },
  };
}

/** Nothing recurses: chains of 100,000 spans are as good as any other trace. */
export function buildTree(parents: ArrayLike<number>): TraceTree {
  const count = parents.length;
  const parent = Int32Array.from(parents);
  const depth = new Int32Array(count);
  const childCount = new Int32Array(count);
  const subtreeEnd = new Int32Array(count);
  let rootCount = 0;
  let levels = 0;
  for (let i = 0; i < count; i += 1) {
    const up = parent[i]!;
    if (up >= i || up < -1) throw new Error(`row ${i} of the trace stands before its parent ${up}`);
    if (up < 0) rootCount += 1;
    else childCount[up]! += 1;
    depth[i] = up < 0 ? 0 : depth[up]! + 1;
    levels = Math.max(levels, depth[i]! + 1);
  }
  for (let i = count - 1; i >= 0; i -= 1) {
    subtreeEnd[i] = Math.max(subtreeEnd[i]!, i + 1);
    const up = parent[i]!;
    if (up >= 0) subtreeEnd[up] = Math.max(subtreeEnd[up]!, subtreeEnd[i]!);
  }
  return { count, parent, depth, subtreeEnd, childCount, rootCount, levels };
}

function errorsBelow(tree: TraceTree, error: Uint8Array): Int32Array {
  const below = new Int32Array(tree.count);
  for (let i = tree.count - 1; i >= 0; i -= 1) {
    const up = tree.parent[i]!;
    if (up >= 0) below[up]! += below[i]! + error[i]!;
  }
  return below;
}

/** Siblings come by start time, so each span only has to remember how far it is covered. */
function selfTimes(tree: TraceTree, start: Float64Array, duration: Float64Array): Float64Array {
  const self = new Float64Array(tree.count);
  const coveredTo = Float64Array.from(start);
  for (let i = 0; i < tree.count; i += 1) {
    const up = tree.parent[i]!;
    if (up < 0) continue;
    const end = start[up]! + duration[up]!;
    const from = Math.min(start[i]!, end);
    const to = start[i]! + duration[i]!;
    if (duration[i] === 0 || to <= coveredTo[up]!) continue;
    self[up]! += Math.max(0, from - coveredTo[up]!);
    coveredTo[up] = Math.min(to, end);
  }
  for (let i = 0; i < tree.count; i += 1) self[i]! += Math.max(0, start[i]! + duration[i]! - coveredTo[i]!);
  return self;
}

function buildPoints({ events, logs }: Skeleton, count: number): Points {
  const from = new Int32Array(count + 1);
  for (const span of events.span) from[span + 1]! += 1;
  for (const span of logs.span) if (span >= 0) from[span + 1]! += 1;
  for (let i = 0; i < count; i += 1) from[i + 1]! += from[i]!;
  const next = from.slice();
  const all: [number, number][] = Array.from({ length: from[count]! });
  // Exceptions are told by their text being more than a name: the flag of the span says whether there is one.
  events.span.forEach((span, k) => (all[next[span]!++] = [events.time_ns[k]!, POINT.event]));
  logs.span.forEach((span, k) => {
    if (span >= 0) all[next[span]!++] = [logs.time_ns[k]!, logs.severity_number[k]! >= SEVERITY_ERROR ? POINT.errorLog : POINT.log];
  });
  for (let i = 0; i < count; i += 1) {
    if (from[i + 1]! - from[i]! < 2) continue;
    const sorted = all.slice(from[i]!, from[i + 1]!).toSorted((a, b) => a[0] - b[0]);
    sorted.forEach((point, k) => (all[from[i]! + k] = point));
  }
  return { from, time: Float64Array.from(all, (point) => point[0]), kind: Uint8Array.from(all, (point) => point[1]) };
}

/** The point of a span nearest to a moment, not farther from it than `reach` nanoseconds; -1 when there is none. */
export function nearestPoint({ from, time }: Points, index: number, moment: number, reach: number): number {
  let nearest = -1;
  for (let k = from[index]!; k < from[index + 1]!; k += 1) {
    const distance = Math.abs(time[k]! - moment);
    if (distance <= reach && (nearest < 0 || distance < Math.abs(time[nearest]! - moment))) nearest = k;
  }
  return nearest;
}

function bytesOfBase64(text: string): Uint8Array {
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i += 1) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

/** The buffers of a model, to hand it to another thread without a copy. */
export function buffersOf(model: TraceModel): ArrayBuffer[] {
  const parts = [model, model.groups, model.critical, model.points, model.events].flatMap((part) => Object.values(part));
  return parts.filter((part): part is ArrayBufferView<ArrayBuffer> => ArrayBuffer.isView(part)).map((view) => view.buffer);
}

/** 16 hex digits. */
export function spanIdOf(model: TraceModel, index: number): string {
  let id = "";
  for (let k = index * 8; k < index * 8 + 8; k += 1) id += model.ids[k]!.toString(16).padStart(2, "0");
  return id;
}

/** How an address names a span: its id, and of spans that share one the second as `<id>.2`. */
export function spanRefOf(model: TraceModel, index: number): string {
  const id = spanIdOf(model, index);
  if (!(model.flags[index]! & FLAG.duplicate)) return id;
  let nth = 1;
  for (let i = 0; i < index; i += 1) if (hasSameId(model, i, index)) nth += 1;
  return nth === 1 ? id : `${id}.${nth}`;
}

function hasSameId({ ids }: TraceModel, a: number, b: number): boolean {
  for (let k = 0; k < 8; k += 1) if (ids[a * 8 + k] !== ids[b * 8 + k]) return false;
  return true;
}

/** The span that an id or a reference of {@link spanRefOf} names, or -1. */
export function indexOfSpan(model: TraceModel, ref: string): number {
  const [, id, nth] = /^([0-9a-f]{16})(?:\.(\d+))?$/.exec(ref) ?? [];
  if (id === undefined) return -1;
  const wanted = Array.from({ length: 8 }, (_, k) => Number.parseInt(id.slice(k * 2, k * 2 + 2), 16));
  let left = Number(nth ?? 1);
  for (let i = 0; i < model.count; i += 1) {
    let k = 0;
    while (k < 8 && model.ids[i * 8 + k] === wanted[k]) k += 1;
    if (k === 8 && (left -= 1) === 0) return i;
  }
  return -1;
}

export const serviceOf = (model: TraceModel, index: number): string => model.services[model.service[index]!]!;
export const nameOf = (model: TraceModel, index: number): string => model.names[model.name[index]!]!;
export const kindOf = (model: TraceModel, index: number): string => model.kinds[model.kind[index]!]!;

/** Words for what is wrong with a span's outcome; null when nothing is. */
export function outcomeOf(model: TraceModel, index: number): "fault" | "throttle" | "error" | null {
  const bits = model.outcome[index]!;
  if (bits & OUTCOME.fault || (bits === 0 && model.error[index])) return "fault";
  return bits & OUTCOME.throttle ? "throttle" : bits & OUTCOME.error ? "error" : null;
}

/** Indexes of the ancestors, the root first, without the span itself. */
export function ancestors(tree: TraceTree, index: number): number[] {
  const path: number[] = [];
  for (let at = tree.parent[index]!; at >= 0; at = tree.parent[at]!) path.push(at);
  return path.toReversed();
}

/** The same trace with every span moved by its shift; where it really was stays in `raw.start`. */
export function withSkewUndone(raw: TraceModel): TraceModel {
  if (raw.skewedCount === 0) return raw;
  const start = raw.start.map((time, i) => time + raw.shift[i]!);
  let durationNs = 1;
  for (let i = 0; i < raw.count; i += 1) durationNs = Math.max(durationNs, start[i]! + raw.duration[i]!);
  const time = raw.points.time.slice();
  for (let i = 0; i < raw.count; i += 1) for (let k = raw.points.from[i]!; k < raw.points.from[i + 1]!; k += 1) time[k]! += raw.shift[i]!;
  const moved = { ...raw, start, durationNs, points: { ...raw.points, time } };
  return { ...moved, critical: criticalPath(moved) };
}
