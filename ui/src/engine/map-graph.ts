import type { MapEdge, MapNode, NodeType, OutcomeCounts, ServiceMap } from "../api/types";
import { addCounts, NO_REQUESTS } from "./outcome";

/** Above so many nodes the quieter ones are drawn as one node for each type. */
export const DRAWN_NODES_MAX = 300;
/** What is drawn of a larger map; the rest is grouped. */
const BUSIEST_DRAWN = 120;

/** A circle of the map: a node of the API, or a group of quiet ones. */
export interface GraphNode extends OutcomeCounts {
  id: string;
  name: string;
  type: NodeType;
  inferred: boolean;
  meanNs: number | null;
  /** Ids of the nodes in a group; empty for a node of its own. */
  members: string[];
}

/** An arrow of the map: all edges of one kind between two circles. */
export interface GraphEdge extends OutcomeCounts {
  id: string;
  source: string;
  target: string;
  kind: MapEdge["kind"];
}

export interface Graph {
  nodes: GraphNode[];
  edges: GraphEdge[];
  /** Nodes of the map that are not drawn because of focus or the least number of calls. */
  hidden: number;
}

export interface GraphChoice {
  /** Id of a node; all nodes when null or unknown. */
  focus: string | null;
  /** How many calls away from the focus a node may be. */
  hops: number;
  /** Least requests per minute of a node that is drawn. */
  minPerMinute: number;
  minutes: number;
}

export function edgeId(edge: Pick<MapEdge, "source" | "target" | "kind">): string {
  return `${edge.source}~${edge.target}~${edge.kind}`;
}

/** What is drawn of a map. */
export function buildGraph(map: Pick<ServiceMap, "nodes" | "edges">, choice: GraphChoice): Graph {
  const focus = choice.focus !== null && map.nodes.some((node) => node.id === choice.focus) ? choice.focus : null;
  const near = focus === null ? null : reach(map.edges, focus, choice.hops);
  const least = choice.minPerMinute * choice.minutes;
  const wanted = map.nodes.filter((node) => node.id === focus || ((near === null || near.has(node.id)) && node.requests >= least));
  const ids = new Set(wanted.map((node) => node.id));
  const edges = map.edges.filter((edge) => ids.has(edge.source) && ids.has(edge.target));
  const hidden = map.nodes.length - wanted.length;
  if (wanted.length <= DRAWN_NODES_MAX) return { nodes: wanted.map(single), edges: merge(edges, (id) => id), hidden };
  const { nodes, placeOf } = group(wanted, focus);
  return { nodes, edges: merge(edges, (id) => placeOf.get(id)!), hidden };
}

/** Ids within `hops` calls of a node, in either direction. */
export function reach(edges: readonly Pick<MapEdge, "source" | "target">[], from: string, hops: number): Set<string> {
  const found = new Set([from]);
  let frontier = [from];
  const neighbours = adjacency(edges);
  for (let hop = 0; hop < hops && frontier.length > 0; hop += 1) {
    frontier = frontier.flatMap((id) => [...(neighbours.get(id) ?? [])]).filter((id) => !found.has(id));
    for (const id of frontier) found.add(id);
    frontier = [...new Set(frontier)];
  }
  return found;
}

function adjacency(edges: readonly Pick<MapEdge, "source" | "target">[]): Map<string, Set<string>> {
  const neighbours = new Map<string, Set<string>>();
  const add = (a: string, b: string) => {
    const known = neighbours.get(a);
    if (known) known.add(b);
    else neighbours.set(a, new Set([b]));
  };
  for (const { source, target } of edges) {
    add(source, target);
    add(target, source);
  }
  return neighbours;
}

function single(node: MapNode): GraphNode {
  const { id, name, type, inferred, requests, ok, errors, throttles, faults } = node;
  return { id, name, type, inferred, requests, ok, errors, throttles, faults, meanNs: node.duration_ns?.mean ?? null, members: [] };
}

