import { formatDuration } from "../lib/format";
import { type BarsScene, paintBars, paintRuler, ROW_HEIGHT } from "./bars-painter";
import { isGroupRow, outlineAncestors, type RowCode, spanOfRow } from "./folds";
import { onThemeChange, prepareCanvas, readThemeColors, serviceColors, type ThemeColors } from "./theme-colors";
import { nearestPoint, POINT } from "./trace-model";
import type { WaterfallStore } from "./waterfall-store";
import { PinnedRows, type PinnedClasses } from "./pinned-rows";
import { type RowClasses, RowPool } from "./row-pool";

const RULER_HEIGHT = 26;
const NAME_WIDTH_MIN = 160;
/** Names never take more than this share; the bars are what one came for. */
const NAME_SHARE_MAX = 0.55;
/** A click this far from a point means it, pixels. */
const POINT_REACH = 5;
/** Ancestors that stay in sight above the first row. */
const PINNED_MAX = 6;

export interface WaterfallOptions {
  classes: RowClasses & PinnedClasses & { scroller: string; sizer: string; window: string; bars: string; ruler: string; rulerCanvas: string; selection: string };
  label: string;
  /** A row was chosen by click or Enter. */
  onInspect: (index: number) => void;
  /** The point of a log record was clicked; `time` is as it was sent, nanoseconds since the start of the trace. */
  onLog: (index: number, time: number) => void;
  /** The active row changed by keyboard. */
  onActive: (index: number) => void;
  onClose: () => void;
  /** A key that the waterfall has no use for; true when something was done. */
  onKey: (key: string) => boolean;
  onHover: (index: number, clientX: number, clientY: number) => void;
  /** The names got this many pixels: what was asked for, or what fits. */
  onNameWidth: (width: number) => void;
}

/**
 * The waterfall: rows of names are DOM (a `treegrid`), bars are one canvas over the same rows.
 * Both are painted in the same frame from the same scroll position, so they never part.
 *
 * The grid itself keeps the focus and names the active row by `aria-activedescendant`: a recycled
 * row could not hold the focus when it is scrolled away.
 */
export class WaterfallView {
  private readonly scroller = document.createElement("div");
  private readonly sizer = document.createElement("div");
  private readonly window = document.createElement("div");
  private readonly canvas = document.createElement("canvas");
  private readonly ruler = document.createElement("div");
  private readonly rulerCanvas = document.createElement("canvas");
  private readonly selection = document.createElement("div");
  private readonly pool: RowPool;
  private readonly pinned: PinnedRows;
  private readonly cleanups: (() => void)[] = [];
  private colors: ThemeColors;
  private serviceColors: string[];
  private nameWidth = 0;
  private width = 0;
  private height = 0;
  private frame = 0;
  private shownActive = -1;
  private center = false;
  private fitted = "";

  constructor(
    private readonly root: HTMLElement,
    private readonly store: WaterfallStore,
    private readonly options: WaterfallOptions,
    private wantedNameWidth: number,
  ) {
    this.colors = readThemeColors();
    this.serviceColors = serviceColors(store.model.services, this.colors.dark);
    this.build();
    this.pool = new RowPool(this.window, store, options.classes);
    this.pinned = new PinnedRows(this.window, store, options.classes);
    this.listen();
    this.measure();
  }

  destroy(): void {
    cancelAnimationFrame(this.frame);
    for (const cleanup of this.cleanups) cleanup();
    this.root.replaceChildren();
  }

  focus(): void {
    this.scroller.focus({ preventScroll: true });
  }

  setNameWidth(width: number): void {
    this.wantedNameWidth = width;
    const fits = Math.max(NAME_WIDTH_MIN, Math.min(this.width * NAME_SHARE_MAX, width));
    if (fits !== this.nameWidth) this.options.onNameWidth(fits);
    this.nameWidth = fits;
    this.schedule();
  }

  /** Brings the active row to the middle with the next frame, when the rows have their height. */
  centerActive(): void {
    this.shownActive = -1;
    this.center = true;
    this.schedule();
  }

  /** Scrolls as little as needed so that the active row is in sight. */
  private revealActive(): void {
    const top = this.store.activeRow() * ROW_HEIGHT;
    const { scrollTop } = this.scroller;
    if (this.center) this.scroller.scrollTop = top - this.height / 2;
    // Not under the pinned ancestors.
    else if (top - this.pinnedHeight() < scrollTop) this.scroller.scrollTop = top - this.pinnedHeight();
    else if (top + ROW_HEIGHT > scrollTop + this.height) this.scroller.scrollTop = top + ROW_HEIGHT - this.height;
    this.center = false;
    this.schedule();
  }

  private pinnedHeight(): number {
    const { active, model, mask } = this.store;
    return outlineAncestors(model, active, mask !== null, PINNED_MAX).length * ROW_HEIGHT;
  }

