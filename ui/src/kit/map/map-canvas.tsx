import { Maximize, Minus, Plus } from "lucide-react";
import { type KeyboardEvent, memo, type PointerEvent, useCallback, useMemo, useRef, useState } from "react";
import type { OutcomeCounts } from "../../api/types";
import type { Graph, GraphEdge, GraphNode } from "../../engine/map-graph";
import { edgeWidth, radius, shortNames } from "../../engine/map-graph";
import type { Position } from "../../engine/map-layout";
import { NO_REQUESTS, worst } from "../../engine/outcome";
import { Button } from "../button";
import { classNames } from "../class-names";
import type { Camera } from "../../lib/map-url";
import { LABELS_BELOW, LABELS_BESIDE, spread, useCamera, useSize, ZOOM_STEP } from "./camera";
import { edgePath } from "./edge-path";
import css from "./map-canvas.module.css";
import { MapNodeGlyph, type TextSizes } from "./map-node";
import { MapOverview } from "./map-overview";
import { describeEdge } from "./words";

/** Below this magnification figures could not be read: only names are shown, as large as on paper. */
const FIGURES_FROM = 0.6;
/** Below this one names get smaller too: there is no room, but beside the circles. */
const NAMES_FROM = 0.32;
/** No text of the map is smaller than this, pixels. */
const TEXT_PX_MIN = 10;
/** Of a letter of a name, as a share of its size. */
const LETTER_WIDTH = 0.57;
/** Sizes of text at a magnification of one and above. */
const TEXT = { name: 11.5, sub: 10.5, value: 10 };
const EDGE_LABEL_PX = 10;
/** From this magnification on every arrow says its figures. */
const EDGE_LABELS_FROM = 1.4;
/** Below this one there is no room for the figures of a node's arrows either. */
const LABELS_NEAR_FROM = 0.55;
/** With more nodes than this a small picture of the whole map shows where one is, and nothing fades. */
const OVERVIEW_NODES_MIN = 30;
const PAN_STEP = 60;
const DRAG_MIN_PX = 4;

