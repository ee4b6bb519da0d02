import { useSyncExternalStore } from "react";
import type { LoadedTrace } from "../../engine/decode-trace";
import { FLAG } from "../../engine/skeleton";
import type { TraceModel } from "../../engine/trace-model";
import type { WaterfallStore } from "../../engine/waterfall-store";
import { buttonClass } from "../../kit/button";
import { Note } from "../../kit/states";
import { formatDuration, group, plural } from "../../lib/format";
import { nanos, nowNanos } from "../../lib/time";
import type { TraceUrl } from "./trace-url";

/** Spans of a trace that ended less than this ago may well be on their way. */
const STILL_ARRIVING_NS = 60_000_000_000n;

/** What a reader must know before trusting the picture. */
export function TraceHealth({ trace, store, url }: { trace: LoadedTrace; store: WaterfallStore; url: TraceUrl }) {
  const { facts, model } = trace;
  const unfolded = useSyncExternalStore(store.subscribe, () => store.isWhole());
  const causes: string[] = [];
  if (facts.orphan_count > 0) causes.push(orphans(trace));
  causes.push(...facts.warnings.filter((warning) => !/(?:has a parent that is|have parents that are) not in this trace/.test(warning)));
  if (facts.logs_truncated) causes.push("There are more log records than are marked.");
  if (model.skewedCount > 0) causes.push(skew(model, url.skew === "adj"));
  const { shownLevels } = store;
  if (shownLevels !== null) {
    causes.push(`Large trace: opened with ${plural(shownLevels, "level")} of ${group(model.levels)}, and what failed or held it up. Keys 1–9 fold to a level.`);
  }
  const unfold = shownLevels !== null && !unfolded && (
    <button type="button" className={buttonClass("default", true)} onClick={() => store.expandAll()}>
      Unfold all
    </button>
  );
  return (
    <>
      {url.problems.map((problem) => (
        <Note key={problem} error>
          {problem}
        </Note>
      ))}
      {causes.length > 0 && <Note action={unfold}>{causes.map(sentence).join(" ")}</Note>}
    </>
  );
}

/** How many parents are missing, and why that is, as far as the spans tell. */
function orphans({ facts, model }: LoadedTrace): string {
  let [remote, local] = [0, 0];
  for (let i = 0; i < model.count; i += 1) {
    if (!(model.flags[i]! & FLAG.orphan)) continue;
    if (model.flags[i]! & FLAG.parentRemote) remote += 1;
    if (model.flags[i]! & FLAG.parentLocal) local += 1;
  }
  const count = facts.orphan_count;
  const which = `${plural(count, "span")} ${count === 1 ? "names a parent that is" : "name parents that are"} not here and ${count === 1 ? "is shown as a root" : "are shown as roots"}`;
  if (nowNanos() - nanos(facts.end_time_unix_nano) < STILL_ARRIVING_NS) return `${which}: the trace is less than a minute old, they may still arrive`;
  if (remote === count) return `${which}: the parents are in other processes, which did not sample or do not send here`;
  if (local === count) return `${which}: the parents are in the same processes; they have not ended, or their export was lost`;
  return `${which}: not sampled, lost on the way, or not ended yet`;
}

function skew(model: TraceModel, undone: boolean): string {
  let largest = 0;
  for (const shift of model.shift) largest = Math.max(largest, Math.abs(shift));
  const count = model.skewedCount;
  return `${plural(count, "span")} ${count === 1 ? "starts" : "start"} up to ${formatDuration(largest)} before the caller: clocks differ. ${undone ? "They are drawn where they fit; dashed outlines are where they were" : "Times are shown as sent"}`;
}

function sentence(text: string): string {
  const capital = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(capital) ? capital : `${capital}.`;
}
