import { formatDuration, group as grouped } from "../lib/format";
import { ROW_HEIGHT } from "./bars-painter";
import { isGroupRow, type RowCode, spanOfRow } from "./folds";
import { nameOf, outcomeOf, serviceOf } from "./trace-model";
import type { WaterfallStore } from "./waterfall-store";

const INDENT_PX = 12;
/** Indents together never take more than this share of the name column. */
const INDENT_SHARE_MAX = 0.45;
/** Deeper levels are not indented further; their depth is shown as a number instead. */
export const INDENT_LEVELS_MAX = 24;

export interface RowClasses {
  row: string;
  even: string;
  active: string;
  match: string;
  name: string;
  twisty: string;
  depth: string;
  service: string;
  operation: string;
  mark: string;
  errorMark: string;
  warnMark: string;
  group: string;
  errorsBelow: string;
  timing: string;
}

interface PooledRow {
  element: HTMLElement;
  name: HTMLElement;
  twisty: HTMLElement;
  depth: HTMLElement;
  service: HTMLElement;
  operation: HTMLElement;
  mark: HTMLElement;
  timing: HTMLElement;
  /** What the element shows, to update only what changed. */
  shows: string;
  code: RowCode;
}

/** Recycled DOM rows: only as many as are in sight, each reused for the row that scrolls in. */
export class RowPool {
  private readonly rows: PooledRow[] = [];
  /** Pixels a level. */
  indent = INDENT_PX;

  constructor(
    private readonly parent: HTMLElement,
    private readonly store: WaterfallStore,
    private readonly classes: RowClasses,
  ) {}

  /** Places the rows that are visible at `scrollTop`. */
  show(scrollTop: number, height: number, nameWidth: number, serviceColors: readonly string[]): void {
    const { store } = this;
    const levels = Math.min(store.model.levels, INDENT_LEVELS_MAX);
    const indent = Math.min(INDENT_PX, (nameWidth * INDENT_SHARE_MAX) / levels);
    if (indent !== this.indent) this.forget();
    this.indent = indent;
    const size = Math.ceil(height / ROW_HEIGHT) + 1;
    this.resize(Math.min(size, store.rows.length));
    const first = Math.max(0, Math.min(Math.floor(scrollTop / ROW_HEIGHT), store.rows.length - this.rows.length));
    for (let row = first; row < first + this.rows.length; row += 1) {
      // Row n always lives in the same slot: scrolling by one row touches one element.
      const slot = this.rows[row % this.rows.length]!;
      this.fill(slot, row, serviceColors);
      slot.element.style.transform = `translateY(${row * ROW_HEIGHT - scrollTop}px)`;
    }
  }

  elementOf(code: RowCode): HTMLElement | undefined {
    return this.rows.find((row) => row.code === code)?.element;
  }

  /** Everything is filled anew at the next paint (after a change of theme). */
  forget(): void {
    for (const row of this.rows) row.shows = "";
  }

  private resize(size: number): void {
    while (this.rows.length > size) this.rows.pop()!.element.remove();
    while (this.rows.length < size) this.rows.push(this.create());
  }

  private create(): PooledRow {
    const { classes } = this;
    const row: PooledRow = {
      element: make(classes.row, "row"),
      name: make(classes.name, "gridcell"),
      twisty: make(classes.twisty),
      depth: make(classes.depth),
      service: make(classes.service),
      operation: make(classes.operation),
      mark: make(classes.mark),
      timing: make(classes.timing, "gridcell"),
      shows: "",
      code: -1,
    };
    row.twisty.dataset.twisty = "";
    row.twisty.setAttribute("aria-hidden", "true");
    row.name.append(row.twisty, row.depth, row.service, row.operation, row.mark);
    row.element.append(row.name, row.timing);
    this.parent.append(row.element);
    return row;
  }

  private fill(slot: PooledRow, row: number, serviceColors: readonly string[]): void {
    const { store, classes } = this;
    const code = store.rows[row]!;
    const index = spanOfRow(code);
    const isGroup = isGroupRow(code);
    const folded = store.canFold(code) && store.isFolded(code);
    const active = code === store.active;
    const match = !isGroup && store.isMatch(index);
    const shows = `${code} ${row} ${folded} ${active} ${match} ${store.mask !== null}`;
    if (slot.shows === shows) return;
    slot.shows = shows;
    slot.code = code;
    const level = this.level(code);
    slot.element.id = `span-row-${code}`;
    slot.element.className = [classes.row, row % 2 ? classes.even : "", active ? classes.active : "", match ? classes.match : "", isGroup ? classes.group : ""].join(" ");
    slot.name.style.paddingLeft = `${8 + Math.min(level, INDENT_LEVELS_MAX) * this.indent}px`;
    slot.name.style.borderLeftColor = serviceColors[store.model.service[index]!]!;
    slot.twisty.textContent = store.canFold(code) ? (folded ? "▸" : "▾") : "";
    slot.depth.textContent = level > INDENT_LEVELS_MAX ? String(level) : "";
    this.fillText(slot, code);
    this.fillMark(slot, code, folded);
    this.describe(slot.element, code, row, level, folded, active);
  }

