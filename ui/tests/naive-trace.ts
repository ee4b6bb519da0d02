import { STATUS_ERROR } from "../src/engine/skeleton";
import type { TestSpan } from "./traces";

/** A trace as objects that know their children: the definitions, word by word, with no thought of speed. */
export interface NaiveSpan extends TestSpan {
  depth: number;
  children: NaiveSpan[];
}

export function naiveTree(spans: readonly TestSpan[]): NaiveSpan[] {
  const below = (parent: number, depth: number): NaiveSpan[] =>
    spans
      .filter((one) => one.parent === parent)
      .toSorted((a, b) => a.start - b.start || b.duration - a.duration || a.id - b.id)
      .map((one) => ({ ...one, depth, children: below(one.id, depth + 1) }));
  return below(0, 0);
}

export function naivePreorder(roots: readonly NaiveSpan[]): NaiveSpan[] {
  return roots.flatMap((root) => [root, ...naivePreorder(root.children)]);
}

export function naiveHasError(span: TestSpan): boolean {
  return span.status === STATUS_ERROR || span.outcome !== 0;
}

/** Between neighbouring moments at which anything begins or ends, is a child running? */
export function naiveSelfTime(span: NaiveSpan): number {
  const end = span.start + span.duration;
  const moments = [span.start, end, ...span.children.flatMap((child) => [child.start, child.start + child.duration])];
  const inside = [...new Set(moments.filter((time) => time >= span.start && time <= end))].toSorted((a, b) => a - b);
  let own = 0;
  for (let k = 0; k + 1 < inside.length; k += 1) {
    const [from, to] = [inside[k]!, inside[k + 1]!];
    if (!span.children.some((child) => child.start <= from && child.start + child.duration >= to)) own += to - from;
  }
  return own;
}

/** Ids on the critical path with their times: recursive. */
export function naiveCriticalPath(roots: readonly NaiveSpan[], durationNs: number): Map<number, number> {
  const times = new Map<number, number>();
  const add = (id: number, ns: number) => ns > 0 && times.set(id, (times.get(id) ?? 0) + ns);
  const walk = (id: number, children: readonly NaiveSpan[], floor: number, end: number) => {
    const endOf = (child: NaiveSpan) => child.start + child.duration;
    let until = end;
    // Of those that end together the one that began last.
    for (const child of children.toReversed().toSorted((a, b) => endOf(b) - endOf(a))) {
      if (child.start >= until || endOf(child) <= floor) continue;
      const childEnd = Math.min(until, endOf(child));
      add(id, until - childEnd);
      walk(child.id, child.children.filter((one) => one.kind !== "CONSUMER"), Math.max(floor, child.start), childEnd);
      until = Math.max(floor, child.start);
    }
    add(id, until - floor);
  };
  walk(0, roots, 0, durationNs);
  return times;
}
