import { useQuery } from "@tanstack/react-query";
import { useEffect, useMemo } from "react";
import { Link } from "wouter";
import { BASELINE_REACH_NS, BASELINE_TIMES, BASELINE_TRACES_MAX, type Baseline, baselineQuery, type BaselineTime, sameRoot } from "../../api/baseline";
import { traceQuery } from "../../api/queries";
import type { TraceSummary } from "../../api/types";
import { contributions, profileOf } from "../../engine/contributions";
import type { LoadedTrace } from "../../engine/decode-trace";
import { announce } from "../../kit/announce";
import { Button, buttonClass } from "../../kit/button";
import { EmptyState, ErrorState, Note } from "../../kit/states";
import { Tabs, tabId, TAB_PANEL_ID } from "../../kit/tabs";
import { useUrl } from "../../kit/use-url";
import { formatDuration, formatNanos, group, plural } from "../../lib/format";
import { nanos } from "../../lib/time";
import { carryOver, href } from "../../lib/url-state";
import css from "./compare-screen.module.css";
import { CompareSkeleton, Side, sentence, TraceHead } from "./compare-parts";
import { ContributionView } from "./contribution-view";

/** Stands for a trace id in an address: what is usual for the operation of the other trace. */
export const BASELINE = "baseline";

const TIMES = [
  { value: "around", label: "Around it" },
  { value: "-1d", label: "A day earlier" },
  { value: "-7d", label: "A week earlier" },
] as const;
/** Of fewer traces a median says little. */
const TRACES_WANTED = 5;

/** A trace beside what is usual for its operation: `/compare/baseline...<id>`, or the other way round. */
export function BaselineScreen({ traceId, side }: { traceId: string; side: "A" | "B" }) {
  const trace = useQuery(traceQuery(traceId));
  if (trace.isError) return <ErrorState title={`Trace ${side === "A" ? "B" : "A"} could not be loaded`} error={trace.error} onRetry={() => void trace.refetch()} />;
  if (!trace.data) return <CompareSkeleton />;
  if (!trace.data.facts.root) {
    return (
      <EmptyState title="The trace has no root">
        <p>What is usual is told by traces with the same root operation. A span without a parent has not arrived.</p>
      </EmptyState>
    );
  }
  return <AgainstBaseline trace={trace.data} root={trace.data.facts.root} side={side} />;
}

function AgainstBaseline({ trace, root, side }: { trace: LoadedTrace; root: Root; side: "A" | "B" }) {
  const { search, patch, navigate } = useUrl();
  const asked = new URLSearchParams(search).get("cmp") ?? "around";
  const time = TIMES.find((one) => one.value === asked)?.value ?? "around";
  const query = useQuery(baselineQuery(trace.facts, time));
  const own = useMemo(() => profileOf(trace.model), [trace]);
  const tabs = (
    <div className={css.tabs}>
      <Tabs label="When it was usual" value={time} choices={TIMES} onChange={(next: BaselineTime) => patch({ cmp: next === "around" ? null : next })} />
      <Button small look="quiet" onClick={() => navigate(href(`/compare/${trace.facts.trace_id}...`, { cmp: null }, search))}>
        Compare with one trace
      </Button>
    </div>
  );
  const wrong = asked !== time && <Note error>cmp={asked} in the address is none of {TIMES.map((one) => one.value).join(", ")}; what was around the trace is compared.</Note>;
  return (
    <>
      {query.isError && <ErrorState title="What is usual could not be found out" error={query.error} onRetry={() => void query.refetch()} />}
      {query.data && <Heads trace={trace} root={root} baseline={query.data} time={time} side={side} own={own} />}
      {wrong}
      {tabs}
      <div className={css.panel} role="tabpanel" id={TAB_PANEL_ID} aria-labelledby={tabId(time)}>
        {query.isPending && <CompareSkeleton />}
        {query.data === null && <NoBaseline trace={trace} root={root} time={time} />}
        {query.data && <ContributionView {...sidesOf(query.data.profile, own, side)} />}
      </div>
    </>
  );
}

type Root = NonNullable<LoadedTrace["facts"]["root"]>;

function sidesOf(usual: Baseline["profile"], own: Baseline["profile"], side: "A" | "B") {
  const [a, b] = side === "A" ? [usual, own] : [own, usual];
  return { a, b, parts: contributions(a, b) };
}

