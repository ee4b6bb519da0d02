import { useVirtualizer } from "@tanstack/react-virtual";
import { type KeyboardEvent, useMemo, useRef, useState } from "react";
import type { SideFigures, UnionTree } from "../../engine/compare";
import type { LoadedTrace } from "../../engine/decode-trace";
import { Button } from "../../kit/button";
import { classNames } from "../../kit/class-names";
import { formatDuration, group, plural } from "../../lib/format";
import css from "./compare-screen.module.css";

const ROW_HEIGHT = 28;
const INDENT_PX = 12;
const INDENT_LEVELS_MAX = 24;
/** Self times that differ by less than this share of the longer trace are the same. */
const NOTABLE_SHARE = 0.01;

/** The calls of both traces as one tree, with what is only in one of them marked. */
export function StructureView({ tree, a, b }: { tree: UnionTree; a: LoadedTrace; b: LoadedTrace }) {
  const notable = Math.max(a.model.durationNs, b.model.durationNs) * NOTABLE_SHARE;
  const differs = useMemo(() => differencesBelow(tree, notable), [tree, notable]);
  const [folded, setFolded] = useState(() => foldsOfSame(tree, differs));
  const [active, setActive] = useState(0);
  const rows = useMemo(() => rowsOf(tree, folded), [tree, folded]);
  const longest = useMemo(() => tree.a.reduce((most, side, i) => Math.max(most, side.total, tree.b[i]!.total), 1), [tree]);
  const toggle = (node: number) => setFolded((before) => new Set(before.has(node) ? [...before].filter((one) => one !== node) : [...before, node]));
  const scroller = useRef<HTMLDivElement>(null);
  const virtualizer = useVirtualizer({ count: rows.length, getScrollElement: () => scroller.current, estimateSize: () => ROW_HEIGHT, overscan: 10 });
  const onKeyDown = (event: KeyboardEvent) => {
    const at = Math.max(0, rows.indexOf(active));
    const step = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: rows.length - 1 }[event.key];
    const node = rows[at]!;
    if (step !== undefined) {
      const next = Math.max(0, Math.min(rows.length - 1, step));
      setActive(rows[next]!);
      virtualizer.scrollToIndex(next);
    } else if (event.key === "ArrowRight" && folded.has(node)) toggle(node);
    else if (event.key === "ArrowLeft" && tree.childCount[node]! > 0 && !folded.has(node)) toggle(node);
    else if (event.key === "ArrowLeft" && tree.parent[node]! >= 0) setActive(tree.parent[node]!);
    else return;
    event.preventDefault();
  };
  const changed = differs.filter((count, node) => count > 0 && isDifferent(tree, node, notable)).length;
  return (
    <>
      <div className={css.bar}>
        <span>
          {changed === 0 ? "The two trees are the same, and so are the times." : `${plural(changed, "call")} of ${group(tree.count)} differ in number or by more than ${formatDuration(notable)}; the rest is folded.`}
        </span>
        <Button small onClick={() => setFolded(new Set())}>
          Unfold all
        </Button>
      </div>
      <div className={css.treeHead} aria-hidden>
        <span className={css.treeName}>Call</span>
        <span className={css.treeCount}>A → B</span>
        <span className={css.treeDelta}>Self time</span>
        <span className={css.treeBars}>Total time, A above B</span>
      </div>
      {/* The keys move the active row, which the grid names. */}
      <div
        ref={scroller}
        className={css.scroller}
        role="treegrid"
        aria-label="Calls of both traces"
        aria-rowcount={rows.length}
        aria-activedescendant={`call-${active}`}
        tabIndex={0}
        onKeyDown={onKeyDown}
      >
        <div style={{ height: virtualizer.getTotalSize(), position: "relative" }} role="rowgroup">
          {virtualizer.getVirtualItems().map((item) => {
            const node = rows[item.index]!;
            return (
              <Row
                key={node}
                tree={tree}
                node={node}
                rowIndex={item.index + 1}
                top={item.start}
                folded={folded.has(node)}
                active={node === active}
                different={isDifferent(tree, node, notable)}
                longest={longest}
                onClick={() => {
                  setActive(node);
                  if (tree.childCount[node]! > 0) toggle(node);
                }}
              />
            );
          })}
        </div>
      </div>
    </>
  );
}

interface RowProps {
  tree: UnionTree;
  node: number;
  rowIndex: number;
  top: number;
  folded: boolean;
  active: boolean;
  different: boolean;
  longest: number;
  onClick: () => void;
}

