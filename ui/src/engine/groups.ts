import type { TraceTree } from "./trace-model";

/** So many equal siblings in a row are folded into one line. */
export const GROUP_MIN = 5;

/**
 * Runs of siblings that call the same operation of the same service one after the other ("47 × SELECT …"). Each is one
 * extra row in the outline, above its members.
 */
export interface Groups {
  readonly count: number;
  /** First member. */
  readonly first: Int32Array;
  /** End of the last member's subtree. */
  readonly end: Int32Array;
  readonly members: Int32Array;
  /** Sum of the members' durations. */
  readonly total: Float64Array;
  /** Time from the first start to the last end. */
  readonly until: Float64Array;
  /** Members and spans below them that failed. */
  readonly errors: Int32Array;
  /** Per span: the group it begins, or -1. */
  readonly startsAt: Int32Array;
  /** Per span: the group it is a member of, or -1. */
  readonly of: Int32Array;
  /** Per span: levels that groups add to its depth. */
  readonly extraDepth: Int32Array;
  /** Per span: 1-based position among the siblings of its level in the outline. */
  readonly position: Int32Array;
  /** Per group: its position among the rows of its level. */
  readonly groupPosition: Int32Array;
  /** Per span: rows right below it in the outline. */
  readonly rowsBelow: Int32Array;
  readonly rootRows: number;
}

interface Grouped extends TraceTree {
  readonly start: Float64Array;
  readonly duration: Float64Array;
  readonly service: Int32Array;
  readonly name: Int32Array;
}

export function groupSiblings(tree: Grouped, error: Uint8Array): Groups {
  const { count, parent, subtreeEnd } = tree;
  const startsAt = new Int32Array(count).fill(-1);
  const of = new Int32Array(count).fill(-1);
  const first: number[] = [];
  // The run of equal siblings that is open under each parent: where it began and how long it is.
  const seen = new Uint8Array(count);
  for (let i = 0; i < count; i += 1) {
    if (seen[i]) continue;
    const stop = parent[i]! < 0 ? count : subtreeEnd[parent[i]!]!;
    let length = 0;
    for (let k = i; k < stop && tree.name[k] === tree.name[i] && tree.service[k] === tree.service[i]; k = subtreeEnd[k]!) {
      seen[k] = 1;
      length += 1;
    }
    // Roots are never folded: they are what one looks for.
    if (length < GROUP_MIN || parent[i]! < 0) continue;
    startsAt[i] = first.length;
    for (let k = i, n = 0; n < length; k = subtreeEnd[k]!, n += 1) of[k] = first.length;
    first.push(i);
  }
  return { ...sums(tree, error, Int32Array.from(first), of), ...outline(tree, startsAt, of, first.length), startsAt, of };
}

function sums(tree: Grouped, error: Uint8Array, first: Int32Array, of: Int32Array) {
  const count = first.length;
  const members = new Int32Array(count);
  const end = new Int32Array(count);
  const total = new Float64Array(count);
  const until = new Float64Array(count);
  const errors = new Int32Array(count);
  for (let i = 0; i < tree.count; i += 1) {
    const g = of[i]!;
    if (g < 0) continue;
    members[g]! += 1;
    end[g] = tree.subtreeEnd[i]!;
    total[g]! += tree.duration[i]!;
    until[g] = Math.max(until[g]!, tree.start[i]! + tree.duration[i]!);
  }
  const errorsBefore = new Int32Array(tree.count + 1);
  for (let i = 0; i < tree.count; i += 1) errorsBefore[i + 1] = errorsBefore[i]! + error[i]!;
  for (let g = 0; g < count; g += 1) errors[g] = errorsBefore[end[g]!]! - errorsBefore[first[g]!]!;
  return { count, first, end, members, total, until, errors };
}

function outline(tree: TraceTree, startsAt: Int32Array, of: Int32Array, groupCount: number) {
  const extraDepth = new Int32Array(tree.count);
  const position = new Int32Array(tree.count);
  const groupPosition = new Int32Array(groupCount);
  const rowsBelow = new Int32Array(tree.count);
  const membersSoFar = new Int32Array(groupCount);
  let rootRows = 0;
  for (let i = 0; i < tree.count; i += 1) {
    const up = tree.parent[i]!;
    const g = of[i]!;
    extraDepth[i] = (up < 0 ? 0 : extraDepth[up]!) + (g < 0 ? 0 : 1);
    const next = () => (up < 0 ? (rootRows += 1) : (rowsBelow[up]! += 1));
    if (startsAt[i]! >= 0) groupPosition[g] = next();
    position[i] = g < 0 ? next() : (membersSoFar[g]! += 1);
  }
  return { extraDepth, position, groupPosition, rowsBelow, rootRows };
}
