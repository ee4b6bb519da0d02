import { criticalTimes } from "./statistics";
import type { TraceModel } from "./trace-model";

/** The longest span of an operation, -1 when the trace has none. */
export function longestOf(model: TraceModel, service: string, name: string): number {
  let longest = -1;
  for (let i = 0; i < model.count; i += 1) {
    const isOne = model.services[model.service[i]!] === service && model.names[model.name[i]!] === name;
    if (isOne && (longest < 0 || model.duration[i]! > model.duration[longest]!)) longest = i;
  }
  return longest;
}

/** One key of two sets of attributes; null where it is absent. */
export interface AttributePair {
  key: string;
  a: string | null;
  b: string | null;
}

/** All keys of both, those that differ first, then by name. Values are texts already. */
export function pairAttributes(a: Record<string, string>, b: Record<string, string>): AttributePair[] {
  const keys = [...new Set([...Object.keys(a), ...Object.keys(b)])].toSorted();
  const pairs = keys.map((key) => ({ key, a: a[key] ?? null, b: b[key] ?? null }));
  return [...pairs.filter((pair) => pair.a !== pair.b), ...pairs.filter((pair) => pair.a === pair.b)];
}

/** Figures of one path in one of the traces. */
export interface SideFigures {
  count: number;
  total: number;
  self: number;
  critical: number;
  errors: number;
}

/**
 * The calls of both traces merged by path: spans with the same service and name below the same merged parent are one
 * node. Nodes are in pre-order, siblings by when they first occur.
 */
export interface UnionTree {
  count: number;
  parent: number[];
  depth: number[];
  childCount: number[];
  /** One past the last node below. */
  subtreeEnd: number[];
  service: string[];
  name: string[];
  a: SideFigures[];
  b: SideFigures[];
}

interface Node {
  service: string;
  name: string;
  depth: number;
  children: Map<string, number>;
  first: number;
  a: SideFigures;
  b: SideFigures;
}

const noFigures = (): SideFigures => ({ count: 0, total: 0, self: 0, critical: 0, errors: 0 });

/** Nothing recurses. */
export function unionTree(a: TraceModel, b: TraceModel): UnionTree {
  const nodes: Node[] = [];
  const roots = new Map<string, number>();
  merge(nodes, roots, a, "a");
  merge(nodes, roots, b, "b");
  return flatten(nodes, roots);
}

function merge(nodes: Node[], roots: Map<string, number>, model: TraceModel, side: "a" | "b"): void {
  const nodeOf = new Int32Array(model.count);
  const critical = criticalTimes(model);
  for (let i = 0; i < model.count; i += 1) {
    const up = model.parent[i]!;
    const siblings = up < 0 ? roots : nodes[nodeOf[up]!]!.children;
    const service = model.services[model.service[i]!]!;
    const name = model.names[model.name[i]!]!;
    const key = `${service}\0${name}`;
    let at = siblings.get(key);
    if (at === undefined) {
      at = nodes.length;
      siblings.set(key, at);
      const depth = up < 0 ? 0 : nodes[nodeOf[up]!]!.depth + 1;
      nodes.push({ service, name, depth, children: new Map(), first: model.start[i]! / model.durationNs, a: noFigures(), b: noFigures() });
    }
    nodeOf[i] = at;
    const figures = nodes[at]![side];
    figures.count += 1;
    figures.total += model.duration[i]!;
    figures.self += model.selfTime[i]!;
    figures.critical += critical[i]!;
    figures.errors += model.error[i]!;
  }
}

function flatten(nodes: readonly Node[], roots: Map<string, number>): UnionTree {
  const tree: UnionTree = { count: nodes.length, parent: [], depth: [], childCount: [], subtreeEnd: [], service: [], name: [], a: [], b: [] };
  const inOrder = (siblings: Map<string, number>) => [...siblings.values()].toSorted((x, y) => nodes[y]!.first - nodes[x]!.first || y - x);
  const stack = inOrder(roots).map((node) => ({ node, parent: -1 }));
  while (stack.length > 0) {
    const { node: at, parent } = stack.pop()!;
    const node = nodes[at]!;
    const row = tree.parent.length;
    tree.parent.push(parent);
    tree.depth.push(node.depth);
    tree.childCount.push(node.children.size);
    tree.service.push(node.service);
    tree.name.push(node.name);
    tree.a.push(node.a);
    tree.b.push(node.b);
    for (const child of inOrder(node.children)) stack.push({ node: child, parent: row });
  }
  tree.subtreeEnd = Array.from({ length: tree.count }, (_, i) => i + 1);
  for (let i = tree.count - 1; i >= 0; i -= 1) {
    const up = tree.parent[i]!;
    if (up >= 0) tree.subtreeEnd[up] = Math.max(tree.subtreeEnd[up]!, tree.subtreeEnd[i]!);
  }
  return tree;
}
