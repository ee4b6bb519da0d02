import { useQuery } from "@tanstack/react-query";
import { Link } from "wouter";
import { linksInQuery } from "../../api/queries";
import type { LinkingSpan, LogRecord, Span, SpanEvent } from "../../api/types";
import type { LoadedTrace } from "../../engine/decode-trace";
import { indexOfSpan } from "../../engine/trace-model";
import { AttributeTable } from "../../kit/attribute-table";
import { LongText, SeverityBadge } from "../../kit/text";
import { useTime } from "../../kit/time-context";
import { attributeText } from "../../lib/attributes";
import { formatDuration, plural } from "../../lib/format";
import { formatClock, nanos } from "../../lib/time";
import { href } from "../../lib/url-state";
import { Section } from "./section";
import css from "./inspector.module.css";

/** More log records of one span than this are counted, not listed; the Logs tab has them all. */
const LOGS_MAX = 50;
const EVENTS_MAX = 100;

export function SpanLogs({ logs, more }: { logs: readonly LogRecord[]; more: boolean }) {
  const { zone } = useTime();
  if (logs.length === 0) return null;
  return (
    <Section title="Logs of this span" {...(logs.length > LOGS_MAX ? { hint: `first ${LOGS_MAX} of ${more ? "more than " : ""}${logs.length}` } : {})}>
      {logs.slice(0, LOGS_MAX).map((log) => (
        <div key={log.id} className={css.logItem}>
          <SeverityBadge severity={log.severity} />
          <span className={css.logBody}>
            <span className={css.logTime}>{formatClock(nanos(log.time_unix_nano), zone, 3)}</span> <LongText value={log.body} />
          </span>
        </div>
      ))}
    </Section>
  );
}

export function SpanEvents({ span, startUnixNano }: { span: Span; startUnixNano: string }) {
  const { events } = span;
  if (events.length === 0 && span.dropped_events_count === 0) return null;
  const hint = [
    events.length > EVENTS_MAX && `first ${EVENTS_MAX} of ${events.length}`,
    span.dropped_events_count > 0 && `${plural(span.dropped_events_count, "event")} dropped by the sender`,
  ].filter((text): text is string => typeof text === "string");
  return (
    <Section title="Events" hint={hint.join(", ")}>
      {events.slice(0, EVENTS_MAX).map((event, i) => (
        // Events have no identity; two may be equal in every field.
        // oxlint-disable-next-line react/no-array-index-key
        <EventItem key={i} event={event} startUnixNano={startUnixNano} />
      ))}
    </Section>
  );
}

const EXCEPTION_KEYS = new Set(["exception.type", "exception.message", "exception.stacktrace"]);

function EventItem({ event, startUnixNano }: { event: SpanEvent; startUnixNano: string }) {
  const type = event.attributes["exception.type"];
  const message = event.attributes["exception.message"];
  const stack = event.attributes["exception.stacktrace"];
  const others = Object.fromEntries(Object.entries(event.attributes).filter(([key]) => !EXCEPTION_KEYS.has(key)));
  return (
    <div className={css.event}>
      <div className={css.eventHead}>
        <span>+{formatDuration(Number(nanos(event.time_unix_nano) - nanos(startUnixNano)))}</span> {event.name}
      </div>
      {(type !== undefined || message !== undefined) && (
        <p className={css.exception}>{[type, message].filter((part) => part !== undefined).map(attributeText).join(": ")}</p>
      )}
      {stack !== undefined && (
        // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex
        <pre className={css.stack} tabIndex={0} aria-label="Stack trace">
          <LongText value={stack} />
        </pre>
      )}
      {Object.keys(others).length > 0 && <AttributeTable label={`Attributes of ${event.name}`} attributes={others} />}
    </div>
  );
}

export function SpanLinks({ span, carry }: { span: Span; carry: string }) {
  if (span.links.length === 0) return null;
  return (
    <Section title="Links out" {...(span.dropped_links_count > 0 ? { hint: `${plural(span.dropped_links_count, "link")} dropped by the sender` } : {})}>
      <ul className={css.links}>
        {span.links.map((link, i) => (
          // oxlint-disable-next-line react/no-array-index-key
          <li key={i}>
            <Link href={href(`/trace/${link.trace_id}`, { span: link.span_id }, carry)}>
              {link.trace_id} · {link.span_id}
            </Link>
            {Object.keys(link.attributes).length > 0 && <AttributeTable label="Attributes of the link" attributes={link.attributes} />}
          </li>
        ))}
      </ul>
    </Section>
  );
}

/** How far around a trace spans that link to it are looked for: links point back, to what was there already. */
const LINKS_BEFORE_NS = 3_600_000_000_000n;
const LINKS_AFTER_NS = 86_400_000_000_000n;

/** Spans elsewhere that link to this span, and how many link to others of this trace. */
export function LinksInSection(props: { trace: LoadedTrace; spanId: string; carry: string; onSelect: (index: number) => void }) {
  const { facts, model } = props.trace;
  const window = { from: shifted(facts.start_time_unix_nano, -LINKS_BEFORE_NS), to: shifted(facts.end_time_unix_nano, LINKS_AFTER_NS) };
  const query = useQuery(linksInQuery(facts.trace_id, window));
  if (query.isError) {
    return (
      <Section title="Links in">
        <p className={css.pathNote}>Who links here could not be asked: {query.error.message}</p>
      </Section>
    );
  }
  if (!query.data || query.data.links.length === 0) return null;
  const here = query.data.links.filter((link) => link.linked_span_id === props.spanId);
  const elsewhere = query.data.links.filter((link) => link.linked_span_id !== props.spanId);
  const next = elsewhere.map((link) => indexOfSpan(model, link.linked_span_id)).find((index) => index >= 0) ?? -1;
  return (
    <Section title="Links in" hint={`from 1 h before to 24 h after the trace${query.data.truncated ? ", the first ones" : ""}`}>
      {here.length > 0 && (
        <ul className={css.links}>
          {here.map((link) => (
            <LinkIn key={`${link.trace_id} ${link.span_id}`} link={link} carry={props.carry} />
          ))}
        </ul>
      )}
      {elsewhere.length > 0 && (
        <p className={css.pathNote}>
          {plural(elsewhere.length, here.length > 0 ? "more link" : "link")} to other spans of this trace.{" "}
          {next >= 0 && (
            <button type="button" className={css.inlineButton} onClick={() => props.onSelect(next)}>
              Show the first
            </button>
          )}
        </p>
      )}
    </Section>
  );
}

/** A time so much later. */
const shifted = (time: string, by: bigint) => nanos(String(nanos(time) + by));

function LinkIn({ link, carry }: { link: LinkingSpan; carry: string }) {
  const { zone } = useTime();
  return (
    <li>
      <Link href={href(`/trace/${link.trace_id}`, { span: link.span_id }, carry)}>
        {link.service} {link.name}
      </Link>
      <div className={css.logTime}>
        {formatClock(nanos(link.start_time_unix_nano), zone, 3)} · {formatDuration(link.duration_ns)} · {link.trace_id}
      </div>
    </li>
  );
}
