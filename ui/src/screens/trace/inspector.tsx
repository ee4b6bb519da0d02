import { useQuery } from "@tanstack/react-query";
import { X } from "lucide-react";
import { useState } from "react";
import { Link } from "wouter";
import { spanDetailQuery } from "../../api/queries";
import type { Span, SpanDetail } from "../../api/types";
import type { LoadedTrace } from "../../engine/decode-trace";
import { allOf, attributeCondition } from "../../engine/search/edit";
import { FLAG, STATUS_NAMES } from "../../engine/skeleton";
import { ancestors, kindOf, nameOf, outcomeOf, serviceOf, spanIdOf, type TraceModel } from "../../engine/trace-model";
import { AttributeTable } from "../../kit/attribute-table";
import { Button, buttonClass, CopyButton } from "../../kit/button";
import { storedNumber, storeNumber } from "../../kit/preferences";
import { Resizer } from "../../kit/resizer";
import { ErrorState, Skeleton } from "../../kit/states";
import { useFlowLinks } from "../../kit/use-flow-links";
import { useServiceColors } from "../../kit/use-service-colors";
import { useUrl } from "../../kit/use-url";
import { formatDuration, formatNanos, formatShare, plural } from "../../lib/format";
import { stringifyExact } from "../../lib/json";
import { nanos } from "../../lib/time";
import { carryOver, href } from "../../lib/url-state";
import { LinksInSection, SpanEvents, SpanLinks, SpanLogs } from "./inspector-lists";
import { PeersSection } from "./peers-section";
import { Section } from "./section";
import css from "./inspector.module.css";

const WIDTH = 388;
/** On narrow screens the bars need the room. */
const WIDTH_NARROW = 320;
const NARROW_PX = 1200;
const CRUMBS_MAX = 3;

/** Everything about one span: what the waterfall knows at once, the rest when the server has answered. */
export function Inspector(props: {
  trace: LoadedTrace;
  index: number;
  /** Clock skew is undone in the waterfall. */
  adjusted: boolean;
  onSelect: (index: number) => void;
  onClose: () => void;
}) {
  const { trace, index } = props;
  const { model } = trace;
  const [width, setWidth] = useState(() => storedNumber("inspector-width", window.innerWidth < NARROW_PX ? WIDTH_NARROW : WIDTH));
  const color = useServiceColors(model.services).get(serviceOf(model, index))!;
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
          <h2>{nameOf(model, index)}</h2>
          <Button look="quiet" small iconLabel="Close (Esc)" onClick={props.onClose}>
            <X size={15} aria-hidden />
          </Button>
        </div>
        <Path model={model} index={index} onSelect={props.onSelect} />
        <Tiles model={model} index={index} />
        <Skew model={model} index={index} adjusted={props.adjusted} />
        <Detail {...props} />
      </div>
    </aside>
  );
}

function Detail({ trace, index, onSelect }: { trace: LoadedTrace; index: number; onSelect: (index: number) => void }) {
  const { model, facts } = trace;
  const { search, navigate } = useUrl();
  const id = spanIdOf(model, index);
  const query = useQuery(spanDetailQuery(facts.trace_id, id));
  const carry = carryOver(search);
  const flowOf = useFlowLinks(nanos(facts.start_time_unix_nano));
  // While another span loads, the one before stays in the cache's answer: it must not be shown as this one.
  const detail = query.data && !query.isPlaceholderData ? query.data : null;
  if (query.isError) return <ErrorState title="The span could not be loaded" error={query.error} onRetry={() => void query.refetch()} />;
  if (!detail) return <DetailSkeleton />;
  const span = spanAt(detail, model, index, facts.start_time_unix_nano);
  const filter = (key: string, value: string) => navigate(href("/traces", { q: attributeCondition(key, value) }, carry));
  return (
    <>
      {span.status_message && <p className={css.statusMessage}>{span.status_message}</p>}
      <SpanEvents span={span} startUnixNano={facts.start_time_unix_nano} />
      <SpanLogs logs={detail.logs} more={detail.logs_truncated} />
      <PeersSection key={id} span={span} />
      <Section title="Span">
        <AttributeTable label="Span" attributes={spanFacts(span, model, index)} />
      </Section>
      <Attributes title="Attributes" attributes={span.attributes} dropped={span.dropped_attributes_count} onFilter={filter} flowOf={flowOf} />
      <SpanLinks span={span} carry={carry} />
      <LinksInSection trace={trace} spanId={id} carry={carry} onSelect={onSelect} />
      <Attributes title="Resource" attributes={span.resource} onFilter={filter} flowOf={flowOf} />
      <div className={css.actions}>
        <Link className={buttonClass("default", true)} href={href("/traces", { q: allOf(["service", span.service], ["name", span.name]) }, carry)}>
          Similar spans
        </Link>
        <CopyButton text={() => stringifyExact(span, 2)} label="Copy as JSON">
          Copy JSON
        </CopyButton>
      </div>
      <RawSpan span={span} />
    </>
  );
}

