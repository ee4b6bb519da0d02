import { type KeyboardEvent, type PointerEvent, useEffect, useLayoutEffect, useRef, useState } from "react";
import { boxOf, type Cell, cellAt, type CellCounts, countBetween, durationMarks, type Heat, move, placeOf } from "../../../engine/heatmap";
import { paintHeatmap } from "../../../engine/heatmap-painter";
import { onThemeChange, readThemeColors } from "../../../engine/theme-colors";
import { announce } from "../../../kit/announce";
import { classNames } from "../../../kit/class-names";
import { useTime } from "../../../kit/time-context";
import { formatCount, formatDuration, group, plural } from "../../../lib/format";
import type { HeatmapBox } from "../../../lib/selection-url";
import { formatClock, formatDateTime, nanos, type Zone } from "../../../lib/time";
import css from "./heatmap.module.css";

const HELP = "Arrows move, Shift with arrows draws a box, Enter compares it with the rest, Escape removes it.";

/** Two opposite corners. */
interface Corners {
  from: Cell;
  to: Cell;
}

/** The heatmap with its axes, its legend, and the box being drawn or chosen. */
export function HeatmapPlot({ heat, box, stale, onSelect }: { heat: Heat; box: HeatmapBox | null; stale: boolean; onSelect: (box: HeatmapBox | null) => void }) {
  const { zone } = useTime();
  const plot = useRef<HTMLDivElement>(null);
  const [drag, setDrag] = useState<Corners | null>(null);
  const [hover, setHover] = useState<Cell | null>(null);
  /** Of the keyboard. */
  const [cursor, setCursor] = useState<Corners | null>(null);
  const at = (event: PointerEvent) => {
    const area = plot.current!.getBoundingClientRect();
    return cellAt(heat, (event.clientX - area.left) / area.width, (event.clientY - area.top) / area.height);
  };
  const choose = ({ from, to }: Corners) => {
    const counts = countBetween(heat, from, to);
    if (counts.all === 0) announce("There are no spans in this box");
    else onSelect(boxOf(heat, from, to));
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === "Escape" && (cursor !== null || box !== null)) {
      event.stopPropagation();
      setCursor(null);
      if (cursor === null) onSelect(null);
      return;
    }
    if (event.key === "Enter" && cursor) {
      event.preventDefault();
      choose(cursor);
      return;
    }
    const to = event.ctrlKey || event.metaKey || event.altKey ? null : move(heat, cursor?.to ?? null, event.key);
    if (!to) return;
    event.preventDefault();
    event.stopPropagation();
    const next = { from: event.shiftKey && cursor ? cursor.from : to, to };
    setCursor(next);
    announce(describe(heat, next, zone));
  };
  const drawn = drag ?? cursor;
  const shown = drawn ? placeOf(heat, boxOf(heat, drawn.from, drawn.to)) : box && placeOf(heat, box);
  const told = drawn ?? (hover ? { from: hover, to: hover } : null);
  const [first, last] = [heat.start, nanos(heat.start + heat.width * BigInt(heat.columns))];
  return (
    <figure className={classNames(css.figure, stale && css.stale)}>
      <Legend heat={heat} />
      <div className={css.chart}>
        <div className={css.durations} aria-hidden>
          {durationMarks(heat, 8).map(({ y, ns }) => (
            <span key={y} style={{ bottom: `${(y / heat.rows.length) * 100}%` }}>
              {formatDuration(ns)}
            </span>
          ))}
        </div>
        {/* Two directions: no slider, but an area with keys of its own, which are said. */}
        {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-element-interactions */}
        <div
          ref={plot}
          className={css.plot}
          role="application"
          aria-roledescription="heatmap"
          aria-label={`${plural(heat.spans, "span")} by time and duration, from ${formatDateTime(first, zone)} to ${formatDateTime(last, zone)}. ${HELP}`}
          // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex
          tabIndex={0}
          onKeyDown={onKeyDown}
          onBlur={() => setCursor(null)}
          onPointerDown={(event) => {
            if (event.button !== 0 || heat.rows.length === 0) return;
            event.currentTarget.setPointerCapture(event.pointerId);
            setCursor(null);
            setDrag({ from: at(event), to: at(event) });
          }}
          onPointerMove={(event) => {
            if (heat.rows.length === 0) return;
            setHover(at(event));
            if (drag) setDrag({ from: drag.from, to: at(event) });
          }}
          onPointerUp={() => {
            if (drag) choose(drag);
            setDrag(null);
          }}
          onPointerCancel={() => setDrag(null)}
          onPointerLeave={() => setHover(null)}
        >
          <Canvas heat={heat} />
          {shown && (
            <div
              className={classNames(css.box, drawn !== null && css.drawing)}
              style={{ left: `${shown.left * 100}%`, right: `${(1 - shown.right) * 100}%`, top: `${shown.top * 100}%`, bottom: `${(1 - shown.bottom) * 100}%` }}
            />
          )}
          {told && (
            <div
              className={css.tip}
              style={{
                ...(told.to.x > heat.columns / 2 ? { right: `${(1 - told.to.x / heat.columns) * 100 + 1}%` } : { left: `${((told.to.x + 1) / heat.columns) * 100 + 1}%` }),
                ...(told.to.y > heat.rows.length / 2 ? { top: `${(1 - told.to.y / heat.rows.length) * 100}%` } : { bottom: `${((told.to.y + 1) / heat.rows.length) * 100}%` }),
              }}
              aria-hidden
            >
              {describe(heat, told, zone)}
            </div>
          )}
        </div>
        <div className={css.times} aria-hidden>
          {[0, 0.25, 0.5, 0.75, 1].map((share) => (
            <span key={share}>{formatClock(nanos(first + (BigInt(Math.round(share * 100)) * (last - first)) / 100n), zone, 0)}</span>
          ))}
        </div>
      </div>
    </figure>
  );
}

