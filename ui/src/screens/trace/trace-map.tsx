import { useCallback, useMemo, useState } from "react";
import type { ServiceMap } from "../../api/types";
import { buildGraph } from "../../engine/map-graph";
import { allOf } from "../../engine/search/edit";
import { MapCanvas } from "../../kit/map/map-canvas";
import { useLayout } from "../../kit/map/use-layout";
import type { Camera } from "../../lib/map-url";

/** The map of one trace, drawn. A click on a node finds its spans. `fill`: of a strip. */
export function TraceMap({ map, wheel, fill = false, onFind }: { map: ServiceMap; wheel: boolean; fill?: boolean; onFind: (text: string) => void }) {
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
  if (!layout) return null;
  return <MapCanvas graph={graph} positions={layout.positions} direction="lr" color="health" minutes={null} camera={camera} selected={null} wheel={wheel} fill={fill} onSelect={select} onFocus={find} onCamera={setCamera} />;
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
