import { useQuery } from "@tanstack/react-query";
import { ArrowDownWideNarrow, PanelLeft } from "lucide-react";
import { lazy, Suspense, useEffect } from "react";
import { Link } from "wouter";
import { statusQuery, traceParams, type Window } from "../../api/queries";
import type { TraceSummary } from "../../api/types";
import { isOneSpan } from "../../engine/search/edit";
import { announce } from "../../kit/announce";
import { Button, buttonClass } from "../../kit/button";
import { ChoiceNote } from "../../kit/choice-note";
import { Facets, useFacetsShown } from "../../kit/facets";
import { ChoiceMenu } from "../../kit/menu";
import { ImportFile } from "../../kit/import-file";
import { NoDataInRange } from "../../kit/no-data";
import { NothingMatches } from "../../kit/nothing-matches";
import { Page } from "../../kit/page";
import { QueryBar, useEditable } from "../../kit/query-bar";
import { ConditionChips } from "../../kit/search-field";
import { SpanRate } from "../../kit/rate";
import { SetupCard } from "../../kit/setup-card";
import { ErrorState, Note } from "../../kit/states";
import { StreamStatus, stoppedText } from "../../kit/stream-status";
import { TAB_PANEL_ID, tabId, Tabs } from "../../kit/tabs";
import { useTime } from "../../kit/time-context";
import { useRowStream } from "../../kit/use-row-stream";
import { useUrl } from "../../kit/use-url";
import { plural } from "../../lib/format";
import { carryOver, href, readText, textPatch } from "../../lib/url-state";
import { DurationChart } from "./duration-chart";
import { MARKS, readMarks, toggleMark } from "./trace-marks";
import { readTraceOrder, TRACE_ORDERS, traceOrderPatch } from "./trace-order";
import { TraceTable } from "./trace-table";
import css from "./traces-screen.module.css";

const FACETS = ["service", "outcome", "status", "name", "http.route", "http.response.status_code", "kind", "deployment.environment.name"];

const HeatmapTab = lazy(async () => ({ default: (await import("./heatmap/heatmap-tab")).HeatmapTab }));

const VIEWS = [
  { value: "list", label: "List" },
  { value: "heatmap", label: "Heatmap" },
] as const;
type View = (typeof VIEWS)[number]["value"];

interface SearchProps {
  text: string;
  editable: string;
  window: Window;
  onChange: (text: string) => void;
}

/** Search for traces: the search, spans over time and by duration, the traces that match. */
export function TracesScreen() {
  const { search, patch } = useUrl();
  const { window, setWindow } = useTime();
  const text = readText(search);
  const view: View = new URLSearchParams(search).get("view") === "heatmap" ? "heatmap" : "list";
  const problems = [readTraceOrder(search).problem, readMarks(search).problem].filter((one) => one !== null);
  const [shown, setShown] = useFacetsShown();
  const status = useQuery(statusQuery());
  const change = (next: string) => patch(textPatch(next));
  const empty = status.data && status.data.signals.spans.rows === 0 && status.data.signals.logs.rows === 0;
  const props = { text, editable: useEditable("traces", window, text), window, onChange: change };
  return (
    <Page
      title="Traces"
      timed
      actions={<ImportFile button />}
      field={<QueryBar subject="traces" value={text} window={window} placeholder="words, service:cart, duration>50ms" onCommit={change} />}
    >
      {empty ? (
        <SetupCard status={status.data} />
      ) : (
        <>
          <ChoiceNote name="view" choices={VIEWS} usual="the list is shown" />
          {problems.map((problem) => (
            <Note key={problem} error>
              {problem}
            </Note>
          ))}
          <div className={css.filters}>
            <Button small look="quiet" aria-pressed={shown} onClick={() => setShown(!shown)}>
              <PanelLeft size={14} aria-hidden /> Facets
            </Button>
            <div className={css.views}>
              <Tabs label="View of the traces" value={view} choices={VIEWS} onChange={(next) => patch({ view: next === "list" ? null : next })} />
            </div>
            <ConditionChips text={props.editable} subject="traces" onChange={change} />
          </div>
          {view === "list" && (
            <div className={css.charts}>
              <SpanRate text={text} window={window} onBrush={setWindow} />
              <DurationChart {...props} />
            </div>
          )}
          <div className={css.body}>
            {shown && <Facets subject="traces" keys={FACETS} {...props} />}
            {view === "heatmap" ? (
              <Suspense fallback={<div className={css.results} aria-busy="true" />}>
                <HeatmapTab {...props} />
              </Suspense>
            ) : (
              <div className={css.panel} id={TAB_PANEL_ID} role="tabpanel" aria-labelledby={tabId("list")}>
                <Results {...props} />
              </div>
            )}
          </div>
        </>
      )}
    </Page>
  );
}