/** The map as a drawing: drag to move, wheel to zoom, hover for neighbours, click for details. */
export function MapCanvas(props: {
  graph: Graph;
  positions: Record<string, Position>;
  direction: "lr" | "tb";
  color: "health" | "latency" | "traffic";
  /** Length of the time that was counted; null when the map is that of one trace. */
  minutes: number | null;
  camera: Camera | null;
  selected: string | null;
  /** What each circle had in the window before, by id: drawn as a thin outer ring. */
  before?: ReadonlyMap<string, OutcomeCounts> | null;
  /** The wheel zooms; else it scrolls the page. */
  wheel: boolean;
  /** A wide and low place, which layers are drawn apart to fill; names stand beside the circles when there is no room below. */
  fill?: boolean;
  onSelect: (panel: string | null) => void;
  onFocus: (id: string) => void;
  onCamera: (camera: Camera | null) => void;
}) {
  const { graph } = props;
  const element = useRef<SVGSVGElement>(null);
  const size = useSize(element);
  const { positions, labels } = useMemo(() => (props.fill ? spread(props.positions, size) : { positions: props.positions, labels: LABELS_BELOW }), [props.fill, props.positions, size]);
  const placed = useMemo(() => graph.nodes.filter((node) => positions[node.id]), [graph, positions]);
  const points = useMemo(() => placed.map((node) => positions[node.id]!), [placed, positions]);
  const { camera, move, zoom, pan } = useCamera({ element, size, labels }, props.camera, points, props.wheel, props.onCamera);
  const [hovered, setHovered] = useState<string | null>(null);
  const [pointedEdge, setPointedEdge] = useState<string | null>(null);
  const busiest = Math.max(1, ...placed.filter((node) => node.members.length === 0).map((node) => node.requests));
  const busiestEdge = Math.max(1, ...graph.edges.map((edge) => edge.requests));
  const slowest = Math.max(1, ...placed.map((node) => node.meanNs ?? 0));
  const names = useMemo(() => shortNames(graph.nodes), [graph]);
  const lit = useMemo(() => neighbours(graph.edges, hovered), [graph, hovered]);
  const byId = useMemo(() => new Map(placed.map((node) => [node.id, node])), [placed]);
  const { onSelect, onFocus } = props;
  const select = useCallback((id: string) => onSelect(`node:${id}`), [onSelect]);
  const startPan = (down: PointerEvent<SVGSVGElement>) => {
    if (down.button !== 0 || (down.target as Element).closest("[data-node],[data-edge]")) return;
    const target = down.currentTarget;
    target.setPointerCapture(down.pointerId);
    const from = camera;
    let moved = false;
    const onMove = (event: globalThis.PointerEvent) => {
      const [dx, dy] = [event.clientX - down.clientX, event.clientY - down.clientY];
      moved ||= Math.hypot(dx, dy) >= DRAG_MIN_PX;
      if (moved) move({ x: from.x - dx / from.k, y: from.y - dy / from.k, k: from.k });
    };
    const onUp = () => {
      target.removeEventListener("pointermove", onMove);
      if (!moved) onSelect(null);
    };
    target.addEventListener("pointermove", onMove);
    target.addEventListener("pointerup", onUp, { once: true });
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const actions: Record<string, () => void> = {
      "+": () => zoom(ZOOM_STEP),
      "=": () => zoom(ZOOM_STEP),
      "-": () => zoom(1 / ZOOM_STEP),
      "0": () => move({ ...camera, k: 1 }),
      f: () => move(null),
      ArrowLeft: () => pan(PAN_STEP, 0),
      ArrowRight: () => pan(-PAN_STEP, 0),
      ArrowUp: () => pan(0, PAN_STEP),
      ArrowDown: () => pan(0, -PAN_STEP),
      Escape: () => onSelect(null),
    };
    const action = actions[event.key];
    if (!action || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    action();
  };
  const place = `translate(${size.width / 2 - camera.x * camera.k} ${size.height / 2 - camera.y * camera.k}) scale(${camera.k})`;
  const thick = thickness(camera.k);
  const text = useTextSizes(camera.k, labels === LABELS_BESIDE);
  const isLabelled = (edge: GraphEdge) =>
    camera.k >= EDGE_LABELS_FROM || pointedEdge === edge.id || props.selected === `edge:${edge.id}` || (touchesNode(edge, hovered) && camera.k > LABELS_NEAR_FROM);
  const shown = hovered !== null && lit !== null ? lit : null;
  const isLarge = placed.length > OVERVIEW_NODES_MIN;
  return (
    // The keys act on the drawing from any of its nodes.
    // oxlint-disable-next-line jsx-a11y/no-static-element-interactions
    <div className={css.frame} onKeyDown={onKeyDown}>
      <svg ref={element} className={css.map} role="group" aria-label="Service map" onPointerDown={startPan}>
        <defs>
          <Marker id="arrow" className={css.arrow} />
          <Marker id="arrow-hot" className={css.arrowHot} />
        </defs>
        <g transform={place} className={classNames(thick.rings, shown && css.dimmed, isLarge && css.still)}>
          <g aria-hidden>
            {graph.edges.map((edge) => {
              const touched = touchesNode(edge, hovered);
              const selected = props.selected === `edge:${edge.id}`;
              return (
                <Edge
                  key={edge.id}
                  edge={edge}
                  source={place2(byId, positions, edge.source)}
                  target={place2(byId, positions, edge.target)}
                  sourceRadius={radiusOf(byId, edge.source, busiest)}
                  targetRadius={radiusOf(byId, edge.target, busiest)}
                  direction={props.direction}
                  width={edgeWidth(edge, busiestEdge) * thick.arrows}
                  label={text.beside ? text.name * (1 + LETTER_WIDTH * (names.get(edge.source) ?? "").length) : 0}
                  minutes={props.minutes}
                  hot={selected || touches(props.selected, edge)}
                  lit={touched}
                  onPoint={setPointedEdge}
                  onSelect={onSelect}
                />
              );
            })}
          </g>
          {placed.map((node) => (
            <MapNodeGlyph
              key={node.id}
              node={node}
              label={names.get(node.id) ?? node.name}
              at={positions[node.id]!}
              radius={radius(node, busiest)}
              text={text}
              heat={props.color === "latency" ? (node.meanNs ?? 0) / slowest : props.color === "traffic" ? node.requests / busiest : 0}
              minutes={props.minutes}
              before={props.before ? (props.before.get(node.id) ?? NO_REQUESTS) : null}
              selected={props.selected === `node:${node.id}`}
              lit={shown !== null && shown.has(node.id)}
              stop={props.wheel || !isLarge}
              onHover={setHovered}
              onSelect={select}
              onFocus={onFocus}
            />
          ))}
          <g aria-hidden>
            {graph.edges.filter(isLabelled).map((edge) => (
              <EdgeLabel
                key={edge.id}
                text={describeEdge(edge, props.minutes)}
                size={EDGE_LABEL_PX / Math.min(1, camera.k)}
                source={place2(byId, positions, edge.source)}
                target={place2(byId, positions, edge.target)}
                radii={[radiusOf(byId, edge.source, busiest), radiusOf(byId, edge.target, busiest)]}
                direction={props.direction}
              />
            ))}
          </g>
        </g>
      </svg>
      {props.wheel && isLarge && <MapOverview nodes={placed} positions={positions} camera={camera} size={size} onMove={move} />}
      <div className={css.zoom}>
        <Button small iconLabel="Zoom in (+)" onClick={() => zoom(ZOOM_STEP)}>
          <Plus size={14} aria-hidden />
        </Button>
        <Button small iconLabel="Zoom out (-)" onClick={() => zoom(1 / ZOOM_STEP)}>
          <Minus size={14} aria-hidden />
        </Button>
        <Button small iconLabel="Show everything (f)" onClick={() => move(null)}>
          <Maximize size={14} aria-hidden />
        </Button>
      </div>
    </div>
  );
}

/** How much thicker lines are drawn than the magnification would have them. In few steps: each draws all arrows anew. */
function thickness(k: number): { arrows: number; rings: string | undefined } {
  if (k >= FIGURES_FROM) return { arrows: 1, rings: undefined };
  return k >= NAMES_FROM ? { arrows: 1.5, rings: css.small } : { arrows: 2.4, rings: css.tiny };
}

/** Sizes of text in units of the map; the same object while nothing changes, so that zooming draws no node anew. */
function useTextSizes(k: number, beside: boolean): TextSizes {
  const figures = k >= FIGURES_FROM;
  // In steps, for the same reason.
  const least = Math.round((2 * TEXT_PX_MIN) / (figures || beside ? k : Math.max(k, NAMES_FROM))) / 2;
  return useMemo(
    () => ({ name: figures ? Math.max(TEXT.name, least) : least, sub: Math.max(TEXT.sub, least * 0.95), value: Math.max(TEXT.value, least * 0.95), figures, beside: beside && !figures }),
    [figures, beside, least],
  );
}

function Marker({ id, className }: { id: string; className: string | undefined }) {
  return (
    <marker id={id} viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto" markerUnits="userSpaceOnUse">
      <path d="M0,0.8 L8,4 L0,7.2 Z" className={className} />
    </marker>
  );
}

function place2(byId: ReadonlyMap<string, GraphNode>, positions: Record<string, Position>, id: string): Position | null {
  return byId.has(id) ? positions[id]! : null;
}

function radiusOf(byId: ReadonlyMap<string, GraphNode>, id: string, busiest: number): number {
  const node = byId.get(id);
  return node ? radius(node, busiest) : 0;
}

function touches(selected: string | null, edge: GraphEdge): boolean {
  return selected === `node:${edge.source}` || selected === `node:${edge.target}`;
}

function touchesNode(edge: GraphEdge, id: string | null): boolean {
  return id !== null && (edge.source === id || edge.target === id);
}

function neighbours(edges: readonly GraphEdge[], id: string | null): Set<string> | null {
  if (id === null) return null;
  const found = new Set([id]);
  for (const edge of edges) {
    if (edge.source === id) found.add(edge.target);
    if (edge.target === id) found.add(edge.source);
  }
  return found;
}

/** Drawn again only when something of it changes: moving and zooming a large map moves one group. */
const Edge = memo(function Edge(props: {
  edge: GraphEdge;
  source: Position | null;
  target: Position | null;
  sourceRadius: number;
  targetRadius: number;
  direction: "lr" | "tb";
  width: number;
  /** Room of the name beside the source. */
  label: number;
  minutes: number | null;
  hot: boolean;
  /** Touches what is pointed at: all others are dimmed by their group, which draws none of them anew. */
  lit: boolean;
  onPoint: (id: string | null) => void;
  onSelect: (panel: string) => void;
}) {
  const { edge, source, target } = props;
  if (!source || !target) return null;
  const { path } = edgePath(source, target, [props.sourceRadius, props.targetRadius], props.direction, props.label);
  const { outcome } = worst(edge);
  const tone = outcome === "ok" ? undefined : css[outcome];
  return (
    // Keyboards reach the same edges through the inspector of either end and the list.
    // oxlint-disable-next-line jsx-a11y/click-events-have-key-events, jsx-a11y/no-static-element-interactions
    <g data-edge={edge.id} className={classNames(css.edgeGroup, props.lit && css.lit)} onClick={() => props.onSelect(`edge:${edge.id}`)} onPointerEnter={() => props.onPoint(edge.id)} onPointerLeave={() => props.onPoint(null)}>
      <path d={path} className={css.hit}>
        <title>{describeEdge(edge, props.minutes)}</title>
      </path>
      <path
        d={path}
        className={classNames(css.edge, tone, edge.kind !== "sync" && css.async, props.hot && css.hot)}
        strokeWidth={props.width}
        markerEnd={`url(#${props.hot ? "arrow-hot" : "arrow"})`}
      />
    </g>
  );
});

/** The figures of an arrow, above the circles it may have to lie over. */
function EdgeLabel(props: { text: string; size: number; source: Position | null; target: Position | null; radii: [number, number]; direction: "lr" | "tb" }) {
  if (!props.source || !props.target) return null;
  const { middle } = edgePath(props.source, props.target, props.radii, props.direction);
  return (
    <text className={css.edgeLabel} style={{ fontSize: props.size }} x={middle.x} y={middle.y - 4}>
      {props.text}
    </text>
  );
}
