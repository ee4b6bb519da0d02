import {
  expandSiblings, foldAllBut, type Folds, foldToLevels, groupRow, isGroupRow, openingFolds, reveal, type RowCode, rowOf,
  spanOfRow, spanRow, visibleRows, withAncestors,
} from "./folds";
import { clampView, pan, type TimeView, viewOf, zoomAt } from "./timeline";
import { shortServiceNames } from "../lib/names";
import type { TraceModel } from "./trace-model";
import type { SpanValues } from "./value-colors";

/** What the keyboard asked for that the store cannot do itself. */
export type KeyOutcome = "handled" | "inspect" | "close" | "ignored";

/** What bars are coloured by. */
export type ColorBy = "service" | "status" | "kind" | `attr:${string}`;

/**
 * State of one waterfall: folds, active row, time view, search matches. Views subscribe; nothing
 * here knows the DOM.
 */
export class WaterfallStore {
  model: TraceModel;
  /** Where spans really were, when `model` has their skew undone; else null. */
  raw: TraceModel | null = null;
  /** Levels shown when the trace opened folded, else null. */
  readonly shownLevels: number | null;
  /** Services as rows name them, by their number in the model; the whole names are in titles and for assistive technology. */
  readonly serviceLabels: readonly string[];
  rows: Int32Array;
  /** Levels it was folded to last; null when it was not, or was unfolded whole since. */
  foldedTo: number | null = null;
  /** The active row (the treegrid's current one). */
  active: RowCode = spanRow(0);
  view: TimeView;
  /** Spans that were found, ascending. */
  matches: Int32Array = new Int32Array(0);
  /** The match that was stepped to last; -1 before the first step. */
  stepped = -1;
  /** Only spans of these are shown: null for all. */
  mask: Uint8Array | null = null;
  colorBy: ColorBy = "service";
  /** Values of the attribute of `colorBy`; null until they are known, and when it is none. */
  values: SpanValues | null = null;
  showCritical = true;
  private readonly folds: Folds;
  private readonly listeners = new Set<() => void>();

  constructor(model: TraceModel) {
    this.model = model;
    const opening = openingFolds(model);
    this.folds = opening.folds;
    this.shownLevels = opening.shownLevels;
    const short = shortServiceNames(model.services);
    this.serviceLabels = model.services.map((service) => short.get(service)!);
    this.rows = visibleRows(model, this.folds);
    this.view = { t0: 0, t1: model.durationNs };
  }

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  /** The span of the active row, the first member when it is a group's line. */
  get activeSpan(): number {
    return spanOfRow(this.active);
  }

  isFolded(row: RowCode): boolean {
    const index = spanOfRow(row);
    return isGroupRow(row) ? this.folds.groups[this.model.groups.startsAt[index]!] === 1 : this.folds.spans[index] === 1;
  }

  /** Every span has a row. */
  isWhole(): boolean {
    return this.rows.length >= this.model.count + (this.mask ? 0 : this.model.groups.count);
  }

  canFold(row: RowCode): boolean {
    return isGroupRow(row) || this.model.childCount[spanOfRow(row)]! > 0;
  }

  /** Position of the active row. */
  activeRow(): number {
    return rowOf(this.rows, this.active);
  }

  /** Makes a span active and unfolds what hides it. */
  setActive(index: number): void {
    if (index < 0 || index >= this.model.count) return;
    if (this.mask && !this.mask[index]) return;
    if (reveal(this.model, this.folds, index)) this.rows = visibleRows(this.model, this.folds, this.mask);
    this.active = spanRow(index);
    this.changed();
  }

  /** Makes a row that is in sight active. */
  setActiveRow(row: RowCode): void {
    this.active = row;
    this.changed();
  }

  setView(view: TimeView): void {
    const next = clampView(view, this.model.durationNs);
    if (next.t0 === this.view.t0 && next.t1 === this.view.t1) return;
    this.view = next;
    this.changed();
  }

  setMatches(matches: Int32Array): void {
    this.matches = matches;
    this.changed();
  }

  isMatch(index: number): boolean {
    return this.matches.length > 0 && this.matches[rowOf(this.matches, index)] === index;
  }

  /** Shows only these spans and their ancestors; null shows all. */
  showOnly(spans: Iterable<number> | null): void {
    if (spans === null && this.mask === null) return;
    this.refold(() => (this.mask = spans && withAncestors(this.model, spans)));
  }

  /** Changes how bars look. */
  setLook(look: { colorBy?: ColorBy; values?: SpanValues | null; showCritical?: boolean }): void {
    Object.assign(this, look);
    this.changed();
  }

  /** Shows other times of the same spans (`raw` given: its ghosts too). */
  setTimes(model: TraceModel, raw: TraceModel | null): void {
    if (this.model === model) return;
    const whole = this.view.t0 <= 0 && this.view.t1 >= this.model.durationNs;
    this.model = model;
    this.raw = raw;
    this.view = whole ? { t0: 0, t1: model.durationNs } : clampView(this.view, model.durationNs);
    this.changed();
  }

