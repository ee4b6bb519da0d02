import type { TraceModel } from "./trace-model";

export type FlameOrder = "heavy" | "time";

/**
 * Calls merged by path: spans of one service and name below the same merged parent are one node. A node is as wide as the
 * time that it and everything below spent themselves (self times), so children always fit into their parent, also where
 * they ran at the same time.
 */
export interface Flame {
  readonly count: number;
  /** -1 for a root; parents come before their children. */
  readonly parent: Int32Array;
  readonly depth: Int32Array;
  readonly levels: number;
  /** Nanoseconds from the left edge. */
  readonly x: Float64Array;
  readonly value: Float64Array;
  readonly self: Float64Array;
  readonly spans: Int32Array;
  readonly errors: Int32Array;
  readonly service: Int32Array;
  readonly name: Int32Array;
  /** The longest span of the node. */
  readonly longest: Int32Array;
  /** The node of each span. */
  readonly nodeOf: Int32Array;
  readonly total: number;
  /** Nodes of depth `d` from left to right: `byDepth[depthFrom[d]] .. byDepth[depthFrom[d + 1] - 1]`. */
  readonly byDepth: Int32Array;
  readonly depthFrom: Int32Array;
}

/** `heavy`: siblings by width, the widest first; `time`: by when they first occur. Nothing recurses. */
export function buildFlame(model: TraceModel, order: FlameOrder): Flame {
  const nodeOf = new Int32Array(model.count);
  const [parent, depth, service, name, longest]: number[][] = [[], [], [], [], []];
  const children: Map<number, number>[] = [];
  const roots = new Map<number, number>();
  for (let i = 0; i < model.count; i += 1) {
    const up = model.parent[i]! < 0 ? -1 : nodeOf[model.parent[i]!]!;
    const siblings = up < 0 ? roots : children[up]!;
    const key = model.service[i]! * model.names.length + model.name[i]!;
    let node = siblings.get(key);
    if (node === undefined) {
      node = parent!.length;
      siblings.set(key, node);
      parent!.push(up);
      depth!.push(up < 0 ? 0 : depth![up]! + 1);
      service!.push(model.service[i]!);
      name!.push(model.name[i]!);
      longest!.push(i);
      children.push(new Map());
    }
    nodeOf[i] = node;
    if (model.duration[i]! > model.duration[longest![node]!]!) longest![node] = i;
  }
  const count = parent!.length;
  const self = new Float64Array(count);
  const spans = new Int32Array(count);
  const errors = new Int32Array(count);
  for (let i = 0; i < model.count; i += 1) {
    const node = nodeOf[i]!;
    self[node]! += model.selfTime[i]!;
    spans[node]! += 1;
    errors[node]! += model.error[i]!;
  }
  const value = self.slice();
  for (let node = count - 1; node >= 0; node -= 1) if (parent![node]! >= 0) value[parent![node]!]! += value[node]!;
  const x = place(roots, children, value, order);
  const total = Math.max(1, [...roots.values()].reduce((sum, root) => sum + value[root]!, 0));
  const levels = depth!.reduce((most, one) => Math.max(most, one + 1), 0);
  return {
    count, parent: Int32Array.from(parent!), depth: Int32Array.from(depth!), levels, x, value, self, spans, errors, nodeOf, total,
    service: Int32Array.from(service!), name: Int32Array.from(name!), longest: Int32Array.from(longest!), ...layers(depth!, levels, x),
  };
}

function place(roots: Map<number, number>, children: readonly Map<number, number>[], value: Float64Array, order: FlameOrder): Float64Array {
  const x = new Float64Array(children.length);
  // Maps keep the order in which nodes first occurred.
  const layOut = (siblings: Map<number, number>, from: number) => {
    const nodes = [...siblings.values()];
    if (order === "heavy") nodes.sort((a, b) => value[b]! - value[a]! || a - b);
    let at = from;
    for (const node of nodes) {
      x[node] = at;
      at += value[node]!;
    }
  };
  layOut(roots, 0);
  children.forEach((siblings, node) => layOut(siblings, x[node]!));
  return x;
}

function layers(depth: readonly number[], levels: number, x: Float64Array) {
  const depthFrom = new Int32Array(levels + 1);
  for (const one of depth) depthFrom[one + 1]! += 1;
  for (let d = 0; d < levels; d += 1) depthFrom[d + 1]! += depthFrom[d]!;
  const byDepth = Int32Array.from(depth.keys()).toSorted((a, b) => depth[a]! - depth[b]! || x[a]! - x[b]! || a - b);
  return { depthFrom, byDepth };
}

/** The node at a time of a level, or -1. */
export function nodeAt(flame: Flame, depth: number, time: number): number {
  if (depth < 0 || depth >= flame.levels) return -1;
  let [low, high] = [flame.depthFrom[depth]!, flame.depthFrom[depth + 1]! - 1];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (flame.x[flame.byDepth[middle]!]! <= time) low = middle;
    else high = middle - 1;
  }
  const node = flame.byDepth[low]!;
  return time >= flame.x[node]! && time < flame.x[node]! + flame.value[node]! ? node : -1;
}

/** The node and its ancestors, the root first; at most the `max` nearest. */
export function flamePath(flame: Flame, node: number, max: number): number[] {
  const path: number[] = [];
  for (let at = node; at >= 0 && path.length < max; at = flame.parent[at]!) path.push(at);
  return path.toReversed();
}

/** Neighbours for the arrow keys; the node itself where there is none. */
export function flameStep(flame: Flame, node: number, key: string): number {
  const depth = flame.depth[node]!;
  if (key === "ArrowUp") return flame.parent[node]! < 0 ? node : flame.parent[node]!;
  if (key === "ArrowDown") {
    for (let k = flame.depthFrom[depth + 1] ?? Infinity; k < (flame.depthFrom[depth + 2] ?? 0); k += 1) {
      if (flame.parent[flame.byDepth[k]!] === node) return flame.byDepth[k]!;
    }
    return node;
  }
  const at = flame.byDepth.indexOf(node, flame.depthFrom[depth]!) + (key === "ArrowRight" ? 1 : -1);
  const isLevel = at >= flame.depthFrom[depth]! && at < flame.depthFrom[depth + 1]!;
  return isLevel ? flame.byDepth[at]! : node;
}
