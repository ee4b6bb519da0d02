import { useQuery } from "@tanstack/react-query";
import { ArrowDownNarrowWide, ArrowUpNarrowWide, PanelLeft } from "lucide-react";
import { useCallback, useEffect, useState } from "react";
import { logParams, statusQuery, type Window } from "../../api/queries";
import type { LogRecord } from "../../api/types";
import { addCondition, attributeCondition, searchedWords } from "../../engine/search/edit";
import { announce } from "../../kit/announce";
import { Button } from "../../kit/button";
import { ChoiceNote } from "../../kit/choice-note";
import { Facets, useFacetsShown } from "../../kit/facets";
import { LogList } from "../../kit/log-list";
import { LogRate } from "../../kit/log-rate";
import { NoDataInRange } from "../../kit/no-data";
import { NothingMatches } from "../../kit/nothing-matches";
import { Page } from "../../kit/page";
import { QueryBar } from "../../kit/query-bar";
import { ConditionChips } from "../../kit/search-field";
import { SetupCard } from "../../kit/setup-card";
import { ErrorState, Skeleton } from "../../kit/states";
import { StreamStatus, stoppedText } from "../../kit/stream-status";
import { useTime } from "../../kit/time-context";
import { useRowStream } from "../../kit/use-row-stream";
import { useUrl } from "../../kit/use-url";
import { plural } from "../../lib/format";
import { carryOver, readText, textPatch } from "../../lib/url-state";
import css from "./logs-screen.module.css";

const FACETS = ["severity", "service", "event_name", "logger.name", "exception.type", "http.response.status_code", "k8s.pod.name", "deployment.environment.name"];

const ORDERS = [{ value: "desc" }, { value: "asc" }];

interface SearchProps {
  text: string;
  window: Window;
  onChange: (text: string) => void;
}

/** Search for log records: the search, severities over time, the records. */
export function LogsScreen() {
  const { search, patch } = useUrl();
  const { window } = useTime();
  const text = readText(search);
  const [shown, setShown] = useFacetsShown();
  const status = useQuery(statusQuery());
  const change = (next: string) => patch(textPatch(next));
  const empty = status.data && status.data.signals.spans.rows === 0 && status.data.signals.logs.rows === 0;
  const ascending = new URLSearchParams(search).get("order") === "asc";
  const props = { text, window, onChange: change };
  return (
    <Page
      title="Logs"
      timed
      field={<QueryBar subject="logs" value={text} window={window} placeholder="words, service:cart, severity>=warn, key:value" onCommit={change} />}
    >
      {empty ? (
        <SetupCard status={status.data} />
      ) : (
        <>
          <ChoiceNote name="order" choices={ORDERS} usual="the newest come first" />
          <div className={css.filters}>
            <Button small look="quiet" aria-pressed={shown} onClick={() => setShown(!shown)}>
              <PanelLeft size={14} aria-hidden /> Facets
            </Button>
            <Button small look="quiet" onClick={() => patch({ order: ascending ? null : "asc" })}>
              {ascending ? <ArrowUpNarrowWide size={14} aria-hidden /> : <ArrowDownNarrowWide size={14} aria-hidden />}
              {ascending ? "Oldest first" : "Newest first"}
            </Button>
            <ConditionChips text={text} subject="logs" onChange={change} />
          </div>
          <LogRate text={text} window={window} />
          <div className={css.body}>
            {shown && <Facets subject="logs" keys={FACETS} editable={text} {...props} />}
            <div className={css.results}>
              <Records {...props} />
            </div>
          </div>
        </>
      )}
    </Page>
  );
}

function Records({ text, window, onChange }: SearchProps) {
  const { zone } = useTime();
  const { search } = useUrl();
  const order = new URLSearchParams(search).get("order") === "asc" ? "asc" : "desc";
  const stream = useRowStream<LogRecord>("logs", logParams(window, text, order));
  const { rows: logs, phase, stale, cursor, more, reason, progress } = stream;
  const open = useOpenRows();
  useEffect(() => {
    if (phase === "done") announce(cursor === null ? plural(logs.length, "log record") : `More than ${plural(logs.length, "log record")}`);
    if (phase === "stopped") announce(`${stoppedText(reason, progress)}, ${plural(logs.length, "log record")} found`);
  }, [phase, cursor, reason, progress, logs.length]);
  const loadMore = useCallback(() => {
    // What the reader stopped goes on when the reader says so.
    if (phase === "done") more();
  }, [phase, more]);

  if (phase === "failed" && logs.length === 0) return <ErrorState title="The log records could not be loaded" error={stream.error} onRetry={stream.retry} />;
  if (phase === "done" && logs.length === 0) {
    if (text === "") return <NoDataInRange signal="logs" />;
    return (
      <NothingMatches
        signal="logs"
        noun="log record"
        explanation="All conditions must hold, and every word must occur in the body."
        text={text}
        window={window}
        onChange={onChange}
      />
    );
  }
  return (
    <>
      <StreamStatus stream={stream} noun="log record" />
      {logs.length === 0 ? (
        phase === "stopped" ? null : <LogSkeleton />
      ) : (
        <div className={stale ? css.stale : css.list} aria-busy={stale || phase === "loading"}>
          <LogList
            logs={logs}
            query={searchedWords(text, "logs")}
            zone={zone}
            open={open.ids}
            onToggle={open.toggle}
            carry={carryOver(search)}
            onFilter={(key, value) => onChange(addCondition(text, attributeCondition(key, value), "logs"))}
            onEnd={loadMore}
            footer={
              <div className={css.footer}>
                {phase === "failed" ? (
                  <Button onClick={stream.retry}>Loading more failed. Retry</Button>
                ) : phase === "stopped" ? (
                  `${plural(logs.length, "log record")} found before the search stopped`
                ) : phase === "done" && cursor === null ? (
                  `${plural(logs.length, "log record")}, that is all`
                ) : (
                  `${plural(logs.length, "log record")} loaded, more follow…`
                )}
              </div>
            }
          />
        </div>
      )}
    </>
  );
}

/** Open rows; the last one opened is in the address, so that a link shows it. */
function useOpenRows() {
  const { search, patch } = useUrl();
  const linked = new URLSearchParams(search).get("panel");
  const [ids, setIds] = useState<ReadonlySet<string>>(() => new Set(linked?.startsWith("log:") ? [linked.slice(4)] : []));
  const toggle = (log: LogRecord) => {
    const next = new Set(ids);
    const opened = !next.delete(log.id);
    if (opened) next.add(log.id);
    setIds(next);
    patch({ panel: opened ? `log:${log.id}` : null }, { replace: true });
  };
  return { ids, toggle };
}

function LogSkeleton() {
  return (
    <div className={css.skeleton} aria-busy="true">
      {Array.from({ length: 20 }, (_, i) => (
        <Skeleton key={i} width={`${96 - ((i * 31) % 40)}%`} />
      ))}
    </div>
  );
}
