import type { TraceModel } from "./trace-model";

/** Traces above this size open folded. */
const FOLD_ABOVE_SPANS = 20_000;
/** How many rows a folded trace shows at most when it opens. */
const OPEN_ROWS_MAX = 2_000;
/** Errors that are unfolded on opening; more would unfold the whole trace again. */
const OPEN_ERRORS_MAX = 100;
/** Spans with the longest sections of the critical path that are unfolded on opening. */
const OPEN_CRITICAL_MAX = 20;

/**
 * A row of the outline: `2 * first` is the line of the group that begins at span `first`, `2 * i + 1` is span `i`. Rows
 * of an outline ascend.
 */
export type RowCode = number;
export const spanRow = (index: number): RowCode => index * 2 + 1;
export const groupRow = (first: number): RowCode => first * 2;
export const spanOfRow = (row: RowCode): number => row >> 1;
export const isGroupRow = (row: RowCode): boolean => (row & 1) === 0;

export interface Folds {
  /** One byte per span: 1 when its children are hidden. */
  spans: Uint8Array;
  /** One byte per group: 1 when its members are hidden. */
  groups: Uint8Array;
}

/** Rows on screen from top to bottom. `mask`: spans that may be shown (with all their ancestors); groups are off then. */
export function visibleRows(model: TraceModel, folds: Folds, mask: Uint8Array | null = null): Int32Array {
  const { startsAt, end } = model.groups;
  const rows = new Int32Array(model.count + model.groups.count);
  let length = 0;
  for (let i = 0; i < model.count; ) {
    if (mask && !mask[i]) {
      i = model.subtreeEnd[i]!;
      continue;
    }
    const group = mask ? -1 : startsAt[i]!;
    if (group >= 0) {
      rows[length++] = groupRow(i);
      if (folds.groups[group]) {
        i = end[group]!;
        continue;
      }
    }
    rows[length++] = spanRow(i);
    i = folds.spans[i] ? model.subtreeEnd[i]! : i + 1;
  }
  return rows.subarray(0, length);
}

/** Position of the last value that is not above `value`; 0 when all are. Finds the row of a span or what hides it. */
export function rowOf(rows: Int32Array, value: number): number {
  let low = 0;
  let high = rows.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (rows[middle]! <= value) low = middle;
    else high = middle - 1;
  }
  return low;
}

export interface OpeningFolds {
  folds: Folds;
  /** Levels that are shown when the trace was too large to open whole; null otherwise. */
  shownLevels: number | null;
}

/** How a trace opens: whole, or folded to a depth that can be overlooked, errors and the critical path in sight. */
export function openingFolds(model: TraceModel): OpeningFolds {
  const folds: Folds = { spans: new Uint8Array(model.count), groups: new Uint8Array(model.groups.count).fill(1) };
  if (model.count <= FOLD_ABOVE_SPANS) return { folds, shownLevels: null };
  const shownLevels = levelsThatFit(model);
  foldToLevels(model, folds, shownLevels);
  const show = (i: number) => model.depth[i]! < shownLevels + OPEN_ROWS_MAX && reveal(model, folds, i);
  let revealed = 0;
  for (let i = 0; i < model.count && revealed < OPEN_ERRORS_MAX; i += 1) {
    // Only the deepest errors: their ancestors come along. What a group folds stays folded, it says how many failed.
    if (!model.error[i] || model.errorsBelow[i] || model.groups.extraDepth[i]) continue;
    show(i);
    revealed += 1;
  }
  for (const i of longestCritical(model)) if (!model.groups.extraDepth[i]) show(i);
  return { folds, shownLevels };
}

function longestCritical(model: TraceModel): number[] {
  const { span, from, to } = model.critical;
  const lengths = to.map((end, k) => end - from[k]!);
  const least = lengths.toSorted().at(-OPEN_CRITICAL_MAX) ?? 0;
  return Array.from(span).filter((i, k) => i >= 0 && lengths[k]! >= least).slice(0, OPEN_CRITICAL_MAX);
}

function levelsThatFit(model: TraceModel): number {
  const { startsAt, extraDepth } = model.groups;
  const perLevel = new Int32Array(model.levels);
  for (let i = 0; i < model.count; i += 1) {
    // Of what is inside groups only the line of an outermost group is seen.
    const seen = extraDepth[i] === 0 || (startsAt[i]! >= 0 && extraDepth[i] === 1);
    if (seen) perLevel[model.depth[i]!]! += 1;
  }
  let shown = 0;
  let total = 0;
  while (shown < model.levels && total + perLevel[shown]! <= OPEN_ROWS_MAX) {
    total += perLevel[shown]!;
    shown += 1;
  }
  return Math.max(1, shown);
}

/** Shows the first `levels` levels and hides everything deeper; groups are folded. */
export function foldToLevels(model: TraceModel, folds: Folds, levels: number): void {
  for (let i = 0; i < model.count; i += 1) {
    folds.spans[i] = model.childCount[i]! > 0 && model.depth[i]! >= levels - 1 ? 1 : 0;
  }
  folds.groups.fill(1);
}

/** Unfolds every ancestor of the span and every group around it. Returns whether anything changed. */
export function reveal(model: TraceModel, folds: Folds, index: number): boolean {
  let changed = false;
  for (let at = index; at >= 0; at = model.parent[at]!) {
    const group = model.groups.of[at]!;
    if (group >= 0 && folds.groups[group]) {
      folds.groups[group] = 0;
      changed = true;
    }
    const up = model.parent[at]!;
    if (up >= 0 && folds.spans[up]) {
      folds.spans[up] = 0;
      changed = true;
    }
  }
  return changed;
}

/** Unfolds the span and all its siblings (`*` of the WAI-ARIA treegrid), groups among them. */
export function expandSiblings(model: TraceModel, folds: Folds, index: number): void {
  const up = model.parent[index]!;
  const end = up < 0 ? model.count : model.subtreeEnd[up]!;
  for (let i = up + 1; i < end; i = model.subtreeEnd[i]!) {
    folds.spans[i] = 0;
    if (model.groups.startsAt[i]! >= 0) folds.groups[model.groups.startsAt[i]!] = 0;
  }
}

/** Hides everything that is not on the way to the span. */
export function foldAllBut(model: TraceModel, folds: Folds, index: number): void {
  for (let i = 0; i < model.count; i += 1) folds.spans[i] = model.childCount[i]! > 0 ? 1 : 0;
  folds.groups.fill(1);
  reveal(model, folds, index);
}

/** The spans themselves and all their ancestors, as a mask for {@link visibleRows}. */
export function withAncestors(model: TraceModel, spans: Iterable<number>): Uint8Array {
  const mask = new Uint8Array(model.count);
  for (const span of spans) for (let at = span; at >= 0 && !mask[at]; at = model.parent[at]!) mask[at] = 1;
  return mask;
}

/**
 * Rows of the outline above a row, the outermost first: ancestors, and the groups they are in unless `plain`. At most
 * the `max` nearest: a chain may have 100,000.
 */
export function outlineAncestors(model: TraceModel, row: RowCode, plain: boolean, max: number): RowCode[] {
  const { of, first } = model.groups;
  const path: RowCode[] = [];
  let at = spanOfRow(row);
  if (!isGroupRow(row) && !plain && of[at]! >= 0) path.push(groupRow(first[of[at]!]!));
  for (at = model.parent[at]!; at >= 0 && path.length < max; at = model.parent[at]!) {
    path.push(spanRow(at));
    if (!plain && of[at]! >= 0) path.push(groupRow(first[of[at]!]!));
  }
  return path.slice(0, max).toReversed();
}
