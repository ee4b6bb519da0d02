import { Database, Globe, Layers, type LucideIcon, MemoryStick, Rows3, UserRound } from "lucide-react";
import { type KeyboardEvent, memo } from "react";
import type { NodeType, OutcomeCounts } from "../../api/types";
import type { GraphNode } from "../../engine/map-graph";
import type { Position } from "../../engine/map-layout";
import { arcs, worst } from "../../engine/outcome";
import { classNames } from "../class-names";
import { tightDuration } from "../../lib/format";
import css from "./map-canvas.module.css";
import { describeBefore, describeNode, perMinute, worstShare } from "./words";

export const TYPE_ICONS: Record<NodeType, LucideIcon | null> = {
  client: UserRound, service: null, database: Database, cache: MemoryStick, queue: Rows3, external: Globe,
};

/** From the ring to that of the window before. */
const BEFORE_GAP = 5.5;

/** Sizes of the text of all nodes, in units of the map. */
export interface TextSizes {
  name: number;
  sub: number;
  value: number;
  /** Near enough for figures; else only names are shown. */
  figures: boolean;
  /** Names stand right of the circles. */
  beside: boolean;
}

/** What a figure leaves free of its disc, and the width of a letter as a share of its size. */
const DISC_MARGIN = 9;
const LETTER_SHARE = 0.7;

/** Letters of a label; the whole name is its title and accessible name. */
const LABEL_MAX = 24;

/** A circle with its ring, mean duration and rate. Colour is never alone: failures are thicker, hatched and in words. */
export const MapNodeGlyph = memo(function MapNodeGlyph(props: {
  node: GraphNode;
  label: string;
  at: Position;
  radius: number;
  text: TextSizes;
  /** 0 to 1: how strongly the disc is filled. */
  heat: number;
  minutes: number | null;
  /** Of the window before; null when nothing is compared. */
  before: OutcomeCounts | null;
  selected: boolean;
  /** Pointed at, or next to it: all others are dimmed by their group. */
  lit: boolean;
  /** Tab stops here; not at each of many in a small picture of the map, beside which a link leads to the large one. */
  stop: boolean;
  onHover: (id: string | null) => void;
  onSelect: (id: string) => void;
  onFocus: (id: string) => void;
}) {
  const { node, at, radius } = props;
  const Icon = node.members.length > 0 ? Layers : TYPE_ICONS[node.type];
  const bad = worstShare(node);
  const { text } = props;
  const mean = node.meanNs === null ? "–" : tightDuration(node.meanNs);
  const label = props.label.length > LABEL_MAX ? `${props.label.slice(0, LABEL_MAX - 1)}…` : props.label;
  const words = `${describeNode(node)}${props.before ? `; before: ${describeBefore(props.before)}` : ""}`;
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    // Again: whoever shows the figures leads into them.
    if (props.selected && !event.shiftKey) return;
    event.preventDefault();
    event.stopPropagation();
    if (event.shiftKey) props.onFocus(node.id);
    else props.onSelect(node.id);
  };
  return (
    <g
      data-node={node.id}
      className={classNames(css.node, props.selected && css.selected, props.lit && css.lit)}
      transform={`translate(${at.x} ${at.y})`}
      role="button"
      tabIndex={props.stop ? 0 : -1}
      aria-pressed={props.selected}
      aria-label={words}
      onPointerEnter={() => props.onHover(node.id)}
      onPointerLeave={(event) => isNode(event.relatedTarget) || props.onHover(null)}
      onFocus={() => props.onHover(node.id)}
      onBlur={(event) => isNode(event.relatedTarget) || props.onHover(null)}
      onClick={() => props.onSelect(node.id)}
      onDoubleClick={() => props.onFocus(node.id)}
      onKeyDown={onKeyDown}
    >
      <title>{words}</title>
      <circle r={radius + (props.before ? BEFORE_GAP + 4 : 4)} className={css.halo} />
      <circle r={radius} className={classNames(css.disc, node.inferred && css.inferred)} />
      {props.heat > 0 && <circle r={radius - 3} className={css.heat} opacity={0.12 + 0.6 * props.heat} />}
      <Ring counts={node} radius={radius} />
      {props.before && <RingBefore counts={props.before} radius={radius + BEFORE_GAP} />}
      {Icon && text.figures && <Icon x={-7} y={-radius * 0.52 - 5} width={14} height={14} strokeWidth={1.7} className={css.icon} aria-hidden />}
      {text.figures && (
        <text className={css.value} style={{ fontSize: Math.min(text.value, (2 * radius - DISC_MARGIN) / (mean.length * LETTER_SHARE)) }} y={Icon ? 10 : 4}>
          {mean}
        </text>
      )}
      {text.beside ? (
        <text className={classNames(css.name, css.beside)} style={{ fontSize: text.name }} x={radius + text.name * 0.5} y={text.name * 0.35}>
          {label}
        </text>
      ) : (
        <text className={css.name} style={{ fontSize: text.name }} y={radius + text.name + 4}>
          {label}
        </text>
      )}
      {text.figures && (
        <text className={css.sub} style={{ fontSize: text.sub }} y={radius + text.name + text.sub + 6}>
          {perMinute(node.requests, props.minutes)}
          {bad && <tspan className={css[worst(node).outcome]}>{` · ${bad}`}</tspan>}
        </text>
      )}
    </g>
  );
});

/** Who comes from one node to another shows the neighbours of the next, not all nodes in between. */
function isNode(next: EventTarget | null): boolean {
  return next instanceof Element && next.closest("[data-node]") !== null;
}

export function Ring({ counts, radius }: { counts: Parameters<typeof arcs>[0]; radius: number }) {
  return arcs(counts).map((arc) => {
    const path = arcPath(radius, arc.from, arc.to);
    return (
      <g key={arc.outcome}>
        <path d={path} className={classNames(css.ring, css[arc.outcome])} />
        {arc.outcome !== "ok" && <path d={path} className={classNames(css.hatch, css[`${arc.outcome}Hatch`])} />}
      </g>
    );
  });
}

/** How it was before: thin, and a dotted line where there was no request. */
function RingBefore({ counts, radius }: { counts: OutcomeCounts; radius: number }) {
  if (counts.requests === 0) return <circle r={radius} className={css.noneBefore} />;
  return arcs(counts).map((arc) => <path key={arc.outcome} d={arcPath(radius, arc.from, arc.to)} className={classNames(css.before, css[arc.outcome])} />);
}

function arcPath(radius: number, from: number, to: number): string {
  const point = (turn: number) => {
    const angle = turn * 2 * Math.PI - Math.PI / 2;
    return `${(radius * Math.cos(angle)).toFixed(2)},${(radius * Math.sin(angle)).toFixed(2)}`;
  };
  // A whole circle has no arc of its own: two halves.
  if (to - from > 0.9999) return `M${point(0)}A${radius},${radius} 0 0 1 ${point(0.5)}A${radius},${radius} 0 0 1 ${point(1)}`;
  return `M${point(from)}A${radius},${radius} 0 ${to - from > 0.5 ? 1 : 0} 1 ${point(to)}`;
}
