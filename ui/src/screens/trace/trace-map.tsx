import { useCallback, useMemo, useState } from "react";
import type { ServiceMap } from "../../api/types";
import { buildGraph } from "../../engine/map-graph";
import { allOf } from "../../engine/search/edit";
import type { Position } from "../../engine/map-layout";
import { MapCanvas } from "../../kit/map/map-canvas";
import { useLayout } from "../../kit/map/use-layout";
import type { Camera } from "../../lib/map-url";

/** How far layers may be drawn apart to fill a strip. */
const STRETCH_MAX = 3;
/** Around the outermost nodes. */
const NODE_ROOM = 140;

/** The map of one trace, drawn. A click on a node finds its spans. `aspect`: width by height of a strip that it shall fill. */
export function TraceMap({ map, wheel, aspect, onFind }: { map: ServiceMap; wheel: boolean; aspect?: number; onFind: (text: string) => void }) {
  const graph = useMemo(() => buildGraph(map, { focus: null, hops: 1, minPerMinute: 0, minutes: 1 }), [map]);
  const layout = useLayout(graph, "lr");
  const [camera, setCamera] = useState<Camera | null>(null);
  const find = useCallback(
    (id: string) => {
      const text = findText(map, id);
      if (text !== null) onFind(text);
    },
    [map, onFind],
  );
  const select = useCallback((panel: string | null) => find(panel?.replace(/^node:/, "") ?? ""), [find]);
  const positions = useMemo(() => (layout && aspect !== undefined ? stretched(layout.positions, aspect) : layout?.positions), [layout, aspect]);
  if (!positions) return null;
  return <MapCanvas graph={graph} positions={positions} direction="lr" color="health" minutes={null} camera={camera} selected={null} wheel={wheel} onSelect={select} onFocus={find} onCamera={setCamera} />;
}

/** The same places with the layers so far apart that the map is as wide for its height as the strip. */
function stretched(positions: Record<string, Position>, aspect: number): Record<string, Position> {
  const places = Object.values(positions);
  const range = (pick: (place: Position) => number) => Math.max(...places.map(pick)) - Math.min(...places.map(pick)) + NODE_ROOM;
  const factor = Math.min(STRETCH_MAX, Math.max(1, aspect / (range(({ x }) => x) / range(({ y }) => y))));
  return Object.fromEntries(Object.entries(positions).map(([id, { x, y }]) => [id, { x: x * factor, y }]));
}

/** The spans of a service; of a callee that reports nothing, those of its callers. */
function findText(map: ServiceMap, id: string): string | null {
  const node = map.nodes.find((one) => one.id === id);
  if (!node) return null;
  if (node.type === "service" && !node.inferred) return allOf(["service", node.name]);
  const names = new Map(map.nodes.map((one) => [one.id, one]));
  const callers = map.edges.flatMap((edge) => (edge.target === id ? (names.get(edge.source)?.name ?? []) : []));
  if (callers.length === 0) return null;
  return `${callers.length === 1 ? allOf(["service", callers[0]!]) : `(${callers.map((name) => allOf(["service", name])).join(" OR ")})`} kind:(client OR producer)`;
}