  toggle(row: RowCode): void {
    if (!this.canFold(row)) return;
    const index = spanOfRow(row);
    const [folds, at] = isGroupRow(row) ? [this.folds.groups, this.model.groups.startsAt[index]!] : [this.folds.spans, index];
    this.refold(() => (folds[at] = folds[at] ? 0 : 1));
  }

  expandAll(): void {
    this.foldedTo = null;
    this.refold(() => {
      this.folds.spans.fill(0);
      this.folds.groups.fill(0);
    });
  }

  foldToLevels(levels: number): void {
    this.foldedTo = levels;
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
      const index = (this.activeSpan + direction * step + count * 2) % count;
      if (error[index] && (!this.mask || this.mask[index])) {
        this.setActive(index);
        return;
      }
    }
  }

  /** Makes the next or previous match active; returns its 0-based number, -1 without matches. */
  stepMatch(direction: 1 | -1): number {
    const { matches } = this;
    if (matches.length === 0) return -1;
    const at = rowOf(matches, this.activeSpan);
    const here = matches[at]!;
    let next = at + direction;
    if (here > this.activeSpan) next = direction === 1 ? 0 : matches.length - 1;
    else if (here < this.activeSpan && direction === -1) next = at;
    next = (next + matches.length) % matches.length;
    this.stepped = matches[next]!;
    this.setActive(matches[next]!);
    return next;
  }

  /** Keys of the WAI-ARIA treegrid pattern and our own; `page` is the number of rows in sight. */
  key(key: string, page: number): KeyOutcome {
    const { model, activeSpan } = this;
    if (/^[1-9]$/.test(key)) this.foldToLevels(Number(key));
    else if (key === "Enter") {
      // A group's line has nothing to inspect: Enter opens it.
      if (!isGroupRow(this.active)) return "inspect";
      this.toggle(this.active);
    } else if (key === "Escape") return "close";
    else if (!this.moveKey(key, page) && !this.viewKey(key)) {
      if (key === "*") this.refold(() => expandSiblings(model, this.folds, activeSpan));
      else if (key === "C") this.refold(() => foldAllBut(model, this.folds, activeSpan));
      else if (key === "e") this.stepError(1);
      else if (key === "E") this.stepError(-1);
      else if (key === "n") this.stepMatch(1);
      else if (key === "N") this.stepMatch(-1);
      else if (key === "p") this.setActive(model.parent[activeSpan]!);
      else return "ignored";
    }
    return "handled";
  }

  private moveKey(key: string, page: number): boolean {
    const { active, rows } = this;
    const moveTo = (row: number) => this.setActiveRow(rows[Math.max(0, Math.min(rows.length - 1, row))]!);
    const row = this.activeRow();
    if (rows.length === 0) return false;
    if (key === "ArrowDown") moveTo(row + 1);
    else if (key === "ArrowUp") moveTo(row - 1);
    else if (key === "PageDown") moveTo(row + page);
    else if (key === "PageUp") moveTo(row - page);
    else if (key === "Home") moveTo(0);
    else if (key === "End") moveTo(rows.length - 1);
    else if (key === "ArrowRight") {
      if (this.canFold(active) && this.isFolded(active)) this.toggle(active);
      else if (this.canFold(active)) moveTo(row + 1);
    } else if (key === "ArrowLeft") {
      if (this.canFold(active) && !this.isFolded(active)) this.toggle(active);
      else this.moveUp();
    } else return false;
    return true;
  }

  /** To the line of the group the active row is in, or to its parent. */
  private moveUp(): void {
    const { groups, parent } = this.model;
    const group = groups.of[this.activeSpan]!;
    if (group >= 0 && !this.mask && !isGroupRow(this.active)) this.setActiveRow(groupRow(groups.first[group]!));
    else this.setActive(parent[this.activeSpan]!);
  }

  private viewKey(key: string): boolean {
    if (key === "w" || key === "+") this.zoom(0.7);
    else if (key === "s" || key === "-") this.zoom(1 / 0.7);
    else if (key === "a") this.pan(-0.2);
    else if (key === "d") this.pan(0.2);
    else if (key === "0") this.resetView();
    else if (key === "z") this.zoomToSpan(this.activeSpan);
    else return false;
    return true;
  }

  private refold(change: () => void): void {
    change();
    this.rows = visibleRows(this.model, this.folds, this.mask);
    // A fold above the active row takes it away: its visible ancestor becomes active.
    if (this.rows.length > 0) this.active = this.rows[this.activeRow()]!;
    this.changed();
  }

  private changed(): void {
    for (const listener of this.listeners) listener();
  }
}
