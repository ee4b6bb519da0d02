import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Square } from "lucide-react";
import { ApiError, stopQuery } from "../../api/client";
import { runningQueriesQuery } from "../../api/queries";
import type { RunningQuery } from "../../api/stream-types";
import { announce } from "../../kit/announce";
import { Button } from "../../kit/button";
import { classNames } from "../../kit/class-names";
import { Page } from "../../kit/page";
import { EmptyState, ErrorState, explain, Note, Skeleton } from "../../kit/states";
import { progressText } from "../../kit/stream-status";
import { formatDuration, plural } from "../../lib/format";
import { ReceivedTable } from "./received-table";
import controls from "../../kit/controls.module.css";
import table from "../../kit/table.module.css";
import css from "./system-screen.module.css";

/** What the server is doing: what came in and was refused, and the queries that run, each with a way to stop it. */
export function SystemScreen() {
  const running = useQuery(runningQueriesQuery());
  const client = useQueryClient();
  const stop = useMutation({
    mutationFn: (id: string) => stopQuery(id).catch(unlessEnded),
    onSuccess: () => announce("The query was stopped"),
    onSettled: () => client.invalidateQueries({ queryKey: ["running-queries"] }),
  });
  return (
    <Page title="System">
      <ReceivedTable />
      <section className={css.section} aria-labelledby="running-queries">
        <div className={css.head}>
          <h2 id="running-queries">Running queries</h2>
          <span className={css.count}>{running.data && running.data.length > 0 && plural(running.data.length, "query")}</span>
        </div>
        {stop.isError && <Note error>{explain(stop.error).message}</Note>}
        {running.isError ? (
          <ErrorState title="The running queries could not be loaded" error={running.error} onRetry={() => void running.refetch()} />
        ) : running.isPending ? (
          <Skeleton width="60%" />
        ) : running.data.length === 0 ? (
          <EmptyState title="No query is running">
            <p>Searches, SQL statements and maps are listed here while they run.</p>
          </EmptyState>
        ) : (
          <QueryTable queries={running.data} stopping={stop.isPending ? stop.variables : null} onStop={(id) => stop.mutate(id)} />
        )}
      </section>
    </Page>
  );
}

/** One that has ended meanwhile needs no stop. */
function unlessEnded(error: unknown): void {
  if (!(error instanceof ApiError && error.status === 404)) throw error;
}

function QueryTable(props: { queries: readonly RunningQuery[]; stopping: string | null; onStop: (id: string) => void }) {
  return (
    <div className={css.scroller}>
      <table className={classNames(table.list, css.table)}>
        <colgroup>
          <col style={{ width: 100 }} />
          <col />
          <col style={{ width: 132 }} />
          <col style={{ width: 310 }} />
          <col style={{ width: 92 }} />
        </colgroup>
        <thead>
          <tr>
            <th scope="col">Kind</th>
            <th scope="col">Asked</th>
            <th scope="col" className={table.number}>Running for</th>
            <th scope="col">Read</th>
            <th scope="col">
              <span className={controls.srOnly}>Stop</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {props.queries.map((query) => (
            <tr key={query.id}>
              <td>{query.kind}</td>
              <td className={css.asked} title={query.asked}>
                {query.asked}
              </td>
              <td className={table.number} title={`Given up after ${formatDuration(query.timeout_ms * 1e6)}`}>
                {formatDuration(query.elapsed_ms * 1e6)}
              </td>
              <td>{query.state === "waiting" ? "waits for a place" : progressText(query.progress)}</td>
              <td className={css.action}>
                <Button small aria-label={`Stop ${query.kind} ${query.id}`} disabled={props.stopping === query.id} onClick={() => props.onStop(query.id)}>
                  <Square size={11} aria-hidden /> Stop
                </Button>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
