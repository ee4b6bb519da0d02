import type { PointerEvent } from "react";
import type { GraphNode } from "../../engine/map-graph";
import type { Position } from "../../engine/map-layout";
import { worst } from "../../engine/outcome";
import type { Camera } from "../../lib/map-url";
import type { Size } from "./camera";
import css from "./map-canvas.module.css";

const WIDTH = 168;
const HEIGHT = 112;
const MARGIN = 8;

/** The whole map in small, with the part that is shown: a click or a drag moves there. Keys pan and fit, so it is for the pointer alone. */
export function MapOverview(props: { nodes: readonly GraphNode[]; positions: Record<string, Position>; camera: Camera; size: Size; onMove: (camera: Camera) => void }) {
  const { nodes, positions, camera, size } = props;
  const places = nodes.map(({ id }) => positions[id]!);
  const left = Math.min(...places.map(({ x }) => x));
  const top = Math.min(...places.map(({ y }) => y));
  const wide = Math.max(1, Math.max(...places.map(({ x }) => x)) - left);
  const tall = Math.max(1, Math.max(...places.map(({ y }) => y)) - top);
  const scale = Math.min((WIDTH - 2 * MARGIN) / wide, (HEIGHT - 2 * MARGIN) / tall);
  const x = (at: number) => (at - left - wide / 2) * scale + WIDTH / 2;
  const y = (at: number) => (at - top - tall / 2) * scale + HEIGHT / 2;
  const go = (event: PointerEvent<SVGSVGElement>) => {
    const box = event.currentTarget.getBoundingClientRect();
    const at = { x: event.clientX - box.left - WIDTH / 2, y: event.clientY - box.top - HEIGHT / 2 };
    props.onMove({ x: at.x / scale + left + wide / 2, y: at.y / scale + top + tall / 2, k: camera.k });
  };
  const [width, height] = [size.width / camera.k, size.height / camera.k];
  return (
    <svg
      className={css.overview}
      width={WIDTH}
      height={HEIGHT}
      aria-hidden
      onPointerDown={(event) => {
        event.currentTarget.setPointerCapture(event.pointerId);
        go(event);
      }}
      onPointerMove={(event) => {
        if (event.buttons === 1) go(event);
      }}
    >
      {nodes.map((node, i) => {
        const { outcome } = worst(node);
        return <circle key={node.id} cx={x(places[i]!.x)} cy={y(places[i]!.y)} r={outcome === "ok" ? 1.6 : 2.4} className={outcome === "ok" ? undefined : css[outcome]} />;
      })}
      <rect className={css.overviewView} x={x(camera.x - width / 2)} y={y(camera.y - height / 2)} width={width * scale} height={height * scale} />
    </svg>
  );
}
