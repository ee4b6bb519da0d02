import { useEffect, useMemo, useRef } from "react";
import { type TraceModel, withSkewUndone } from "../../engine/trace-model";
import type { ColorBy, WaterfallStore } from "../../engine/waterfall-store";
import { useUrl } from "../../kit/use-url";

const COLORS: readonly ColorBy[] = ["service", "status", "kind"];
/** A zoom is written into the address when it has rested for so long. */
const ZOOM_REST_MS = 250;

export interface TraceUrl {
  /** Find text, and whether what does not match is hidden. */
  find: string;
  hide: boolean;
  /** Services that are shown; empty for all. */
  only: readonly string[];
  skew: "raw" | "adj";
  color: ColorBy;
  /** "Where the time went" is open. */
  critical: boolean;
  /** Sentences about parameters that could not be read. */
  problems: readonly string[];
}

/** The trace page's own parameters of an address. */
export function readTraceUrl(search: string): TraceUrl & { zoom: { t0: number; t1: number } | null; levels: number | null } {
  const params = new URLSearchParams(search);
  const problems: string[] = [];
  const bad = (name: string, expected: string) => problems.push(`${name}=${params.get(name)} in the address is not ${expected}; it is ignored.`);
  const word = <T extends string>(name: string, words: readonly T[], usual: T): T => {
    const value = params.get(name);
    const known = words.find((one) => one === value);
    if (value !== null && known === undefined) bad(name, `one of ${words.join(", ")}`);
    return known ?? usual;
  };
  const zoom = readZoom(params.get("z"));
  if (params.has("z") && zoom === null) bad("z", "two offsets in nanoseconds such as 0,1000");
  const levels = Number(params.get("collapsed") ?? Number.NaN);
  const isLevel = Number.isInteger(levels) && levels >= 1;
  if (params.has("collapsed") && !isLevel) bad("collapsed", "a number of levels");
  return {
    find: params.get("find") ?? "",
    hide: params.get("hide") === "1",
    only: (params.get("only") ?? "").split(",").filter(Boolean).map(decodeURIComponentSafely),
    skew: word("skew", ["raw", "adj"] as const, "raw"),
    color: word("color", COLORS, "service"),
    critical: params.get("cp") === "1",
    zoom,
    levels: isLevel ? levels : null,
    problems,
  };
}

function readZoom(text: string | null): { t0: number; t1: number } | null {
  const match = /^(\d+),(\d+)$/.exec(text ?? "");
  const [t0, t1] = [Number(match?.[1]), Number(match?.[2])];
  return match && t1 > t0 ? { t0, t1 } : null;
}

/** Services may have commas in their names: those are escaped once more. */
function decodeURIComponentSafely(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

export function printOnly(services: readonly string[]): string {
  return services.map((service) => service.replaceAll("%", "%25").replaceAll(",", "%2C")).join(",");
}

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
    const stop = store.subscribe(() => {
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
  return url;
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

