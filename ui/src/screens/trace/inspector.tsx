import { X } from "lucide-react";
import { useMemo, useState } from "react";
import { Link } from "wouter";
import type { Span, Trace } from "../../api/types";
import { ancestors } from "../../engine/trace-model";
import type { WaterfallStore } from "../../engine/waterfall-store";
import { AttributeTable } from "../../kit/attribute-table";
import { Button, buttonClass, CopyButton } from "../../kit/button";
import { storedNumber, storeNumber } from "../../kit/preferences";
import { Resizer } from "../../kit/resizer";
import { useServiceColors } from "../../kit/use-service-colors";
import { useUrl } from "../../kit/use-url";
import { attributeFilter, printFilter } from "../../lib/filters";
import { formatDuration, formatNanos, formatShare } from "../../lib/format";
import { stringifyExact } from "../../lib/json";
import { carryOver, href } from "../../lib/url-state";
import { SpanEvents, SpanLinks, SpanLogs } from "./inspector-lists";
import { Section } from "./section";
import css from "./trace-screen.module.css";

const WIDTH = 388;
const CRUMBS_MAX = 3;

/** Everything about one span. */
export function Inspector(props: {
  trace: Trace;
  store: WaterfallStore;
  index: number;
  onSelect: (index: number) => void;
  onClose: () => void;
}) {
  const { trace, store, index } = props;
  const { search, navigate } = useUrl();
  const [width, setWidth] = useState(() => storedNumber("inspector-width", WIDTH));
  const span = store.model.spans[index]!;
  const color = useServiceColors(store.model.services).get(span.service)!;
  const logs = useMemo(() => trace.logs.filter((log) => log.span_id === span.span_id), [trace, span]);
  const carry = carryOver(search);
  const filter = (key: string, value: string) => navigate(href("/traces", { f: [printFilter(attributeFilter(key, value))] }, carry));
  const resize = (next: number) => {
    setWidth(next);
    storeNumber("inspector-width", next);
  };
  return (
    <aside className={css.inspector} style={{ width }} aria-label="Span">
      <Resizer className={css.inspectorResizer} label="Width of the details" value={width} min={280} max={900} reverse onChange={resize} />
      {/* A scrolling region takes the focus so that the keyboard can scroll it. */}
      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
      <div className={css.inspectorBody} tabIndex={0} role="region" aria-label="Details of the span">
        <div className={css.inspectorHead}>
          <i className={css.dot} style={{ background: color }} />
          <h2>{span.name}</h2>
          <Button look="quiet" small iconLabel="Close (Esc)" onClick={props.onClose}>
            <X size={15} aria-hidden />
          </Button>
        </div>
        <Path store={store} index={index} onSelect={props.onSelect} />
        <Tiles span={span} durationNs={store.model.durationNs} start={store.model.start[index]!} />
        {span.status_message && <p className={css.statusMessage}>{span.status_message}</p>}
        <SpanEvents span={span} startUnixNano={trace.start_time_unix_nano} />
        <SpanLogs logs={logs} />
        <Section title="Span">
          <AttributeTable label="Span" attributes={spanFacts(span)} />
        </Section>
        <Attributes title="Attributes" attributes={span.attributes} dropped={span.dropped_attributes_count} onFilter={filter} />
        <SpanLinks span={span} carry={carry} />
        <Attributes title="Resource" attributes={span.resource} onFilter={filter} />
        <div className={css.actions}>
          <Link className={buttonClass("default", true)} href={href("/traces", { f: [`service:eq:${span.service}`, `operation:eq:${span.name}`] }, carry)}>
            Similar spans
          </Link>
          <CopyButton text={() => stringifyExact(span, 2)} label="Copy as JSON">
            Copy JSON
          </CopyButton>
        </div>
        <RawSpan span={span} />
      </div>
    </aside>
  );
}

function Attributes(props: { title: string; attributes: Span["attributes"]; dropped?: number; onFilter: (key: string, value: string) => void }) {
  if (Object.keys(props.attributes).length === 0 && !props.dropped) return null;
  return (
    <Section title={props.title} {...(props.dropped ? { hint: `${props.dropped} were dropped by the sender` } : {})}>
      <AttributeTable label={props.title} attributes={props.attributes} onFilter={props.onFilter} />
    </Section>
  );
}

/** The way from the root, shortened in the middle; every step selects its span. */
function Path({ store, index, onSelect }: { store: WaterfallStore; index: number; onSelect: (index: number) => void }) {
  const { spans } = store.model;
  // A step per change of service: where the request has been, not every call on the way.
  const path = ancestors(store.model, index).filter((step, i, all) => spans[step]!.service !== spans[all[i + 1] ?? index]!.service);
  const shown = path.length <= CRUMBS_MAX ? path : [path[0]!, ...path.slice(-2)];
  return (
    <div className={css.path}>
      {shown.map((step, i) => (
        <span key={step}>
          {i === 1 && path.length > CRUMBS_MAX && "… › "}
          <button type="button" onClick={() => onSelect(step)} title={`${spans[step]!.service} ${spans[step]!.name}`}>
            {spans[step]!.service}
          </button>
          {" › "}
        </span>
      ))}
      {spans[index]!.service}
    </div>
  );
}

function Tiles({ span, durationNs, start }: { span: Span; durationNs: number; start: number }) {
  return (
    <div className={css.tiles}>
      <div title={formatNanos(span.duration_ns)}>
        <b>{formatDuration(span.duration_ns)}</b>
        <span>duration</span>
      </div>
      <div title={formatNanos(span.self_time_ns)}>
        <b>{formatDuration(span.self_time_ns)}</b>
        <span>self</span>
      </div>
      <div>
        <b>{formatShare(span.duration_ns, durationNs)}</b>
        <span>of trace</span>
      </div>
      <div title={formatNanos(start)}>
        <b>+{formatDuration(start)}</b>
        <span>start</span>
      </div>
    </div>
  );
}

function spanFacts(span: Span): Record<string, string> {
  const marks = [span.orphan && "parent missing", span.duplicate && "duplicate id", span.cycle && "in a parent cycle"].filter(Boolean);
  return {
    kind: span.kind,
    status: span.status,
    span_id: span.span_id,
    ...(span.parent_span_id && { parent_span_id: span.parent_span_id }),
    ...(span.scope?.name && { scope: `${span.scope.name} ${span.scope.version}`.trim() }),
    ...(span.trace_state && { trace_state: span.trace_state }),
    ...(marks.length > 0 && { marked: marks.join(", ") }),
  };
}

function RawSpan({ span }: { span: Span }) {
  const [open, setOpen] = useState(false);
  return (
    <Section title="Raw">
      <Button small onClick={() => setOpen(!open)} aria-expanded={open}>
        {open ? "Hide JSON" : "Show JSON"}
      </Button>
      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
      {open && <pre className={css.json} tabIndex={0}>{stringifyExact(span, 2)}</pre>}
    </Section>
  );
}