function Heads(props: { trace: LoadedTrace; root: Root; baseline: Baseline; time: BaselineTime; side: "A" | "B"; own: Baseline["profile"] }) {
  const { trace, root, baseline, time, side, own } = props;
  const { a, b, parts } = sidesOf(baseline.profile, own, side);
  const names = side === "A" ? { a: "usual", b: "B" } : { a: "A", b: "What is usual" };
  const summary = sentence(b.durationNs - a.durationNs, parts, names);
  useEffect(() => announce(summary), [summary]);
  const usual = <BaselineHead name={side} trace={trace} root={root} baseline={baseline} time={time} />;
  const one = <TraceHead name={side === "A" ? "B" : "A"} trace={trace} otherNs={baseline.profile.durationNs} />;
  return (
    <>
      <div className={css.heads}>
        {side === "A" ? usual : one}
        {side === "A" ? one : usual}
      </div>
      <p className={css.summary}>{summary}</p>
      {baseline.traces.length < TRACES_WANTED && <Note>Only {plural(baseline.traces.length, "trace")} could be compared with: what is usual is not certain.</Note>}
    </>
  );
}

function BaselineHead({ name, trace, root, baseline, time }: { name: "A" | "B"; trace: LoadedTrace; root: Root; baseline: Baseline; time: BaselineTime }) {
  const { search } = useUrl();
  const { profile, traces, durations, areFaulty } = baseline;
  const count = traces.length;
  // Attributes have no median: those of the trace that took about as long as is usual stand for all.
  const far = (one: TraceSummary) => Math.abs(one.duration_ns - profile.durationNs);
  const typical = traces.reduce((best, one) => (far(one) < far(best) ? one : best));
  const moment = nanos(nanos(trace.facts.start_time_unix_nano) - BASELINE_TIMES[time]);
  const areBefore = traces.every((one) => nanos(one.start_time_unix_nano) <= moment);
  const near = time === "around" ? "it" : `the same time ${time === "-1d" ? "a day" : "a week"} earlier`;
  const when = `${areBefore ? "in the hour before" : "within an hour of"} ${near}`;
  const most = count === BASELINE_TRACES_MAX ? `the ${BASELINE_TRACES_MAX} nearest` : count === 1 ? "the only one" : `all ${group(count)} found`;
  return (
    <section className={css.head} aria-label={`Trace ${name}, what is usual`}>
      <h2>
        <Side name={name} />
        <Link href={searchHref(trace, root, time, search)}>
          Usual {root.service} {root.name}
        </Link>
      </h2>
      <p>
        <b title={formatNanos(profile.durationNs)}>{formatDuration(profile.durationNs)}</b> median of {plural(count, "trace")}, {formatDuration(durations.low)} to{" "}
        {formatDuration(durations.high)} · {plural(profile.spans, "span")}
      </p>
      <p className={css.dim}>
        Same root operation, {areFaulty ? "with errors or missing spans as there are no others" : "without errors or missing spans"}: {most} {when}
        {" · "}
        <Link href={href(`/compare/${name === "A" ? `${typical.trace_id}...${trace.facts.trace_id}` : `${trace.facts.trace_id}...${typical.trace_id}`}`, { mode: "attributes" }, carryOver(search))}>
          Attributes against one of them
        </Link>
      </p>
    </section>
  );
}

function NoBaseline({ trace, root, time }: { trace: LoadedTrace; root: Root; time: BaselineTime }) {
  const { search } = useUrl();
  return (
    <EmptyState title={`No other ${root.service} ${root.name} ${time === "around" ? "within an hour" : "within an hour of that time"}`} actions={<Link className={buttonClass("default")} href={searchHref(trace, root, time, search)}>Search for traces</Link>}>
      <p>What is usual is told by other traces with the same root operation. Choose another time above.</p>
    </EmptyState>
  );
}

/** The list of traces that the baseline is chosen from. */
function searchHref({ facts }: LoadedTrace, root: Root, time: BaselineTime, search: string): string {
  const moment = nanos(facts.start_time_unix_nano) - BASELINE_TIMES[time];
  return href("/traces", { q: sameRoot(root), from: String(moment - BASELINE_REACH_NS), to: String(moment + BASELINE_REACH_NS), cmp: null }, search);
}
