import { type KeyboardEvent, type PointerEvent, useRef, useState } from "react";
import type { DurationBucket } from "../api/types";
import { OUTCOMES, type Outcome, OUTCOME_WORDS, parts } from "../engine/outcome";
import { formatDuration, formatShare, group, plural } from "../lib/format";
import { classNames } from "./class-names";
import css from "./duration-histogram.module.css";

/** Durations from `from` on and before `to`, in nanoseconds. */
export interface DurationSelection {
  from: number;
  to: number;
}

const VIEW_HEIGHT = 100;

/**
 * Requests by duration on a logarithmic axis, stacked by outcome. Drag, or arrows with Shift and Enter, choose a
 * stretch of whole buckets.
 */
export function DurationHistogram(props: {
  label: string;
  buckets: readonly DurationBucket[];
  /** Drawn as an outline: the same requests as the other side sees them. */
  outline?: readonly DurationBucket[] | undefined;
  outlineLabel?: string;
  marks: readonly { label: string; ns: number }[];
  outcomes: ReadonlySet<Outcome>;
  selection: DurationSelection | null;
  onSelect: (selection: DurationSelection | null) => void;
}) {
  const plot = useRef<HTMLDivElement>(null);
  const [cursor, setCursor] = useState<{ anchor: number; at: number } | null>(null);
  const dragging = useRef(false);
  const slots = slotsOf([...props.buckets, ...(props.outline ?? [])]);
  if (slots.length === 0) return <p className={css.none}>No requests</p>;
  const bars = new Map(props.buckets.map((bucket) => [bucket.start_ns, bucket]));
  const counted = (bucket: DurationBucket | undefined) => {
    if (!bucket) return 0;
    const shares = parts(bucket);
    return OUTCOMES.reduce((sum, outcome) => sum + (props.outcomes.has(outcome) ? shares[outcome] : 0), 0);
  };
  const total = props.buckets.reduce((sum, bucket) => sum + bucket.requests, 0);
  const outlineTotal = (props.outline ?? []).reduce((sum, bucket) => sum + bucket.requests, 0);
  const peak = Math.max(
    1e-9,
    ...props.buckets.map((bucket) => counted(bucket) / Math.max(1, total)),
    ...(props.outline ?? []).map((bucket) => bucket.requests / Math.max(1, outlineTotal)),
  );
  const slotAt = (event: PointerEvent) => {
    const box = plot.current!.getBoundingClientRect();
    return Math.min(slots.length - 1, Math.max(0, Math.floor(((event.clientX - box.left) / box.width) * slots.length)));
  };
  const choose = (a: number, b: number) => props.onSelect({ from: slots[Math.min(a, b)]!.start, to: slots[Math.max(a, b)]!.end });
  const xOf = (ns: number) => (placeOf(ns, slots) / slots.length) * 100;
  const onKeyDown = (event: KeyboardEvent) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (step !== undefined) {
      event.preventDefault();
      event.stopPropagation();
      const at = Math.min(slots.length - 1, Math.max(0, cursor ? cursor.at + step : step > 0 ? 0 : slots.length - 1));
      setCursor({ anchor: event.shiftKey && cursor ? cursor.anchor : at, at });
    } else if (event.key === "Enter" && cursor) choose(cursor.anchor, cursor.at);
    else if (event.key === "Escape" && (cursor || props.selection)) {
      event.stopPropagation();
      setCursor(null);
      props.onSelect(null);
    }
  };
  const summary = `${props.label}: ${plural(total, "request")}${props.marks.map((mark) => `, ${mark.label} ${formatDuration(mark.ns)}`).join("")}`;
  const shown = cursor ? { from: Math.min(cursor.anchor, cursor.at), to: Math.max(cursor.anchor, cursor.at) } : null;
  const band = shown ? { left: shown.from, right: shown.to + 1 } : props.selection && { left: placeOf(props.selection.from, slots), right: placeOf(props.selection.to, slots) };
  return (
    <figure className={css.figure}>
      {/* A chart that takes keys needs a role that may; its values are spoken as its value text. */}
      <div
        ref={plot}
        className={css.plot}
        role="slider"
        tabIndex={0}
        aria-label={`${summary}. Arrows move, Shift extends, Enter chooses, Escape clears.`}
        aria-valuemin={0}
        aria-valuemax={slots.length - 1}
        aria-valuenow={cursor?.at ?? 0}
        aria-valuetext={cursor ? describe(slots, shown!, bars, total) : summary}
        onKeyDown={onKeyDown}
        onPointerDown={(event) => {
          if (event.button !== 0) return;
          event.currentTarget.setPointerCapture(event.pointerId);
          dragging.current = true;
          setCursor({ anchor: slotAt(event), at: slotAt(event) });
        }}
        onPointerMove={(event) => {
          if (dragging.current) setCursor((before) => ({ anchor: before?.anchor ?? slotAt(event), at: slotAt(event) }));
        }}
        onPointerUp={() => {
          dragging.current = false;
          if (cursor) choose(cursor.anchor, cursor.at);
          setCursor(null);
        }}
        onBlur={() => setCursor(null)}
      >
        <svg className={css.svg} viewBox={`0 0 ${slots.length * 10} ${VIEW_HEIGHT}`} preserveAspectRatio="none" aria-hidden>
          {slots.map((slot, i) => (
            <Bar key={slot.start} bucket={bars.get(slot.start)} x={i * 10} outcomes={props.outcomes} scale={VIEW_HEIGHT / peak / Math.max(1, total)} />
          ))}
          {props.outline && outlineTotal > 0 && <path className={css.outline} d={outlinePath(slots, props.outline, VIEW_HEIGHT / peak / outlineTotal)} />}
        </svg>
        {props.marks.map((mark, i) => (
          <span key={mark.label} className={classNames(css.mark, xOf(mark.ns) > 70 && css.markLeft)} style={{ left: `${xOf(mark.ns)}%`, top: i * 13 }} aria-hidden>
            <b>
              {mark.label} {formatDuration(mark.ns)}
            </b>
          </span>
        ))}
        {band && <div className={css.brush} style={{ left: `${(band.left / slots.length) * 100}%`, width: `${((band.right - band.left) / slots.length) * 100}%` }} />}
      </div>
      <div className={css.axis} aria-hidden>
        <span>{formatDuration(slots[0]!.start)}</span>
        <span>{formatDuration(slots[Math.floor(slots.length / 2)]!.start)}</span>
        <span>{formatDuration(slots.at(-1)!.end)}</span>
      </div>
      {props.outline && outlineTotal > 0 && <p className={css.note}>Line: {props.outlineLabel}</p>}
    </figure>
  );
}

