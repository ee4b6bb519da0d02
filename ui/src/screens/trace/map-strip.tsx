import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { traceMapQuery } from "../../api/queries";
import type { TraceModel } from "../../engine/trace-model";
import { storedNumber, storedShown, storeNumber } from "../../kit/preferences";
import { HeightResizer } from "../../kit/resizer";
import { TraceMap } from "./trace-map";
import css from "./waterfall.module.css";

export const STRIP_ID = "trace-map-strip";
/** For a few services, and for more: names have to be readable. */
const HEIGHT = { few: 120, many: 156 };
const FEW_SERVICES = 6;
const HEIGHT_MIN = 96;
const HEIGHT_MAX = 480;
/** On low screens and for large traces the room and the time belong to the waterfall. */
const SCREEN_MIN_PX = 800;
const SPANS_MAX = 20_000;
/** A strip has no room for more. */
const SERVICES_MAX = 40;

/** Whether the map stands above the timeline: as the reader has left it, else where it has something to show and room. */
export function stripShown(model: TraceModel): boolean {
  return storedShown("map-strip", model.services.length > 1 && model.services.length <= SERVICES_MAX && model.count <= SPANS_MAX && window.innerHeight >= SCREEN_MIN_PX);
}

/** The trace's own map above its timeline, as high as the reader wants it. A click on a node finds its spans. */
export function MapStrip({ traceId, services, onFind }: { traceId: string; services: number; onFind: (text: string) => void }) {
  const [height, setHeight] = useState(() => Math.max(HEIGHT_MIN, Math.min(HEIGHT_MAX, storedNumber("map-strip-height", services <= FEW_SERVICES ? HEIGHT.few : HEIGHT.many))));
  const query = useQuery(traceMapQuery(traceId));
  const resize = (next: number) => {
    setHeight(next);
    storeNumber("map-strip-height", next);
  };
  return (
    <section id={STRIP_ID} className={css.strip} style={{ height }} aria-label="Map of the trace" aria-busy={query.isPending}>
      {query.isError && (
        <p className={css.stripNote}>
          The map of the trace could not be loaded. <button type="button" onClick={() => void query.refetch()}>Retry</button>
        </p>
      )}
      {query.data && <TraceMap map={query.data} wheel={false} fill onFind={onFind} />}
      <HeightResizer className={css.edge} label="Height of the map" value={height} min={HEIGHT_MIN} max={HEIGHT_MAX} onChange={resize} />
    </section>
  );
}
