import { useEffect, useMemo, useRef, useState } from "react";
import type { Graph } from "../../engine/map-graph";
import type { LayoutAnswer, LayoutRequest } from "../../engine/map-layout";

/** Room of a node with its two lines of text. */
const ROOM = { width: 112, height: 92 };
/** On narrow screens layers stand nearer, and text is larger for its circle. */
const ROOM_NARROW = { width: 96, height: 112 };
const NARROW_PX = 1200;

/**
 * Positions by node id, computed in a worker. Null until the first answer; while a changed graph is laid out, the old
 * positions stay. A refresh that changes figures only changes no position.
 */
export function useLayout(graph: Graph | null, direction: "lr" | "tb"): LayoutAnswer | null {
  const [answer, setAnswer] = useState<LayoutAnswer | null>(null);
  const worker = useRef<Worker | null>(null);
  const sent = useRef<string | null>(null);
  const request = useMemo(() => (graph ? requestOf(graph, direction) : null), [graph, direction]);
  useEffect(() => {
    const started = new Worker(new URL("../../engine/map-layout.worker.ts", import.meta.url), { type: "module" });
    started.addEventListener("message", (event: MessageEvent<LayoutAnswer>) => setAnswer(event.data));
    worker.current = started;
    return () => {
      started.terminate();
      sent.current = null;
    };
  }, []);
  useEffect(() => {
    if (request === null || request.key === sent.current) return;
    sent.current = request.key;
    worker.current?.postMessage(request);
  }, [request]);
  return answer;
}

function requestOf(graph: Graph, direction: "lr" | "tb"): LayoutRequest {
  const room = window.innerWidth < NARROW_PX ? ROOM_NARROW : ROOM;
  const nodes = graph.nodes.map(({ id }) => ({ id, ...room }));
  const edges = graph.edges.map(({ source, target }) => ({ source, target }));
  const ids = nodes.map((node) => node.id).toSorted();
  const pairs = edges.map((edge) => `${edge.source}~${edge.target}`).toSorted();
  return { key: [direction, room.width, ...ids, ...pairs].join("\n"), direction, nodes, edges };
}