function Canvas({ heat }: { heat: Heat }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const paint = useRef(() => {});
  useLayoutEffect(() => {
    paint.current = () => {
      // The theme may change in the very frame in which the view is left.
      if (!canvas.current) return;
      const { clientWidth, clientHeight } = canvas.current;
      const bar = getComputedStyle(document.documentElement).getPropertyValue("--bar").trim();
      paintHeatmap(canvas.current, heat, clientWidth, clientHeight, readThemeColors(), bar);
    };
    paint.current();
  }, [heat]);
  useEffect(() => {
    const observer = new ResizeObserver(() => paint.current());
    observer.observe(canvas.current!);
    const stop = onThemeChange(() => paint.current());
    return () => {
      observer.disconnect();
      stop();
    };
  }, []);
  return <canvas ref={canvas} className={css.canvas} aria-hidden />;
}

function Legend({ heat }: { heat: Heat }) {
  const failed = heat.failed.reduce((sum, count) => sum + count, 0);
  return (
    <figcaption className={css.legend}>
      <span>
        <b title={group(heat.spans)}>{formatCount(heat.spans)}</b> spans
      </span>
      <span className={css.scale}>
        1 <i className={css.gradient} aria-hidden /> {formatCount(Math.max(1, heat.peak))} in a cell, logarithmic
      </span>
      <span>
        <i className={css.hatched} aria-hidden /> with failed spans <b title={group(failed)}>{formatCount(failed)}</b>
      </span>
    </figcaption>
  );
}

function describe(heat: Heat, { from, to }: Corners, zone: Zone): string {
  const counts = countBetween(heat, from, to);
  const box = boxOf(heat, from, to);
  const durations = box.toNs === null ? `from ${formatDuration(box.fromNs)}` : `${formatDuration(box.fromNs)} to ${formatDuration(box.toNs)}`;
  return `${formatClock(box.from, zone, 0)} to ${formatClock(box.to, zone, 0)}, ${durations}: ${countText(counts)}`;
}

function countText(counts: CellCounts): string {
  if (counts.all === 0) return "no spans";
  const parts = [
    [counts.fault, "fault"],
    [counts.throttle, "throttle"],
    [counts.error, "client error"],
  ] as const;
  const failed = parts.filter(([count]) => count > 0).map(([count, word]) => `${group(count)} ${word}`);
  return [plural(counts.all, "span"), ...failed].join(", ");
}
