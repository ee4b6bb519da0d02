import { useEffect, useEffectEvent, useRef } from "react";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { onThemeChange, readThemeColors } from "../engine/theme-colors";
import { formatClock, formatDate, formatDateTime, nanos, type UnixNanos, type Zone } from "../lib/time";
import css from "./time-chart.module.css";

export interface TimeSeries {
  key: string;
  label: string;
  /** A CSS custom property. */
  color: string;
  /** Told apart without colour. */
  dash?: number[];
  /** Null where there is nothing to show. */
  values: (number | null)[];
  /** Filled down to the axis. */
  area?: boolean;
}

const HEIGHT = 150;
const NS_PER_S = 1_000_000_000n;
const BRUSH_MIN_PX = 4;
/** Room of a time label and what is left free beside it. */
const TIME_LABEL_PX = 84;

/** Lines over time; drag to choose a range. Charts of one page share their cross hair. */
export function TimeChart(props: {
  title: string;
  /** What the chart shows, in a sentence. */
  summary: string;
  starts: readonly UnixNanos[];
  series: readonly TimeSeries[];
  format: (value: number) => string;
  zone: Zone;
  onBrush: (from: UnixNanos, to: UnixNanos) => void;
}) {
  const box = useRef<HTMLDivElement>(null);
  const onBrush = useEffectEvent(props.onBrush);
  const { starts, series, format, zone } = props;
  useEffect(() => {
    const element = box.current!;
    let chart: uPlot | null = null;
    const draw = () => {
      chart?.destroy();
      chart = new uPlot(optionsOf({ series, format, zone, element, onBrush: (from, to) => onBrush(from, to) }), dataOf(starts, series), element);
    };
    draw();
    const observer = new ResizeObserver(() => chart?.setSize({ width: element.clientWidth, height: HEIGHT }));
    observer.observe(element);
    const stop = onThemeChange(draw);
    return () => {
      observer.disconnect();
      stop();
      chart?.destroy();
    };
  }, [starts, series, format, zone]);
  return (
    <figure className={css.figure}>
      <figcaption className={css.caption}>
        <b>{props.title}</b>
        {series.map((one) => (
          <span key={one.key}>
            <svg width={16} height={8} aria-hidden>
              <line x1={0} y1={4} x2={16} y2={4} style={{ stroke: `var(${one.color})` }} strokeWidth={2} strokeDasharray={one.dash?.join(" ")} />
            </svg>
            {one.label}
          </span>
        ))}
      </figcaption>
      <div ref={box} className={css.plot} role="img" aria-label={`${props.title}: ${props.summary}`} />
    </figure>
  );
}

function dataOf(starts: readonly UnixNanos[], series: readonly TimeSeries[]): uPlot.AlignedData {
  return [starts.map((start) => Number(start / 1_000_000n) / 1000), ...series.map((one) => one.values)] as uPlot.AlignedData;
}

function at(seconds: number): UnixNanos {
  return nanos(BigInt(Math.round(seconds * 1000)) * 1_000_000n);
}

/** Values without a neighbour, through which no line goes; zeros are told by the axis. */
function alone(chart: uPlot, series: number): number[] {
  const values = chart.data[series]!;
  return [...values.keys()].filter((i) => (values[i] ?? 0) > 0 && values[i - 1] == null && values[i + 1] == null);
}

function showValues(chart: uPlot): void {
  chart.root.toggleAttribute("data-idle", chart.cursor.idx == null);
}

/** Of a tick, no finer than the ticks are apart: all labels of an axis have one form, but midnight says the day. */
function timeLabel(seconds: number, step: number, zone: Zone): string {
  const clock = formatClock(at(seconds), zone, 0);
  if (step >= 86_400 || (step >= 3600 && clock === "00:00:00")) return formatDate(at(seconds), zone).slice(0, -5);
  return step >= 60 ? clock.slice(0, 5) : clock;
}

function optionsOf(chart: {
  series: readonly TimeSeries[];
  format: (value: number) => string;
  zone: Zone;
  element: Element;
  onBrush: (from: UnixNanos, to: UnixNanos) => void;
}): uPlot.Options {
  const colors = readThemeColors();
  const style = getComputedStyle(chart.element);
  const font = `11px ${colors.font}`;
  const axis = { stroke: colors.muted, font, ticks: { show: false }, border: { show: false } };
  return {
    width: chart.element.clientWidth,
    height: HEIGHT,
    legend: { show: true, live: true },
    cursor: { sync: { key: "service" }, drag: { x: true, y: false, setScale: false }, points: { size: 6 } },
    scales: { x: { time: true }, y: { range: (_, __, max) => [0, max > 0 ? max * 1.08 : 1] } },
    axes: [
      { ...axis, size: 28, gap: 8, space: TIME_LABEL_PX, grid: { show: false }, values: (_, ticks, __, ___, step) => ticks.map((tick) => timeLabel(tick, step, chart.zone)) },
      { ...axis, size: 52, gap: 6, grid: { stroke: colors.line, width: 1 }, values: (_, ticks) => ticks.map((tick) => (tick === 0 ? "0" : chart.format(tick))) },
    ],
    series: [
      { label: "", value: (_, seconds) => (seconds === null ? "" : formatDateTime(at(seconds), chart.zone)) },
      ...chart.series.map((one): uPlot.Series => {
        const color = style.getPropertyValue(one.color).trim();
        return {
          label: one.label, stroke: color, width: 1.6, spanGaps: false, points: { show: true, size: 4, width: 0, fill: color, filter: alone },
          ...(one.dash && { dash: one.dash }), ...(one.area && { fill: `${color}22` }),
          value: (_, value) => (value === null ? "–" : chart.format(value)),
        };
      }),
    ],
    hooks: {
      // Without a cross hair the line of values has none to show.
      ready: [showValues],
      setLegend: [showValues],
      setSelect: [
        (self) => {
          const { left, width } = self.select;
          if (width < BRUSH_MIN_PX) return;
          const [from, to] = [self.posToVal(left, "x"), self.posToVal(left + width, "x")];
          self.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
          const end = at(to);
          chart.onBrush(at(from), end > at(from) ? end : nanos(at(from) + NS_PER_S));
        },
      ],
    },
  };
}
