import { queryOptions } from "@tanstack/react-query";
import { baselineOf, type Profile, profileOf } from "../engine/contributions";
import { decodeTrace } from "../engine/decode-trace";
import { allOf } from "../engine/search/edit";
import type { TraceFacts } from "../engine/skeleton";
import { nanos, type UnixNanos } from "../lib/time";
import { getBytes, getJson } from "./client";
import type { TracePage, TraceSummary } from "./types";

/** Traces that say what is usual. */
export const BASELINE_TRACES_MAX = 20;
/** Spans of them together: each trace is read whole. */
export const BASELINE_SPANS_MAX = 200_000;
/** How far from the moment they are looked for. */
export const BASELINE_REACH_NS = 3_600_000_000_000n;
/** Summaries that are looked through on each side of the moment: those with errors do not count. */
const CANDIDATES_MAX = 100;
/** Traces that are read at the same time. */
const READ_AT_ONCE = 4;

const DAY_NS = 86_400_000_000_000n;

/** Whether what is usual is looked for around the trace or earlier, as `cmp=` says; with how long before. */
export const BASELINE_TIMES = { around: 0n, "-1d": DAY_NS, "-7d": 7n * DAY_NS } as const;
export type BaselineTime = keyof typeof BASELINE_TIMES;

export interface Baseline {
  profile: Profile;
  /** Those it was made of, the nearest in time first. */
  traces: readonly TraceSummary[];
  /** All that were found had errors or missed spans, so these were taken. */
  areFaulty: boolean;
  /** Shortest and longest duration, nanoseconds. */
  durations: { low: number; high: number };
}

/** The search that finds traces with the root operation of a trace. */
export const sameRoot = (root: { service: string; name: string }) => `root{${allOf(["service", root.service], ["name", root.name])}}`;

/** What is usual for the operation of a trace with a root; null when there is no other such trace. */
export function baselineQuery(facts: TraceFacts, time: BaselineTime) {
  return queryOptions({
    queryKey: ["baseline", facts.trace_id, time],
    queryFn: async ({ signal }) => {
      const moment = nanos(nanos(facts.start_time_unix_nano) - BASELINE_TIMES[time]);
      const chosen = chooseBaseline(await findSame(facts, moment, signal), facts, moment);
      return chosen.traces.length === 0 ? null : readBaseline(chosen, signal);
    },
    staleTime: 60_000,
  });
}

/** Traces of the same root operation before the moment, and after it when those are too few. */
async function findSame(facts: TraceFacts, moment: UnixNanos, signal: AbortSignal): Promise<TraceSummary[]> {
  const q = sameRoot(facts.root!);
  const ask = async (from: bigint, to: bigint, order: "asc" | "desc") =>
    (await getJson<TracePage>("traces", { q, from: String(from), to: String(to), sort: "start", order, limit: CANDIDATES_MAX }, signal)).traces;
  const before = await ask(moment - BASELINE_REACH_NS, moment, "desc");
  if (chooseBaseline(before, facts, moment).traces.length >= BASELINE_TRACES_MAX) return before;
  return [...before, ...(await ask(moment, moment + BASELINE_REACH_NS, "asc"))];
}

/**
 * The traces nearest to the moment without errors and missing spans, as many as the bounds allow; faulty ones when there
 * are no others. Never the trace itself.
 */
export function chooseBaseline(found: readonly TraceSummary[], facts: Pick<TraceFacts, "trace_id" | "root">, moment: UnixNanos) {
  const far = (trace: TraceSummary) => {
    const distance = nanos(trace.start_time_unix_nano) - moment;
    return distance < 0n ? -distance : distance;
  };
  const isSame = (one: TraceSummary) => one.trace_id !== facts.trace_id && one.root?.name === facts.root?.name && one.root?.service === facts.root?.service;
  const same = found.filter(isSame).toSorted((a, b) => (far(a) < far(b) ? -1 : far(a) > far(b) ? 1 : 0));
  const good = same.filter((one) => one.error_count === 0 && one.complete);
  const traces: TraceSummary[] = [];
  let spans = 0;
  for (const trace of good.length > 0 ? good : same) {
    if (traces.length === BASELINE_TRACES_MAX) break;
    if (spans + trace.span_count > BASELINE_SPANS_MAX) continue;
    spans += trace.span_count;
    traces.push(trace);
  }
  return { traces, areFaulty: good.length === 0 };
}

async function readBaseline({ traces, areFaulty }: { traces: TraceSummary[]; areFaulty: boolean }, signal: AbortSignal): Promise<Baseline> {
  const profiles: Profile[] = [];
  for (let at = 0; at < traces.length; at += READ_AT_ONCE) {
    profiles.push(...(await Promise.all(traces.slice(at, at + READ_AT_ONCE).map((trace) => readProfile(trace.trace_id, signal)))));
  }
  const durations = profiles.map((profile) => profile.durationNs);
  return { profile: baselineOf(profiles), traces, areFaulty, durations: { low: Math.min(...durations), high: Math.max(...durations) } };
}

async function readProfile(traceId: string, signal: AbortSignal): Promise<Profile> {
  return profileOf((await decodeTrace(await getBytes(`traces/${traceId}`, { view: "skeleton" }, signal), signal)).model);
}
