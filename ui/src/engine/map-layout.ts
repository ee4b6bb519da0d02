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

/** Between the rooms of two nodes: along a layer, and from layer to layer. */
const ALONG_GAP = 6;
const LAYER_GAP = { lr: 62, tb: 56 };
/** How often nodes are drawn towards their neighbours. */
const PASSES = 16;

/**
 * Layers in the direction of calls. The same graph always gets the same picture.
 *
 * Layers and the order within them are dagre's. Its places within a layer leave room for every edge that passes, which
 * makes maps too tall to read; here nodes go as near to the middle of their neighbours as their layer allows.
 */
export function layOut(request: LayoutRequest): LayoutAnswer {
  const graph = new Graph({ multigraph: false });
  const across = request.direction === "lr";
  graph.setGraph({ rankdir: across ? "LR" : "TB", nodesep: ALONG_GAP, ranksep: LAYER_GAP[request.direction], ranker: "network-simplex" });
  graph.setDefaultEdgeLabel(() => ({}));
  const nodes = request.nodes.toSorted((a, b) => order(a.id, b.id));
  for (const node of nodes) graph.setNode(node.id, { width: node.width, height: node.height });
  const edges = request.edges.filter((edge) => edge.source !== edge.target).toSorted((a, b) => order(a.source, b.source) || order(a.target, b.target));
  for (const { source, target } of edges) graph.setEdge(source, target);
  layout(graph);
  const places = nodes.map(({ id, width, height }): Place => {
    const { x, y } = graph.node(id) as Position;
    return across
      ? { id, layer: x, along: y, room: height + ALONG_GAP, depth: width }
      : { id, layer: y, along: x, room: width + ALONG_GAP, depth: height };
  });
  drawTogether(foldLayers(layersOf(places), LAYER_GAP[request.direction]), edges);
  const positions: Record<string, Position> = {};
  for (const { id, layer, along } of places) positions[id] = across ? { x: layer, y: along } : { x: along, y: layer };
  return { key: request.key, positions };
}

interface Place {
  id: string;
  layer: number;
  along: number;
  /** Least distance to the next node of the layer. */
  room: number;
  /** Its size across the layer. */
  depth: number;
}

/** A layer of more nodes than this, or than a square of all of them has in a row, is folded. */
const LAYER_NODES_MIN = 10;
const FOLD_GAP = 20;

/** Cuts long layers into several side by side, so that a map of many callees is no line; gives layers their places. */
function foldLayers(layers: Place[][], gap: number): Place[][] {
  const total = layers.reduce((sum, layer) => sum + layer.length, 0);
  const most = Math.max(LAYER_NODES_MIN, Math.ceil(Math.sqrt(total)));
  const folded: Place[][] = [];
  let at = 0;
  for (const layer of layers.toSorted((a, b) => a[0]!.layer - b[0]!.layer)) {
    const count = Math.ceil(layer.length / most);
    const length = Math.ceil(layer.length / count);
    for (let from = 0; from < layer.length; from += length) {
      const part = layer.slice(from, from + length);
      for (const place of part) place.layer = at;
      folded.push(part);
      at += layer[0]!.depth + (from + length < layer.length ? FOLD_GAP : gap);
    }
  }
  return folded;
}

function drawTogether(layers: Place[][], edges: readonly { source: string; target: string }[]): void {
  const places = layers.flat();
  const byId = new Map(places.map((place) => [place.id, place]));
  const neighbours = new Map<string, Place[]>(places.map((place) => [place.id, []]));
  for (const { source, target } of edges) {
    neighbours.get(source)!.push(byId.get(target)!);
    neighbours.get(target)!.push(byId.get(source)!);
  }
  for (const layer of layers) settle(layer, layer.map((_, i) => i * layer[0]!.room - ((layer.length - 1) * layer[0]!.room) / 2));
  for (let pass = 0; pass < PASSES; pass += 1) {
    for (const layer of pass % 2 === 0 ? layers : layers.toReversed()) {
      settle(layer, layer.map((place) => middle(neighbours.get(place.id)!) ?? place.along));
    }
  }
}

function layersOf(places: readonly Place[]): Place[][] {
  const layers = new Map<number, Place[]>();
  for (const place of places) {
    const layer = layers.get(place.layer);
    if (layer) layer.push(place);
    else layers.set(place.layer, [place]);
  }
  return [...layers.values()].map((layer) => layer.toSorted((a, b) => a.along - b.along || order(a.id, b.id)));
}

function middle(places: readonly Place[]): number | null {
  return places.length === 0 ? null : places.reduce((sum, place) => sum + place.along, 0) / places.length;
}

/**
 * Puts the nodes of a layer, in their order, as near to where each wants to be as their rooms allow: least squares,
 * by pooling those that would overlap.
 */
function settle(layer: Place[], wanted: readonly number[]): void {
  const pools: { from: number; sum: number; count: number }[] = [];
  let offset = 0;
  const offsets = layer.map((place) => {
    const at = offset;
    offset += place.room;
    return at;
  });
  wanted.forEach((want, i) => {
    let pool = { from: i, sum: want - offsets[i]!, count: 1 };
    for (let before = pools.at(-1); before && before.sum / before.count > pool.sum / pool.count; before = pools.at(-1)) {
      pools.pop();
      pool = { from: before.from, sum: before.sum + pool.sum, count: before.count + pool.count };
    }
    pools.push(pool);
  });
  for (const { from, sum, count } of pools) {
    for (let i = from; i < from + count; i += 1) layer[i]!.along = sum / count + offsets[i]!;
  }
}

function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