function Row({ tree, node, rowIndex, top, folded, active, different, longest, onClick }: RowProps) {
  const [a, b] = [tree.a[node]!, tree.b[node]!];
  const delta = b.self - a.self;
  const mark = a.count === 0 ? "+" : b.count === 0 ? "−" : "";
  const hasChildren = tree.childCount[node]! > 0;
  const says = a.count === 0 ? "only in B" : b.count === 0 ? "only in A" : `${a.count} in A, ${b.count} in B, self time ${delta >= 0 ? "+" : ""}${formatDuration(delta)}`;
  return (
    // The grid has the keys.
    // oxlint-disable-next-line jsx-a11y/click-events-have-key-events, jsx-a11y/interactive-supports-focus
    <div
      id={`call-${node}`}
      role="row"
      aria-level={tree.depth[node]! + 1}
      aria-rowindex={rowIndex}
      aria-selected={active}
      {...(hasChildren && { "aria-expanded": !folded })}
      aria-label={`${tree.service[node]} ${tree.name[node]}, ${says}`}
      className={classNames(css.treeRow, active && css.active, !different && css.same)}
      style={{ transform: `translateY(${top}px)` }}
      onClick={onClick}
    >
      <span role="gridcell" className={css.treeName} style={{ paddingLeft: Math.min(tree.depth[node]!, INDENT_LEVELS_MAX) * INDENT_PX }}>
        <i className={css.twisty} aria-hidden>{hasChildren ? (folded ? "▸" : "▾") : ""}</i>
        <i className={classNames(css.mark, mark === "+" ? css.sideB : mark === "−" ? css.sideA : undefined)} aria-hidden>{mark}</i>
        <b>{tree.service[node]}</b> {tree.name[node]}
      </span>
      <span role="gridcell" className={classNames(css.treeCount, a.count !== b.count && css.changed)}>
        {a.count === b.count ? group(a.count) : `${group(a.count)} → ${group(b.count)}`}
      </span>
      <span role="gridcell" className={classNames(css.treeDelta, different && delta > 0 && css.more, different && delta < 0 && css.less)}>
        {delta > 0 && "+"}
        {formatDuration(delta)}
      </span>
      <span role="gridcell" className={css.treeBars}>
        <Bar side={a} look={css.barA} longest={longest} />
        <Bar side={b} look={css.barB} longest={longest} />
      </span>
    </div>
  );
}

function Bar({ side, look, longest }: { side: SideFigures; look: string | undefined; longest: number }) {
  if (side.count === 0) return <span className={css.noBar}>–</span>;
  return (
    <span className={css.pair}>
      <i className={look} style={{ width: `max(1px, ${(side.total / longest) * 100}%)` }} />
      <small>{formatDuration(side.total)}</small>
    </span>
  );
}

function isDifferent(tree: UnionTree, node: number, notable: number): boolean {
  const [a, b] = [tree.a[node]!, tree.b[node]!];
  return a.count !== b.count || a.errors !== b.errors || Math.abs(b.self - a.self) >= notable;
}

/** Per node: how many differ, itself and below. */
function differencesBelow(tree: UnionTree, notable: number): number[] {
  const differs = Array.from({ length: tree.count }, (_, node) => (isDifferent(tree, node, notable) ? 1 : 0));
  for (let node = tree.count - 1; node >= 0; node -= 1) if (tree.parent[node]! >= 0) differs[tree.parent[node]!]! += differs[node]!;
  return differs;
}

/** Nodes below which nothing differs, and what is only in one trace: its own line says so. */
function foldsOfSame(tree: UnionTree, differs: readonly number[]): ReadonlySet<number> {
  const folds = new Set<number>();
  for (let node = 0; node < tree.count; node += 1) {
    if (tree.childCount[node] === 0) continue;
    const below = differs[node]! - (isDifferent(tree, node, Infinity) ? 1 : 0);
    const onlyOne = tree.a[node]!.count === 0 || tree.b[node]!.count === 0;
    if (below <= 0 || onlyOne) folds.add(node);
  }
  return folds;
}

function rowsOf(tree: UnionTree, folded: ReadonlySet<number>): number[] {
  const rows: number[] = [];
  for (let node = 0; node < tree.count; node = folded.has(node) ? tree.subtreeEnd[node]! : node + 1) rows.push(node);
  return rows;
}
