import { naiveHasError, naivePreorder, type NaiveSpan } from "./naive-trace";

/**
 * The keys of the waterfall by their words in the specification, on objects with a set of folded ids: nothing is shared
 * with the store. No groups of siblings.
 */
export class NaiveTreegrid {
  active: NaiveSpan;
  private readonly all: NaiveSpan[];
  private readonly parents = new Map<NaiveSpan, NaiveSpan>();
  private readonly folded = new Set<NaiveSpan>();

  constructor(
    private readonly roots: readonly NaiveSpan[],
    private readonly matches: (span: NaiveSpan) => boolean,
    private readonly page: number,
  ) {
    this.all = naivePreorder(roots);
    for (const span of this.all) for (const child of span.children) this.parents.set(child, span);
    this.active = this.all[0]!;
  }

  rows(): NaiveSpan[] {
    return this.all.filter((span) => this.above(span).every((up) => !this.folded.has(up)));
  }

  press(key: string): void {
    const rows = this.rows();
    const row = rows.indexOf(this.active);
    const go = (to: number) => (this.active = rows[Math.max(0, Math.min(rows.length - 1, to))]!);
    const hasChildren = this.active.children.length > 0;
    const isFolded = this.folded.has(this.active);
    if (key === "ArrowDown") go(row + 1);
    else if (key === "ArrowUp") go(row - 1);
    else if (key === "PageDown") go(row + this.page);
    else if (key === "PageUp") go(row - this.page);
    else if (key === "Home") go(0);
    else if (key === "End") go(rows.length - 1);
    else if (key === "ArrowRight" && isFolded) this.folded.delete(this.active);
    else if (key === "ArrowRight" && hasChildren) go(row + 1);
    else if (key === "ArrowLeft" && hasChildren && !isFolded) this.folded.add(this.active);
    else if (key === "ArrowLeft" || key === "p") this.show(this.parents.get(this.active) ?? this.active);
    else if (key === "*") for (const span of this.parents.get(this.active)?.children ?? this.roots) this.folded.delete(span);
    else if (/^[1-9]$/.test(key)) this.fold((span) => span.depth >= Number(key) - 1);
    else if (key === "C") this.fold((span) => !this.above(this.active).includes(span));
    else if (key === "e") this.step(naiveHasError, 1);
    else if (key === "E") this.step(naiveHasError, -1);
    else if (key === "n") this.step(this.matches, 1);
    else if (key === "N") this.step(this.matches, -1);
  }

  private above(span: NaiveSpan): NaiveSpan[] {
    const up = this.parents.get(span);
    return up ? [up, ...this.above(up)] : [];
  }

  /** Folds just these; what is active and hidden then gives way to the nearest row above it. */
  private fold(which: (span: NaiveSpan) => boolean): void {
    this.folded.clear();
    for (const span of this.all) if (span.children.length > 0 && which(span)) this.folded.add(span);
    const rows = this.rows();
    this.active = [this.active, ...this.above(this.active)].find((span) => rows.includes(span))!;
  }

  private show(span: NaiveSpan): void {
    for (const up of this.above(span)) this.folded.delete(up);
    this.active = span;
  }

  /** The next such span in the order of the rows, folded away or not, and around the end. */
  private step(wanted: (span: NaiveSpan) => boolean, direction: 1 | -1): void {
    const at = this.all.indexOf(this.active);
    const turned = [...this.all.slice(at + 1), ...this.all.slice(0, at + 1)];
    const order = direction === 1 ? turned : [...turned.slice(0, -1).toReversed(), this.active];
    const next = order.find(wanted);
    if (next) this.show(next);
  }
}
