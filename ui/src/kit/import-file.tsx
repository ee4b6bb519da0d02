import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Upload } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { sendImport } from "../api/import";
import { statusQuery } from "../api/queries";
import { type ImportPlan, readImport } from "../engine/import-file";
import { plural } from "../lib/format";
import { absolute, formatDateTime, nanos, nowNanos } from "../lib/time";
import { href, rangePatch } from "../lib/url-state";
import { announce } from "./announce";
import { Button } from "./button";
import { Dialog } from "./dialog";
import css from "./import-file.module.css";
import { explain } from "./states";
import { useTime } from "./time-context";
import { useUrl } from "./use-url";

/** A browser holds the text, its values and the requests at once. */
const FILE_BYTES_MAX = 512 * 1024 * 1024;

type State =
  | { at: "closed" }
  | { at: "reading"; file: string }
  | { at: "asking"; file: string; plan: ImportPlan }
  | { at: "sending"; file: string; plan: ImportPlan; done: number }
  | { at: "failed"; file: string; what: string };

/** A file dropped anywhere on the screen, or chosen with the button, is imported and shown. */
export function ImportFile({ button = false }: { button?: boolean }) {
  const [state, setState] = useState<State>({ at: "closed" });
  const input = useRef<HTMLInputElement>(null);
  const open = async (file: File) => {
    setState({ at: "reading", file: file.name });
    try {
      if (file.size > FILE_BYTES_MAX) throw new Error("The file is larger than 512 MiB. Send it by OTLP instead.");
      const plan = readImport(await file.text());
      setState({ at: "asking", file: file.name, plan });
    } catch (error) {
      setState({ at: "failed", file: file.name, what: error instanceof Error ? error.message : String(error) });
    }
  };
  const isOver = useDrop((file) => void open(file));
  return (
    <>
      {button && (
        <Button small iconLabel="Import a file with traces" onClick={() => input.current?.click()}>
          <Upload size={13} aria-hidden />
        </Button>
      )}
      <input
        ref={input}
        className={css.hidden}
        type="file"
        accept=".json,.jsonl,application/json"
        aria-label="File with traces"
        onChange={(event) => {
          const file = event.target.files?.[0];
          event.target.value = "";
          if (file) void open(file);
        }}
      />
      {isOver && <div className={css.drop}>Drop the file to import its traces</div>}
      <Dialog open={state.at !== "closed"} onOpenChange={(next) => next || setState({ at: "closed" })} title="Import a file">
        <Import state={state} onState={setState} />
      </Dialog>
    </>
  );
}

/** Whether a file is being dragged over the page; a drop hands it over. */
function useDrop(onFile: (file: File) => void): boolean {
  const [isOver, setOver] = useState(false);
  const current = useRef(onFile);
  useEffect(() => {
    current.current = onFile;
  });
  useEffect(() => {
    const hasFile = (event: DragEvent) => event.dataTransfer?.types.includes("Files") ?? false;
    const over = (event: DragEvent) => {
      if (!hasFile(event)) return;
      event.preventDefault();
      setOver(true);
    };
    // Between elements the pointer leaves one for another; it has left the page when there is no other.
    const leave = (event: DragEvent) => event.relatedTarget === null && setOver(false);
    const drop = (event: DragEvent) => {
      setOver(false);
      const file = event.dataTransfer?.files[0];
      if (!file) return;
      event.preventDefault();
      current.current(file);
    };
    const listeners = { dragover: over, dragleave: leave, drop } as const;
    for (const [type, listener] of Object.entries(listeners)) window.addEventListener(type, listener as EventListener);
    return () => {
      for (const [type, listener] of Object.entries(listeners)) window.removeEventListener(type, listener as EventListener);
    };
  }, []);
  return isOver;
}

function Import({ state, onState }: { state: State; onState: (state: State) => void }) {
  const { navigate, search } = useUrl();
  const queries = useQueryClient();
  const sending = useRef<AbortController | null>(null);
  useEffect(() => () => sending.current?.abort(), []);
  if (state.at === "closed") return null;
  const close = () => onState({ at: "closed" });
  const send = async (file: string, plan: ImportPlan) => {
    const abort = new AbortController();
    sending.current = abort;
    onState({ at: "sending", file, plan, done: 0 });
    try {
      const result = await sendImport(plan, (done) => onState({ at: "sending", file, plan, done }), abort.signal);
      if (result.rejected > 0) throw new Error(`${plural(result.rejected, "record")} of ${plural(plan.spans + plan.logs, "record")} could not be stored: ${result.reason ?? "no reason was given"}. The others are stored.`);
      announce(`${plural(result.spans, "span")} and ${plural(result.logs, "log record")} imported`);
      await queries.invalidateQueries();
      close();
      navigate(placeOf(plan, search));
    } catch (error) {
      if (abort.signal.aborted) return;
      const { message, hint } = explain(error);
      onState({ at: "failed", file, what: `${message} ${hint}`.trim() });
    }
  };
  return (
    <div className={css.body} aria-busy={state.at === "reading" || state.at === "sending"}>
      {state.at === "reading" && <p role="status">Reading {state.file}</p>}
      {state.at === "failed" && (
        <p className={css.bad} role="alert">
          <b>{state.file}</b>: {state.what}
        </p>
      )}
      {(state.at === "asking" || state.at === "sending") && <Summary file={state.file} plan={state.plan} />}
      {state.at === "sending" && (
        <p role="status">
          {state.done} of {plural(state.plan.pieces.length, "part")} stored
        </p>
      )}
      <div className={css.actions}>
        <Button onClick={close}>{state.at === "failed" ? "Close" : "Cancel"}</Button>
        {(state.at === "asking" || state.at === "sending") && (
          <Button look="primary" disabled={state.at === "sending"} onClick={() => state.at === "asking" && void send(state.file, state.plan)}>
            Import
          </Button>
        )}
      </div>
    </div>
  );
}

function Summary({ file, plan }: { file: string; plan: ImportPlan }) {
  const { zone } = useTime();
  const { data } = useQuery(statusQuery());
  const kept = data?.retention_seconds ?? null;
  const times = [plan.from, plan.to].flatMap((time) => (time === null ? [] : [formatDateTime(nanos(time), zone)]));
  const isOld = kept !== null && plan.to !== null && plan.to < nowNanos() - BigInt(kept) * 1_000_000_000n;
  return (
    <>
      <p>
        <b>{file}</b> has {plural(plan.spans, "span")} of {plural(plan.traceIds.length, "trace")} and {plural(plan.logs, "log record")}
        {times[0] === times[1] ? times[0] && `, of ${times[0]}` : `, from ${times.join(" to ")}`}.
      </p>
      <p>
        They are stored here like all others, at their own time. Spans that are here already are shown once{plan.logs > 0 && ", log records are listed again"}.
      </p>
      {isOld && <p className={css.bad}>They are older than what is kept here, and will be dropped soon.</p>}
    </>
  );
}

/** The trace when it is one, else the list at the time of the file. */
function placeOf(plan: ImportPlan, search: string): string {
  if (plan.traceIds.length === 1) return href(`/trace/${plan.traceIds[0]}`, {});
  const screen = plan.traceIds.length === 0 ? "/logs" : "/traces";
  if (plan.from === null || plan.to === null) return href(screen, {}, search);
  return href(screen, rangePatch({ from: absolute(nanos(plan.from)), to: absolute(nanos(plan.to + 1n)) }));
}
