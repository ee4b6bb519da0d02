import { useQuery } from "@tanstack/react-query";
import { X } from "lucide-react";
import type { ReactNode } from "react";
import { Link } from "wouter";
import type { Cause, CauseChange, PeriodFigures, RootCause } from "../../api/cause";
import { traceHistogramQuery, type Window } from "../../api/queries";
import type { ServiceMap } from "../../api/types";
import { edgePanel, linkOf, partsOf } from "../../engine/cause-links";
import { failingPart } from "../../engine/failing-part";
import { Button } from "../../kit/button";
import { classNames } from "../../kit/class-names";
import { SpanRate } from "../../kit/rate";
import { capital, ErrorState, explain, Note, Skeleton } from "../../kit/states";
import { useTime } from "../../kit/time-context";
import { useUrl } from "../../kit/use-url";
import { formatDuration, formatShare, plural } from "../../lib/format";
import { windowPatch } from "../../lib/selection-url";
import { formatBetween, formatClock, nanos } from "../../lib/time";
import { carryOver, href } from "../../lib/url-state";
import type { Comparison } from "./use-comparison";
import { useWindowLink } from "./use-window-link";
import css from "./what-changed.module.css";

const CAUSES_SHOWN = 5;
const CHANGES_SHOWN = 3;
const EDGES_SHOWN = 5;

/** Whose doing it is: services by what changed in the range, or in a part of it that has been chosen. */
export function WhatChanged({ comparison, map }: { comparison: Comparison; map: ServiceMap | undefined }) {
  const { patch } = useUrl();
  const { window, part, chosen, problem, query } = comparison;
  const { data } = query;
  return (
    <div className={css.whole}>
      {problem && <Note error>{problem}</Note>}
      <SpanRate text="" window={window} hint=", to choose what is explained" onBrush={(from, to) => patch(windowPatch({ from, to }))} marked={part} />
      <p className={css.compared}>
        <Compared window={chosen} isPart={part !== null} base={data?.base} alone={isAlone(data)} />
        {part && (
          <Button look="quiet" small iconLabel="Explain the whole range" onClick={() => patch(windowPatch(null))}>
            <X size={13} aria-hidden />
          </Button>
        )}
      </p>
      {comparison.isTooMuch && !data ? (
        <TooMuch comparison={comparison} />
      ) : query.isError && !data ? (
        <ErrorState title="What changed could not be found out" error={query.error} onRetry={() => void query.refetch()} />
      ) : !data ? (
        <div className={css.waiting} aria-busy="true">
          <Skeleton height={20} />
          <Skeleton height={20} />
        </div>
      ) : (
        <div className={classNames(query.isPlaceholderData && css.stale)} aria-busy={query.isPlaceholderData}>
          {isAlone(data) ? (
            <>
              <FailingPart window={window} />
              <Failing map={map} />
            </>
          ) : (
            <>
              {data.notes.map((note) => (
                <p key={note} className={css.note}>
                  {capital(note)}.
                </p>
              ))}
              {data.services.length === 0 && data.base.spans > 0 && <p className={css.calm}>Nothing changed that chance does not explain.</p>}
              <ol className={css.causes}>
                {data.services.slice(0, CAUSES_SHOWN).map((cause, nth) => (
                  <CauseItem key={cause.service} cause={cause} rank={nth + 1} window={chosen} />
                ))}
              </ol>
              <Edges changes={data.edges} map={map} window={chosen} />
            </>
          )}
        </div>
      )}
    </div>
  );
}

/** There is nothing that the window could be compared with. */
function isAlone(data: RootCause | undefined): boolean {
  return data !== undefined && data.base.spans === 0 && data.base.logs === 0;
}

/** Failures that have a beginning and an end within the range can be compared with the rest of it: the way there. */
function FailingPart({ window }: { window: Window }) {
  const { zone } = useTime();
  const { patch } = useUrl();
  const { data } = useQuery(traceHistogramQuery(window, ""));
  const part = data && failingPart(data);
  if (!part) return null;
  const [from, to] = [nanos(part.from), nanos(part.to)];
  return (
    <p className={css.failingPart}>
      <span>
        Spans fail from {formatClock(from, zone, 0)} to {formatClock(to, zone, 0)} only.
      </span>
      <Button small look="primary" onClick={() => patch(windowPatch({ from, to }))}>
        Explain this part
      </Button>
    </p>
  );
}

function Compared({ window, isPart, base, alone }: { window: Window; isPart: boolean; base: PeriodFigures | undefined; alone: boolean }) {
  const { zone } = useTime();
  const against = isPart ? "the rest of the range" : (base && aroundWords(window, base)) || "the time around it";
  return (
    <span>
      <b>{formatBetween(window.from, window.to, zone)}</b>
      {alone ? "" : ` against ${against}`}. {isPart ? "" : "Drag over the chart to explain a part."}
    </span>
  );
}