  /** Ancestors of the first row that they do not cover themselves. */
  private pinnedRows(scrollTop: number): RowCode[] {
    const { rows, model, mask } = this.store;
    const first = Math.floor(scrollTop / ROW_HEIGHT);
    for (let covered = 0; ; covered += 1) {
      const row = rows[first + covered];
      if (row === undefined) return [];
      const above = outlineAncestors(model, row, mask !== null, PINNED_MAX);
      if (above.length <= covered || covered === PINNED_MAX) return first + covered === 0 ? [] : above.slice(-covered || above.length);
    }
  }

  private build(): void {
    const { classes, label } = this.options;
    this.ruler.className = classes.ruler;
    this.rulerCanvas.className = classes.rulerCanvas;
    this.rulerCanvas.setAttribute("aria-hidden", "true");
    this.selection.className = classes.selection;
    this.selection.hidden = true;
    this.ruler.append(this.rulerCanvas, this.selection);
    this.scroller.className = classes.scroller;
    this.scroller.tabIndex = 0;
    this.scroller.setAttribute("role", "treegrid");
    this.scroller.setAttribute("aria-label", label);
    this.scroller.setAttribute("aria-colcount", "2");
    this.sizer.className = classes.sizer;
    this.sizer.setAttribute("role", "presentation");
    this.window.className = classes.window;
    this.window.setAttribute("role", "rowgroup");
    this.canvas.className = classes.bars;
    this.canvas.setAttribute("aria-hidden", "true");
    this.window.append(this.canvas);
    this.sizer.append(this.window);
    this.scroller.append(this.sizer);
    this.root.append(this.ruler, this.scroller);
  }

  private listen(): void {
    on(this.scroller, "scroll", () => this.schedule(), { passive: true });
    on(this.scroller, "keydown", (event) => this.onKey(event));
    on(this.scroller, "click", (event) => this.onClick(event));
    on(this.scroller, "dblclick", (event) => this.onDoubleClick(event));
    on(this.scroller, "pointermove", (event) => this.onMove(event));
    on(this.scroller, "pointerleave", (event) => this.hover(-1, event));
    on(this.root, "wheel", (event) => this.onWheel(event), { passive: false });
    on(this.ruler, "pointerdown", (event) => this.onRulerDrag(event));
    const resize = new ResizeObserver(() => this.measure());
    resize.observe(this.root);
    this.cleanups.push(
      () => resize.disconnect(),
      this.store.subscribe(() => this.schedule()),
      onThemeChange(() => {
        this.colors = readThemeColors();
        this.serviceColors = serviceColors(this.store.model.services, this.colors.dark);
        this.pool.forget();
        this.pinned.forget();
        this.schedule();
      }),
    );
  }

  private measure(): void {
    this.width = this.scroller.clientWidth;
    this.height = this.root.clientHeight - RULER_HEIGHT;
    this.setNameWidth(this.wantedNameWidth);
  }

