import { Square } from "lucide-react";
import { type ReactNode, useCallback, useEffect, useState } from "react";
import type { Progress } from "../api/stream-types";
import { formatBytes, formatCount, formatDuration, plural } from "../lib/format";
import { Button } from "./button";
import { usePanels } from "./panels";
import css from "./stream-status.module.css";
import type { RowStreamView } from "./use-row-stream";

/** A search that answers sooner shows no progress: it would only flicker. */
const QUIET_MS = 300;

/** "12 of 40 row groups, 1.2 M rows, 38 MB" */
export function progressText(progress: Progress): string {
  const { row_groups_done, row_groups_total, rows, bytes } = progress;
  const groups = row_groups_total > 0 ? [`${row_groups_done} of ${plural(row_groups_total, "row group")}`] : [];
  return [...groups, `${formatCount(rows)} ${rows === 1 ? "row" : "rows"}`, ...(bytes > 0 ? [formatBytes(bytes)] : [])].join(", ");
}

const WORDS: Record<string, string> = { stopped: "Stopped", timeout: "Out of time", too_large: "Out of memory" };

/** "Stopped at 30 %" */
export function stoppedText(reason: string | null, progress: Progress): string {
  const word = WORDS[reason ?? "stopped"] ?? "Stopped";
  return progress.share === null ? word : `${word} at ${Math.floor(progress.share * 100)} %`;
}

/**
 * The line above the rows of a search: how far it is and Stop, then what it took; when it was stopped, where, and how to
 * go on. Stop, and Escape, end the panels beside the rows too.
 */
export function StreamStatus({ stream, noun, children }: { stream: RowStreamView<unknown>; noun: string; children?: ReactNode }) {
  const { phase, stop, progress } = stream;
  const panels = usePanels();
  const loading = phase === "loading";
  const slow = useSlow(loading);
  const counting = useSlow(panels.busy) && !loading;
  const { stop: stopPanels } = panels;
  const stopAll = useCallback(() => {
    stop();
    stopPanels();
  }, [stop, stopPanels]);
  useEscape(loading || panels.busy, stopAll);
  // Somebody stopped the search where the queries are listed.
  const wasStopped = phase === "stopped" && stream.reason === "stopped";
  useEffect(() => {
    if (wasStopped) stopPanels();
  }, [wasStopped, stopPanels]);
  const goOn = () => {
    if (stream.cursor === null) stream.again();
    else stream.more();
    panels.resume();
  };
  const count = stream.stale ? 0 : stream.rows.length;
  const { share } = progress;
  return (
    <div className={css.line}>
      <span className={css.text} role={loading ? undefined : "status"}>
        {loading && slow && (
          <>
            {stream.stopping ? "Stopping" : "Searching"} <span className={css.dim}>{progressText(progress)}</span>
          </>
        )}
        {phase === "stopped" && (
          <>
            <b className={css.stopped}>{stoppedText(stream.reason, progress)}</b>{" "}
            <span className={css.dim}>
              {plural(count, noun)} {stream.provisional ? "come first in the part that was searched" : "found"}
            </span>
          </>
        )}
        {phase === "done" && count > 0 && (
          <>
            {stream.cursor === null ? plural(count, noun) : `${plural(count, noun)}, more follow`}{" "}
            <span className={css.dim}>
              {progress.rows > 0 && `${progressText({ ...progress, row_groups_total: 0 })} read `}in {formatDuration(stream.elapsedMs * 1e6)}
            </span>
          </>
        )}
      </span>
      {counting && <span className={css.dim}>Still counting</span>}
      {((loading && slow) || counting) && (
        <Button small onClick={stopAll} disabled={stream.stopping} title="Stop (Esc)">
          <Square size={11} aria-hidden /> Stop
        </Button>
      )}
      {phase === "stopped" && (
        <Button small onClick={goOn}>
          {stream.cursor === null ? "Search again" : "Continue"}
        </Button>
      )}
      {children}
      {loading && slow && (
        <progress className={css.progress} aria-label="Search progress" max={1} {...(share === null ? {} : { value: share })} />
      )}
    </div>
  );
}

/** The line above a panel that stands alone: what it shows, Stop while it is counted, how to go on when it was stopped. */
export function PanelStatus({ stopped, children }: { stopped: boolean; children: ReactNode }) {
  const { busy, stop, resume } = usePanels();
  const slow = useSlow(busy);
  useEscape(busy, stop);
  return (
    <div className={css.line}>
      <span className={css.text} role={busy ? undefined : "status"}>
        {busy && slow ? "Counting" : stopped ? <b className={css.stopped}>Stopped</b> : children}
      </span>
      {busy && slow && (
        <Button small onClick={stop} title="Stop (Esc)">
          <Square size={11} aria-hidden /> Stop
        </Button>
      )}
      {stopped && !busy && (
        <Button small onClick={resume}>
          Search again
        </Button>
      )}
      {busy && slow && <progress className={css.progress} aria-label="Search progress" max={1} />}
    </div>
  );
}

function useSlow(loading: boolean): boolean {
  const [slow, setSlow] = useState(false);
  useEffect(() => {
    if (!loading) return;
    const timer = setTimeout(() => setSlow(true), QUIET_MS);
    return () => {
      clearTimeout(timer);
      setSlow(false);
    };
  }, [loading]);
  return loading && slow;
}

function useEscape(active: boolean, action: () => void): void {
  useEffect(() => {
    if (!active) return;
    const onKeyDown = (event: KeyboardEvent) => {
      if (event.key !== "Escape" || event.defaultPrevented) return;
      // A field, or what is open above the page, takes the key first.
      if ((event.target as Element).closest?.("input, textarea, [contenteditable]") || document.querySelector('[role="dialog"], [role="menu"]')) return;
      event.preventDefault();
      action();
    };
    window.addEventListener("keydown", onKeyDown);
    return () => window.removeEventListener("keydown", onKeyDown);
  }, [active, action]);
}