/** Of spans that share an id, the one that the row shows. */
function spanAt(detail: SpanDetail, model: TraceModel, index: number, traceStart: string): Span {
  const start = nanos(traceStart);
  const isShown = (span: Span) =>
    Number(nanos(span.start_time_unix_nano) - start) === model.start[index]! && Math.max(0, span.duration_ns) === model.duration[index]! && span.name === nameOf(model, index);
  return detail.spans.find(isShown) ?? detail.spans[0]!;
}

/** As tall as what mostly follows, so that nothing below jumps. */
function DetailSkeleton() {
  return (
    <div className={css.detailSkeleton} aria-busy="true">
      {Array.from({ length: 9 }, (_, i) => (
        <Skeleton key={i} width={`${88 - ((i * 41) % 50)}%`} height={13} />
      ))}
    </div>
  );
}

function Skew({ model, index, adjusted }: { model: TraceModel; index: number; adjusted: boolean }) {
  const shift = model.shift[index]!;
  if (shift === 0) return null;
  return (
    <p className={css.pathNote}>
      It starts {formatDuration(Math.abs(shift))} too early for its caller: the clocks differ. {adjusted ? "It is drawn where it fits; the dashed outline is where it was." : "It is drawn as sent."}
    </p>
  );
}

function Attributes(props: { title: string; attributes: Span["attributes"]; dropped?: number; onFilter: (key: string, value: string) => void; flowOf: (key: string, value: string) => string | null }) {
  if (Object.keys(props.attributes).length === 0 && !props.dropped) return null;
  return (
    <Section title={props.title} {...(props.dropped ? { hint: `${props.dropped} were dropped by the sender` } : {})}>
      <AttributeTable label={props.title} attributes={props.attributes} onFilter={props.onFilter} flowOf={props.flowOf} />
    </Section>
  );
}

/** The way from the root, shortened in the middle; every step selects its span. */
function Path({ model, index, onSelect }: { model: TraceModel; index: number; onSelect: (index: number) => void }) {
  // A step per change of service: where the request has been, not every call on the way.
  const path = ancestors(model, index).filter((step, i, all) => model.service[step] !== model.service[all[i + 1] ?? index]);
  const shown = path.length <= CRUMBS_MAX ? path : [path[0]!, ...path.slice(-2)];
  return (
    <div className={css.path}>
      {shown.map((step, i) => (
        <span key={step}>
          {i === 1 && path.length > CRUMBS_MAX && "… › "}
          <button type="button" onClick={() => onSelect(step)} title={`${serviceOf(model, step)} ${nameOf(model, step)}`}>
            {serviceOf(model, step)}
          </button>
          {" › "}
        </span>
      ))}
      {serviceOf(model, index)}
    </div>
  );
}

function Tiles({ model, index }: { model: TraceModel; index: number }) {
  const [duration, self, start] = [model.duration[index]!, model.selfTime[index]!, model.start[index]!];
  return (
    <div className={css.tiles}>
      <div title={formatNanos(duration)}>
        <b>{formatDuration(duration)}</b>
        <span>duration</span>
      </div>
      <div title={formatNanos(self)}>
        <b>{formatDuration(self)}</b>
        <span>self</span>
      </div>
      <div>
        <b>{formatShare(duration, model.durationNs)}</b>
        <span>of trace</span>
      </div>
      <div title={formatNanos(start)}>
        <b>+{formatDuration(start)}</b>
        <span>start</span>
      </div>
    </div>
  );
}

function spanFacts(span: Span, model: TraceModel, index: number): Record<string, string> {
  const flags = model.flags[index]!;
  const marks = [flags & FLAG.orphan && "parent missing", flags & FLAG.duplicate && "duplicate id", flags & FLAG.cycle && "in a parent cycle"].filter((mark) => typeof mark === "string");
  const below = model.subtreeEnd[index]! - index - 1;
  return {
    kind: kindOf(model, index),
    status: span.status || STATUS_NAMES[model.status[index]!]!,
    outcome: outcomeOf(model, index) ?? "ok",
    span_id: span.span_id,
    ...(span.parent_span_id && { parent_span_id: span.parent_span_id }),
    ...(below > 0 && { below: plural(below, "span") }),
    ...(span.duration_ns < 0 && { ends: `${formatDuration(-span.duration_ns)} before it starts` }),
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
