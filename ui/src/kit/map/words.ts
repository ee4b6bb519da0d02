import type { DurationFigures, MapNode, NodeType, OutcomeCounts, ServiceMap } from "../../api/types";
import { OUTCOME_WORDS, worst } from "../../engine/outcome";
import { formatDuration, formatShare, group, plural } from "../../lib/format";

export const TYPE_WORDS: Record<NodeType, string> = {
  client: "client", service: "service", database: "database", cache: "cache", queue: "queue or topic", external: "external",
};

/** `9/min`, `0.4/min`, `<0.1/min`; without a time, as of one trace, `9 calls`. */
export function perMinute(requests: number, minutes: number | null): string {
  if (minutes === null) return plural(requests, "call");
  const rate = requests / Math.max(minutes, 1e-9);
  if (requests === 0) return "0/min";
  if (rate < 0.095) return "<0.1/min";
  return `${rate < 9.95 ? rate.toFixed(1).replace(/\.0$/, "") : group(Math.round(rate))}/min`;
}

/** `58% fault`, or "" when all went well. */
export function worstShare(counts: OutcomeCounts): string {
  const { outcome, count } = worst(counts);
  return outcome === "ok" ? "" : `${formatShare(count, counts.requests)} ${OUTCOME_WORDS[outcome]}`;
}

export function describeEdge(edge: OutcomeCounts & { duration_ns?: DurationFigures | null }, minutes: number | null): string {
  return [perMinute(edge.requests, minutes), edge.duration_ns && `p95 ${formatDuration(edge.duration_ns.p95)}`, worstShare(edge)].filter(Boolean).join(" · ");
}

/** `12 requests, 3% fault` of the window before. */
export function describeBefore(counts: OutcomeCounts): string {
  return counts.requests === 0 ? "no requests" : [plural(counts.requests, "request"), worstShare(counts)].filter(Boolean).join(", ");
}

/** What a node says without its picture. */
export function describeNode(node: OutcomeCounts & { name: string; type: NodeType; meanNs: number | null }): string {
  const figures = [`${group(node.requests)} requests`, worstShare(node), node.meanNs === null ? "" : `mean ${formatDuration(node.meanNs)}`];
  return `${node.name}, ${TYPE_WORDS[node.type]}, ${figures.filter(Boolean).join(", ")}`;
}

/** Nodes with failed requests, by their share of faults, then by client errors. */
export function failingFirst({ nodes }: Pick<ServiceMap, "nodes">): MapNode[] {
  const failing = nodes.filter((node) => node.type !== "client" && worst(node).outcome !== "ok");
  return failing.toSorted((a, b) => b.faults / b.requests - a.faults / a.requests || b.errors - a.errors);
}