  private level(code: RowCode): number {
    const { model, mask } = this.store;
    const index = spanOfRow(code);
    const extra = mask ? 0 : model.groups.extraDepth[index]! - (isGroupRow(code) ? 1 : 0);
    return model.depth[index]! + extra;
  }

  private fillText(slot: PooledRow, code: RowCode): void {
    const { model, serviceLabels } = this.store;
    const index = spanOfRow(code);
    const [service, name] = [serviceOf(model, index), nameOf(model, index)];
    slot.service.textContent = serviceLabels[model.service[index]!]!;
    slot.service.title = service;
    if (isGroupRow(code)) {
      const group = model.groups.startsAt[index]!;
      const total = formatDuration(model.groups.total[group]!);
      slot.operation.textContent = `${grouped(model.groups.members[group]!)} × ${name}`;
      slot.operation.title = `${service} ${name}: ${model.groups.members[group]!} calls one after the other, ${total} together`;
      slot.timing.textContent = `${total} together, starting at ${formatDuration(model.start[index]!)}`;
    } else {
      slot.operation.textContent = name;
      slot.operation.title = `${service} ${name}`;
      slot.timing.textContent = `${formatDuration(model.duration[index]!)}, starts at ${formatDuration(model.start[index]!)}`;
    }
  }

  /** Spans that failed: the row itself, and below it when that is folded away. */
  private errors(code: RowCode): { own: string | null; below: number } {
    const { model } = this.store;
    const index = spanOfRow(code);
    if (isGroupRow(code)) return { own: null, below: model.groups.errors[model.groups.startsAt[index]!]! };
    return { own: outcomeOf(model, index), below: model.errorsBelow[index]! };
  }

  private fillMark(slot: PooledRow, code: RowCode, folded: boolean): void {
    const { classes } = this;
    const { own, below } = this.errors(code);
    if (own !== null) {
      slot.mark.className = `${classes.mark} ${classes.errorMark} ${own === "error" ? classes.warnMark : ""}`;
      slot.mark.textContent = "!";
      slot.mark.title = { fault: "This span failed", throttle: "This call was refused because of load", error: "The caller was refused (4xx)" }[own] ?? "";
    } else if (below > 0) {
      slot.mark.className = `${classes.mark} ${classes.errorsBelow}`;
      slot.mark.textContent = folded ? String(below) : "";
      slot.mark.title = below === 1 ? "1 error below" : `${below} errors below`;
    } else {
      slot.mark.className = classes.mark;
      slot.mark.textContent = "";
      slot.mark.title = "";
    }
  }

  private describe(element: HTMLElement, code: RowCode, row: number, level: number, folded: boolean, active: boolean): void {
    const { store } = this;
    const { model } = store;
    const set = (name: string, value: string | number | boolean) => element.setAttribute(name, String(value));
    const index = spanOfRow(code);
    set("aria-rowindex", row + 1);
    set("aria-level", level + 1);
    this.place(element, code);
    set("aria-selected", active);
    if (store.canFold(code)) set("aria-expanded", !folded);
    else element.removeAttribute("aria-expanded");
    const { own, below } = this.errors(code);
    const error = own !== null ? ", error" : below > 0 ? `, ${below} errors below` : "";
    const [service, name] = [serviceOf(model, index), nameOf(model, index)];
    if (isGroupRow(code)) {
      const group = model.groups.startsAt[index]!;
      set("aria-label", `${model.groups.members[group]!} times ${service} ${name}, ${formatDuration(model.groups.total[group]!)} together${error}`);
    } else set("aria-label", `${service} ${name}, ${formatDuration(model.duration[index]!)}${error}`);
  }

  /** Position among the rows of its level; not told while only some rows are shown. */
  private place(element: HTMLElement, code: RowCode): void {
    const { model, mask } = this.store;
    const { groups, parent } = model;
    if (mask) {
      element.removeAttribute("aria-setsize");
      element.removeAttribute("aria-posinset");
      return;
    }
    const index = spanOfRow(code);
    const group = groups.of[index]!;
    const up = parent[index]!;
    const isMember = group >= 0 && !isGroupRow(code);
    const size = isMember ? groups.members[group]! : up < 0 ? groups.rootRows : groups.rowsBelow[up]!;
    element.setAttribute("aria-setsize", String(size));
    element.setAttribute("aria-posinset", String(isGroupRow(code) ? groups.groupPosition[group]! : groups.position[index]!));
  }
}

function make(className: string, role?: string): HTMLElement {
  const element = document.createElement(role ? "div" : "span");
  element.className = className;
  if (role) element.setAttribute("role", role);
  return element;
}
