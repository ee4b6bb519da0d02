import type { MapEdge, MapNode, NodeType } from "../api/types";

/** Nodes of a large map that are drawn for themselves: the busiest, and a quarter as many of those that fail most. */
const BUSIEST_DRAWN = 120;

const PLURALS: Record<NodeType, string> = {
  client: "clients", service: "services", database: "databases", cache: "caches", queue: "queues", external: "hosts",
};

/** Id of the circle that stands for a group. */
export function groupId(name: string): string {
  return `group:${name}`;
}

/**
 * The group of each node by id: of a service its own, of what reports nothing that of its callers, when they are all of
 * one group. Nodes without a group are left out.
 */
export function byName(nodes: readonly MapNode[], edges: readonly Pick<MapEdge, "source" | "target">[]): Map<string, string> {
  const groups = new Map<string, string>();
  for (const { id, group } of nodes) if (group !== null) groups.set(id, group);
  const callers = new Map<string, Set<string | undefined>>();
  for (const { source, target } of edges) {
    const known = callers.get(target);
    if (known) known.add(groups.get(source));
    else callers.set(target, new Set([groups.get(source)]));
  }
  for (const { id, inferred } of nodes) {
    const [only, ...others] = callers.get(id) ?? [];
    if (inferred && only !== undefined && others.length === 0) groups.set(id, only);
  }
  return groups;
}

/** The quiet nodes, by what they are called together; the busiest, those that fail most and the focus are none of them. */
export function byType(nodes: readonly MapNode[], focus: string | null): Map<string, MapNode[]> {
  const byTraffic = nodes.toSorted((a, b) => b.requests - a.requests || (a.id < b.id ? -1 : 1));
  const byFaults = nodes.filter((node) => node.faults > 0).toSorted((a, b) => b.faults - a.faults || (a.id < b.id ? -1 : 1));
  const kept = new Set([...byTraffic.slice(0, BUSIEST_DRAWN), ...byFaults.slice(0, BUSIEST_DRAWN / 4)].map((node) => node.id));
  if (focus !== null) kept.add(focus);
  const quiet = new Map<string, MapNode[]>();
  for (const type of Object.keys(PLURALS) as NodeType[]) {
    const members = nodes.filter((node) => node.type === type && !kept.has(node.id));
    // A group of one would only hide its name.
    if (members.length > 1) quiet.set(`${members.length} more ${PLURALS[type]}`, members);
  }
  return quiet;
}
