import { useVirtualizer } from "@tanstack/react-virtual";
import { useMemo, useRef } from "react";
import { Link } from "wouter";
import type { SqlResult } from "../../api/types";
import { classNames } from "../../kit/class-names";
import { EmptyState } from "../../kit/states";
import { attributeText } from "../../lib/attributes";
import type { JsonValue } from "../../lib/json";
import { href } from "../../lib/url-state";
import { columnWidths } from "./column-widths";
import css from "./sql-screen.module.css";

const ROW_HEIGHT = 28;
/** A cell shows no more of a value than this; the title has more, the CSV everything. */
const CELL_CHARACTERS = 300;
const TITLE_CHARACTERS = 4_000;

/** Rows of an answer: virtual, integers exact, trace ids as links. */
export function ResultGrid({ result, carry, dimmed }: { result: SqlResult; carry: string; dimmed: boolean }) {
  const scroller = useRef<HTMLDivElement>(null);
  const { columns, rows } = result;
  const widths = useMemo(() => columnWidths(result), [result]);
  const numeric = useMemo(() => columns.map((column) => /^(?:u?int|float|decimal|double)/i.test(column.type)), [columns]);
  const virtualizer = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW_HEIGHT,
    overscan: 12,
  });
  if (rows.length === 0) return <EmptyState title="The statement returned no row" />;
  const template = `64px ${widths.map((width) => `minmax(${width}px, ${width}fr)`).join(" ")}`;
  return (
    // A grid that scrolls takes the focus so that the keyboard can scroll it.
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex
    <div ref={scroller} className={classNames(css.grid, dimmed && css.dimmed)} role="table" aria-label="Result" aria-rowcount={rows.length + 1} aria-colcount={columns.length + 1} tabIndex={0}>
      <div className={css.gridInner} role="rowgroup">
        <div className={css.headRow} role="row" aria-rowindex={1} style={{ gridTemplateColumns: template }}>
          <span role="columnheader" className={css.rowNumber}>
            #
          </span>
          {columns.map((column, i) => (
            // Two columns of a result may have the same name.
            // oxlint-disable-next-line react/no-array-index-key
            <span key={i} role="columnheader" className={numeric[i] ? css.numeric : undefined} title={`${column.name}: ${column.type}`}>
              {column.name} <small>{shortType(column.type)}</small>
            </span>
          ))}
        </div>
      </div>
      <div className={css.gridInner} role="rowgroup" style={{ height: virtualizer.getTotalSize(), position: "relative" }}>
        {virtualizer.getVirtualItems().map((item) => (
          <div key={item.key} className={css.gridRow} role="row" aria-rowindex={item.index + 2} style={{ gridTemplateColumns: template, transform: `translateY(${item.start}px)` }}>
            <span role="rowheader" className={css.rowNumber}>
              {item.index + 1}
            </span>
            {rows[item.index]!.map((value, i) => (
              // oxlint-disable-next-line react/no-array-index-key
              <Cell key={i} value={value} column={columns[i]!.name} numeric={numeric[i]!} carry={carry} />
            ))}
          </div>
        ))}
      </div>
    </div>
  );
}

function Cell({ value, column, numeric, carry }: { value: JsonValue; column: string; numeric: boolean; carry: string }) {
  if (value === null) {
    return (
      <span role="cell" className={css.null}>
        null
      </span>
    );
  }
  const text = attributeText(value);
  const traceId = /^[0-9a-f]{32}$/.test(text) && /trace_?id/i.test(column);
  return (
    <span role="cell" className={numeric ? css.numeric : undefined} title={text.slice(0, TITLE_CHARACTERS)}>
      {traceId ? <Link href={href(`/trace/${text}`, {}, carry)}>{text}</Link> : text.slice(0, CELL_CHARACTERS)}
    </span>
  );
}

/** `Timestamp(Nanosecond, Some("UTC"))` is `timestamp`: the whole name is in the title. */
function shortType(type: string): string {
  return type.replace(/\(.*$/s, "").replace(/^Utf8View|^LargeUtf8/, "Utf8").toLowerCase();
}
