import type { DurationFigures, MapEdge, MapNode, OutcomeCounts, ServiceMap } from "../api/types";
import { nameCutter } from "../lib/names";
import { byName, byType, groupId } from "./map-groups";
import { addCounts, NO_REQUESTS } from "./outcome";

/** Above so many nodes some are drawn together: by their groups, and the quieter ones by type. */
export const DRAWN_NODES_MAX = 300;

/** A circle of the map: a node of the API, or several as one. */
export interface GraphNode extends OutcomeCounts, Pick<MapNode, "id" | "name" | "type" | "inferred"> {
  /** Of all its requests; null without any, and of quiet nodes of a type. */
  meanNs: number | null;
  /** Ids of the nodes that are drawn as one; empty for a node of its own. */
  members: string[];
  /** Name of the group: of one that is drawn as one, or of the open one that the node belongs to. */
  group: string | null;
}

/** An arrow of the map: all edges of one kind between two circles. */
export interface GraphEdge extends OutcomeCounts {
  id: string;
  source: string;
  target: string;
  kind: MapEdge["kind"];
  /** Null of several edges together, and where messages have an age instead. */
  duration_ns: DurationFigures | null;
}

export interface Graph {
  nodes: GraphNode[];
  edges: GraphEdge[];
  /** Nodes of the map that are not drawn: out of focus, called too rarely, or put away. */
  hidden: number;
  /** The circle of each node that is drawn. */
  placeOf: ReadonlyMap<string, string>;
}

export interface GraphChoice {
  /** Id of a node; all nodes when null or unknown. */
  focus: string | null;
  /** How many calls away from the focus a node may be. */
  hops: number;
  /** Least requests per minute of a node that is drawn. */
  minPerMinute: number;
  minutes: number;
  /** Nodes of one group (the API's `group`) are drawn as one, but for the groups that are open. */
  grouped?: boolean;
  open?: readonly string[];
  /** Ids of nodes and edges that are put away. */
  hide?: readonly string[];
}

export function edgeId(edge: Pick<MapEdge, "source" | "target" | "kind">): string {
  return `${edge.source}~${edge.target}~${edge.kind}`;
}

/** What is drawn of a map. */
export function buildGraph(map: Pick<ServiceMap, "nodes" | "edges">, choice: GraphChoice): Graph {
  const focus = choice.focus !== null && map.nodes.some((node) => node.id === choice.focus) ? choice.focus : null;
  const near = focus === null ? null : reach(map.edges, focus, choice.hops);
  const least = choice.minPerMinute * choice.minutes;
  const away = new Set(choice.hide);
  const groups = choice.grouped ? byName(map.nodes, map.edges) : new Map<string, string>();
  const isAway = ({ id }: MapNode) => away.has(id) || (groups.has(id) && away.has(groupId(groups.get(id)!)));
  const wanted = map.nodes.filter((node) => !isAway(node) && (node.id === focus || ((near === null || near.has(node.id)) && node.requests >= least)));
  const { nodes, placeOf } = place(wanted, groups, choice, focus);
  const edges = merge(map.edges, placeOf).filter(({ id }) => !away.has(id));
  return { nodes, edges, hidden: map.nodes.length - wanted.length, placeOf };
}

/** Circles for nodes: one for each closed group, one for each type of the quiet ones when there are still too many, their own for the rest. */
function place(wanted: MapNode[], groups: ReadonlyMap<string, string>, choice: GraphChoice, focus: string | null): Pick<Graph, "nodes" | "placeOf"> {
  const open = new Set(choice.open);
  const sizes = new Map<string, number>();
  for (const { id } of wanted) if (groups.has(id)) sizes.set(groups.get(id)!, (sizes.get(groups.get(id)!) ?? 0) + 1);
  // A group of one would only hide its name.
  const closedGroup = (id: string) => {
    const name = groups.get(id);
    return name === undefined || id === focus || open.has(name) || sizes.get(name)! < 2 ? null : name;
  };
  const placeOf = new Map<string, string>();
  const alone: MapNode[] = [];
  const together = new Map<string, MapNode[]>();
  for (const node of wanted) {
    const name = closedGroup(node.id);
    if (name === null) alone.push(node);
    else if (together.has(name)) together.get(name)!.push(node);
    else together.set(name, [node]);
  }
  const quiet = alone.length + together.size > DRAWN_NODES_MAX ? byType(alone, focus) : new Map<string, MapNode[]>();
  const nodes: GraphNode[] = [];
  const draw = (one: GraphNode) => {
    nodes.push(one);
    for (const id of one.members.length > 0 ? one.members : [one.id]) placeOf.set(id, one.id);
  };
  const isQuiet = new Set([...quiet.values()].flat());
  for (const node of alone) if (!isQuiet.has(node)) draw({ ...circle([node]), id: node.id, name: node.name, members: [], group: groups.get(node.id) ?? null });
  for (const [name, members] of together) draw({ ...circle(members), id: groupId(name), name, type: "service", inferred: false, group: name });
  for (const [name, members] of quiet) draw({ ...circle(members), id: `quiet:${members[0]!.type}`, name, meanNs: null });
  return { nodes, placeOf };
}

