import { Link } from "wouter";
import type { Contribution } from "../../engine/contributions";
import type { LoadedTrace } from "../../engine/decode-trace";
import { Skeleton } from "../../kit/states";
import { useTime } from "../../kit/time-context";
import { useUrl } from "../../kit/use-url";
import { formatDuration, formatNanos, formatShare, group, plural } from "../../lib/format";
import { formatDateTime, nanos } from "../../lib/time";
import { carryOver, href } from "../../lib/url-state";
import css from "./compare-screen.module.css";

/** Parts of the difference that the sentence names. */
const NAMED_MAX = 3;

/** What a part of the difference is called. */
export function partName(part: Contribution): string {
  if (part.isRest) return "what the medians leave over";
  return part.service === "" && part.name === "" ? "without a span of the path" : `${part.service} ${part.name}`;
}

export function CompareSkeleton() {
  return (
    <div className={css.skeleton} aria-busy="true">
      <Skeleton height={64} />
      {Array.from({ length: 10 }, (_, i) => (
        <Skeleton key={i} width={`${80 - ((i * 29) % 50)}%`} height={16} />
      ))}
    </div>
  );
}

const sign = (ns: number) => `${ns > 0 ? "+" : ""}${formatDuration(ns)}`;

/** "B takes 812 ms more than A: +640 ms payment charge, ..."; `names` as they stand in the sentence. */
export function sentence(difference: number, parts: readonly Contribution[], { a, b }: { a: string; b: string }): string {
  const named = parts.filter((part) => part.delta !== 0).slice(0, NAMED_MAX);
  const what = named.map((part) => `${sign(part.delta)} ${partName(part)}`).join(", ");
  if (difference === 0) return named.length === 0 ? `${b} takes as long as ${a}, and for the same.` : `${b} takes as long as ${a}, differently: ${what}.`;
  return `${b} takes ${formatDuration(Math.abs(difference))} ${difference > 0 ? "more" : "less"} than ${a}: ${what}.`;
}

/** `12% longer`, or from twice as long on `2.8 times as long`. */
function longerBy(ns: number, other: number): string {
  const factor = ns / Math.max(1, other);
  if (factor >= 2) return `${factor < 9.95 ? factor.toFixed(1) : group(Math.round(factor))} times as long`;
  return `${formatShare(ns - other, other)} longer`;
}

export function Side({ name }: { name: "A" | "B" }) {
  return <span className={name === "A" ? css.sideA : css.sideB}>{name}</span>;
}

/** Whose trace it is, and its figures; `otherNs` is what it is compared with. */
export function TraceHead({ name, trace, otherNs }: { name: "A" | "B"; trace: LoadedTrace; otherNs: number }) {
  const { zone } = useTime();
  const { search } = useUrl();
  const { facts, model } = trace;
  const longer = model.durationNs > otherNs;
  return (
    <section className={css.head} aria-label={`Trace ${name}`}>
      <h2>
        <Side name={name} />
        <Link href={href(`/trace/${facts.trace_id}`, {}, carryOver(search))}>
          {facts.root ? `${facts.root.service} ${facts.root.name}` : facts.trace_id}
        </Link>
      </h2>
      <p>
        <b title={formatNanos(model.durationNs)}>{formatDuration(model.durationNs)}</b>
        {longer && <span> {longerBy(model.durationNs, otherNs)}</span>} · {plural(facts.span_count, "span")} ·{" "}
        {plural(facts.service_count, "service")} · <span className={model.errorCount > 0 ? css.bad : undefined}>{plural(model.errorCount, "error")}</span>
      </p>
      <p className={css.dim}>
        {formatDateTime(nanos(facts.start_time_unix_nano), zone, 3)} · <code>{facts.trace_id}</code> · {group(facts.log_count)} logs
      </p>
    </section>
  );
}