/** How far a baseline reaches to both sides; empty when it does not. */
function aroundWords(window: Window, base: PeriodFigures): string {
  const before = Number(window.from - nanos(base.from_unix_nano));
  const behind = Number(nanos(base.to_unix_nano) - window.to);
  return [before > 0 ? `${formatDuration(before)} before` : "", behind > 0 ? `${formatDuration(behind)} behind` : ""].filter((part) => part !== "").join(" and ");
}

/** Not an error: the comparison would have taken longer than anybody waits without having asked for it. */
function TooMuch({ comparison }: { comparison: Comparison }) {
  const { message, hint } = explain(comparison.query.error);
  return (
    <div className={css.tooMuch} role="status">
      <p>
        {capital(message)}. {comparison.isPatient && `${capital(hint)}.`}
      </p>
      {!comparison.isPatient && (
        <p>
          Narrow the range, or wait for it.{" "}
          <Button small onClick={comparison.wait}>
            Compare for up to a minute
          </Button>
        </p>
      )}
    </div>
  );
}

function CauseItem({ cause, rank, window }: { cause: Cause; rank: number; window: Window }) {
  const link = useWindowLink(window);
  return (
    <li>
      <div className={css.head}>
        <span className={css.rank}>{rank}</span>
        <Link href={link(`/services/${encodeURIComponent(cause.service)}`)}>{cause.service}</Link>
        <span className={css.share} title={`Score ${cause.score.toFixed(3)}: roughly the share of the requests that is concerned`}>
          {formatShare(cause.share, 1)} of what changed
          <span className={css.meter} aria-hidden>
            <i style={{ width: `${(cause.share * 100).toFixed(1)}%` }} />
          </span>
        </span>
      </div>
      <ul className={css.changes}>
        {cause.changes.slice(0, CHANGES_SHOWN).map((change) => (
          <ChangeItem key={change.sentence} change={change} window={window} />
        ))}
        {cause.changes.length > CHANGES_SHOWN && <li className={css.more}>and {plural(cause.changes.length - CHANGES_SHOWN, "smaller change")}</li>}
      </ul>
    </li>
  );
}

function ChangeItem({ change, window, children }: { change: CauseChange; window: Window; children?: ReactNode }) {
  const link = useWindowLink(window);
  const target = linkOf(change);
  const { example } = change;
  return (
    <li>
      <span className={css.sentence}>
        {children}
        {partsOf(change.sentence).map(({ text, code }, nth) =>
          // A part is its place.
          // oxlint-disable-next-line react/no-array-index-key
          code ? <code key={nth}>{text}</code> : <span key={nth}>{text}</span>,
        )}
      </span>
      <span className={css.links}>
        <Link href={link(target.path, { q: target.q })} aria-label={`${target.label} of: ${change.sentence}`}>
          {target.label}
        </Link>
        {example && example.trace_id !== "" && (
          <Link href={link(`/trace/${example.trace_id}`, example.span_id === "" ? {} : { span: example.span_id })} aria-label={`Example of: ${change.sentence}`}>
            Example
          </Link>
        )}
      </span>
    </li>
  );
}

/** Calls between two services that changed: each leads to its arrow on the map. */
function Edges({ changes, map, window }: { changes: readonly CauseChange[]; map: ServiceMap | undefined; window: Window }) {
  const link = useWindowLink(window);
  if (changes.length === 0) return null;
  return (
    <>
      <h3 className={css.subtitle}>Calls between services</h3>
      <ul className={css.changes}>
        {changes.slice(0, EDGES_SHOWN).map((change) => (
          <ChangeItem key={change.sentence} change={change} window={window}>
            <Link className={css.edge} href={link("/map", { panel: edgePanel(change, map) })}>
              {change.caller} → {change.callee}
            </Link>
          </ChangeItem>
        ))}
        {changes.length > EDGES_SHOWN && <li className={css.more}>and {plural(changes.length - EDGES_SHOWN, "smaller change")}</li>}
      </ul>
    </>
  );
}

/** Without anything to compare with: the services that fail most. */
function Failing({ map }: { map: ServiceMap | undefined }) {
  const { search } = useUrl();
  const failing = (map?.nodes ?? []).filter((node) => node.faults > 0 && node.type === "service").toSorted((a, b) => b.faults / b.requests - a.faults / a.requests);
  return (
    <>
      <p className={css.calm}>There is no data around this range to compare with. {failing.length > 0 ? "These services fail most:" : map && "No service fails."}</p>
      <ul className={css.failing}>
        {failing.slice(0, CAUSES_SHOWN).map((node) => (
          <li key={node.id}>
            <Link href={href("/map", { panel: `node:${node.id}` }, carryOver(search))}>{node.name}</Link>
            <span className={css.worse}>{formatShare(node.faults, node.requests)} fault</span>
          </li>
        ))}
      </ul>
    </>
  );
}