/** Nodes as one circle. Its requests are those that services of it serve: what they ask of their databases is no request more. */
function circle(members: MapNode[]): GraphNode {
  const { id, name, type, inferred } = members[0]!;
  const served = members.some((node) => node.type === "service") ? members.filter((node) => node.type === "service") : members;
  const counts = served.reduce<OutcomeCounts>((sum, node) => addCounts(sum, node), NO_REQUESTS);
  const total = served.reduce((sum, node) => sum + (node.duration_ns?.mean ?? 0) * node.requests, 0);
  const timed = served.some((node) => node.duration_ns !== null);
  return { id, name, type, inferred, ...counts, meanNs: timed && counts.requests > 0 ? total / counts.requests : null, members: members.map((node) => node.id), group: null };
}

/** The same drawing with the figures of another map: of a part of the range, or of the window before. */
export function withFigures(graph: Graph, map: Pick<ServiceMap, "nodes" | "edges">): Graph {
  const found = new Map(map.nodes.map((node) => [node.id, node]));
  const edges = new Map(merge(map.edges, graph.placeOf).map((edge) => [edge.id, edge]));
  return {
    ...graph,
    nodes: graph.nodes.map((node) => {
      const members = (node.members.length > 0 ? node.members : [node.id]).flatMap((id) => found.get(id) ?? []);
      if (members.length === 0) return { ...node, ...NO_REQUESTS, meanNs: null };
      const { requests, ok, errors, throttles, faults, meanNs } = circle(members);
      return { ...node, requests, ok, errors, throttles, faults, meanNs: node.id.startsWith("quiet:") ? null : meanNs };
    }),
    edges: graph.edges.map((edge) => edges.get(edge.id) ?? { ...edge, ...NO_REQUESTS, duration_ns: null }),
  };
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

/** Edges between circles; those within one are not drawn. */
function merge(edges: readonly MapEdge[], placeOf: ReadonlyMap<string, string>): GraphEdge[] {
  const merged = new Map<string, GraphEdge>();
  for (const edge of edges) {
    const [source, target] = [placeOf.get(edge.source), placeOf.get(edge.target)];
    if (source === undefined || target === undefined || (source === target && edge.source !== edge.target)) continue;
    const id = edgeId({ source, target, kind: edge.kind });
    const before = merged.get(id);
    const counts = addCounts(before ?? NO_REQUESTS, edge);
    merged.set(id, { id, source, target, kind: edge.kind, duration_ns: before ? null : edge.duration_ns, ...counts });
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
 * Names without the beginning and the ending that most services of the map share. Names stay distinct; those of groups
 * stay whole.
 */
export function shortNames(nodes: readonly Pick<GraphNode, "id" | "name" | "type" | "members">[]): Map<string, string> {
  const isService = (node: (typeof nodes)[number]) => node.type === "service" && node.members.length === 0;
  const short = nameCutter(nodes.filter(isService).map((node) => node.name));
  const counts = new Map<string, number>();
  for (const node of nodes) counts.set(short(node.name), (counts.get(short(node.name)) ?? 0) + 1);
  return new Map(nodes.map((node) => [node.id, isService(node) && counts.get(short(node.name)) === 1 ? short(node.name) : node.name]));
}
