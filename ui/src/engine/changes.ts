import type { MapNode } from "../api/types";
import { formatDuration, formatShare } from "../lib/format";

/** How a node differs from the time before. */
export interface Change {
  node: MapNode;
  before: MapNode | null;
  /** The strongest difference in words. */
  words: string;
  /** Worse, better, or neither. */
  tone: "worse" | "better" | "neutral";
  /** Larger is more remarkable. */
  score: number;
}

/** Fewer requests than this tell nothing about shares and percentiles. */
const REQUESTS_MIN = 10;
/** Differences that are smaller are chance. */
const SHARE_MIN = 0.02;
const FACTOR_MIN = 1.5;

/** Nodes of a map by how much they differ from the same nodes of the window before, the most remarkable first. */
export function changesOf(now: readonly MapNode[], before: readonly MapNode[]): Change[] {
  const known = new Map(before.map((node) => [node.id, node]));
  const changes: Change[] = [];
  for (const node of now) {
    if (node.type === "client") continue;
    const was = known.get(node.id) ?? null;
    const found = was === null ? newcomer(node, before.length > 0) : strongest(node, was);
    if (found) changes.push({ node, before: was, ...found });
  }
  const ids = new Set(now.map((node) => node.id));
  for (const was of before) {
    if (ids.has(was.id) || was.type === "client" || was.requests < REQUESTS_MIN) continue;
    changes.push({ node: { ...was, requests: 0, ok: 0, errors: 0, throttles: 0, faults: 0, duration_ns: null }, before: was, words: `no requests any more (${was.requests} before)`, tone: "worse", score: 2 });
  }
  return changes.toSorted((a, b) => b.score - a.score || (a.node.id < b.node.id ? -1 : 1));
}

type Found = Pick<Change, "words" | "tone" | "score">;

function newcomer(node: MapNode, comparable: boolean): Found | null {
  if (!comparable || node.requests === 0) return null;
  const failing = node.faults > 0;
  return { words: failing ? `new, ${formatShare(node.faults, node.requests)} fault` : "new", tone: failing ? "worse" : "neutral", score: failing ? 3 + node.faults / node.requests : 1 };
}

function strongest(node: MapNode, was: MapNode): Found | null {
  const candidates = [faults(node, was), latency(node, was), volume(node, was)].filter((one) => one !== null);
  return candidates.toSorted((a, b) => b.score - a.score)[0] ?? null;
}

function faults(node: MapNode, was: MapNode): Found | null {
  if (node.requests < REQUESTS_MIN || was.requests < REQUESTS_MIN) return null;
  const difference = node.faults / node.requests - was.faults / was.requests;
  if (Math.abs(difference) < SHARE_MIN) return null;
  const words = `fault ${formatShare(was.faults, was.requests)} → ${formatShare(node.faults, node.requests)}`;
  return { words, tone: difference > 0 ? "worse" : "better", score: difference > 0 ? 3 + difference : 1 - difference };
}

function latency(node: MapNode, was: MapNode): Found | null {
  if (!node.duration_ns || !was.duration_ns || node.requests < REQUESTS_MIN || was.requests < REQUESTS_MIN) return null;
  const factor = node.duration_ns.p95 / Math.max(1, was.duration_ns.p95);
  if (factor < FACTOR_MIN && factor > 1 / FACTOR_MIN) return null;
  const words = `p95 ${formatDuration(was.duration_ns.p95)} → ${formatDuration(node.duration_ns.p95)}`;
  return { words, tone: factor > 1 ? "worse" : "better", score: factor > 1 ? 1 + Math.log2(factor) / 4 : -Math.log2(factor) / 8 };
}

function volume(node: MapNode, was: MapNode): Found | null {
  if (Math.max(node.requests, was.requests) < REQUESTS_MIN) return null;
  const factor = (node.requests + 1) / (was.requests + 1);
  if (factor < FACTOR_MIN && factor > 1 / FACTOR_MIN) return null;
  const words = factor > 1 ? `${factor.toFixed(1)} times the requests` : `${formatShare(node.requests, was.requests)} of the requests`;
  return { words, tone: "neutral", score: Math.abs(Math.log2(factor)) / 6 };
}
