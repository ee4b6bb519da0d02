import { useQuery } from "@tanstack/react-query";
import { Link } from "wouter";
import { serviceQuery } from "../../api/queries";
import type { ServiceOverview } from "../../api/types";
import { ApiError } from "../../api/client";
import { worst } from "../../engine/outcome";
import { allOf } from "../../engine/search/edit";
import { buttonClass } from "../../kit/button";
import { classNames } from "../../kit/class-names";
import { NoDataInRange } from "../../kit/no-data";
import { Page } from "../../kit/page";
import { ErrorState, Note, Skeleton } from "../../kit/states";
import { TAB_PANEL_ID, Tabs, tabId } from "../../kit/tabs";
import { useTime } from "../../kit/time-context";
import { useUrl } from "../../kit/use-url";
import { formatDuration, formatShare, plural } from "../../lib/format";
import { carryOver, href } from "../../lib/url-state";
import { CallsTab } from "./calls-tab";
import { DependenciesTab } from "./dependencies-tab";
import { ErrorsTab } from "./errors-tab";
import { OperationsTab } from "./operations-tab";
import { OverviewTab } from "./overview-tab";
import css from "./service-screen.module.css";

const TABS = [
  { value: "overview", label: "Overview" },
  { value: "operations", label: "Operations" },
  { value: "deps", label: "Dependencies" },
  { value: "calls", label: "Calls" },
  { value: "errors", label: "Errors" },
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
  const query = useQuery(serviceQuery(name, window, CHART_BUCKETS));
  const gone = query.error instanceof ApiError && query.error.status === 404;
  const shown = gone ? undefined : query.data;
  const crumb = (
    <>
      <Link href={href("/services", {}, carry)}>Services</Link> / <b>{name}</b>
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
      {text !== null && text !== tab && <Note error>tab={text} in the address is none of {TABS.map((one) => one.value).join(", ")}; the overview is shown.</Note>}
      {gone ? (
        <NoDataInRange signal="spans" />
      ) : query.isError && !query.data ? (
        <ErrorState title="The service could not be loaded" error={query.error} onRetry={() => void query.refetch()} />
      ) : (
        <div className={classNames(css.scroller, query.isPlaceholderData && css.stale)}>
          <Header overview={shown} actions={actions} />
          <Tabs label={`Parts of ${name}`} value={tab} choices={TABS} onChange={(next) => patch({ tab: next === "overview" ? null : next }, { replace: true })} />
          <div className={css.panel} role="tabpanel" id={TAB_PANEL_ID} aria-labelledby={tabId(tab)}>
            {tab === "overview" && <OverviewTab overview={shown} />}
            {tab === "operations" && <OperationsTab service={name} />}
            {tab === "deps" && <DependenciesTab service={name} />}
            {tab === "calls" && <CallsTab service={name} />}
            {tab === "errors" && <ErrorsTab service={name} />}
          </div>
        </div>
      )}
    </Page>
  );
}

function Header({ overview, actions }: { overview: ServiceOverview | undefined; actions: React.ReactNode }) {
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
  return (
    <>
      <div className={css.head}>
        <dl className={css.tiles}>
          <div title={plural(overview.requests, "request")}>
            <dd>{rate < 10 ? rate.toFixed(1) : Math.round(rate)}</dd>
            <dt>{overview.measured}/min</dt>
          </div>
          <div title={`${count} of ${overview.requests}`}>
            <dd className={failed ? css[outcome] : undefined}>{failed ? formatShare(count, overview.requests) : "0%"}</dd>
            <dt>{failed ? outcome : "failed"}</dt>
          </div>
          <div>
            <dd>{overview.duration_ns ? formatDuration(overview.duration_ns.p50) : "–"}</dd>
            <dt>p50</dt>
          </div>
          <div>
            <dd>{overview.duration_ns ? formatDuration(overview.duration_ns.p95) : "–"}</dd>
            <dt>p95</dt>
          </div>
        </dl>
        {actions}
      </div>
      {overview.measured === "spans" && <p className={css.note}>This service has no server or consumer spans: all of its spans are measured.</p>}
    </>
  );
}
