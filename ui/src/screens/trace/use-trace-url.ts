import { useEffect, useMemo, useRef } from "react";
import { indexOfSpan, spanRefOf, type TraceModel, withSkewUndone } from "../../engine/trace-model";
import type { WaterfallStore } from "../../engine/waterfall-store";
import { useUrl } from "../../kit/use-url";
import { readTraceUrl, type TraceUrl } from "./trace-url";

/** A zoom is written into the address when it has rested for so long. */
const ZOOM_REST_MS = 250;

/** Keeps store and address alike: what the address says is shown, and where the reader went is written there. */
export function useTraceUrl(store: WaterfallStore, model: TraceModel, matches: Int32Array): TraceUrl {
  const { search, patch } = useUrl();
  const url = useMemo(() => readTraceUrl(search), [search]);
  const moved = useMemo(() => (url.skew === "adj" ? withSkewUndone(model) : model), [model, url.skew]);
  useEffect(() => store.setTimes(moved, moved === model ? null : model), [store, moved, model]);
  useEffect(() => store.setLook({ colorBy: url.color }), [store, url.color]);
  useMask(store, url, matches);

  const zoom = url.zoom;
  const [t0, t1] = [zoom?.t0 ?? 0, zoom?.t1 ?? -1];
  const written = useRef("");
  useEffect(() => {
    // What was written from here has been shown already.
    if (written.current === `${t0},${t1}`) return;
    if (t1 < 0) store.resetView();
    else store.setView({ t0, t1 });
  }, [store, t0, t1]);
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    let last = store.view;
    let folded = store.foldedTo;
    const stop = store.subscribe(() => {
      if (store.foldedTo !== folded) {
        folded = store.foldedTo;
        patch({ collapsed: folded === null ? null : String(folded) }, { replace: true });
      }
      if (store.view === last) return;
      last = store.view;
      clearTimeout(timer);
      timer = setTimeout(() => {
        const whole = store.view.t0 <= 0 && store.view.t1 >= store.model.durationNs;
        const text = whole ? null : `${Math.round(store.view.t0)},${Math.round(store.view.t1)}`;
        written.current = text ?? "0,-1";
        patch({ z: text }, { replace: true });
      }, ZOOM_REST_MS);
    });
    return () => {
      clearTimeout(timer);
      stop();
    };
  }, [store, patch]);
  const { levels } = url;
  const opened = useRef<WaterfallStore | null>(null);
  useEffect(() => {
    if (opened.current === store) return;
    opened.current = store;
    if (levels !== null) store.foldToLevels(levels);
  }, [store, levels]);
  useMark(store, url, matches);
  return url;
}

/** The match that one has stepped to is in the address, and is gone to when that is opened; so is the only match. */
function useMark(store: WaterfallStore, url: TraceUrl, matches: Int32Array): void {
  const { patch } = useUrl();
  const restored = useRef<WaterfallStore | null>(null);
  const { mark } = url;
  useEffect(() => {
    if (matches.length === 0 || restored.current === store) return;
    restored.current = store;
    const only = matches.length === 1 ? matches[0]! : -1;
    const index = mark === null ? only : indexOfSpan(store.model, mark);
    if (index >= 0 && store.isMatch(index)) store.setActive(index);
  }, [store, mark, matches]);
  useEffect(() => {
    let last = store.stepped;
    return store.subscribe(() => {
      if (store.stepped === last) return;
      last = store.stepped;
      patch({ mark: spanRefOf(store.model, last) }, { replace: true });
    });
  }, [store, patch]);
}

/** Rows that are left when only some services, or only what was found, are wanted. */
function useMask(store: WaterfallStore, url: TraceUrl, matches: Int32Array): void {
  const only = url.only.join("\0");
  useEffect(() => {
    const { model } = store;
    const hideOthers = url.hide && url.find !== "";
    if (only === "" && !hideOthers) {
      store.showOnly(null);
      return;
    }
    const wanted = new Set(only.split("\0").map((service) => model.services.indexOf(service)));
    const spans = hideOthers ? Array.from(matches) : Array.from({ length: model.count }, (_, i) => i);
    store.showOnly(only === "" ? spans : spans.filter((i) => wanted.has(model.service[i]!)));
  }, [store, only, url.hide, url.find, matches]);
}

