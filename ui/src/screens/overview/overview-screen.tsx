import { type UseQueryResult, useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { lazy, type ReactNode, Suspense, useId } from "react";
import { Link } from "wouter";
import { mapQuery, statusQuery, tracesQuery, type Window } from "../../api/queries";
import type { MapNode, OutcomeCounts, ServiceMap } from "../../api/types";
import { addCounts, NO_REQUESTS } from "../../engine/outcome";
import { Button } from "../../kit/button";
import { classNames } from "../../kit/class-names";
import { NoDataInRange } from "../../kit/no-data";
import { Page } from "../../kit/page";
import { SetupCard } from "../../kit/setup-card";
import { capital, ErrorState, explain, Note, Skeleton, Waiting } from "../../kit/states";
import { useTime } from "../../kit/time-context";
import { useUrl } from "../../kit/use-url";
import { formatAgo, formatCount, formatDuration, formatShare, plural } from "../../lib/format";
import { formatDateTime, nanos } from "../../lib/time";
import { carryOver, href } from "../../lib/url-state";
import table from "../../kit/table.module.css";
import css from "./overview-screen.module.css";
import { LogPatterns } from "./log-patterns";
import { Sparkline } from "./sparkline";
import { SystemStrip } from "./system-strip";
import { useComparison } from "./use-comparison";
import { WhatChanged } from "./what-changed";

const MiniMap = lazy(async () => ({ default: (await import("./mini-map")).MiniMap }));

const SPARK_BUCKETS = 60;
const TRACES_SHOWN = 6;
const FAILED = "status:error";

/** What is going on: how much, how well, how fast; what is different from before; where it fails. */
export function OverviewScreen() {
  const { window, now } = useTime();
  const status = useQuery(statusQuery());
  const map = useQuery(mapQuery(window, "", SPARK_BUCKETS));
  const before = useQuery(mapQuery(previous(window), "", 0));
  const empty = status.data && status.data.signals.spans.rows === 0 && status.data.signals.logs.rows === 0;
  const newest = status.data?.signals.spans.newest_unix_nano;
  return (
    <Page title="Overview" timed field={newest != null && <p className={css.newest}>latest span {formatAgo(max(now - nanos(newest), 0n))}</p>}>
      {empty ? (
        <SetupCard status={status.data} />
      ) : map.data?.nodes.length === 0 ? (
        <NoDataInRange signal="spans" />
      ) : (
        <Panels map={map} before={before.data} window={window} />
      )}
    </Page>
  );
}

/** The panels, each with its own answer, which may fail for itself; those that show what changed share one. */
function Panels({ map, before, window }: { map: UseQueryResult<ServiceMap>; before: ServiceMap | undefined; window: Window }) {
  const comparison = useComparison(window);
  return (
    <div className={classNames(css.scroller, map.isPlaceholderData && css.stale)}>
      {map.isError && !map.data ? <NoTiles map={map} /> : <Tiles map={map.data} before={before} window={window} />}
      <div className={css.columns}>
        <div className={css.column}>
          <Panel title="What changed">
            <WhatChanged comparison={comparison} map={map.data} />
          </Panel>
          <Panel title="New or more frequent messages">
            <LogPatterns comparison={comparison} />
          </Panel>
        </div>
        <div className={css.column}>
          <Panel title="Map" more={["/map", "Open the map"]}>
            <div className={css.map}>
              {map.data ? (
                <Suspense fallback={null}>
                  <MiniMap map={map.data} window={window} />
                </Suspense>
              ) : map.isError ? (
                <ErrorState title="The map could not be loaded" error={map.error} onRetry={() => void map.refetch()} />
              ) : (
                <Waiting>Calls are counted…</Waiting>
              )}
            </div>
          </Panel>
          <Panel title="Latest failed traces" more={["/traces", "All of them"]} q={FAILED}>
            <FailedTraces window={window} />
          </Panel>
        </div>
      </div>
      <Panel title="System" more={["/system", "Running queries and more"]}>
        <SystemStrip />
      </Panel>
    </div>
  );
}

/** The figures come with the map: without it they are not known either. */
function NoTiles({ map }: { map: UseQueryResult<ServiceMap> }) {
  return (
    <div className={css.noTiles}>
      <Note error action={<Button small onClick={() => void map.refetch()}>Retry</Button>}>
        Rate, errors and durations could not be loaded. {capital(explain(map.error).message)}.
      </Note>
    </div>
  );
}

function max(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}

function previous(window: Window): Window {
  return { from: nanos(window.from - (window.to - window.from)), to: window.from };
}

function Panel({ title, more, q = "", children }: { title: string; more?: [path: string, label: string]; q?: string; children: ReactNode }) {
  const { search } = useUrl();
  const id = useId();
  return (
    <section className={css.panel} aria-labelledby={id}>
      <header>
        <h2 id={id}>{title}</h2>
        {more && <Link href={href(more[0], { q }, carryOver(search))}>{more[1]}</Link>}
      </header>
      {children}
    </section>
  );
}

/** The requests that come from outside; of systems without such, those of all services. */
function entryOf(map: ServiceMap): OutcomeCounts & { p95: number | null; p50: number | null; p99: number | null; nodes: MapNode[] } {
  const client = map.nodes.find((node) => node.type === "client");
  if (client) return { ...client, p95: client.duration_ns?.p95 ?? null, p50: client.duration_ns?.p50 ?? null, p99: client.duration_ns?.p99 ?? null, nodes: [client] };
  const nodes = map.nodes.filter((node) => node.type === "service");
  const slowest = nodes.reduce((most, node) => Math.max(most, node.duration_ns?.p95 ?? 0), 0);
  return { ...nodes.reduce<OutcomeCounts>(addCounts, NO_REQUESTS), p95: slowest > 0 ? slowest : null, p50: null, p99: null, nodes };
}

function share(counts: OutcomeCounts, key: "faults" | "errors"): number {
  return counts[key] / Math.max(1, counts.requests);
}

function Tiles({ map, before, window }: { map: ServiceMap | undefined; before: ServiceMap | undefined; window: Window }) {
  if (!map) {
    return (
      <div className={css.tiles} aria-busy="true">
        {Array.from({ length: 4 }, (_, i) => (
          <Skeleton key={i} height={118} />
        ))}
      </div>
    );
  }
  const minutes = Number(window.to - window.from) / 60e9;
  const [entry, was] = [entryOf(map), before && before.nodes.length > 0 ? entryOf(before) : null];
  const rate = entry.requests / minutes;
  const column = (key: keyof OutcomeCounts) =>
    Array.from({ length: map.buckets?.count ?? 0 }, (_, i) => entry.nodes.reduce((sum, node) => sum + (node.over_time?.[key][i] ?? 0), 0));
  const requests = column("requests");
  const failing = map.nodes.filter((node) => node.faults > 0 && node.type === "service").length;
  return (
    <dl className={css.tiles}>
      <Tile
        label="requests/min"
        value={rate < 10 ? rate.toFixed(1) : formatCount(Math.round(rate))}
        line={requests}
        note={was ? factor(entry.requests, was.requests) : before && "nothing before to compare with"}
      />
      <Tile
        label="fault 5xx"
        value={formatShare(entry.faults, entry.requests)}
        bad={entry.faults > 0}
        line={column("faults").map((count, i) => count / Math.max(1, requests[i]!))}
        tone={entry.faults > 0 ? "fault" : "bar"}
        note={was && points(share(entry, "faults"), share(was, "faults"))}
        alarm={failing > 0 && (entry.faults === 0 ? `but ${plural(failing, "service")} inside with faults` : `${plural(failing, "service")} with faults`)}
      />
      <Tile
        label="error 4xx"
        value={formatShare(entry.errors, entry.requests)}
        line={column("errors").map((count, i) => count / Math.max(1, requests[i]!))}
        tone={entry.errors > 0 ? "error" : "bar"}
        note={was && points(share(entry, "errors"), share(was, "errors"))}
      />
      <Tile
        label="p95"
        value={entry.p95 === null ? "–" : formatDuration(entry.p95)}
        more={entry.p50 !== null && entry.p99 !== null && `p50 ${formatDuration(entry.p50)} · p99 ${formatDuration(entry.p99)}`}
        note={was?.p95 && entry.p95 !== null && factor(entry.p95, was.p95)}
      />
    </dl>
  );
}

const AS_BEFORE = "as before";

function factor(now: number, before: number): string {
  if (before === 0) return now === 0 ? AS_BEFORE : "none before";
  const change = now / before - 1;
  if (Math.abs(change) < 0.005) return AS_BEFORE;
  return `${change >= 0 ? "+" : "−"}${Math.abs(change) >= 10 ? "over 1000" : Math.round(Math.abs(change) * 100)}% against before`;
}

function points(now: number, before: number): string {
  const change = (now - before) * 100;
  if (Math.abs(change) < 0.05) return AS_BEFORE;
  return `${change >= 0 ? "+" : "−"}${Math.abs(change).toFixed(1)} points against before`;
}

interface TileProps {
  label: string;
  value: string;
  bad?: boolean;
  line?: number[];
  tone?: "bar" | "fault" | "error";
  /** Figures in the place of the line. */
  more?: string | false;
  note: string | false | null | undefined | 0;
  /** What the number does not say and must not be overlooked. */
  alarm?: string | false;
}

function Tile(props: TileProps) {
  return (
    <div>
      <dt>{props.label}</dt>
      <dd className={classNames(css.value, props.bad && css.bad)}>{props.value}</dd>
      <dd className={css.more}>
        {props.line ? <Sparkline values={props.line} tone={props.tone ?? "bar"} /> : <span className={css.noLine}>{props.more}</span>}
        <small>
          {props.alarm ? <span className={css.bad}>{props.alarm}</span> : props.note}
        </small>
      </dd>
    </div>
  );
}

function FailedTraces({ window }: { window: Window }) {
  const { zone } = useTime();
  const { search } = useUrl();
  const query = useInfiniteQuery(tracesQuery(window, FAILED));
  if (query.isError) return <ErrorState title="The traces could not be loaded" error={query.error} onRetry={() => void query.refetch()} />;
  if (!query.data) {
    return (
      <div className={css.waiting} aria-busy="true">
        {Array.from({ length: TRACES_SHOWN }, (_, i) => (
          <Skeleton key={i} height={14} />
        ))}
      </div>
    );
  }
  const traces = query.data.pages[0]!.traces.slice(0, TRACES_SHOWN);
  if (traces.length === 0) return <p className={css.calm}>No trace with a failed span in this range.</p>;
  return (
    <table className={table.panel}>
      <thead>
        <tr>
          <th scope="col">Trace</th>
          <th scope="col">Start</th>
          <th scope="col">Failed spans</th>
          <th scope="col">Spans</th>
          <th scope="col">Duration</th>
        </tr>
      </thead>
      <tbody>
        {traces.map((trace) => (
          <tr key={trace.trace_id}>
            <th scope="row">
              <Link href={href(`/trace/${trace.trace_id}`, {}, carryOver(search))}>
                {trace.root ? `${trace.root.service} ${trace.root.name}` : trace.trace_id}
              </Link>
            </th>
            <td>{formatDateTime(nanos(trace.start_time_unix_nano), zone)}</td>
            <td className={css.worse}>{formatCount(trace.error_count)}</td>
            <td>{formatCount(trace.span_count)}</td>
            <td>{formatDuration(trace.duration_ns)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
