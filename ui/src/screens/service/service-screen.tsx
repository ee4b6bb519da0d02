import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { Link } from "wouter";
import { serviceQuery } from "../../api/queries";
import type { ServiceOverview } from "../../api/types";
import { ApiError } from "../../api/client";
import { worst } from "../../engine/outcome";
import { allOf } from "../../engine/search/edit";
import { buttonClass } from "../../kit/button";
import { classNames } from "../../kit/class-names";
import { ChoiceNote } from "../../kit/choice-note";
import { DeltaText } from "../../kit/delta-text";
import { NoDataInRange } from "../../kit/no-data";
import { Page } from "../../kit/page";
import { ErrorState, Note, Skeleton } from "../../kit/states";
import { TAB_PANEL_ID, Tabs, tabId } from "../../kit/tabs";
import { useTime } from "../../kit/time-context";
import { useUrl } from "../../kit/use-url";
import { comparedWindow, type Comparison, COMPARISON_WORDS, COMPARISONS, durationDelta, rateDelta, readComparison, shareDelta } from "../../lib/comparison";
import { formatDuration, formatShare, group, plural } from "../../lib/format";
import { carryOver, href } from "../../lib/url-state";
import { CallsTab } from "./calls-tab";
import { DependenciesTab } from "./dependencies-tab";
import { ErrorsTab } from "./errors-tab";
import { LogsTab } from "./logs-tab";
import { OperationsTab } from "./operations-tab";
import { OverviewTab } from "./overview-tab";
import table from "../../kit/table.module.css";
import css from "./service-screen.module.css";

const TABS = [
  { value: "overview", label: "Overview" },
  { value: "operations", label: "Operations" },
  { value: "deps", label: "Dependencies" },
  { value: "calls", label: "Calls" },
  { value: "errors", label: "Errors" },
  { value: "logs", label: "Logs" },
] as const;
type Tab = (typeof TABS)[number]["value"];

const CHART_BUCKETS = 60;

/** One service: how much, how well, how fast; its operations, dependencies and errors. */
export function ServiceScreen({ name }: { name: string }) {
  const { search, patch } = useUrl();
  const { window } = useTime();
  const carry = carryOver(search);
  const text = new URLSearchParams(search).get("tab");
  const tab: Tab = TABS.find((one) => one.value === text)?.value ?? "overview";
  const { cmp, problem } = readComparison(search);
  const compared = useMemo(() => (cmp === "none" ? null : comparedWindow(window, cmp)), [window, cmp]);
  const query = useQuery(serviceQuery(name, window, CHART_BUCKETS));
  const earlier = useQuery({ ...serviceQuery(name, compared ?? window, 1), enabled: compared !== null });
  const nothingThen = earlier.error instanceof ApiError && earlier.error.status === 404;
  const gone = query.error instanceof ApiError && query.error.status === 404;
  const shown = gone ? undefined : query.data;
  const crumb = (
    <>
      <Link href={href("/services", {}, carry)}>Services</Link> › <b>{name}</b>
    </>
  );
  const ofService = allOf(["service", name]);
  const actions = (
    <nav className={css.actions} aria-label={`More of ${name}`}>
      <Link className={buttonClass("primary", true)} href={href("/traces", { q: ofService }, carry)}>
        Traces
      </Link>
      <Link className={buttonClass("default", true)} href={href("/logs", { q: ofService }, carry)}>
        Logs
      </Link>
      <Link className={buttonClass("default", true)} href={href("/map", { focus: `service:${name}`, panel: `node:service:${name}` }, carry)}>
        Map
      </Link>
    </nav>
  );
  return (
    <Page title={name} crumb={crumb} timed>
      <ChoiceNote name="tab" choices={TABS} usual="the overview is shown" />
      {problem && <Note error>{problem}</Note>}
      {gone ? (
        <NoDataInRange signal="spans" />
      ) : query.isError && !query.data ? (
        <ErrorState title="The service could not be loaded" error={query.error} onRetry={() => void query.refetch()} />
      ) : (
        <div className={classNames(css.scroller, query.isPlaceholderData && css.stale)}>
          <Header
            overview={shown}
            before={compared && !nothingThen && !earlier.isPlaceholderData ? earlier.data : undefined}
            comparison={
              <label className={css.compare}>
                Compare with
                <select value={cmp} onChange={(event) => patch({ cmp: event.target.value === "none" ? null : event.target.value })}>
                  {COMPARISONS.map((one) => (
                    <option key={one} value={one}>
                      {COMPARISON_WORDS[one]}
                    </option>
                  ))}
                </select>
              </label>
            }
            actions={actions}
          />
          {compared && nothingThen && <Note>The service has no spans {COMPARISON_PHRASE[cmp]} this range: there is nothing to compare with.</Note>}
          {compared && earlier.isError && !nothingThen && <Note error>The time to compare with could not be loaded.</Note>}
          <Tabs label={`Parts of ${name}`} value={tab} choices={TABS} onChange={(next) => patch({ tab: next === "overview" ? null : next }, { replace: true })} />
          <div className={css.panel} role="tabpanel" id={TAB_PANEL_ID} aria-labelledby={tabId(tab)}>
            {tab === "overview" && <OverviewTab overview={shown} />}
            {tab === "operations" && <OperationsTab service={name} compared={compared} />}
            {tab === "deps" && <DependenciesTab service={name} />}
            {tab === "calls" && <CallsTab service={name} />}
            {tab === "errors" && <ErrorsTab service={name} />}
            {tab === "logs" && <LogsTab service={name} />}
          </div>
        </div>
      )}
    </Page>
  );
}