/** The busiest nodes, those that fail most and the focus stay; the others become one node for each type. */
function group(nodes: MapNode[], focus: string | null): { nodes: GraphNode[]; placeOf: Map<string, string> } {
  const byTraffic = nodes.toSorted((a, b) => b.requests - a.requests || (a.id < b.id ? -1 : 1));
  const byFaults = nodes.filter((node) => node.faults > 0).toSorted((a, b) => b.faults - a.faults || (a.id < b.id ? -1 : 1));
  const kept = new Set([...byTraffic.slice(0, BUSIEST_DRAWN), ...byFaults.slice(0, BUSIEST_DRAWN / 4)].map((node) => node.id));
  if (focus !== null) kept.add(focus);
  // A group of one would only hide its name.
  for (const type of NODE_TYPES) {
    const quiet = nodes.filter((node) => node.type === type && !kept.has(node.id));
    if (quiet.length === 1) kept.add(quiet[0]!.id);
  }
  const groups = new Map<NodeType, GraphNode>();
  const placeOf = new Map<string, string>();
  const drawn: GraphNode[] = [];
  for (const node of nodes) {
    if (kept.has(node.id)) {
      drawn.push(single(node));
      placeOf.set(node.id, node.id);
      continue;
    }
    const before = groups.get(node.type) ?? { id: `group:${node.type}`, name: "", type: node.type, inferred: node.inferred, meanNs: null, members: [], ...NO_REQUESTS };
    groups.set(node.type, { ...before, ...addCounts(before, node), members: [...before.members, node.id] });
    placeOf.set(node.id, `group:${node.type}`);
  }
  for (const one of groups.values()) drawn.push({ ...one, name: `${one.members.length} more ${PLURALS[one.type]}` });
  return { nodes: drawn, placeOf };
}

const NODE_TYPES: readonly NodeType[] = ["client", "service", "database", "cache", "queue", "external"];

const PLURALS: Record<NodeType, string> = {
  client: "clients", service: "services", database: "databases", cache: "caches", queue: "queues", external: "hosts",
};

/** Edges between circles; those within a group are not drawn. */
function merge(edges: readonly MapEdge[], placeOf: (id: string) => string): GraphEdge[] {
  const merged = new Map<string, GraphEdge>();
  for (const edge of edges) {
    const [source, target] = [placeOf(edge.source), placeOf(edge.target)];
    if (source === target && edge.source !== edge.target) continue;
    const id = edgeId({ source, target, kind: edge.kind });
    const before = merged.get(id) ?? { id, source, target, kind: edge.kind, ...NO_REQUESTS };
    merged.set(id, { ...before, ...addCounts(before, edge) });
  }
  return [...merged.values()];
}

/** Radius of a node: its area grows with the square root of its traffic. */
export function radius(node: OutcomeCounts, busiest: number): number {
  // A group of quiet nodes may have more than the busiest of the others.
  const share = busiest > 0 ? Math.min(1, node.requests / busiest) : 0;
  return RADIUS_MIN + (RADIUS_MAX - RADIUS_MIN) * share ** 0.25;
}
const RADIUS_MIN = 20;
export const RADIUS_MAX = 32;

/** Width of an edge, by the logarithm of its calls. */
export function edgeWidth(edge: OutcomeCounts, busiest: number): number {
  if (busiest <= 1) return 1.5;
  return 1 + 2.6 * (Math.log(edge.requests + 1) / Math.log(busiest + 1));
}

/**
 * Names without the beginning and the ending that most services of the map share: `ts-order-service`
 * among twenty of its kind is `order`. Names stay distinct.
 */
export function shortNames(nodes: readonly Pick<GraphNode, "id" | "name" | "type">[]): Map<string, string> {
  const services = nodes.filter((node) => node.type === "service").map((node) => node.name);
  const prefix = mostShared(services, (name) => /^[^-._/]+[-._/]/.exec(name)?.[0]);
  const suffix = mostShared(services, (name) => /[-._/][^-._/]+$/.exec(name)?.[0]) || mostShared(services, (name) => /service$/i.exec(name)?.[0]);
  const short = (name: string) => {
    let rest = prefix && name.startsWith(prefix) ? name.slice(prefix.length) : name;
    if (suffix && rest.endsWith(suffix)) rest = rest.slice(0, -suffix.length);
    return rest === "" ? name : rest;
  };
  const counts = new Map<string, number>();
  for (const node of nodes) counts.set(short(node.name), (counts.get(short(node.name)) ?? 0) + 1);
  return new Map(nodes.map((node) => [node.id, node.type === "service" && counts.get(short(node.name)) === 1 ? short(node.name) : node.name]));
}

const AFFIX_SHARE = 0.7;
const AFFIX_NAMES_MIN = 4;

function mostShared(names: readonly string[], part: (name: string) => string | undefined): string {
  if (names.length < AFFIX_NAMES_MIN) return "";
  const counts = new Map<string, number>();
  for (const name of names) {
    const found = part(name);
    if (found) counts.set(found, (counts.get(found) ?? 0) + 1);
  }
  const [best, count] = [...counts].toSorted((a, b) => b[1] - a[1])[0] ?? ["", 0];
  return count >= names.length * AFFIX_SHARE ? best : "";
}
