import { Link } from "wouter";
import type { LogRecord, Span, SpanEvent } from "../../api/types";
import { AttributeTable } from "../../kit/attribute-table";
import { LongText, SeverityBadge } from "../../kit/text";
import { useTime } from "../../kit/time-context";
import { attributeText } from "../../lib/attributes";
import { formatDuration, plural } from "../../lib/format";
import { formatClock, nanos } from "../../lib/time";
import { href } from "../../lib/url-state";
import { Section } from "./section";
import css from "./trace-screen.module.css";

/** More log records of one span than this are counted, not listed; the Logs tab has them all. */
const LOGS_MAX = 50;
const EVENTS_MAX = 100;

export function SpanLogs({ logs }: { logs: readonly LogRecord[] }) {
  const { zone } = useTime();
  if (logs.length === 0) return null;
  return (
    <Section title="Logs of this span" {...(logs.length > LOGS_MAX ? { hint: `first ${LOGS_MAX} of ${logs.length}` } : {})}>
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
    <Section title="Links">
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