interface Slot {
  start: number;
  end: number;
}

/** All buckets from the first to the last, those without requests too: ten for each factor of ten from 1 µs on. */
export function slotsOf(buckets: readonly DurationBucket[]): Slot[] {
  if (buckets.length === 0) return [];
  const first = Math.min(...buckets.map((bucket) => bucket.start_ns));
  const last = Math.max(...buckets.map((bucket) => bucket.end_ns));
  const slots: Slot[] = [];
  let start = first;
  while (start < last) {
    const end = nextBound(start);
    slots.push({ start, end });
    start = end;
  }
  return slots;
}

const FIRST_BOUND = 1000;

function nextBound(start: number): number {
  if (start < FIRST_BOUND) return FIRST_BOUND;
  const k = Math.round(10 * Math.log10(start / FIRST_BOUND));
  return Math.round(FIRST_BOUND * 10 ** ((k + 1) / 10));
}

/** Where a duration lies on the axis, in slots. */
function placeOf(ns: number, slots: readonly Slot[]): number {
  const at = slots.findIndex((slot) => ns < slot.end);
  if (at < 0) return slots.length;
  const { start, end } = slots[at]!;
  if (ns <= start) return at;
  return at + (start === 0 ? ns / end : Math.log(ns / start) / Math.log(end / start));
}

function Bar(props: { bucket: DurationBucket | undefined; x: number; outcomes: ReadonlySet<Outcome>; scale: number }) {
  if (!props.bucket) return null;
  const shares = parts(props.bucket);
  let top = VIEW_HEIGHT;
  return OUTCOMES.map((outcome) => {
    if (!props.outcomes.has(outcome) || shares[outcome] === 0) return null;
    const height = Math.max(2, shares[outcome] * props.scale);
    top -= height;
    return <rect key={outcome} className={css[outcome]} x={props.x + 0.6} y={Math.max(0, top)} width={8.8} height={height} />;
  });
}

function outlinePath(slots: readonly Slot[], outline: readonly DurationBucket[], scale: number): string {
  const counts = new Map(outline.map((bucket) => [bucket.start_ns, bucket.requests]));
  const steps = slots.map((slot, i) => {
    const y = VIEW_HEIGHT - (counts.get(slot.start) ?? 0) * scale;
    return `L${i * 10},${y.toFixed(1)}L${i * 10 + 10},${y.toFixed(1)}`;
  });
  return `M0,${VIEW_HEIGHT}${steps.join("")}`;
}

function describe(slots: readonly Slot[], shown: { from: number; to: number }, bars: ReadonlyMap<number, DurationBucket>, total: number): string {
  const inside = slots.slice(shown.from, shown.to + 1);
  const count = inside.reduce((sum, slot) => sum + (bars.get(slot.start)?.requests ?? 0), 0);
  return `${formatDuration(inside[0]!.start)} to ${formatDuration(inside.at(-1)!.end)}: ${plural(count, "request")}, ${formatShare(count, total)}`;
}

/** Requests within a selection. */
export function countWithin(buckets: readonly DurationBucket[], selection: DurationSelection): number {
  return buckets.reduce((sum, bucket) => sum + (bucket.start_ns >= selection.from && bucket.end_ns <= selection.to ? bucket.requests : 0), 0);
}

/** The check boxes beside a histogram: which outcomes it counts. */
export function OutcomeBoxes(props: { counts: Record<Outcome, number>; chosen: ReadonlySet<Outcome>; onChange: (chosen: ReadonlySet<Outcome>) => void }) {
  const toggle = (outcome: Outcome) => {
    const next = new Set(props.chosen);
    if (!next.delete(outcome)) next.add(outcome);
    props.onChange(next);
  };
  return (
    <div className={css.boxes} role="group" aria-label="Outcomes">
      {OUTCOMES.filter((outcome) => props.counts[outcome] > 0).map((outcome) => (
        <label key={outcome}>
          <input type="checkbox" checked={props.chosen.has(outcome)} onChange={() => toggle(outcome)} />
          <i className={classNames(css.swatch, css[outcome])} />
          {OUTCOME_WORDS[outcome]} <b>{group(props.counts[outcome])}</b>
        </label>
      ))}
    </div>
  );
}
