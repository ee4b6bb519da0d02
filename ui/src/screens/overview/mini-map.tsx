import { useCallback, useMemo } from "react";
import type { Window } from "../../api/queries";
import type { ServiceMap } from "../../api/types";
import { buildGraph } from "../../engine/map-graph";
import { MapCanvas } from "../../kit/map/map-canvas";
import { useLayout } from "../../kit/map/use-layout";
import { Waiting } from "../../kit/states";
import { useUrl } from "../../kit/use-url";
import { carryOver, href } from "../../lib/url-state";

/** The map in small: a click on a node opens it on the large one. */
export function MiniMap({ map, window }: { map: ServiceMap; window: Window }) {
  const { navigate, search } = useUrl();
  const minutes = Number(window.to - window.from) / 60e9;
  const graph = useMemo(() => buildGraph(map, { focus: null, hops: 1, minPerMinute: 0, minutes }), [map, minutes]);
  const layout = useLayout(graph, "lr");
  const open = useCallback((panel: string | null) => navigate(href("/map", { panel }, carryOver(search))), [navigate, search]);
  const focus = useCallback((id: string) => navigate(href("/map", { focus: id }, carryOver(search))), [navigate, search]);
  if (!layout) return <Waiting>The map is drawn…</Waiting>;
  return <MapCanvas graph={graph} positions={layout.positions} direction="lr" color="health" minutes={minutes} camera={null} selected={null} wheel={false} fill onSelect={open} onFocus={focus} onCamera={ignore} />;
}

function ignore() {}
