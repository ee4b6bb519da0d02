import { useQuery } from "@tanstack/react-query";
import { ArrowLeftRight } from "lucide-react";
import { useEffect, useMemo } from "react";
import { Link } from "wouter";
import { traceQuery } from "../../api/queries";
import { unionTree } from "../../engine/compare";
import { contributions, profileOf } from "../../engine/contributions";
import type { LoadedTrace } from "../../engine/decode-trace";
import { announce } from "../../kit/announce";
import { Button, CopyButton } from "../../kit/button";
import { ChoiceNote } from "../../kit/choice-note";
import { Page } from "../../kit/page";
import { ErrorState, Note } from "../../kit/states";
import { TAB_PANEL_ID, tabId, Tabs } from "../../kit/tabs";
import { useUrl } from "../../kit/use-url";
import { carryOver, href } from "../../lib/url-state";
import { AttributesView } from "./attributes-view";
import { BASELINE, BaselineScreen } from "./baseline-view";
import { CompareSkeleton, sentence, TraceHead } from "./compare-parts";
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

/** Two traces side by side: `/compare/<a>...<b>`. An id that is missing is asked for; `baseline` is what is usual. */
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
      <Body key={`${a} ${b}`} a={a} b={b} go={go} />
    </Page>
  );
}

interface PairProps {
  a: string;
  b: string;
  go: (a: string, b: string) => void;
}

function Body({ a, b, go }: PairProps) {
  if (a === "" || b === "") return <PickTrace a={a} b={b} onPick={go} />;
  if (a === BASELINE && b === BASELINE) return <PickTrace a={BASELINE} b="" onPick={go} />;
  if (a === BASELINE) return <BaselineScreen traceId={b} side="A" />;
  if (b === BASELINE) return <BaselineScreen traceId={a} side="B" />;
  return <Pair a={a} b={b} go={go} />;
}

function Pair({ a, b, go }: PairProps) {
  const [left, right] = [useQuery(traceQuery(a)), useQuery(traceQuery(b))];
  for (const [query, name] of [[left, "A"], [right, "B"]] as const) {
    if (query.isError) return <ErrorState title={`Trace ${name} could not be loaded`} error={query.error} onRetry={() => void query.refetch()} />;
  }
  if (!left.data || !right.data) {
    return <CompareSkeleton />;
  }
  return <Comparison a={left.data} b={right.data} go={go} />;
}

function Comparison({ a, b, go }: { a: LoadedTrace; b: LoadedTrace; go: (a: string, b: string) => void }) {
  const { search, patch } = useUrl();
  const mode = MODES.find((one) => one.value === new URLSearchParams(search).get("mode"))?.value ?? "latency";
  const profiles = useMemo(() => ({ a: profileOf(a.model), b: profileOf(b.model) }), [a, b]);
  const parts = useMemo(() => contributions(profiles.a, profiles.b), [profiles]);
  const tree = useMemo(() => unionTree(a.model, b.model), [a, b]);
  const difference = b.model.durationNs - a.model.durationNs;
  const summary = sentence(difference, parts, { a: "A", b: "B" });
  useEffect(() => announce(summary), [summary]);
  const sameRoot = a.facts.root?.name === b.facts.root?.name && a.facts.root?.service === b.facts.root?.service;
  return (
    <>
      <div className={css.heads}>
        <TraceHead name="A" trace={a} otherNs={b.model.durationNs} />
        <TraceHead name="B" trace={b} otherNs={a.model.durationNs} />
      </div>
      <p className={css.summary}>{summary}</p>
      {!sameRoot && <Note>The traces have different roots: they may not be the same kind of request.</Note>}
      <ChoiceNote name="mode" choices={MODES} usual="the latency is shown" />
      <div className={css.tabs}>
        <Tabs label="What is compared" value={mode} choices={MODES} onChange={(next: Mode) => patch({ mode: next === "latency" ? null : next })} />
        <Button small look="quiet" onClick={() => go(a.facts.trace_id, "")}>
          Choose another B
        </Button>
      </div>
      <div className={css.panel} role="tabpanel" id={TAB_PANEL_ID} aria-labelledby={tabId(mode)}>
        {mode === "latency" && <ContributionView parts={parts} {...profiles} />}
        {mode === "structure" && <StructureView tree={tree} a={a} b={b} />}
        {mode === "attributes" && <AttributesView parts={parts} a={a} b={b} />}
      </div>
    </>
  );
}
