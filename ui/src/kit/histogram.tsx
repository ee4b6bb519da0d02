import { type KeyboardEvent, type PointerEvent, useRef, useState } from "react";
import { formatCount, group } from "../lib/format";
import { formatClock, formatDate, formatDateTime, nanos, type UnixNanos, type Zone } from "../lib/time";
import { type ChartAnswer, ChartPeak } from "./chart-peak";
import { classNames } from "./class-names";
import css from "./histogram.module.css";

export interface Series {
  key: string;
  label: string;
  /** CSS class of `histogram.module.css` that gives the colour. */
  tone: "spans" | "errors" | "fatal" | "error" | "warn" | "info" | "debug" | "none";
}

export interface Bucket {
  start: UnixNanos;
  /** One count per series, drawn from the bottom up. */
  counts: number[];
}

const VIEW_HEIGHT = 100;
const BRUSH_MIN_PX = 4;

/** Stacked counts over time; drag to choose a range, or arrows and Enter on the focused chart. */
export function Histogram(props: {
  label: string;
  series: readonly Series[];
  buckets: readonly Bucket[];
  bucketNs: bigint;
  from: UnixNanos;
  to: UnixNanos;
  zone: Zone;
  /** The query that counts. */
  answer: ChartAnswer;
  onBrush: (from: UnixNanos, to: UnixNanos) => void;
  /** A part that stands out: what was chosen before. */
  marked?: { from: UnixNanos; to: UnixNanos } | null;
}) {
  const { buckets, bucketNs, series, zone } = props;
  const plot = useRef<HTMLDivElement>(null);
  const [pointed, setHover] = useState<number | null>(null);
  // Another answer may have fewer buckets.
  const hover = pointed !== null && pointed < buckets.length ? pointed : null;
  const [drag, setDrag] = useState<{ from: number; to: number } | null>(null);
  const totals = buckets.map((bucket) => bucket.counts.reduce((sum, count) => sum + count, 0));
  const peak = Math.max(1, ...totals);
  const length = Number(props.to - props.from) || 1;
  const shareOf = (at: bigint) => Number(at - props.from) / length;
  const shareAt = (event: PointerEvent) => {
    const box = plot.current!.getBoundingClientRect();
    return Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
  };
  const timeAt = (share: number) => nanos(props.from + BigInt(Math.round(share * length)));
  const bucketAt = (share: number) => {
    const at = timeAt(share);
    const found = buckets.findIndex((bucket) => at >= bucket.start && at < bucket.start + bucketNs);
    return found < 0 ? null : found;
  };
  const endDrag = (event: PointerEvent) => {
    if (!drag) return;
    const width = plot.current!.getBoundingClientRect().width;
    const [a, b] = [Math.min(drag.from, drag.to), Math.max(drag.from, drag.to)];
    setDrag(null);
    if ((b - a) * width >= BRUSH_MIN_PX) props.onBrush(timeAt(a), timeAt(b));
    else clickBucket(shareAt(event));
  };
  const clickBucket = (share: number) => {
    const index = bucketAt(share);
    if (index !== null && totals[index]! > 0) zoomTo(index);
  };
  const zoomTo = (index: number) => {
    const { start } = buckets[index]!;
    props.onBrush(start, nanos(start + bucketNs));
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (step !== undefined && buckets.length > 0) {
      event.preventDefault();
      setHover(((hover ?? (step > 0 ? -1 : 0)) + step + buckets.length) % buckets.length);
    } else if (event.key === "Enter" && hover !== null) zoomTo(hover);
    else if (event.key === "Escape") setHover(null);
  };
  const sums = series.map((_, i) => buckets.reduce((sum, bucket) => sum + (bucket.counts[i] ?? 0), 0));
  const summary = `${props.label}: ${series.map((one, i) => `${group(sums[i]!)} ${one.label}`).join(", ")}`;
  return (
    <figure className={classNames(css.figure, props.answer.isPlaceholderData && css.loading)}>
      <figcaption className={css.legend}>
        <ChartPeak answer={props.answer} peak={Math.max(0, ...totals)} />
        {series.map((one, i) =>
          sums[i]! > 0 ? (
            <span key={one.key} className={css.key}>
              <i className={classNames(css.swatch, css[one.tone])} />
              {one.label} <b title={group(sums[i]!)}>{formatCount(sums[i]!)}</b>
            </span>
          ) : null,
        )}
      </figcaption>
      {/* A chart that takes keys needs a role that may; its values are spoken as its value text. */}
      <div
        ref={plot}
        className={css.plot}
        role="slider"
        tabIndex={0}
        aria-label={`${summary}. Arrows move, Enter zooms in.`}
        aria-valuemin={0}
        aria-valuemax={Math.max(0, buckets.length - 1)}
        aria-valuenow={hover ?? 0}
        aria-valuetext={hover === null ? summary : describe(buckets[hover]!, series, zone)}
        onKeyDown={onKeyDown}
        onPointerDown={(event) => {
          if (event.button !== 0) return;
          event.currentTarget.setPointerCapture(event.pointerId);
          setDrag({ from: shareAt(event), to: shareAt(event) });
        }}
        onPointerMove={(event) => {
          setHover(bucketAt(shareAt(event)));
          if (drag) setDrag({ ...drag, to: shareAt(event) });
        }}
        onPointerUp={endDrag}
        onPointerLeave={() => drag || setHover(null)}
        onBlur={() => setHover(null)}
      >
        <svg className={css.svg} viewBox={`0 0 1000 ${VIEW_HEIGHT}`} preserveAspectRatio="none" aria-hidden>
          {buckets.map((bucket, index) => (
            <Column
              key={String(bucket.start)}
              bucket={bucket}
              series={series}
              x={shareOf(bucket.start) * 1000}
              width={(Number(bucketNs) / length) * 1000}
              scale={VIEW_HEIGHT / peak}
              active={index === hover}
            />
          ))}
        </svg>
        {props.marked && !drag && (
          <div className={css.brush} style={{ left: `${Math.max(0, shareOf(props.marked.from)) * 100}%`, right: `${(1 - Math.min(1, shareOf(props.marked.to))) * 100}%` }} />
        )}
        {drag && <div className={css.brush} style={{ left: `${Math.min(drag.from, drag.to) * 100}%`, width: `${Math.abs(drag.to - drag.from) * 100}%` }} />}
        {hover !== null && buckets[hover] && !drag && (
          <div className={css.tip} style={tipPlace(shareOf(buckets[hover].start))} aria-hidden>
            {describe(buckets[hover], series, zone)}
          </div>
        )}
      </div>
      <Axis from={props.from} to={props.to} zone={zone} />
    </figure>
  );
}

