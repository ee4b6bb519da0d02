import { useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { Link } from "wouter";
import { type Flow, FLOW_LOGS_MAX, flowQuery } from "../../api/flow-queries";
import { announce } from "../../kit/announce";
import { Button, buttonClass, CopyButton } from "../../kit/button";
import { classNames } from "../../kit/class-names";
import { ChoiceNote } from "../../kit/choice-note";
import { LogList } from "../../kit/log-list";
import { Page } from "../../kit/page";
import { TextField } from "../../kit/search-field";
import { EmptyState, ErrorState, Note, Skeleton } from "../../kit/states";
import { TAB_PANEL_ID, Tabs, tabId } from "../../kit/tabs";
import { useTime } from "../../kit/time-context";
import { useUrl } from "../../kit/use-url";
import { flowHref } from "../../lib/flow-href";
import { group, plural } from "../../lib/format";
import { absolute, formatDateTime, nanos, spanNs } from "../../lib/time";
import { attributeCondition } from "../../engine/search/edit";
import { quoted } from "../../engine/search/tree";
import { carryOver, href } from "../../lib/url-state";
import { FlowEntry } from "./flow-entry";
import { flowSummary, timelineRows, treeRows } from "./flow-rows";
import css from "./flow-screen.module.css";
import { FlowTimeline } from "./flow-timeline";

const VIEWS = [
  { value: "timeline", label: "Timeline" },
  { value: "tree", label: "Tree" },
  { value: "logs", label: "Logs" },
] as const;
type View = (typeof VIEWS)[number]["value"];

/** The window that is opened around a value that was found elsewhere. */
const WINDOW_NS = spanNs("15m")!;

/** Everything that carries one correlation id: `/flow/<value>`; without a value it is asked for. */
export function FlowScreen({ value }: { value: string }) {
  const { search, navigate } = useUrl();
  const carry = carryOver(search);
  const crumb = (
    <>
      <Link href={href("/flow", {}, carry)}>Flow</Link>
      {value !== "" && (
        <>
          {" "}
          › <b>{value}</b>
        </>
      )}
    </>
  );
  const open = (next: string) => {
    if (next.trim() !== "") navigate(flowHref(next.trim(), carry));
  };
  return (
    <Page
      title={value === "" ? "Flow" : `Flow of ${value}`}
      crumb={crumb}
      timed
      field={<TextField value={value} label="Value" placeholder="an order number, a session, a request id, a trace id" onCommit={open} />}
      actions={value !== "" && <CopyButton text={() => window.location.href} label="Copy link">Copy link</CopyButton>}
    >
      {value === "" ? <FlowEntry /> : <Found key={value} value={value} />}
    </Page>
  );
}

function Found({ value }: { value: string }) {
  const { window } = useTime();
  const { search } = useUrl();
  const params = new URLSearchParams(search);
  const key = params.get("key");
  const query = useQuery(flowQuery(value, key, window, params.get("logs") === "all"));
  const flow = query.data;
  const summary = flow ? (flow.why_empty ? "Nothing carries this value" : flowSummary(flow)) : "";
  useEffect(() => {
    if (summary !== "") announce(summary);
  }, [summary]);
  if (query.isError) return <ErrorState title="The flow could not be loaded" error={query.error} onRetry={() => void query.refetch()} />;
  if (!flow) {
    return (
      <div className={css.waiting} aria-busy="true">
        <Skeleton width="46%" height={16} />
        <Skeleton width="62%" height={13} />
        {Array.from({ length: 8 }, (_, i) => (
          <Skeleton key={i} width={`${90 - ((i * 23) % 40)}%`} height={30} />
        ))}
      </div>
    );
  }
  if (flow.why_empty) return <NotFound flow={flow} oneKey={key} />;
  return (
    <div className={classNames(css.flow, query.isPlaceholderData && css.stale)}>
      <Head flow={flow} summary={summary} oneKey={key} />
      <Body flow={flow} />
    </div>
  );
}

function Head({ flow, summary, oneKey }: { flow: Flow; summary: string; oneKey: string | null }) {
  const { patch } = useUrl();
  const { zone } = useTime();
  const start = flow.start_time_unix_nano;
  return (
    <header className={css.head}>
      <p className={css.summary}>{summary}</p>
      <p className={css.found}>
        {start && <span>{formatDateTime(nanos(start), zone, 3)}</span>}
        {flow.is_trace_id && <span>the id of a trace</span>}
        {flow.found_under.map(({ key, spans, logs }) => (
          <span key={key} className={css.key}>
            <b>{key}</b> {[spans > 0 && plural(spans, "span"), logs > 0 && plural(logs, "log record")].filter(Boolean).join(", ")}
            {flow.found_under.length > 1 && (
              <Button small look="quiet" onClick={() => patch({ key })}>
                Only this key
              </Button>
            )}
          </span>
        ))}
        {oneKey !== null && (
          <Button small look="quiet" onClick={() => patch({ key: null })}>
            Look under all keys
          </Button>
        )}
      </p>
      <p className={css.found}>
        {sentence(flow.comparison.sentence)}
        {flow.comparison.partial && " There are more values than were looked at."}
      </p>
      {flow.notes.map((note) => (
        <Note key={note}>{sentence(note)}</Note>
      ))}
    </header>
  );
}

/** The server's sentences begin small and have no end. */
function sentence(text: string): string {
  return text === "" ? "" : `${text[0]!.toUpperCase()}${text.slice(1)}.`;
}

function Body({ flow }: { flow: Flow }) {
  const { search, patch } = useUrl();
  const text = new URLSearchParams(search).get("view");
  const view: View = VIEWS.find((one) => one.value === text)?.value ?? (flow.traces.length === 0 ? "logs" : "timeline");
  const setView = (next: View, panel: string | null = null) => patch({ view: next === "timeline" ? null : next, panel }, { replace: true });
  const openLog = (id: string) => setView("logs", `log:${id}`);
  return (
    <>
      <ChoiceNote name="view" choices={VIEWS} usual={`the ${view} is shown`} />
      <div className={css.tabs}>
        <Tabs label="Views of the flow" value={view} choices={VIEWS} onChange={setView} />
      </div>
      <div className={css.panel} role="tabpanel" id={TAB_PANEL_ID} aria-labelledby={tabId(view)}>
        {view === "timeline" && <FlowTimeline flow={flow} rows={timelineRows(flow)} label="The flow in the order of time" onLog={openLog} />}
        {view === "tree" && <FlowTimeline flow={flow} rows={treeRows(flow)} label="The flow by what caused what" onLog={openLog} />}
        {view === "logs" && <Logs flow={flow} />}
      </div>
    </>
  );
}

function Logs({ flow }: { flow: Flow }) {
  const { search, navigate, patch } = useUrl();
  const { zone } = useTime();
  const linked = new URLSearchParams(search).get("panel");
  const [open, setOpen] = useState<ReadonlySet<string>>(() => new Set(linked?.startsWith("log:") ? [linked.slice(4)] : []));
  const toggle = (id: string) => {
    const next = new Set(open);
    if (!next.delete(id)) next.add(id);
    setOpen(next);
  };
  if (flow.logs.length === 0) return <EmptyState title="No log record belongs to this flow" />;
  const carry = carryOver(search);
  return (
    <LogList
      logs={flow.logs}
      query=""
      zone={zone}
      open={open}
      onToggle={(log) => toggle(log.id)}
      carry={carry}
      onFilter={(key, value) => navigate(href("/logs", { q: attributeCondition(key, value) }, carry))}
      footer={
        <div className={css.footer}>
          {flow.logs.length < flow.log_count ? `${group(flow.logs.length)} of ${plural(flow.log_count, "log record")}, the earliest ones ` : `${plural(flow.log_count, "log record")}, that is all`}
          {flow.logs.length < Math.min(flow.log_count, FLOW_LOGS_MAX) && (
            <Button small onClick={() => patch({ logs: "all" }, { replace: true })}>
              Show {flow.log_count <= FLOW_LOGS_MAX ? "all" : `the first ${group(FLOW_LOGS_MAX)}`}
            </Button>
          )}
        </div>
      }
    />
  );
}

function NotFound({ flow, oneKey }: { flow: Flow; oneKey: string | null }) {
  const { zone, setRange } = useTime();
  const { search, patch } = useUrl();
  const why = flow.why_empty!;
  const near = why.nearest_before_unix_nano ?? why.nearest_after_unix_nano;
  const goThere = (time: string) => {
    const at = nanos(time);
    setRange({ from: absolute(nanos(at - WINDOW_NS)), to: absolute(nanos(at + WINDOW_NS)) });
  };
  return (
    <EmptyState
      title="Nothing carries this value"
      actions={
        <>
          {near && (
            <Button look="primary" onClick={() => goThere(near)}>
              Go to {formatDateTime(nanos(near), zone)}
            </Button>
          )}
          {oneKey !== null && <Button onClick={() => patch({ key: null })}>Look under all keys</Button>}
          <Link className={buttonClass("default")} href={href("/logs", { q: quoted(flow.value) }, carryOver(search))}>
            Look for it in texts of log records
          </Link>
        </>
      }
    >
      <p>
        None of {plural(why.spans_in_range, "span")} and {plural(why.logs_in_range, "log record")} of the range has this value under{" "}
        {flow.looked_under.length === 1 ? "this key" : `one of ${flow.looked_under.length} keys`}, and no trace has it as its id.
      </p>
      <p>{near ? "Outside of this range there is such a value." : "Outside of this range there is none either."}</p>
      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
      <p className={css.keys} tabIndex={0} role="group" aria-label="Keys that were looked under">
        {flow.looked_under.join(", ")}
      </p>
    </EmptyState>
  );
}
