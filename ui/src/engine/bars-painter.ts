import { formatDuration } from "../lib/format";
import type { CriticalPath } from "./critical-path";
import type { ThemeColors } from "./theme-colors";
import { ticks } from "./timeline";
import type { WaterfallStore } from "./waterfall-store";

export const ROW_HEIGHT = 24;
const BAR_TOP = 6;
const BAR_HEIGHT = 12;
const BAR_WIDTH_MIN = 1.5;
const LABEL_GAP = 6;
const TEXT_ON_BAR = "#0b1220";

/** Moments inside a span that are drawn as points, nanoseconds since the start of the trace. */
export interface Points {
  /** Log records and events per span index. */
  logs: ReadonlyMap<number, number[]>;
}

export interface BarsScene {
  store: WaterfallStore;
  colors: ThemeColors;
  serviceColors: readonly string[];
  critical: CriticalPath;
  points: Points;
  width: number;
  height: number;
  scrollTop: number;
}

/** Paints the bars of the rows in sight; coordinates are those of the rows beside it. */
export function paintBars(context: CanvasRenderingContext2D, scene: BarsScene): void {
  const { store, width, height, scrollTop, colors } = scene;
  const scale = width / (store.view.t1 - store.view.t0);
  context.strokeStyle = colors.line;
  context.globalAlpha = 0.7;
  context.lineWidth = 1;
  for (const time of ticks(store.view, width)) {
    const x = Math.round((time - store.view.t0) * scale) + 0.5;
    context.beginPath();
    context.moveTo(x, 0);
    context.lineTo(x, Math.min(height, store.rows.length * ROW_HEIGHT - scrollTop));
    context.stroke();
  }
  context.globalAlpha = 1;
  context.font = `11px ${colors.mono}`;
  context.textBaseline = "middle";
  const first = Math.floor(scrollTop / ROW_HEIGHT);
  const last = Math.min(store.rows.length - 1, Math.ceil((scrollTop + height) / ROW_HEIGHT));
  for (let row = first; row <= last; row += 1) {
    paintRow(context, scene, store.rows[row]!, row * ROW_HEIGHT - scrollTop, scale);
  }
}

function paintRow(context: CanvasRenderingContext2D, scene: BarsScene, index: number, top: number, scale: number): void {
  const { store, width, colors, serviceColors } = scene;
  const { model, view } = store;
  const x0 = (model.start[index]! - view.t0) * scale;
  const x1 = Math.max(x0 + BAR_WIDTH_MIN, x0 + model.duration[index]! * scale);
  const y = top + BAR_TOP;
  const left = Math.max(-4, x0);
  const right = Math.min(width + 4, x1);
  if (right > left) {
    context.globalAlpha = isDimmed(store, index) ? 0.45 : 1;
    context.fillStyle = serviceColors[model.service[index]!]!;
    box(context, left, y, right - left);
    context.fill();
    if (model.error[index]) {
      context.strokeStyle = colors.fault;
      context.lineWidth = 1.6;
      context.stroke();
    }
    paintCritical(context, scene, index, y, scale);
    paintPoints(context, scene, index, y + BAR_HEIGHT / 2, scale);
    context.globalAlpha = 1;
  }
  paintLabel(context, scene, index, x0, x1, y + BAR_HEIGHT / 2);
}

/** While something is searched for, what does not match steps back. */
function isDimmed(store: WaterfallStore, index: number): boolean {
  return store.matches.length > 0 && !store.isMatch(index);
}

function box(context: CanvasRenderingContext2D, x: number, y: number, width: number): void {
  context.beginPath();
  context.roundRect(x, y, width, BAR_HEIGHT, Math.min(2, width / 2));
}

function paintCritical(context: CanvasRenderingContext2D, scene: BarsScene, index: number, y: number, scale: number): void {
  const sections = scene.critical.get(index);
  if (!sections) return;
  context.fillStyle = scene.colors.critical;
  for (let k = 0; k < sections.length; k += 2) {
    const from = Math.max(0, (sections[k]! - scene.store.view.t0) * scale);
    const to = Math.min(scene.width, (sections[k + 1]! - scene.store.view.t0) * scale);
    if (to > from) context.fillRect(from, y + BAR_HEIGHT - 1.6, Math.max(1, to - from), 1.8);
  }
}

function paintPoints(context: CanvasRenderingContext2D, scene: BarsScene, index: number, y: number, scale: number): void {
  const times = scene.points.logs.get(index);
  if (!times) return;
  context.fillStyle = scene.store.model.error[index] ? scene.colors.fault : scene.colors.text;
  context.strokeStyle = scene.colors.surface;
  context.lineWidth = 1;
  let last = -Infinity;
  for (const time of times) {
    const x = (time - scene.store.view.t0) * scale;
    // Points closer than a pixel and a half are one point.
    if (x < 0 || x > scene.width || x - last < 1.5) continue;
    last = x;
    context.beginPath();
    context.arc(x, y, 2.4, 0, 2 * Math.PI);
    context.fill();
    context.stroke();
  }
}

function paintLabel(context: CanvasRenderingContext2D, scene: BarsScene, index: number, x0: number, x1: number, y: number): void {
  const { width, colors, store } = scene;
  if (x1 < 0 || x0 > width) {
    // The bar lies outside the view: an arrow says on which side.
    context.fillStyle = colors.dim;
    context.textAlign = x1 < 0 ? "left" : "right";
    context.fillText(x1 < 0 ? "‹" : "›", x1 < 0 ? 4 : width - 4, y);
    return;
  }
  const label = formatDuration(store.model.duration[index]!);
  const labelWidth = context.measureText(label).width;
  if (x1 + LABEL_GAP + labelWidth < width - 4) {
    context.fillStyle = colors.muted;
    context.textAlign = "left";
    context.fillText(label, x1 + LABEL_GAP, y + 0.5);
  } else if (x0 - LABEL_GAP - labelWidth > 4) {
    context.fillStyle = colors.muted;
    context.textAlign = "right";
    context.fillText(label, x0 - LABEL_GAP, y + 0.5);
  } else {
    // On the bar itself; points under the label give way to it.
    const right = Math.min(x1, width) - LABEL_GAP;
    const dimmed = isDimmed(store, index);
    if (!dimmed && scene.points.logs.has(index)) {
      context.fillStyle = scene.serviceColors[store.model.service[index]!]!;
      context.fillRect(right - labelWidth - 3, y - BAR_HEIGHT / 2 + 1, labelWidth + 6, BAR_HEIGHT - 3);
    }
    context.fillStyle = dimmed ? colors.text : TEXT_ON_BAR;
    context.textAlign = "right";
    context.fillText(label, right, y + 0.5);
  }
}

/** Paints the scale above the bars. */
export function paintRuler(context: CanvasRenderingContext2D, store: WaterfallStore, colors: ThemeColors, width: number, height: number): void {
  const scale = width / (store.view.t1 - store.view.t0);
  context.font = `11px ${colors.mono}`;
  context.textBaseline = "middle";
  context.textAlign = "left";
  for (const time of ticks(store.view, width)) {
    const x = Math.round((time - store.view.t0) * scale) + 0.5;
    context.strokeStyle = colors.line;
    context.beginPath();
    context.moveTo(x, 5);
    context.lineTo(x, height);
    context.stroke();
    context.fillStyle = colors.dim;
    context.fillText(formatDuration(time), x + 5, height / 2 + 1);
  }
}
