import { formatDuration } from "../lib/format";
import { barColors } from "./bar-colors";
import { isGroupRow, type RowCode, spanOfRow } from "./folds";
import { FLAG, OUTCOME } from "./skeleton";
import type { ThemeColors } from "./theme-colors";
import { ticks } from "./timeline";
import { POINT } from "./trace-model";
import { waitFrom } from "./waits";
import type { WaterfallStore } from "./waterfall-store";

export const ROW_HEIGHT = 24;
/** Room of a label of the ruler: beside an inspector there is little. */
const TICK_GAP_PX = 90;
const BAR_TOP = 6;
const BAR_HEIGHT = 12;
const BAR_WIDTH_MIN = 1.5;
const LABEL_GAP = 6;
const TEXT_ON_BAR = "#0b1220";

/** Members of a folded group that are drawn as bars of their own; of more only every nth. */
const MEMBERS_DRAWN_MAX = 2_000;

export interface BarsScene {
  store: WaterfallStore;
  colors: ThemeColors;
  serviceColors: readonly string[];
  width: number;
  height: number;
  scrollTop: number;
  /** Rows that stay on top: ancestors of the first row below them. */
  pinned: readonly RowCode[];
}

/** Paints the bars of the rows in sight; coordinates are those of the rows beside it. */
export function paintBars(context: CanvasRenderingContext2D, scene: BarsScene): void {
  const { store, width, height, scrollTop, colors } = scene;
  const scale = width / (store.view.t1 - store.view.t0);
  context.strokeStyle = colors.line;
  context.globalAlpha = 0.7;
  context.lineWidth = 1;
  context.beginPath();
  for (const time of ticks(store.view, width, TICK_GAP_PX)) {
    const x = Math.round((time - store.view.t0) * scale) + 0.5;
    context.moveTo(x, 0);
    context.lineTo(x, Math.min(height, store.rows.length * ROW_HEIGHT - scrollTop));
  }
  context.stroke();
  context.globalAlpha = 1;
  context.font = `11px ${colors.mono}`;
  context.textBaseline = "middle";
  const first = Math.floor(scrollTop / ROW_HEIGHT);
  const last = Math.min(store.rows.length - 1, Math.ceil((scrollTop + height) / ROW_HEIGHT));
  for (let row = first; row <= last; row += 1) {
    paintRow(context, scene, store.rows[row]!, row * ROW_HEIGHT - scrollTop, scale);
  }
  const { pinned } = scene;
  if (pinned.length === 0) return;
  context.fillStyle = colors.surface;
  context.fillRect(0, 0, width, pinned.length * ROW_HEIGHT);
  pinned.forEach((row, k) => paintRow(context, scene, row, k * ROW_HEIGHT, scale));
}

function paintRow(context: CanvasRenderingContext2D, scene: BarsScene, row: RowCode, top: number, scale: number): void {
  if (isGroupRow(row)) paintGroup(context, scene, spanOfRow(row), top, scale);
  else paintSpan(context, scene, spanOfRow(row), top, scale);
}

/** The members of a group on one line, and how long they took together. */
function paintGroup(context: CanvasRenderingContext2D, scene: BarsScene, first: number, top: number, scale: number): void {
  const { store, width, colors } = scene;
  const { model, view } = store;
  const { groups } = model;
  const group = groups.startsAt[first]!;
  const y = top + BAR_TOP + 2;
  const xOf = (time: number) => (time - view.t0) * scale;
  context.fillStyle = barColors(store, scene.serviceColors, colors)(first);
  context.globalAlpha = 0.85;
  const step = Math.ceil(groups.members[group]! / MEMBERS_DRAWN_MAX);
  let painted = -Infinity;
  for (let i = first, n = 0; i < groups.end[group]!; i = model.subtreeEnd[i]!, n += 1) {
    const x0 = Math.max(-4, xOf(model.start[i]!));
    const x1 = Math.min(width + 4, Math.max(x0 + 1, xOf(model.start[i]! + model.duration[i]!)));
    // Members that fall on a pixel that is painted already are not painted again.
    if (n % step !== 0 || x1 <= painted + 0.5 || x0 > width) continue;
    context.fillRect(x0, y, Math.max(1, x1 - x0 - 0.5), BAR_HEIGHT - 4);
    painted = x1;
  }
  context.globalAlpha = 1;
  const label = `${groups.members[group]!} × · ${formatDuration(groups.total[group]!)}`;
  paintLabelText(context, scene, label, xOf(model.start[first]!), xOf(groups.until[group]!), top + BAR_TOP + BAR_HEIGHT / 2);
}

