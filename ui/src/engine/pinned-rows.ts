import { ROW_HEIGHT } from "./bars-painter";
import { isGroupRow, type RowCode, spanOfRow } from "./folds";
import { nameOf } from "./trace-model";
import { INDENT_LEVELS_MAX } from "./row-pool";
import type { WaterfallStore } from "./waterfall-store";

/** Where names begin in a row of the grid: its padding, the mark to fold, the gap. */
const NAME_LEFT_PX = 28;

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

  show(rows: readonly RowCode[], serviceColors: readonly string[], indent: number): void {
    this.rows = rows;
    const shows = `${rows.join(" ")} ${indent}`;
    if (shows === this.shows) return;
    this.shows = shows;
    this.element.style.height = `${rows.length * ROW_HEIGHT}px`;
    this.element.replaceChildren(...rows.map((row) => this.create(row, serviceColors, indent)));
  }

  forget(): void {
    this.shows = "";
  }

  private create(row: RowCode, serviceColors: readonly string[], indent: number): HTMLElement {
    const { model, serviceLabels } = this.store;
    const index = spanOfRow(row);
    const element = document.createElement("div");
    element.className = this.classes.pinnedRow;
    const extra = this.store.mask ? 0 : model.groups.extraDepth[index]! - (isGroupRow(row) ? 1 : 0);
    const level = model.depth[index]! + extra;
    element.style.paddingLeft = `${NAME_LEFT_PX + Math.min(level, INDENT_LEVELS_MAX) * indent}px`;
    element.style.borderLeftColor = serviceColors[model.service[index]!]!;
    const service = document.createElement("span");
    service.className = this.classes.service;
    service.textContent = serviceLabels[model.service[index]!]!;
    const operation = document.createElement("span");
    operation.className = this.classes.operation;
    const group = model.groups.startsAt[index]!;
    operation.textContent = isGroupRow(row) ? `${model.groups.members[group]!} × ${nameOf(model, index)}` : nameOf(model, index);
    element.append(service, operation);
    return element;
  }
}
