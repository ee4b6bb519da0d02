import type { TraceModel } from "./trace-model";

/** Traces above this size open folded. */
const FOLD_ABOVE_SPANS = 20_000;
/** How many rows a folded trace shows at most when it opens. */
const OPEN_ROWS_MAX = 2_000;
/** Errors that are unfolded on opening; more would unfold the whole trace again. */
const OPEN_ERRORS_MAX = 100;

/** One byte per span: 1 when its children are hidden. */
export type Folds = Uint8Array;

/** Spans on screen from top to bottom, as ascending indexes of the model. */
export function visibleRows(model: TraceModel, folds: Folds): Int32Array {
  const rows = new Int32Array(model.count);
  let length = 0;
  for (let i = 0; i < model.count; ) {
    rows[length] = i;
    length += 1;
    i = folds[i] ? model.subtreeEnd[i]! : i + 1;
  }
  return rows.subarray(0, length);
}

/** The row of a span, or of its nearest visible ancestor when it is folded away. */
export function rowOf(rows: Int32Array, index: number): number {
  let low = 0;
  let high = rows.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (rows[middle]! <= index) low = middle;
    else high = middle - 1;
  }
  return low;
}

export interface OpeningFolds {
  folds: Folds;
  /** Levels that are shown when the trace was too large to open whole; null otherwise. */
  shownLevels: number | null;
}

/** How a trace opens: whole, or folded to a depth that can be overlooked, errors in sight. */
export function openingFolds(model: TraceModel): OpeningFolds {
  const folds = new Uint8Array(model.count);
  if (model.count <= FOLD_ABOVE_SPANS) return { folds, shownLevels: null };
  const shownLevels = levelsThatFit(model);
  foldToLevels(model, folds, shownLevels);
  let revealed = 0;
  for (let i = 0; i < model.count && revealed < OPEN_ERRORS_MAX; i += 1) {
    // Only the deepest errors: their ancestors come along.
    if (!model.error[i] || model.errorsBelow[i]) continue;
    if (model.depth[i]! < shownLevels + OPEN_ROWS_MAX) reveal(model, folds, i);
    revealed += 1;
  }
  return { folds, shownLevels };
}

function levelsThatFit(model: TraceModel): number {
  const perLevel = new Int32Array(model.levels);
  for (let i = 0; i < model.count; i += 1) perLevel[model.depth[i]!]! += 1;
  let shown = 0;
  let total = 0;
  while (shown < model.levels && total + perLevel[shown]! <= OPEN_ROWS_MAX) {
    total += perLevel[shown]!;
    shown += 1;
  }
  return Math.max(1, shown);
}

/** Shows the first `levels` levels and hides everything deeper. */
export function foldToLevels(model: TraceModel, folds: Folds, levels: number): void {
  for (let i = 0; i < model.count; i += 1) {
    folds[i] = model.childCount[i]! > 0 && model.depth[i]! >= levels - 1 ? 1 : 0;
  }
}

/** Unfolds every ancestor of the span. Returns whether anything changed. */
export function reveal(model: TraceModel, folds: Folds, index: number): boolean {
  let changed = false;
  for (let up = model.parent[index]!; up >= 0; up = model.parent[up]!) {
    if (folds[up]) changed = true;
    folds[up] = 0;
  }
  return changed;
}

/** Unfolds the span and all its siblings (`*` of the WAI-ARIA treegrid). */
export function expandSiblings(model: TraceModel, folds: Folds, index: number): void {
  const up = model.parent[index]!;
  const end = up < 0 ? model.count : model.subtreeEnd[up]!;
  for (let i = up + 1; i < end; i = model.subtreeEnd[i]!) folds[i] = 0;
}

/** Hides everything that is not on the way to the span. */
export function foldAllBut(model: TraceModel, folds: Folds, index: number): void {
  for (let i = 0; i < model.count; i += 1) folds[i] = model.childCount[i]! > 0 ? 1 : 0;
  reveal(model, folds, index);
}
