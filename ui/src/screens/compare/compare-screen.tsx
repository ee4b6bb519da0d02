import { useQuery } from "@tanstack/react-query";
import { ArrowLeftRight } from "lucide-react";
import { useEffect, useMemo } from "react";
import { Link } from "wouter";
import { traceQuery } from "../../api/queries";
import { contributions, unionTree } from "../../engine/compare";
import type { LoadedTrace } from "../../engine/decode-trace";
import { announce } from "../../kit/announce";
import { Button, CopyButton } from "../../kit/button";
import { Page } from "../../kit/page";
import { ErrorState, Note, Skeleton } from "../../kit/states";
import { TAB_PANEL_ID, tabId, Tabs } from "../../kit/tabs";
import { useTime } from "../../kit/time-context";
import { useUrl } from "../../kit/use-url";
import { formatDuration, formatNanos, formatShare, group, plural } from "../../lib/format";
import { formatDateTime, nanos } from "../../lib/time";
import { carryOver, href } from "../../lib/url-state";
import { AttributesView } from "./attributes-view";
import css from "./compare-screen.module.css";
import { ContributionView } from "./contribution-view";
import { PickTrace } from "./pick-trace";
import { StructureView } from "./structure-view";

const MODES = [
  { value: "latency", label: "Latency" },
  { value: "structure", label: "Structure" },
  { value: "attributes", label: "Attributes" },
] as const;
type Mode = (typeof MODES)[number]["value"];
/** Parts of the difference that the sentence names. */
const NAMED_MAX = 3;

/** Two traces side by side: `/compare/<a>...<b>`. An id that is missing is asked for. */
export function CompareScreen({ pair }: { pair: string }) {
  const [a = "", b = ""] = pair.toLowerCase().split("...");
  const { search, navigate } = useUrl();
  const go = (nextA: string, nextB: string) => navigate(href(`/compare/${nextA}...${nextB}`, {}, search));
  const swap = (
    <Button small onClick={() => go(b, a)} disabled={a === "" && b === ""}>
      <ArrowLeftRight size={13} aria-hidden /> Swap
    </Button>
  );
  const crumb = (
    <>
      <Link href={href("/traces", {}, carryOver(search))}>Traces</Link> › <b>Compare</b>
    </>
  );
  return (
    <Page title="Compare traces" crumb={crumb} actions={<>{swap}<CopyButton text={() => window.location.href} label="Copy link">Copy link</CopyButton></>}>
      {a !== "" && b !== "" ? <Pair key={`${a} ${b}`} a={a} b={b} go={go} /> : <PickTrace a={a} b={b} onPick={go} />}
    </Page>
  );
}

function Pair({ a, b, go }: { a: string; b: string; go: (a: string, b: string) => void }) {
  const [left, right] = [useQuery(traceQuery(a)), useQuery(traceQuery(b))];
  for (const [query, name] of [[left, "A"], [right, "B"]] as const) {
    if (query.isError) return <ErrorState title={`Trace ${name} could not be loaded`} error={query.error} onRetry={() => void query.refetch()} />;
  }
  if (!left.data || !right.data) {
    return (
      <div className={css.skeleton} aria-busy="true">
        <Skeleton height={64} />
        {Array.from({ length: 10 }, (_, i) => (
          <Skeleton key={i} width={`${80 - ((i * 29) % 50)}%`} height={16} />
        ))}
      </div>
    );
  }
  return <Comparison a={left.data} b={right.data} go={go} />;
}

function Comparison({ a, b, go }: { a: LoadedTrace; b: LoadedTrace; go: (a: string, b: string) => void }) {
  const { search, patch } = useUrl();
  const mode = MODES.find((one) => one.value === new URLSearchParams(search).get("mode"))?.value ?? "latency";
  const parts = useMemo(() => contributions(a.model, b.model), [a, b]);
  const tree = useMemo(() => unionTree(a.model, b.model), [a, b]);
  const difference = b.model.durationNs - a.model.durationNs;
  const summary = sentence(difference, parts);
  useEffect(() => announce(summary), [summary]);
  const sameRoot = a.facts.root?.name === b.facts.root?.name && a.facts.root?.service === b.facts.root?.service;
  return (
    <>
      <div className={css.heads}>
        <Head name="A" trace={a} other={b} />
        <Head name="B" trace={b} other={a} />
      </div>
      <p className={css.summary}>{summary}</p>
      {!sameRoot && <Note>The traces have different roots: they may not be the same kind of request.</Note>}
      <div className={css.tabs}>
        <Tabs label="What is compared" value={mode} choices={MODES} onChange={(next: Mode) => patch({ mode: next === "latency" ? null : next })} />
        <Button small look="quiet" onClick={() => go(a.facts.trace_id, "")}>
          Choose another B
        </Button>
      </div>
      <div className={css.panel} role="tabpanel" id={TAB_PANEL_ID} aria-labelledby={tabId(mode)}>
        {mode === "latency" && <ContributionView parts={parts} a={a} b={b} />}
        {mode === "structure" && <StructureView tree={tree} a={a} b={b} />}
        {mode === "attributes" && <AttributesView parts={parts} a={a} b={b} />}
      </div>
    </>
  );
}

const sign = (ns: number) => `${ns > 0 ? "+" : ""}${formatDuration(ns)}`;

/** "B takes 812 ms more: +640 ms payment charge, ..." */
function sentence(difference: number, parts: ReturnType<typeof contributions>): string {
  const named = parts.filter((part) => part.delta !== 0).slice(0, NAMED_MAX);
  const what = named.map((part) => `${sign(part.delta)} ${part.service === "" && part.name === "" ? "without a span of the path" : `${part.service} ${part.name}`}`).join(", ");
  if (difference === 0) return named.length === 0 ? "B takes as long as A, and for the same." : `B takes as long as A, differently: ${what}.`;
  return `B takes ${formatDuration(Math.abs(difference))} ${difference > 0 ? "more" : "less"} than A: ${what}.`;
}

/** `12% longer`, or from twice as long on `2.8 times as long`. */
function longerBy(ns: number, other: number): string {
  const factor = ns / Math.max(1, other);
  if (factor >= 2) return `${factor < 9.95 ? factor.toFixed(1) : group(Math.round(factor))} times as long`;
  return `${formatShare(ns - other, other)} longer`;
}

function Head({ name, trace, other }: { name: string; trace: LoadedTrace; other: LoadedTrace }) {
  const { zone } = useTime();
  const { search } = useUrl();
  const { facts, model } = trace;
  const longer = model.durationNs > other.model.durationNs;
  return (
    <section className={css.head} aria-label={`Trace ${name}`}>
      <h2>
        <span className={name === "A" ? css.sideA : css.sideB}>{name}</span>
        <Link href={href(`/trace/${facts.trace_id}`, {}, carryOver(search))}>
          {facts.root ? `${facts.root.service} ${facts.root.name}` : facts.trace_id}
        </Link>
      </h2>
      <p>
        <b title={formatNanos(model.durationNs)}>{formatDuration(model.durationNs)}</b>
        {longer && <span> {longerBy(model.durationNs, other.model.durationNs)}</span>} · {plural(facts.span_count, "span")} ·{" "}
        {plural(facts.service_count, "service")} · <span className={model.errorCount > 0 ? css.bad : undefined}>{plural(model.errorCount, "error")}</span>
      </p>
      <p className={css.dim}>
        {formatDateTime(nanos(facts.start_time_unix_nano), zone, 3)} · <code>{facts.trace_id}</code> · {group(facts.log_count)} logs
      </p>
    </section>
  );
}
