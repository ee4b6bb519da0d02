import { ChevronDown, ChevronUp } from "lucide-react";
import { type KeyboardEvent, useEffect, useMemo, useSyncExternalStore } from "react";
import { findSpans } from "../../engine/find";
import type { WaterfallStore } from "../../engine/waterfall-store";
import { rowOf } from "../../engine/folds";
import { Button } from "../../kit/button";
import { TextField } from "../../kit/search-field";
import { useUrl } from "../../kit/use-url";
import { group } from "../../lib/format";
import css from "./trace-screen.module.css";

/** Find in the trace: marks matches while typing, Enter goes to the next one. */
export function FindField({ store }: { store: WaterfallStore }) {
  const { search, patch } = useUrl();
  const text = new URLSearchParams(search).get("find") ?? "";
  const matches = useMemo(() => findSpans(store.model, text), [store, text]);
  const active = useSyncExternalStore(store.subscribe, () => store.active);
  const nearest = matches.length > 0 ? rowOf(matches, active) : -1;
  const current = nearest >= 0 && matches[nearest] === active ? nearest : -1;
  useEffect(() => store.setMatches(matches), [store, matches]);
  const onKey = (event: KeyboardEvent) => {
    if (event.key !== "Enter" || text === "") return;
    event.preventDefault();
    store.stepMatch(event.shiftKey ? -1 : 1);
  };
  return (
    <TextField
      value={text}
      live
      placeholder="find in this trace: words, service:cart, error, duration>50ms"
      label="Find in this trace"
      onCommit={(next) => patch({ find: next }, { replace: true })}
      onKey={onKey}
      trailing={
        text === "" ? undefined : (
          <span className={css.find}>
            <span role="status">{matches.length === 0 ? "no match" : `${current >= 0 ? `${group(current + 1)} of ` : ""}${group(matches.length)}`}</span>
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