function Results({ text, window, onChange }: SearchProps) {
  const { search, patch, navigate } = useUrl();
  const { order } = readTraceOrder(search);
  const { marks } = readMarks(search);
  const comparison = marks.length === MARKS.length ? href(`/compare/${marks.join("...")}`, {}, carryOver(search)) : null;
  const stream = useRowStream<TraceSummary>("traces", traceParams(window, text, order.sort, order.order));
  const { rows: traces, phase, stale, cursor, reason, progress } = stream;
  useEffect(() => {
    if (phase === "done") announce(cursor === null ? plural(traces.length, "trace") : `More than ${plural(traces.length, "trace")}`);
    if (phase === "stopped") announce(`${stoppedText(reason, progress)}, ${plural(traces.length, "trace")} found`);
  }, [phase, cursor, reason, progress, traces.length]);

  if (phase === "failed" && traces.length === 0) {
    return <ErrorState title="The traces could not be loaded" error={stream.error} onRetry={stream.retry} />;
  }
  if (phase === "done" && traces.length === 0) {
    return text !== "" ? (
      <NothingMatches
        signal="spans"
        noun="trace"
        explanation="A trace is listed when one of its spans fulfils all conditions and starts in the range."
        text={text}
        window={window}
        onChange={onChange}
      />
    ) : (
      <NoDataInRange signal="spans" />
    );
  }
  const busy = phase === "loading" || phase === "idle";
  return (
    <div className={css.results} aria-busy={busy}>
      <StreamStatus stream={stream} noun="trace">
        {marks.length > 0 && <Marked comparison={comparison} onClear={() => patch({ pick: null }, { replace: true })} />}
        <ChoiceMenu
          trigger={
            <Button small look="quiet">
              <ArrowDownWideNarrow size={13} aria-hidden /> {order.label}
            </Button>
          }
          label="Order"
          value={order.value}
          choices={TRACE_ORDERS}
          onChange={(value) => patch(traceOrderPatch(value))}
        />
      </StreamStatus>
      <TraceTable
        traces={traces}
        find={isOneSpan(text) ? text : ""}
        loading={busy && traces.length === 0}
        stale={stale}
        marks={marks}
        onMark={(id) => patch(toggleMark(marks, id), { replace: true })}
        onCompare={() => comparison && navigate(comparison)}
        footer={
          phase === "failed" ? (
            <Button onClick={stream.retry}>Loading more failed. Retry</Button>
          ) : (
            phase !== "stopped" && !stale && traces.length > 0 && (busy || cursor !== null) && (
              <Button onClick={stream.more} disabled={busy}>
                {busy ? "Loading…" : "Load more"}
              </Button>
            )
          )
        }
      />
    </div>
  );
}

/** What is marked for a comparison, and the way there. */
function Marked({ comparison, onClear }: { comparison: string | null; onClear: () => void }) {
  return (
    <>
      <span role="status" className={css.marked}>
        {comparison ? "Two traces marked" : "One trace marked, mark another"}
      </span>
      {comparison && (
        <Link className={buttonClass("primary", true)} href={comparison} aria-keyshortcuts="Shift+X">
          Compare
        </Link>
      )}
      <Button small onClick={onClear}>
        Clear marks
      </Button>
    </>
  );
}
