import type { UseQueryResult } from "@tanstack/react-query";
import { ApiError } from "../api/client";
import { formatCount, group } from "../lib/format";
import { Button } from "./button";
import css from "./histogram.module.css";
import { isStopped } from "./panels";

/** What a chart needs to know of the query that counts for it. */
export type ChartAnswer = Pick<UseQueryResult, "error" | "fetchStatus" | "isError" | "isPending" | "isPlaceholderData" | "refetch">;

/** The corner of a chart of counts: how high its highest bar is, or why there is none. `peak`: 0 without a bar. */
export function ChartPeak({ answer, peak }: { answer: ChartAnswer; peak: number }) {
  if (isStopped(answer)) return <span className={css.peak}>stopped</span>;
  if (answer.isError) {
    // What is wrong with a search is said where it is typed; asking again would not help.
    const isWrong = answer.error instanceof ApiError && answer.error.status === 400;
    return (
      <span className={css.peak}>
        not loaded{" "}
        {!isWrong && (
          <Button small look="quiet" aria-label="Retry: the chart could not be loaded" onClick={() => void answer.refetch()}>
            Retry
          </Button>
        )}
      </span>
    );
  }
  if (answer.isPending) return <span className={css.peak} />;
  return (
    <span className={css.peak} title={peak > 0 ? `The highest bar: ${group(peak)}` : undefined}>
      {peak > 0 ? `max ${formatCount(peak)}` : "none"}
    </span>
  );
}