  private schedule(): void {
    if (this.frame !== 0) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      this.paint();
    });
  }

  private paint(): void {
    const { store, nameWidth, width, height } = this;
    this.fit(height);
    const scrollTop = this.scroller.scrollTop;
    this.pool.show(scrollTop, height, nameWidth, this.serviceColors);
    const pinned = this.pinnedRows(scrollTop);
    this.pinned.show(pinned, this.serviceColors, this.pool.indent);
    const activeRow = this.pool.elementOf(store.active);
    if (activeRow) this.scroller.setAttribute("aria-activedescendant", activeRow.id);
    else this.scroller.removeAttribute("aria-activedescendant");
    const barsWidth = Math.max(1, width - nameWidth);
    const barsHeight = Math.min(height, store.rows.length * ROW_HEIGHT);
    const scene: BarsScene = {
      store, colors: this.colors, serviceColors: this.serviceColors, width: barsWidth, height: barsHeight, scrollTop, pinned,
    };
    paintBars(prepareCanvas(this.canvas, barsWidth, barsHeight), scene);
    paintRuler(prepareCanvas(this.rulerCanvas, barsWidth, RULER_HEIGHT), store, this.colors, barsWidth, RULER_HEIGHT);
    if (this.shownActive !== store.active) {
      this.shownActive = store.active;
      this.revealActive();
    }
  }

  /** Sizes that scrolling does not change: writing them in every frame would cost a pass over all styles. */
  private fit(height: number): void {
    const fits = `${this.nameWidth} ${this.width} ${height} ${this.store.rows.length}`;
    if (fits === this.fitted) return;
    this.fitted = fits;
    const rowsHeight = this.store.rows.length * ROW_HEIGHT;
    this.root.style.setProperty("--name-width", `${this.nameWidth}px`);
    this.sizer.style.height = `${rowsHeight}px`;
    this.window.style.height = `${Math.min(height, rowsHeight)}px`;
    this.scroller.setAttribute("aria-rowcount", String(this.store.rows.length));
    const barsWidth = `${Math.max(1, this.width - this.nameWidth)}px`;
    this.canvas.style.width = barsWidth;
    this.canvas.style.height = `${Math.min(height, rowsHeight)}px`;
    this.rulerCanvas.style.width = barsWidth;
  }

  private onKey(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { active: before, rows } = this.store;
    const outcome = this.store.key(event.key, Math.max(1, Math.floor(this.height / ROW_HEIGHT) - 1));
    if (outcome === "ignored" && !this.options.onKey(event.key)) return;
    event.preventDefault();
    event.stopPropagation();
    // Folds above move the active row, even where it stays the same.
    if (this.store.rows !== rows) this.shownActive = -1;
    if (outcome === "inspect") this.options.onInspect(this.store.activeSpan);
    else if (outcome === "close") this.options.onClose();
    else if (this.store.active !== before && !isGroupRow(this.store.active)) this.options.onActive(this.store.activeSpan);
  }

  /** The row under the pointer, or -1. */
  private rowAt(event: MouseEvent): RowCode {
    const y = event.clientY - this.scroller.getBoundingClientRect().top;
    const pinned = this.pinned.rows[Math.floor(y / ROW_HEIGHT)];
    return pinned ?? this.store.rows[Math.floor((y + this.scroller.scrollTop) / ROW_HEIGHT)] ?? -1;
  }

  private onClick(event: MouseEvent): void {
    const row = this.rowAt(event);
    if (row < 0) return;
    const twisty = event.target instanceof Element && event.target.closest("[data-twisty]") !== null;
    if (isGroupRow(row) || (twisty && this.store.canFold(row))) {
      this.store.setActiveRow(row);
      this.store.toggle(row);
      return;
    }
    this.store.setActive(spanOfRow(row));
    const log = this.logAt(event, row);
    if (log === null) this.options.onInspect(spanOfRow(row));
    else this.options.onLog(spanOfRow(row), log);
  }

  /** The time of the log record whose point is under the pointer, as it was sent; null when there is none. */
  private logAt(event: MouseEvent, row: RowCode): number | null {
    const x = this.timeX(event);
    if (x <= 0 || row < 0 || isGroupRow(row)) return null;
    const index = spanOfRow(row);
    const { model, view } = this.store;
    const reach = ((view.t1 - view.t0) * POINT_REACH) / Math.max(1, this.width - this.nameWidth);
    const at = nearestPoint(model.points, index, this.timeAt(x), reach);
    if (at < 0 || model.points.kind[at] === POINT.event) return null;
    return model.points.time[at]! - (this.store.raw ? model.shift[index]! : 0);
  }

  private onDoubleClick(event: MouseEvent): void {
    const row = this.rowAt(event);
    if (row >= 0 && !isGroupRow(row) && this.timeX(event) > 0) this.store.zoomToSpan(spanOfRow(row));
  }

  private onMove(event: PointerEvent): void {
    const row = this.timeX(event) > 0 ? this.rowAt(event) : -1;
    this.canvas.parentElement!.style.cursor = this.logAt(event, row) === null ? "" : "pointer";
    this.hover(row < 0 || isGroupRow(row) ? -1 : spanOfRow(row), event);
  }

  private hover(index: number, event: PointerEvent): void {
    this.options.onHover(index, event.clientX, event.clientY);
  }

  /** Pixels right of the border between names and bars. */
  private timeX(event: MouseEvent): number {
    return event.clientX - this.scroller.getBoundingClientRect().left - this.nameWidth;
  }

  private timeAt(x: number): number {
    const { t0, t1 } = this.store.view;
    return t0 + (x / Math.max(1, this.width - this.nameWidth)) * (t1 - t0);
  }

  private onWheel(event: WheelEvent): void {
    if (event.ctrlKey || event.metaKey) {
      event.preventDefault();
      this.store.zoom(Math.exp(event.deltaY * 0.004), this.timeAt(Math.max(0, this.timeX(event))));
    } else if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
      event.preventDefault();
      const pixels = event.deltaX === 0 ? event.deltaY : event.deltaX;
      this.store.pan(pixels / Math.max(1, this.width - this.nameWidth));
    }
  }

  /** A drag over the ruler zooms to what it covers; its width is shown as a duration meanwhile. */
  private onRulerDrag(event: PointerEvent): void {
    const from = this.timeX(event);
    if (from < 0) return;
    this.ruler.setPointerCapture(event.pointerId);
    const extent = (to: number) => [Math.max(0, Math.min(from, to)), Math.max(from, to)] as const;
    const move = (moved: PointerEvent) => {
      const [left, right] = extent(this.timeX(moved));
      this.selection.hidden = false;
      this.selection.style.left = `${this.nameWidth + left}px`;
      this.selection.style.width = `${right - left}px`;
      this.selection.textContent = formatDuration(this.timeAt(right) - this.timeAt(left));
    };
    const done = (up: PointerEvent) => {
      this.ruler.removeEventListener("pointermove", move);
      this.selection.hidden = true;
      const [left, right] = extent(this.timeX(up));
      if (right - left > 4) this.store.setView({ t0: this.timeAt(left), t1: this.timeAt(right) });
    };
    this.ruler.addEventListener("pointermove", move);
    this.ruler.addEventListener("pointerup", done, { once: true });
  }
}

function on<K extends keyof HTMLElementEventMap>(
  target: HTMLElement,
  type: K,
  handler: (event: HTMLElementEventMap[K]) => void,
  options?: AddEventListenerOptions,
): void {
  target.addEventListener(type, handler, options);
}
