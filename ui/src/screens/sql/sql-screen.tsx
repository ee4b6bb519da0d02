import { useMutation } from "@tanstack/react-query";
import { Download, Play, Square } from "lucide-react";
import { lazy, Suspense, useEffect, useMemo, useRef, useState } from "react";
import { ApiError, stopQuery } from "../../api/client";
import { fetchSqlCsv, runSql } from "../../api/queries";
import { newQueryId } from "../../api/row-stream";
import type { SqlResult } from "../../api/types";
import { announce } from "../../kit/announce";
import { Button } from "../../kit/button";
import { ChoiceMenu } from "../../kit/menu";
import { Page } from "../../kit/page";
import { saveFile } from "../../kit/save-file";
import { EmptyState, explain, Note } from "../../kit/states";
import { useUrl } from "../../kit/use-url";
import { formatDuration, group, plural } from "../../lib/format";
import { carryOver } from "../../lib/url-state";
import { wrongPart } from "./wrong-part";
import { EXAMPLES } from "./examples";
import { ResultGrid } from "./result-grid";
import css from "./sql-screen.module.css";

const SqlEditor = lazy(async () => ({ default: (await import("./sql-editor")).SqlEditor }));

/** An editor over the tables `spans` and `logs`, and the rows of the answer. */
export function SqlScreen() {
  const { search, patch } = useUrl();
  const linked = new URLSearchParams(search).get("sql");
  const [text, setText] = useState(linked ?? EXAMPLES[0]!.sql);
  const abort = useRef<AbortController | null>(null);
  const queryId = useRef("");
  const run = useMutation({
    mutationFn: (sql: string) => {
      abort.current?.abort();
      abort.current = new AbortController();
      queryId.current = newQueryId();
      return runSql(sql, abort.current.signal, queryId.current);
    },
    onSuccess: (result) => announce(plural(result.rows.length, "row")),
  });
  const csv = useMutation({ mutationFn: fetchSqlCsv, onSuccess: (blob) => saveFile(blob, "spanlake-result.csv") });
  const { mutate } = run;
  // A statement that came with the address shows its rows at once; it is read-only by contract.
  const first = useRef(linked);
  useEffect(() => {
    if (first.current) mutate(first.current);
    first.current = null;
    return () => abort.current?.abort();
  }, [mutate]);

  // The server ends the statement and says so; when it cannot be reached, the connection is closed.
  const stop = () => {
    const { current } = abort;
    stopQuery(queryId.current).catch((error: unknown) => {
      if (!(error instanceof ApiError && error.status === 404)) current?.abort();
    });
  };
  const runText = (sql: string) => {
    if (sql.trim() === "") return;
    patch({ sql });
    run.mutate(sql);
  };
  const choose = (sql: string) => {
    setText(sql);
    runText(sql);
  };
  const stopped =
    (run.error instanceof DOMException && run.error.name === "AbortError") || (run.error instanceof ApiError && run.error.code === "stopped");
  // The text may have been edited since, or a part of it been run.
  const wrong = useMemo(() => (run.error instanceof ApiError && run.error.at ? wrongPart(text, run.variables ?? "", run.error.at) : null), [run.error, run.variables, text]);
  return (
    <Page title="SQL">
      <div className={css.editorPane}>
        <Suspense fallback={<pre className={css.editorFallback}>{text}</pre>}>
          <SqlEditor value={text} wrong={wrong} onChange={setText} onRun={runText} />
        </Suspense>
        <div className={css.bar}>
          {run.isPending ? (
            <Button look="primary" onClick={stop}>
              <Square size={13} aria-hidden /> Stop
            </Button>
          ) : (
            <Button look="primary" onClick={() => runText(text)}>
              <Play size={13} aria-hidden /> Run
            </Button>
          )}
          <kbd className={css.kbd}>Ctrl Enter</kbd>
          <ExampleMenu text={text} onChoose={choose} />
          <span className={css.figures} role="status">
            {run.isPending ? "Running…" : stopped ? "Stopped" : run.data && resultLine(run.data)}
          </span>
          <Button disabled={!run.data || csv.isPending} onClick={() => csv.mutate(run.variables!)}>
            <Download size={14} aria-hidden /> {csv.isPending ? "Preparing…" : "CSV"}
          </Button>
        </div>
      </div>
      {csv.isError && <Note error>{explain(csv.error).message}</Note>}
      {run.isError && !stopped ? (
        <SqlError error={run.error} />
      ) : run.data ? (
        <ResultGrid result={run.data} carry={carryOver(search)} dimmed={run.isPending} />
      ) : (
        !run.isPending && (
          <EmptyState title="Ask the lake">
            <p>
              Two tables, <code>spans</code> and <code>logs</code>. <code>attributes['http.route']</code> and <code>resource['k8s.pod.name']</code> read attributes, <code>match(body, 'words')</code> uses the text index.
            </p>
          </EmptyState>
        )
      )}
    </Page>
  );
}

function ExampleMenu({ text, onChoose }: { text: string; onChoose: (sql: string) => void }) {
  return (
    <ChoiceMenu
      trigger={<Button>Examples</Button>}
      label="Examples"
      value={EXAMPLES.find((one) => one.sql === text)?.title ?? ""}
      choices={EXAMPLES.map((one) => ({ value: one.title, label: one.title }))}
      onChange={(title) => onChoose(EXAMPLES.find((one) => one.title === title)!.sql)}
    />
  );
}

function resultLine(result: SqlResult): string {
  const cut = result.truncated ? ` (the first ${group(result.rows.length)} of more; the CSV may hold more)` : "";
  return `${plural(result.rows.length, "row")}${cut} · ${formatDuration(result.elapsed_ms * 1e6)}`;
}

function SqlError({ error }: { error: unknown }) {
  const { message, hint } = explain(error);
  return (
    <div className={css.error} role="alert">
      <h2>The statement failed</h2>
      <pre>{message}</pre>
      {hint && <p>{hint}</p>}
    </div>
  );
}
