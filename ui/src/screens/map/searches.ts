import type { MapEdge, MapNode, ServiceMap } from "../../api/types";
import { allOf } from "../../engine/search/edit";

/** A search for traces, given further conditions (each behind a blank) on the spans it is about. */
export type SearchWith = (conditions: string) => string;

/** The spans that the figures of a node are of: what it serves; where it serves nothing, the spans with which it enters a trace. None for what reports nothing. */
export function requestsOf(node: MapNode): SearchWith | null {
  if (node.type !== "service") return null;
  const ofService = allOf(["service", node.name]);
  if (node.measured === "served") return (conditions) => `${ofService} kind:(server OR consumer)${conditions}`;
  return (conditions) => `root{${ofService}${conditions}} OR {-${ofService}} => {${ofService}${conditions}}`;
}

/** Spans of the caller; those whose child is a span of the callee, when the callee reports. None when no service calls. */
export function callsOver(edge: Pick<MapEdge, "source" | "target" | "kind">, map: Pick<ServiceMap, "nodes">): SearchWith | null {
  const caller = map.nodes.find((node) => node.id === edge.source);
  const callee = map.nodes.find((node) => node.id === edge.target);
  if (caller?.type !== "service") return null;
  const ofCaller = allOf(["service", caller.name]);
  if (edge.kind === "link" || callee?.type !== "service") return (conditions) => `${ofCaller}${conditions}`;
  return (conditions) => `{${ofCaller}${conditions}} => {${allOf(["service", callee.name])}}`;
}
