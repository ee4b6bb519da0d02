import { createContext, type ReactNode, useCallback, useContext, useEffect, useMemo, useState } from "react";
import type { Window } from "../api/queries";
import { DEFAULT_RANGE, nanos, nowNanos, resolve, type TimeRange, type UnixNanos, type Zone } from "../lib/time";
import { rangePatch, readRange, readZone } from "../lib/url-state";
import { storedZone, storeZone } from "./preferences";
import { useUrl } from "./use-url";

export const REFRESH_CHOICES = ["off", "5s", "10s", "30s", "1m"] as const;
export type Refresh = (typeof REFRESH_CHOICES)[number];
const REFRESH_MS: Record<Refresh, number> = { off: 0, "5s": 5_000, "10s": 10_000, "30s": 30_000, "1m": 60_000 };

interface TimeState {
  range: TimeRange;
  /** The range with its relative ends resolved at the last refresh. */
  window: Window;
  zone: Zone;
  refresh: Refresh;
  /** Why the address's range could not be read; the default range is shown instead. */
  problem: string | null;
  /** Sentences about a zone and a refresh of the address that are not known. */
  ignored: readonly string[];
  /** When `now` was last read. */
  now: UnixNanos;
  setRange: (range: TimeRange) => void;
  setWindow: (from: UnixNanos, to: UnixNanos) => void;
  setZone: (zone: Zone) => void;
  setRefresh: (refresh: Refresh) => void;
  /** Reads the clock anew, so that relative ranges move on and queries run again. */
  refreshNow: () => void;
}

const TimeContext = createContext<TimeState | null>(null);

export function useTime(): TimeState {
  const state = useContext(TimeContext);
  if (!state) throw new Error("useTime needs a TimeProvider above it");
  return state;
}

/** What of the address is no zone and no refresh. */
function ignoredIn(search: string): string[] {
  const params = new URLSearchParams(search);
  const [zone, refresh] = [params.get("tz"), params.get("refresh")];
  return [
    ...(zone !== null && readZone(search) === null ? [`tz=${zone} in the address is no zone such as utc, local or Europe/Berlin; it is ignored.`] : []),
    ...(refresh !== null && !(REFRESH_CHOICES as readonly string[]).includes(refresh) ? [`refresh=${refresh} in the address is none of ${REFRESH_CHOICES.join(", ")}; nothing is refreshed.`] : []),
  ];
}

/** Time range, zone and refresh of the whole application, all in the address. */
export function TimeProvider({ children }: { children: ReactNode }) {
  const { search, patch } = useUrl();
  const [now, setNow] = useState(nowNanos);
  const zone = readZone(search) ?? storedZone();
  const params = useMemo(() => new URLSearchParams(search), [search]);
  const from = params.get("from");
  const to = params.get("to");
  const refresh = (REFRESH_CHOICES as readonly string[]).includes(params.get("refresh") ?? "")
    ? (params.get("refresh") as Refresh)
    : "off";

  const refreshNow = useCallback(() => setNow(nowNanos()), []);
  useEffect(() => {
    if (REFRESH_MS[refresh] === 0) return;
    const timer = setInterval(() => document.hidden || refreshNow(), REFRESH_MS[refresh]);
    return () => clearInterval(timer);
  }, [refresh, refreshNow]);

  const state = useMemo<TimeState>(() => {
    const rangeSearch = new URLSearchParams({ ...(from && { from }), ...(to && { to }) }).toString();
    // A time without a zone means the same to everyone who opens the address.
    const parsed = readRange(rangeSearch, readZone(search) ?? "utc", now);
    const range = parsed.ok ? parsed.value : DEFAULT_RANGE;
    const setRange = (next: TimeRange) => {
      patch(rangePatch(next));
      refreshNow();
    };
    return {
      range,
      window: { from: resolve(range.from, now), to: resolve(range.to, now) },
      zone,
      refresh,
      problem: parsed.ok ? null : parsed.message,
      ignored: ignoredIn(search),
      now,
      setRange,
      setWindow: (start, end) =>
        setRange({ from: { kind: "absolute", at: start }, to: { kind: "absolute", at: nanos(end > start ? end : start + 1n) } }),
      setZone: (next) => {
        storeZone(next);
        patch({ tz: next }, { replace: true });
      },
      setRefresh: (next) => patch({ refresh: next === "off" ? null : next }, { replace: true }),
      refreshNow,
    };
  }, [from, to, zone, search, refresh, now, patch, refreshNow]);

  return <TimeContext value={state}>{children}</TimeContext>;
}
