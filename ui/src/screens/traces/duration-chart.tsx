import { useQuery } from "@tanstack/react-query";
import { type KeyboardEvent, type PointerEvent, useRef, useState } from "react";
import { durationsQuery, type Window } from "../../api/queries";
import type { OutcomeBucket } from "../../api/types";
import { setDuration } from "../../engine/search/edit";
import { formatCount, formatDuration, group, printDuration } from "../../lib/format";
import { ChartPeak } from "../../kit/chart-peak";
import { classNames } from "../../kit/class-names";
import css from "../../kit/histogram.module.css";

const OUTCOMES = [
  { key: "fault", label: "fault", tone: "error" },
  { key: "throttle", label: "throttle", tone: "throttle" },
  { key: "error", label: "client error", tone: "warn" },
  { key: "ok", label: "ok", tone: "spans" },
] as const;
const VIEW_HEIGHT = 100;

/** How long the matching spans took, on a logarithmic axis, by outcome. A drag becomes bounds of the search. */
export function DurationChart(props: { text: string; editable: string; window: Window; onChange: (text: string) => void }) {
  const { text, editable, window, onChange } = props;
  const counts = useQuery(durationsQuery(window, text));
  const { data, isPlaceholderData } = counts;
  const buckets = data ?? [];
  const plot = useRef<HTMLDivElement>(null);
  const [pointed, setHover] = useState<number | null>(null);
  const [dragged, setDrag] = useState<{ from: number; to: number } | null>(null);
  // Another answer may have fewer buckets.
  const hover = pointed !== null && pointed < buckets.length ? pointed : null;
  const drag = dragged !== null && dragged.from < buckets.length && dragged.to < buckets.length ? dragged : null;
  const totals = buckets.map(total);
  const peak = Math.max(1, ...totals);
  const at = (event: PointerEvent) => {
    const box = plot.current!.getBoundingClientRect();
    const share = Math.min(0.999999, Math.max(0, (event.clientX - box.left) / box.width));
    return buckets.length === 0 ? null : Math.floor(share * buckets.length);
  };
  const choose = (a: number, b: number) => {
    const [from, to] = [buckets[Math.min(a, b)]!, buckets[Math.max(a, b)]!];
    onChange(setDuration(editable, from.from_ns === 0 ? null : printDuration(from.from_ns), printDuration(to.to_ns), "traces"));
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (step !== undefined && buckets.length > 0) {
      event.preventDefault();
      setHover(((hover ?? (step > 0 ? -1 : 0)) + step + buckets.length) % buckets.length);
    } else if (event.key === "Enter" && hover !== null) choose(hover, hover);
    else if (event.key === "Escape") setHover(null);
  };
  const sums = OUTCOMES.map(({ key }) => buckets.reduce((sum, bucket) => sum + bucket[key], 0));
  const summary = `Duration of matching spans: ${OUTCOMES.flatMap(({ label }, nth) => (sums[nth]! > 0 ? [`${group(sums[nth]!)} ${label}`] : [])).join(", ") || "none"}`;
  const width = 1000 / Math.max(1, buckets.length);
  const marked = drag ?? (hover === null ? null : { from: hover, to: hover });
  return (
    <figure className={classNames(css.figure, isPlaceholderData && css.loading)}>
      <figcaption className={css.legend}>
        <ChartPeak answer={counts} peak={Math.max(0, ...totals)} />
        <span>duration</span>
        {OUTCOMES.map(({ key, label, tone }, nth) =>
          sums[nth]! > 0 ? (
            <span key={key} className={css.key}>
              <i className={classNames(css.swatch, css[tone])} />
              {label} <b title={group(sums[nth]!)}>{formatCount(sums[nth]!)}</b>
            </span>
          ) : null,
        )}
      </figcaption>
      {/* As in the histogram over time: a chart that takes keys is a slider whose value text speaks. */}
      <div
        ref={plot}
        className={css.plot}
        role="slider"
        tabIndex={0}
        aria-label={`${summary}. Arrows move, Enter searches for the durations.`}
        aria-valuemin={0}
        aria-valuemax={Math.max(0, buckets.length - 1)}
        aria-valuenow={hover ?? 0}
        aria-valuetext={hover !== null && buckets[hover] ? describe(buckets[hover]) : summary}
        onKeyDown={onKeyDown}
        onPointerDown={(event) => {
          const here = at(event);
          if (event.button !== 0 || here === null) return;
          event.currentTarget.setPointerCapture(event.pointerId);
          setDrag({ from: here, to: here });
        }}
        onPointerMove={(event) => {
          const here = at(event);
          setHover(here);
          if (drag && here !== null) setDrag({ ...drag, to: here });
        }}
        onPointerUp={() => {
          if (drag) choose(drag.from, drag.to);
          setDrag(null);
        }}
        onPointerLeave={() => drag || setHover(null)}
        onBlur={() => setHover(null)}
      >
        <svg className={css.svg} viewBox={`0 0 1000 ${VIEW_HEIGHT}`} preserveAspectRatio="none" aria-hidden>
          {buckets.map((bucket, nth) => (
            <g key={bucket.from_ns} className={nth === hover ? css.activeColumn : undefined}>
              {stack(bucket, VIEW_HEIGHT / peak).map(({ tone, top, height }) => (
                <rect key={tone} className={css[tone]} x={nth * width + width * 0.06} width={width * 0.88} y={top} height={height} />
              ))}
            </g>
          ))}
        </svg>
        {drag && marked && (
          <div
            className={css.brush}
            style={{ left: `${(Math.min(marked.from, marked.to) / buckets.length) * 100}%`, width: `${((Math.abs(marked.to - marked.from) + 1) / buckets.length) * 100}%` }}
          />
        )}
        {hover !== null && buckets[hover] && !drag && (
          <div className={css.tip} style={hover > buckets.length / 2 ? { right: `${(1 - hover / buckets.length) * 100 + 1}%` } : { left: `${((hover + 1) / buckets.length) * 100}%` }} aria-hidden>
            {describe(buckets[hover])}
          </div>
        )}
      </div>
      <div className={css.axis} aria-hidden>
        {marks(buckets).map((ns, nth) => (
          <span key={nth}>{formatDuration(ns)}</span>
        ))}
      </div>
    </figure>
  );
}

function total(bucket: OutcomeBucket): number {
  return bucket.ok + bucket.error + bucket.throttle + bucket.fault;
}

function stack(bucket: OutcomeBucket, scale: number) {
  const boxes: { tone: (typeof OUTCOMES)[number]["tone"]; top: number; height: number }[] = [];
  let top = VIEW_HEIGHT;
  for (const { key, tone } of OUTCOMES) {
    if (bucket[key] === 0) continue;
    const height = Math.max(2, bucket[key] * scale);
    top = Math.max(0, top - height);
    boxes.push({ tone, top, height });
  }
  return boxes;
}

function describe(bucket: OutcomeBucket): string {
  const counts = OUTCOMES.flatMap(({ key, label }) => (bucket[key] > 0 ? [`${group(bucket[key])} ${label}`] : []));
  return `${formatDuration(bucket.from_ns)} to ${formatDuration(bucket.to_ns)}  ${counts.join(", ") || "nothing"}`;
}

/** First, middle and last bound. */
function marks(buckets: readonly OutcomeBucket[]): number[] {
  if (buckets.length === 0) return [];
  return [buckets[0]!.from_ns, buckets[Math.floor(buckets.length / 2)]!.from_ns, buckets.at(-1)!.to_ns];
}
