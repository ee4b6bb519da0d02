import { Graph, layout } from "@dagrejs/dagre";

export interface LayoutRequest {
  /** Names the graph: the answer carries it back. */
  key: string;
  direction: "lr" | "tb";
  nodes: { id: string; width: number; height: number }[];
  edges: { source: string; target: string }[];
}

export interface Position {
  x: number;
  y: number;
}

export interface LayoutAnswer {
  key: string;
  positions: Record<string, Position>;
}

/** Layers in the direction of calls. The same graph always gets the same picture. */
export function layOut(request: LayoutRequest): LayoutAnswer {
  const graph = new Graph({ multigraph: false });
  const across = request.direction === "lr";
  graph.setGraph({ rankdir: across ? "LR" : "TB", nodesep: across ? 14 : 34, ranksep: across ? 96 : 72, ranker: "network-simplex" });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const node of request.nodes.toSorted((a, b) => order(a.id, b.id))) graph.setNode(node.id, { width: node.width, height: node.height });
  const edges = request.edges.filter((edge) => edge.source !== edge.target);
  for (const { source, target } of edges.toSorted((a, b) => order(a.source, b.source) || order(a.target, b.target))) graph.setEdge(source, target);
  layout(graph);
  const positions: Record<string, Position> = {};
  for (const { id } of request.nodes) {
    const { x, y } = graph.node(id) as Position;
    positions[id] = { x, y };
  }
  return { key: request.key, positions };
}

function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
