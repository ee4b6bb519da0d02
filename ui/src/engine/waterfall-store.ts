import { expandSiblings, foldAllBut, type Folds, foldToLevels, openingFolds, reveal, rowOf, visibleRows } from "./folds";
import { pan, type TimeView, viewOf, zoomAt } from "./timeline";
import type { TraceModel } from "./trace-model";

/** What the keyboard asked for that the store cannot do itself. */
export type KeyOutcome = "handled" | "inspect" | "close" | "ignored";

/**
 * State of one waterfall: folds, active row, time view, search matches. Views subscribe; nothing
 * here knows the DOM.
 */
export class WaterfallStore {
  readonly model: TraceModel;
  /** Levels shown when the trace opened folded, else null. */
  readonly shownLevels: number | null;
  rows: Int32Array;
  /** The active span (the treegrid's current row). */
  active = 0;
  view: TimeView;
  matches: Int32Array = new Int32Array(0);
  hover = -1;
  private readonly folds: Folds;
  private readonly listeners = new Set<() => void>();

  constructor(model: TraceModel) {
    this.model = model;
    const opening = openingFolds(model);
    this.folds = opening.folds;
    this.shownLevels = opening.shownLevels;
    this.rows = visibleRows(model, this.folds);
    this.view = { t0: 0, t1: model.durationNs };
  }

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  isFolded(index: number): boolean {
    return this.folds[index] === 1;
  }

  /** The row of the active span, or of the ancestor that hides it. */
  activeRow(): number {
    return rowOf(this.rows, this.active);
  }

  setActive(index: number): void {
    if (index < 0 || index >= this.model.count) return;
    if (reveal(this.model, this.folds, index)) this.rows = visibleRows(this.model, this.folds);
    this.active = index;
    this.changed();
  }

  setHover(index: number): void {
    if (index === this.hover) return;
    this.hover = index;
    this.changed();
  }

  setView(view: TimeView): void {
    this.view = view;
    this.changed();
  }

  setMatches(matches: Int32Array): void {
    this.matches = matches;
    this.changed();
  }

  isMatch(index: number): boolean {
    return this.matches.length > 0 && this.matches[rowOf(this.matches, index)] === index;
  }

  toggle(index: number): void {
    if (this.model.childCount[index] === 0) return;
    this.refold(() => (this.folds[index] = this.folds[index] ? 0 : 1));
  }

  expandAll(): void {
    this.refold(() => this.folds.fill(0));
  }

  foldToLevels(levels: number): void {
    this.refold(() => foldToLevels(this.model, this.folds, levels));
  }

  zoomToSpan(index: number): void {
    const { start, duration, durationNs } = this.model;
    this.setView(viewOf(start[index]!, duration[index]!, durationNs));
  }

  zoom(factor: number, anchor = (this.view.t0 + this.view.t1) / 2): void {
    this.setView(zoomAt(this.view, anchor, factor, this.model.durationNs));
  }

  pan(share: number): void {
    this.setView(pan(this.view, share, this.model.durationNs));
  }

  resetView(): void {
    this.setView({ t0: 0, t1: this.model.durationNs });
  }

  /** Makes the next (+1) or previous (-1) span with an error active; wraps around. */
  stepError(direction: 1 | -1): void {
    const { count, error } = this.model;
    for (let step = 1; step <= count; step += 1) {
      const index = (this.active + direction * step + count * 2) % count;
      if (error[index]) {
        this.setActive(index);
        return;
      }
    }
  }

  /** Makes the next or previous match active; returns its 0-based number, -1 without matches. */
  stepMatch(direction: 1 | -1): number {
    const { matches } = this;
    if (matches.length === 0) return -1;
    const at = rowOf(matches, this.active);
    const here = matches[at]!;
    let next = at + direction;
    if (here > this.active) next = direction === 1 ? 0 : matches.length - 1;
    else if (here < this.active && direction === -1) next = at;
    next = (next + matches.length) % matches.length;
    this.setActive(matches[next]!);
    return next;
  }

  /** Keys of the WAI-ARIA treegrid pattern and our own; `page` is the number of rows in sight. */
  key(key: string, page: number): KeyOutcome {
    const { model, active } = this;
    if (/^[1-9]$/.test(key)) this.foldToLevels(Number(key));
    else if (key === "Enter") return "inspect";
    else if (key === "Escape") return "close";
    else if (!this.moveKey(key, page) && !this.viewKey(key)) {
      if (key === "*") this.refold(() => expandSiblings(model, this.folds, active));
      else if (key === "C") this.refold(() => foldAllBut(model, this.folds, active));
      else if (key === "e") this.stepError(1);
      else if (key === "E") this.stepError(-1);
      else if (key === "n") this.stepMatch(1);
      else if (key === "N") this.stepMatch(-1);
      else if (key === "p") this.setActive(model.parent[active]!);
      else return "ignored";
    }
    return "handled";
  }

  private moveKey(key: string, page: number): boolean {
    const { model, active, rows } = this;
    const moveTo = (row: number) => this.setActive(rows[Math.max(0, Math.min(rows.length - 1, row))]!);
    const row = this.activeRow();
    if (key === "ArrowDown") moveTo(row + 1);
    else if (key === "ArrowUp") moveTo(row - 1);
    else if (key === "PageDown") moveTo(row + page);
    else if (key === "PageUp") moveTo(row - page);
    else if (key === "Home") moveTo(0);
    else if (key === "End") moveTo(rows.length - 1);
    else if (key === "ArrowRight") {
      if (this.isFolded(active)) this.toggle(active);
      else if (model.childCount[active]! > 0) this.setActive(active + 1);
    } else if (key === "ArrowLeft") {
      if (model.childCount[active]! > 0 && !this.isFolded(active)) this.toggle(active);
      else this.setActive(model.parent[active]!);
    } else return false;
    return true;
  }

  private viewKey(key: string): boolean {
    if (key === "w" || key === "+") this.zoom(0.7);
    else if (key === "s" || key === "-") this.zoom(1 / 0.7);
    else if (key === "a") this.pan(-0.2);
    else if (key === "d") this.pan(0.2);
    else if (key === "0") this.resetView();
    else if (key === "z") this.zoomToSpan(this.active);
    else return false;
    return true;
  }

  private refold(change: () => void): void {
    change();
    this.rows = visibleRows(this.model, this.folds);
    // A fold above the active row takes it away: its visible ancestor becomes active.
    if (this.rows.length > 0) this.active = this.rows[this.activeRow()]!;
    this.changed();
  }

  private changed(): void {
    for (const listener of this.listeners) listener();
  }
}
