import type { TraceModel } from "./trace-model";

/** Sections of the critical path per span index, as flat pairs of start and end (ns). */
export type CriticalPath = Map<number, number[]>;

/**
 * What the end of the trace waited for: from the end of the longest root backwards, always into
 * the child that finished last before that moment. Children that outlive their parent are clipped
 * to it; consumers run on their own and never hold up their producer. Iterative.
 */
export function criticalPath(model: TraceModel): CriticalPath {
  const path: CriticalPath = new Map();
  const root = longestRoot(model);
  if (root < 0) return path;
  const stack = [openFrame(model, root, model.start[root]! + model.duration[root]!)];
  while (stack.length > 0) {
    const frame = stack.at(-1)!;
    const child = nextChild(model, frame);
    if (child < 0) {
      addSection(path, frame.span, Math.max(model.start[frame.span]!, frame.floor), frame.until);
      stack.pop();
      continue;
    }
    const childEnd = Math.min(frame.until, model.start[child]! + model.duration[child]!);
    addSection(path, frame.span, childEnd, frame.until);
    frame.until = Math.max(frame.floor, model.start[child]!);
    stack.push(openFrame(model, child, childEnd, frame.floor));
  }
  return path;
}

interface Frame {
  span: number;
  /** Children by their end, the last one first. */
  children: number[];
  next: number;
  until: number;
  /** Nothing before this moment counts: the start of the outermost span. */
  floor: number;
}

function openFrame(model: TraceModel, span: number, until: number, floor = -Infinity): Frame {
  const children: number[] = [];
  const end = model.subtreeEnd[span]!;
  for (let i = span + 1; i < end; i = model.subtreeEnd[i]!) {
    if (model.spans[i]!.kind !== "CONSUMER") children.push(i);
  }
  const endOf = (i: number) => model.start[i]! + model.duration[i]!;
  children.sort((a, b) => endOf(b) - endOf(a) || b - a);
  return { span, children, next: 0, until, floor: Math.max(floor, model.start[span]!) };
}

/** The child that ended last before `until`, or -1. */
function nextChild(model: TraceModel, frame: Frame): number {
  while (frame.next < frame.children.length) {
    const child = frame.children[frame.next]!;
    frame.next += 1;
    const start = model.start[child]!;
    const end = start + model.duration[child]!;
    // Beginning after the moment looked at, or ending before the parent began, it held up nothing.
    if (start < frame.until && end > frame.floor) return child;
  }
  return -1;
}

function addSection(path: CriticalPath, span: number, from: number, to: number): void {
  if (to <= from) return;
  const sections = path.get(span);
  if (sections) sections.push(from, to);
  else path.set(span, [from, to]);
}

function longestRoot(model: TraceModel): number {
  let longest = -1;
  for (let i = 0; i < model.count; i = model.subtreeEnd[i]!) {
    if (longest < 0 || model.duration[i]! > model.duration[longest]!) longest = i;
  }
  return longest;
}
