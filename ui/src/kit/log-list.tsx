import { useVirtualizer } from "@tanstack/react-virtual";
import { type KeyboardEvent, useEffect, useRef } from "react";
import { Link } from "wouter";
import type { LogRecord } from "../api/types";
import { attributeText } from "../lib/attributes";
import { severityTone } from "../lib/severity";
import { formatClock, formatDate, formatDateTime, nanos, type Zone, zoneLabel } from "../lib/time";
import { href } from "../lib/url-state";
import { AttributeTable } from "./attribute-table";
import { buttonClass, CopyButton } from "./button";
import { classNames } from "./class-names";
import css from "./log-list.module.css";
import { Highlighted, LongText, SeverityBadge } from "./text";
import { useFlowLinks } from "./use-flow-links";

const ROW_HEIGHT = 26;
/** A folded row shows no more of a body than fits on any screen. */
const LINE_CHARACTERS = 600;

interface LogListProps {
  logs: readonly LogRecord[];
  query: string;
  zone: Zone;
  /** Open rows by log id. */
  open: ReadonlySet<string>;
  /** Scrolled to once it is among the rows, by log id. */
  reveal?: string | undefined;
  onToggle: (log: LogRecord) => void;
  /** Search string that links carry on. */
  carry: string;
  /** Within a trace the link leads to the span, elsewhere to the trace. */
  onSpan?: (spanId: string) => void;
  onFilter?: (key: string, value: string) => void;
  /** Asked for when the end comes into sight. */
  onEnd?: (() => void) | undefined;
  footer?: React.ReactNode;
}

/** Log records as a virtual list; a row opens in place. Arrows move, Enter opens. */
export function LogList(props: LogListProps) {
  const { logs, open, onEnd } = props;
  const scroller = useRef<HTMLDivElement>(null);
  // The virtualizer keeps its own state outside React; that is what the hook is for.
  const virtualizer = useVirtualizer({
    count: logs.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW_HEIGHT,
    getItemKey: (index) => logs[index]!.id,
    overscan: 8,
  });
  const items = virtualizer.getVirtualItems();
  const last = items.at(-1)?.index ?? -1;
  useEffect(() => {
    if (last >= logs.length - 20 && logs.length > 0) onEnd?.();
  }, [last, logs.length, onEnd]);

  const revealed = useRef<string | undefined>(undefined);
  const { reveal } = props;
  useEffect(() => {
    if (revealed.current === reveal) return;
    const index = logs.findIndex((log) => log.id === reveal);
    if (index < 0) return;
    revealed.current = reveal;
    virtualizer.scrollToIndex(index, { align: "auto" });
  }, [reveal, logs, virtualizer]);

  const focusRow = (index: number) => {
    virtualizer.scrollToIndex(index);
    requestAnimationFrame(() => scroller.current?.querySelector<HTMLElement>(`[data-index="${index}"] button`)?.focus());
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const row = (event.target as HTMLElement).closest<HTMLElement>("[data-index]");
    if (!row || !(event.target as HTMLElement).dataset.row) return;
    const at = Number(row.dataset.index);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: logs.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    focusRow(Math.max(0, Math.min(logs.length - 1, to)));
  };
  return (
    // The keys belong to the buttons inside; the list only moves the focus between them.
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-element-interactions, jsx-a11y/no-noninteractive-tabindex
    <div className={css.scroller} ref={scroller} role="list" aria-label="Log records" tabIndex={0} onKeyDown={onKeyDown}>
      <div style={{ height: virtualizer.getTotalSize(), position: "relative" }} role="presentation">
        {items.map((item) => {
          const log = logs[item.index]!;
          return (
            <div
              key={item.key}
              ref={virtualizer.measureElement}
              data-index={item.index}
              role="listitem"
              aria-setsize={logs.length}
              aria-posinset={item.index + 1}
              className={css.item}
              style={{ transform: `translateY(${item.start}px)` }}
            >
              <LogLine log={log} expanded={open.has(log.id)} {...props} />
            </div>
          );
        })}
      </div>
      {props.footer}
    </div>
  );
}

function LogLine(props: LogListProps & { log: LogRecord; expanded: boolean }) {
  const { log, expanded, zone } = props;
  const time = nanos(log.time_unix_nano);
  const line = attributeText(log.body).slice(0, LINE_CHARACTERS);
  return (
    <>
      <button
        type="button"
        data-row="1"
        className={classNames(css.line, css[severityTone(log.severity)], expanded && css.open)}
        aria-expanded={expanded}
        onClick={() => props.onToggle(log)}
      >
        <time className={css.time} title={`${formatDateTime(time, zone, 9)} ${zoneLabel(time, zone)}`}>
          <span className={css.date}>{formatDate(time, zone).replace(/ \d{4}$/, "")}</span> {formatClock(time, zone, 3)}
        </time>
        <span className={css.severity}>
          <SeverityBadge severity={log.severity} />
        </span>
        <span className={css.service}>{log.service}</span>
        <span className={css.body}>
          {log.event_name && <span className={css.event}>{log.event_name}</span>}
          <Highlighted text={line} query={props.query} />
        </span>
      </button>
      {expanded && <LogDetail {...props} />}
    </>
  );
}

function LogDetail({ log, zone, query, carry, onSpan, onFilter }: LogListProps & { log: LogRecord }) {
  const time = nanos(log.time_unix_nano);
  const flowOf = useFlowLinks(time);
  const facts: Record<string, string> = {
    time: `${formatDateTime(time, zone, 9)} ${zoneLabel(time, zone)}`,
    severity: [log.severity, log.severity_text !== log.severity && log.severity_text, log.severity_number].filter(Boolean).join(" · "),
    ...(log.event_name && { event_name: log.event_name }),
    ...(log.scope?.name && { scope: `${log.scope.name} ${log.scope.version}`.trim() }),
    ...(log.trace_id && { trace_id: log.trace_id }),
    ...(log.span_id && { span_id: log.span_id }),
  };
  const hasAttributes = Object.keys(log.attributes).length > 0;
  return (
    <div className={css.detail}>
      <div className={css.full}>
        <LongText value={log.body} query={query} />
      </div>
      <div className={css.actions}>
        {log.trace_id && !onSpan && (
          <Link className={buttonClass("primary", true)} href={href(`/trace/${log.trace_id}`, { span: log.span_id }, carry)}>
            Open trace
          </Link>
        )}
        {log.span_id && onSpan && (
          <button type="button" className={buttonClass("primary", true)} onClick={() => onSpan(log.span_id!)}>
            Show span
          </button>
        )}
        <CopyButton text={() => attributeText(log.body)} label="Copy body">
          Copy body
        </CopyButton>
      </div>
      <div className={css.columns}>
        <section>
          <h3>Record</h3>
          <AttributeTable attributes={facts} label="Record" />
          {hasAttributes && (
            <>
              <h3>Attributes</h3>
              <AttributeTable attributes={log.attributes} label="Attributes" onFilter={onFilter} flowOf={flowOf} />
            </>
          )}
        </section>
        <section>
          <h3>Resource</h3>
          <AttributeTable attributes={log.resource} label="Resource" onFilter={onFilter} flowOf={flowOf} />
        </section>
      </div>
    </div>
  );
}
