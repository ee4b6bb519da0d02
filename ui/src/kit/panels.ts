import { type Query, useIsFetching, useQueryClient } from "@tanstack/react-query";
import { useCallback } from "react";
import { ApiError } from "../api/client";
import { PANEL } from "../api/queries";

const isPanel = (query: Query) => query.meta?.["panel"] === PANEL.panel;

export interface Panels {
  /** Some of them are still being counted. */
  busy: boolean;
  /** Closes their connections, which ends their queries on the server; what they showed stays, marked by {@link isStopped}. */
  stop: () => void;
  /** Asks again for those that were stopped. */
  resume: () => void;
}

/** The panels of the screen: histograms, facets, the heatmap. */
export function usePanels(): Panels {
  const client = useQueryClient();
  const busy = useIsFetching({ predicate: isPanel }) > 0;
  const stop = useCallback(() => void client.cancelQueries({ predicate: isPanel }), [client]);
  const resume = useCallback(() => {
    const without = (query: Query) => isPanel(query) && query.state.data === undefined;
    void client.refetchQueries({ type: "active", predicate: without }, { cancelRefetch: false });
  }, [client]);
  return { busy, stop, resume };
}

/** What the reader has stopped: it has no answer, and none is on its way. */
export function isStopped(query: { fetchStatus: string; isPending: boolean; isPlaceholderData: boolean; error: unknown }): boolean {
  if (query.error instanceof ApiError) return query.error.code === "stopped";
  return query.fetchStatus === "idle" && (query.isPending || query.isPlaceholderData);
}
