import { formatDuration } from "../lib/format";
import { ROW_HEIGHT } from "./bars-painter";
import type { WaterfallStore } from "./waterfall-store";

const INDENT_PX = 12;
/** Indents together never take more than this share of the name column. */
const INDENT_SHARE_MAX = 0.45;
/** Deeper levels are not indented further; their depth is shown as a number instead. */
const INDENT_LEVELS_MAX = 24;

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
  index: number;
}

/** Recycled DOM rows: only as many as are in sight, each reused for the row that scrolls in. */
export class RowPool {
  private readonly rows: PooledRow[] = [];
  private indent = INDENT_PX;

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

  elementOf(index: number): HTMLElement | undefined {
    return this.rows.find((row) => row.index === index)?.element;
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
      index: -1,
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
    const index = store.rows[row]!;
    const folded = store.isFolded(index);
    const active = index === store.active;
    const match = store.isMatch(index);
    const shows = `${index} ${row} ${folded} ${active} ${match}`;
    if (slot.shows === shows) return;
    slot.shows = shows;
    slot.index = index;
    const { model } = store;
    const depth = model.depth[index]!;
    const span = model.spans[index]!;
    const isLeaf = model.childCount[index] === 0;
    slot.element.id = `span-row-${index}`;
    slot.element.className = [classes.row, row % 2 ? classes.even : "", active ? classes.active : "", match ? classes.match : ""].join(" ");
    slot.name.style.paddingLeft = `${8 + Math.min(depth, INDENT_LEVELS_MAX) * this.indent}px`;
    slot.element.style.setProperty("--service", serviceColors[model.service[index]!]!);
    slot.twisty.textContent = isLeaf ? "" : folded ? "▸" : "▾";
    slot.depth.textContent = depth > INDENT_LEVELS_MAX ? String(depth) : "";
    slot.service.textContent = span.service;
    slot.operation.textContent = span.name;
    slot.operation.title = `${span.service} ${span.name}`;
    this.fillMark(slot, index, folded);
    slot.timing.textContent = `${formatDuration(model.duration[index]!)}, starts at ${formatDuration(model.start[index]!)}`;
    this.describe(slot.element, index, row, folded, active);
  }

  private fillMark(slot: PooledRow, index: number, folded: boolean): void {
    const { model } = this.store;
    const { classes } = this;
    const below = model.errorsBelow[index]!;
    if (model.error[index]) {
      slot.mark.className = `${classes.mark} ${classes.errorMark}`;
      slot.mark.textContent = "!";
      slot.mark.title = "This span has status ERROR";
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

  private describe(element: HTMLElement, index: number, row: number, folded: boolean, active: boolean): void {
    const { model } = this.store;
    const span = model.spans[index]!;
    const up = model.parent[index]!;
    const below = model.errorsBelow[index]!;
    const set = (name: string, value: string | number | boolean) => element.setAttribute(name, String(value));
    set("aria-rowindex", row + 1);
    set("aria-level", model.depth[index]! + 1);
    set("aria-setsize", up < 0 ? model.rootCount : model.childCount[up]!);
    set("aria-posinset", model.position[index]!);
    set("aria-selected", active);
    if (model.childCount[index]! > 0) set("aria-expanded", !folded);
    else element.removeAttribute("aria-expanded");
    const error = model.error[index] ? ", error" : below > 0 ? `, ${below} errors below` : "";
    set("aria-label", `${span.service} ${span.name}, ${formatDuration(model.duration[index]!)}${error}`);
  }
}

function make(className: string, role?: string): HTMLElement {
  const element = document.createElement(role ? "div" : "span");
  element.className = className;
  if (role) element.setAttribute("role", role);
  return element;
}