function Column(props: { bucket: Bucket; series: readonly Series[]; x: number; width: number; scale: number; active: boolean }) {
  const gap = Math.min(1.5, props.width * 0.15);
  return (
    <g className={props.active ? css.activeColumn : undefined}>
      {stack(props.bucket, props.scale).map(({ series, top, height }) => (
        <rect
          key={series}
          className={css[props.series[series]!.tone]}
          x={props.x + gap / 2}
          y={top}
          width={Math.max(0.5, props.width - gap)}
          height={height}
        />
      ))}
    </g>
  );
}

/** Heights from the axis up; what exists is at least visible. */
function stack(bucket: Bucket, scale: number): { series: number; top: number; height: number }[] {
  const boxes: { series: number; top: number; height: number }[] = [];
  let top = VIEW_HEIGHT;
  bucket.counts.forEach((count, series) => {
    if (count === 0) return;
    const height = Math.max(2, count * scale);
    top = Math.max(0, top - height);
    boxes.push({ series, top, height });
  });
  return boxes;
}

function describe(bucket: Bucket, series: readonly Series[], zone: Zone): string {
  const parts = series.flatMap((one, i) => (bucket.counts[i] ? [`${group(bucket.counts[i])} ${one.label}`] : []));
  return `${formatDateTime(bucket.start, zone)}  ${parts.length > 0 ? parts.join(", ") : "nothing"}`;
}

function tipPlace(share: number): React.CSSProperties {
  return share > 0.5 ? { right: `${(1 - share) * 100 + 1}%` } : { left: `${share * 100 + 2}%` };
}

const AXIS_MARKS = [0, 0.25, 0.5, 0.75, 1];

function Axis({ from, to, zone }: { from: UnixNanos; to: UnixNanos; zone: Zone }) {
  const length = to - from;
  const days = length > 86_400_000_000_000n;
  const fine = length < 10_000_000_000n;
  return (
    <div className={css.axis} aria-hidden>
      {AXIS_MARKS.map((share) => {
        const at = nanos(from + (length * BigInt(share * 4)) / 4n);
        const clock = formatClock(at, zone, fine ? 3 : 0);
        return <span key={share}>{days ? `${formatDate(at, zone).slice(0, -5)} ${clock.slice(0, 5)}` : clock}</span>;
      })}
    </div>
  );
}
