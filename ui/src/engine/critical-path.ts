import type { TraceTree } from "./trace-model";

/**
 * What the end of the trace waited for, as sections that follow each other without a gap from the start of the trace to
 * its end. `span` is -1 where no span of the path was running (between roots, or after the root while only asynchronous
 * work went on).
 */
export interface CriticalPath {
  readonly span: Int32Array;
  readonly from: Float64Array;
  readonly to: Float64Array;
  /** Sections of one span: those of span `i` are `order[spanFrom[i]] .. order[spanFrom[i + 1] - 1]`. */
  readonly spanFrom: Int32Array;
  readonly order: Int32Array;
}

interface Timed extends TraceTree {
  readonly start: Float64Array;
  readonly duration: Float64Array;
  readonly kind: Uint8Array;
  readonly kinds: readonly string[];
  readonly durationNs: number;
}

interface Frame {
  /** -1 for the trace itself, whose children are the roots. */
  span: number;
  /** Children by their end, the last one first. */
  children: number[];
  next: number;
  until: number;
  /** Nothing before this moment counts: the start of the outermost span. */
  floor: number;
}

/**
 * From the end of the trace backwards, always into the child that finished last before that moment. Children that
 * outlive their parent are clipped to it; consumers run on their own and never hold up their producer. Iterative.
 */
export function criticalPath(trace: Timed): CriticalPath {
  const sections = { span: [] as number[], from: [] as number[], to: [] as number[] };
  const add = (span: number, from: number, to: number) => {
    if (to <= from) return;
    sections.span.push(span);
    sections.from.push(from);
    sections.to.push(to);
  };
  const stack = trace.count === 0 ? [] : [openFrame(trace, -1, trace.durationNs, 0)];
  while (stack.length > 0) {
    const frame = stack.at(-1)!;
    const child = nextChild(trace, frame);
    if (child < 0) {
      add(frame.span, frame.floor, frame.until);
      stack.pop();
      continue;
    }
    const childEnd = Math.min(frame.until, trace.start[child]! + trace.duration[child]!);
    const childFrom = Math.max(frame.floor, trace.start[child]!);
    add(frame.span, childEnd, frame.until);
    frame.until = childFrom;
    stack.push(openFrame(trace, child, childEnd, childFrom));
  }
  return index(trace.count, sections);
}

function openFrame(trace: Timed, span: number, until: number, floor: number): Frame {
  const children: number[] = [];
  const end = span < 0 ? trace.count : trace.subtreeEnd[span]!;
  for (let i = span + 1; i < end; i = trace.subtreeEnd[i]!) {
    if (span < 0 || trace.kinds[trace.kind[i]!] !== "CONSUMER") children.push(i);
  }
  const endOf = (i: number) => trace.start[i]! + trace.duration[i]!;
  children.sort((a, b) => endOf(b) - endOf(a) || b - a);
  return { span, children, next: 0, until, floor };
}

/** The child that ended last before `until`, or -1. */
function nextChild(trace: Timed, frame: Frame): number {
  while (frame.next < frame.children.length) {
    const child = frame.children[frame.next]!;
    frame.next += 1;
    const start = trace.start[child]!;
    // Beginning after the moment looked at, or ending before the parent began, it held up nothing.
    if (start < frame.until && start + trace.duration[child]! > frame.floor) return child;
  }
  return -1;
}

/** By time, with a way from each span to its sections. */
function index(count: number, found: { span: number[]; from: number[]; to: number[] }): CriticalPath {
  const span = Int32Array.from(found.span.toReversed());
  const spanFrom = new Int32Array(count + 1);
  for (const one of span) if (one >= 0) spanFrom[one + 1]! += 1;
  for (let i = 0; i < count; i += 1) spanFrom[i + 1]! += spanFrom[i]!;
  const next = spanFrom.slice();
  const order = new Int32Array(spanFrom[count]!);
  span.forEach((one, k) => {
    if (one >= 0) order[next[one]!++] = k;
  });
  return { span, from: Float64Array.from(found.from.toReversed()), to: Float64Array.from(found.to.toReversed()), spanFrom, order };
}

/** Whether a span is on the path. */
export function isCritical(path: CriticalPath, span: number): boolean {
  return path.spanFrom[span + 1]! > path.spanFrom[span]!;
}

/** Time on the path of one operation of one service. */
export interface PathShare {
  /** -1 where no span of the path was running. */
  service: number;
  name: number;
  ns: number;
  sections: number;
  /** The span with the longest section (-1 when there is none), and how long that is. */
  longest: number;
  longestNs: number;
}

/** Where the time went: operations by their time on the path, the longest first; the times add up to the trace's. */
export function whereTheTimeWent(model: Timed & { service: Int32Array; name: Int32Array; critical: CriticalPath }): PathShare[] {
  const shares = new Map<string, PathShare>();
  const { span, from, to } = model.critical;
  for (let k = 0; k < span.length; k += 1) {
    const i = span[k]!;
    const ns = to[k]! - from[k]!;
    const service = i < 0 ? -1 : model.service[i]!;
    const name = i < 0 ? -1 : model.name[i]!;
    const key = `${service} ${name}`;
    let share = shares.get(key);
    if (!share) shares.set(key, (share = { service, name, ns: 0, sections: 0, longest: -1, longestNs: -1 }));
    share.ns += ns;
    share.sections += 1;
    if (ns > share.longestNs) [share.longest, share.longestNs] = [i, ns];
  }
  return [...shares.values()].toSorted((a, b) => b.ns - a.ns);
}
