import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useEffectEvent, useMemo, useState, useSyncExternalStore } from "react";
import { isUnreachable, type Params } from "../api/client";
import { statusQuery } from "../api/queries";
import { RowStream, type RowStreamState } from "../api/row-stream";

/** Searches kept for the way back from a trace, the last used at the end. */
const KEPT_MAX = 6;
const kept = new Map<string, RowStream<unknown>>();

function streamOf<Row>(path: string, params: Params): RowStream<Row> {
  const key = JSON.stringify([path, params]);
  const stream = (kept.get(key) as RowStream<Row> | undefined) ?? new RowStream<Row>(path, params);
  kept.delete(key);
  kept.set(key, stream as RowStream<unknown>);
  for (const oldest of kept.keys()) {
    if (kept.size <= KEPT_MAX) break;
    kept.delete(oldest);
  }
  return stream;
}

export interface RowStreamView<Row> extends RowStreamState<Row> {
  /** The rows are those of the search before, until the first of this one come. */
  stale: boolean;
  more: () => void;
  retry: () => void;
  again: () => void;
  stop: () => void;
}

/** The rows of a search as they come. Another search, or leaving, ends one that is on its way. */
export function useRowStream<Row>(path: string, params: Params): RowStreamView<Row> {
  const key = JSON.stringify(params);
  // The key says whether the parameters are the same.
  const stream = useMemo(() => streamOf<Row>(path, JSON.parse(key) as Params), [path, key]);
  useEffect(() => {
    stream.open();
    return () => stream.close();
  }, [stream]);
  const state = useSyncExternalStore(stream.subscribe, stream.snapshot);
  useRetryWhenBack(state, stream.retry);
  const [before, setBefore] = useState<readonly Row[]>([]);
  const isEmpty = state.rows.length === 0 && (state.phase === "idle" || state.phase === "loading");
  if (!isEmpty && before !== state.rows) setBefore(state.rows);
  const stale = isEmpty && before.length > 0;
  return { ...state, rows: stale ? before : state.rows, stale, more: stream.more, retry: stream.retry, again: stream.again, stop: stream.stop };
}

/** A search that the server did not answer makes the shell look whether it is there, and is made again when it is. */
function useRetryWhenBack({ phase, error }: RowStreamState<unknown>, retry: () => void): void {
  const queries = useQueryClient();
  const { dataUpdatedAt } = useQuery(statusQuery());
  const isLost = phase === "failed" && isUnreachable(error);
  useEffect(() => {
    if (isLost) void queries.invalidateQueries({ queryKey: statusQuery().queryKey });
  }, [isLost, queries]);
  const onAnswer = useEffectEvent((at: number) => {
    if (at > 0 && isLost) retry();
  });
  useEffect(() => onAnswer(dataUpdatedAt), [dataUpdatedAt]);
}