const COMPARISON_PHRASE: Record<Comparison, string> = { none: "", prev: "just before", "-1d": "a day before", "-7d": "a week before" };

function Header({ overview, before, comparison, actions }: { overview: ServiceOverview | undefined; before: ServiceOverview | undefined; comparison: React.ReactNode; actions: React.ReactNode }) {
  const { window } = useTime();
  if (!overview) {
    return (
      <div className={css.tiles} aria-busy="true">
        {Array.from({ length: 4 }, (_, i) => (
          <Skeleton key={i} height={54} />
        ))}
      </div>
    );
  }
  const minutes = Number(window.to - window.from) / 60e9;
  const { outcome, count } = worst(overview);
  const rate = overview.requests / Math.max(minutes, 1e-9);
  const failed = outcome !== "ok";
  // The same outcome before; when nothing fails now, whatever failed then.
  const shareBefore = before && (failed ? { fault: before.faults, throttle: before.throttles, error: before.errors, ok: 0 }[outcome] : before.requests - before.ok) / Math.max(1, before.requests);
  const shareNow = failed ? count / Math.max(1, overview.requests) : 0;
  const rank = (key: "p50" | "p95") => before?.duration_ns && overview.duration_ns && durationDelta(overview.duration_ns[key], before.duration_ns[key]);
  return (
    <>
      <div className={css.head}>
        <dl className={css.tiles}>
          <div title={plural(overview.requests, "request")}>
            <dd>
              {printRate(rate)} <DeltaText delta={before ? rateDelta(overview.requests, before.requests, (requests) => `${printRate(requests / Math.max(minutes, 1e-9))}/min`) : null} />
            </dd>
            <dt>{overview.measured}/min</dt>
          </div>
          <div title={`${count} of ${overview.requests}`}>
            <dd className={failed ? table[outcome] : undefined}>
              {failed ? formatShare(count, overview.requests) : "0%"} <DeltaText delta={shareBefore === undefined ? null : shareDelta(shareNow, shareBefore, (share) => formatShare(share, 1))} />
            </dd>
            <dt>{failed ? outcome : "failed"}</dt>
          </div>
          <div>
            <dd>
              {overview.duration_ns ? formatDuration(overview.duration_ns.p50) : "–"} <DeltaText delta={rank("p50") ?? null} />
            </dd>
            <dt>p50</dt>
          </div>
          <div>
            <dd>
              {overview.duration_ns ? formatDuration(overview.duration_ns.p95) : "–"} <DeltaText delta={rank("p95") ?? null} />
            </dd>
            <dt>p95</dt>
          </div>
        </dl>
        <div className={css.side}>
          {actions}
          {comparison}
        </div>
      </div>
      {overview.measured === "spans" && <p className={css.note}>This service has no server or consumer spans: all of its spans are measured.</p>}
    </>
  );
}

function printRate(rate: number): string {
  return rate < 10 ? rate.toFixed(1) : group(Math.round(rate));
}