function paintSpan(context: CanvasRenderingContext2D, scene: BarsScene, index: number, top: number, scale: number): void {
  const { store, width, colors } = scene;
  const { model, view } = store;
  const x0 = (model.start[index]! - view.t0) * scale;
  const x1 = Math.max(x0 + BAR_WIDTH_MIN, x0 + model.duration[index]! * scale);
  const y = top + BAR_TOP;
  const left = Math.max(-4, x0);
  const right = Math.min(width + 4, x1);
  paintWait(context, scene, index, x0, y, scale);
  if (store.raw && model.shift[index] !== 0) paintGhost(context, scene, index, y, scale);
  if (right > left) {
    context.globalAlpha = isDimmed(store, index) ? 0.45 : 1;
    context.fillStyle = barColors(store, scene.serviceColors, colors)(index);
    box(context, left, y, right - left);
    context.fill();
    if (model.error[index]) {
      context.strokeStyle = model.outcome[index] === OUTCOME.error ? colors.warn : colors.fault;
      context.lineWidth = 1.6;
      context.stroke();
    }
    if (store.showCritical) paintCritical(context, scene, index, y, scale);
    paintPoints(context, scene, index, y + BAR_HEIGHT / 2, scale);
    if (model.flags[index]! & FLAG.links) paintLinkMark(context, scene, left, y);
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

/**
 * The time a call was under way: hatched from where its caller could have sent it to where it began. Only between
 * services, and for what a queue held.
 */
function paintWait(context: CanvasRenderingContext2D, scene: BarsScene, index: number, x0: number, y: number, scale: number): void {
  const { model, view } = scene.store;
  // Where a span with a wrong clock is put, nothing is known about waiting.
  if (model.shift[index] !== 0) return;
  const calledAt = waitFrom(scene.store.model, index);
  if (calledAt < 0) return;
  const from = Math.max(0, (calledAt - view.t0) * scale);
  const to = Math.min(scene.width, x0);
  if (to - from < 3) return;
  const middle = y + BAR_HEIGHT / 2;
  context.strokeStyle = scene.colors.dim;
  context.globalAlpha = 0.8;
  context.lineWidth = 1;
  context.beginPath();
  for (let x = from; x < to; x += 4) {
    context.moveTo(x, middle + 2);
    context.lineTo(Math.min(to, x + 3), middle - 2);
  }
  context.stroke();
  context.globalAlpha = 1;
}

/** A corner at the start of the bar: the span links to others. */
function paintLinkMark(context: CanvasRenderingContext2D, scene: BarsScene, left: number, y: number): void {
  context.fillStyle = scene.colors.text;
  context.beginPath();
  context.moveTo(left, y - 3);
  context.lineTo(left + 7, y - 3);
  context.lineTo(left, y + 4);
  context.fill();
}

/** Where a span with skewed times really was. */
function paintGhost(context: CanvasRenderingContext2D, scene: BarsScene, index: number, y: number, scale: number): void {
  const raw = scene.store.raw!;
  const x = (raw.start[index]! - scene.store.view.t0) * scale;
  const width = Math.max(2, raw.duration[index]! * scale);
  context.strokeStyle = scene.colors.muted;
  context.lineWidth = 1;
  context.setLineDash([3, 2]);
  context.strokeRect(Math.max(-4, x) + 0.5, y + 0.5, Math.min(scene.width + 4, x + width) - Math.max(-4, x), BAR_HEIGHT - 1);
  context.setLineDash([]);
}

function paintCritical(context: CanvasRenderingContext2D, scene: BarsScene, index: number, y: number, scale: number): void {
  const { critical } = scene.store.model;
  context.fillStyle = scene.colors.critical;
  for (let k = critical.spanFrom[index]!; k < critical.spanFrom[index + 1]!; k += 1) {
    const section = critical.order[k]!;
    const from = Math.max(0, (critical.from[section]! - scene.store.view.t0) * scale);
    const to = Math.min(scene.width, (critical.to[section]! - scene.store.view.t0) * scale);
    if (to > from) context.fillRect(from, y + BAR_HEIGHT - 1.6, Math.max(1, to - from), 1.8);
  }
}

function paintPoints(context: CanvasRenderingContext2D, scene: BarsScene, index: number, y: number, scale: number): void {
  const { points } = scene.store.model;
  context.strokeStyle = scene.colors.surface;
  context.lineWidth = 1;
  let last = -Infinity;
  for (let k = points.from[index]!; k < points.from[index + 1]!; k += 1) {
    const x = (points.time[k]! - scene.store.view.t0) * scale;
    // Points closer than a pixel and a half are one point.
    if (x < 0 || x > scene.width || x - last < 1.5) continue;
    last = x;
    context.fillStyle = points.kind[k] === POINT.errorLog ? scene.colors.fault : scene.colors.text;
    context.beginPath();
    context.arc(x, y, 2.4, 0, 2 * Math.PI);
    context.fill();
    context.stroke();
  }
}

function paintLabel(context: CanvasRenderingContext2D, scene: BarsScene, index: number, x0: number, x1: number, y: number): void {
  const { width, colors, store } = scene;
  const { model } = store;
  const label = formatDuration(model.duration[index]!);
  if (paintLabelText(context, scene, label, x0, x1, y)) return;
  // On the bar itself; points under the label give way to it.
  const right = Math.min(x1, width) - LABEL_GAP;
  const dimmed = isDimmed(store, index);
  const labelWidth = context.measureText(label).width;
  if (!dimmed && model.points.from[index + 1]! > model.points.from[index]!) {
    context.fillStyle = barColors(store, scene.serviceColors, colors)(index);
    context.fillRect(right - labelWidth - 3, y - BAR_HEIGHT / 2 + 1, labelWidth + 6, BAR_HEIGHT - 3);
  }
  context.fillStyle = dimmed ? colors.text : TEXT_ON_BAR;
  context.textAlign = "right";
  context.fillText(label, right, y + 0.5);
}

/** A label beside a bar, or an arrow towards a bar out of view. Returns false when there is no room. */
function paintLabelText(context: CanvasRenderingContext2D, scene: BarsScene, label: string, x0: number, x1: number, y: number): boolean {
  const { width, colors } = scene;
  if (x1 < 0 || x0 > width) {
    context.fillStyle = colors.dim;
    context.textAlign = x1 < 0 ? "left" : "right";
    context.fillText(x1 < 0 ? "‹" : "›", x1 < 0 ? 4 : width - 4, y);
    return true;
  }
  const labelWidth = context.measureText(label).width;
  context.fillStyle = colors.muted;
  if (x1 + LABEL_GAP + labelWidth < width - 4) {
    context.textAlign = "left";
    context.fillText(label, x1 + LABEL_GAP, y + 0.5);
    return true;
  }
  if (x0 - LABEL_GAP - labelWidth > 4) {
    // The hatching of a wait gives way to it.
    context.clearRect(x0 - LABEL_GAP - labelWidth - 3, y - BAR_HEIGHT / 2, labelWidth + 6, BAR_HEIGHT);
    context.textAlign = "right";
    context.fillText(label, x0 - LABEL_GAP, y + 0.5);
    return true;
  }
  return false;
}

/** Paints the scale above the bars. */
export function paintRuler(context: CanvasRenderingContext2D, store: WaterfallStore, colors: ThemeColors, width: number, height: number): void {
  const scale = width / (store.view.t1 - store.view.t0);
  context.font = `11px ${colors.mono}`;
  context.textBaseline = "middle";
  context.textAlign = "left";
  for (const time of ticks(store.view, width, TICK_GAP_PX)) {
    const x = Math.round((time - store.view.t0) * scale) + 0.5;
    context.strokeStyle = colors.line;
    context.beginPath();
    context.moveTo(x, 5);
    context.lineTo(x, height);
    context.stroke();
    context.fillStyle = colors.dim;
    const label = formatDuration(time);
    // Half a number is a wrong number.
    if (x + 5 + context.measureText(label).width <= width) context.fillText(label, x + 5, height / 2 + 1);
  }
}
