import { useQuery } from "@tanstack/react-query";
import { ChevronDown, ChevronUp, EyeOff } from "lucide-react";
import { type KeyboardEvent, useEffect, useMemo, useSyncExternalStore } from "react";
import { spansWithQuery } from "../../api/queries";
import { findSpans, readFind } from "../../engine/find";
import { rowOf } from "../../engine/folds";
import type { TraceModel } from "../../engine/trace-model";
import type { WaterfallStore } from "../../engine/waterfall-store";
import { Button } from "../../kit/button";
import { TextField } from "../../kit/search-field";
import { useUrl } from "../../kit/use-url";
import { group } from "../../lib/format";
import css from "./trace-screen.module.css";

export interface Found {
  matches: Int32Array;
  /** The server is being asked about attributes. */
  pending: boolean;
  failed: boolean;
  /** Why the text cannot be searched for. */
  problem: string | null;
}

/** Spans that the find text of the address means: names and times at once, attributes when the server has answered. */
export function useFind(traceId: string, model: TraceModel, text: string): Found {
  const query = useMemo(() => readFind(model, text), [model, text]);
  const asked = query.asked.length > 0;
  const ids = useQuery(spansWithQuery(traceId, query.asked));
  const known = asked ? (ids.data ?? null) : null;
  const matches = useMemo(() => findSpans(model, query, known), [model, query, known]);
  return { matches, pending: asked && ids.isPending, failed: asked && ids.isError, problem: query.problem };
}

/** Find in the trace: marks matches while typing, Enter goes to the next one. */
export function FindField({ store, found, text, hide }: { store: WaterfallStore; found: Found; text: string; hide: boolean }) {
  const { patch } = useUrl();
  const { matches } = found;
  const active = useSyncExternalStore(store.subscribe, () => store.activeSpan);
  const nearest = matches.length > 0 ? rowOf(matches, active) : -1;
  const current = nearest >= 0 && matches[nearest] === active ? nearest : -1;
  useEffect(() => store.setMatches(matches), [store, matches]);
  const onKey = (event: KeyboardEvent) => {
    if (event.key !== "Enter" || text === "") return;
    event.preventDefault();
    store.stepMatch(event.shiftKey ? -1 : 1);
  };
  const count = matches.length === 0 ? "no match" : `${current >= 0 ? `${group(current + 1)} of ` : ""}${group(matches.length)}`;
  return (
    <TextField
      value={text}
      live
      placeholder="find in this trace: words, service:cart, error, duration>50ms"
      label="Find in this trace"
      onCommit={(next) => patch({ find: next, mark: null, ...(next === "" && { hide: null }) }, { replace: true })}
      onKey={onKey}
      trailing={
        text === "" ? undefined : (
          <span className={css.find}>
            <span role="status">{found.problem ?? (found.failed ? "attributes could not be searched" : found.pending ? "searching" : count)}</span>
            <Button small look="quiet" iconLabel="Hide other spans" aria-pressed={hide} disabled={matches.length === 0 && !hide} onClick={() => patch({ hide: hide ? null : "1" })}>
              <EyeOff size={13} aria-hidden />
            </Button>
            <Button small look="quiet" iconLabel="Previous match (Shift Enter)" disabled={matches.length === 0} onClick={() => store.stepMatch(-1)}>
              <ChevronUp size={13} aria-hidden />
            </Button>
            <Button small look="quiet" iconLabel="Next match (Enter)" disabled={matches.length === 0} onClick={() => store.stepMatch(1)}>
              <ChevronDown size={13} aria-hidden />
            </Button>
          </span>
        )
      }
    />
  );
}
