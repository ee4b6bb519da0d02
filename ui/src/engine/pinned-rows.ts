import { ROW_HEIGHT } from "./bars-painter";
import { isGroupRow, type RowCode, spanOfRow } from "./folds";
import { nameOf, serviceOf } from "./trace-model";
import type { WaterfallStore } from "./waterfall-store";

const INDENT_PX = 12;
const INDENT_LEVELS_MAX = 24;

export interface PinnedClasses {
  pinned: string;
  pinnedRow: string;
  service: string;
  operation: string;
}

/**
 * Names of the ancestors of the first row, pinned above it. They repeat rows of the grid and are hidden from assistive
 * technology: there the level and the key `p` say the same.
 */
export class PinnedRows {
  rows: readonly RowCode[] = [];
  private readonly element = document.createElement("div");
  private shows = "";

  constructor(
    parent: HTMLElement,
    private readonly store: WaterfallStore,
    private readonly classes: PinnedClasses,
  ) {
    this.element.className = classes.pinned;
    this.element.setAttribute("aria-hidden", "true");
    parent.append(this.element);
  }

  show(rows: readonly RowCode[], serviceColors: readonly string[]): void {
    this.rows = rows;
    const shows = rows.join(" ");
    if (shows === this.shows) return;
    this.shows = shows;
    this.element.style.height = `${rows.length * ROW_HEIGHT}px`;
    this.element.replaceChildren(...rows.map((row) => this.create(row, serviceColors)));
  }

  forget(): void {
    this.shows = "";
  }

  private create(row: RowCode, serviceColors: readonly string[]): HTMLElement {
    const { model } = this.store;
    const index = spanOfRow(row);
    const element = document.createElement("div");
    element.className = this.classes.pinnedRow;
    const level = model.depth[index]! + (this.store.mask ? 0 : model.groups.extraDepth[index]!);
    element.style.paddingLeft = `${25 + Math.min(level, INDENT_LEVELS_MAX) * INDENT_PX * (model.levels > INDENT_LEVELS_MAX ? 0.5 : 1)}px`;
    element.style.setProperty("--service", serviceColors[model.service[index]!]!);
    const service = document.createElement("span");
    service.className = this.classes.service;
    service.textContent = serviceOf(model, index);
    const operation = document.createElement("span");
    operation.className = this.classes.operation;
    const group = model.groups.startsAt[index]!;
    operation.textContent = isGroupRow(row) ? `${model.groups.members[group]!} × ${nameOf(model, index)}` : nameOf(model, index);
    element.append(service, operation);
    return element;
  }
}
