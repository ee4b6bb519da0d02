import { parseExact } from "../lib/json";
import type { OtlpTrace } from "./export-trace";
import { fromJaeger, isJaeger } from "./from-jaeger";

/** Spans, or log records, that are sent in one request. */
const PIECE_RECORDS_MAX = 5_000;

/** A file that can be imported, and what is in it. */
export interface ImportPlan {
  spans: number;
  logs: number;
  traceIds: readonly string[];
  /** Of spans and log records, nanoseconds since 1970; null when none has a time. */
  from: bigint | null;
  to: bigint | null;
  /** OTLP/JSON documents of a size that one request takes. */
  pieces: readonly OtlpDocument[];
}

/** As a download of a trace is; every field may be missing. */
export interface OtlpDocument {
  resourceSpans?: OtlpTrace["resourceSpans"];
  resourceLogs?: ResourceLogs[];
}

interface ResourceLogs {
  resource?: unknown;
  scopeLogs?: { scope?: unknown; logRecords?: { timeUnixNano?: string; observedTimeUnixNano?: string }[] }[];
}

/**
 * Reads OTLP/JSON (one document, or one on each line, as the Collector's file exporter writes them) and Jaeger's JSON.
 * Errors: what cannot be imported, in words for the reader.
 */
export function readImport(text: string): ImportPlan {
  const plan = planOf(documents(text));
  if (plan.spans + plan.logs === 0) throw new Error("There is no span and no log record in the file. OTLP/JSON and Jaeger's JSON can be imported.");
  return plan;
}

function documents(text: string): OtlpDocument[] {
  const whole = parsed(text);
  if (whole !== undefined) return [documentOf(whole)];
  return text.split("\n").filter((line) => line.trim() !== "").map((line, nth) => {
    const one = parsed(line);
    if (one === undefined) throw new Error(nth === 0 ? "The file is not JSON." : `Line ${nth + 1} of the file is not JSON.`);
    return documentOf(one);
  });
}

function parsed(text: string): unknown {
  try {
    return parseExact(text);
  } catch {
    return undefined;
  }
}

function documentOf(json: unknown): OtlpDocument {
  if (typeof json !== "object" || json === null) throw new Error("The file holds JSON, but no trace.");
  if ("traceEvents" in json) throw new Error("This is a trace for Perfetto: it does not say what OTLP needs. Import the OTLP/JSON of the same trace.");
  return isJaeger(json) ? fromJaeger(json) : (json as OtlpDocument);
}

function planOf(all: readonly OtlpDocument[]): ImportPlan {
  const pieces: OtlpDocument[] = [];
  const traceIds = new Set<string>();
  let [spans, logs] = [0, 0];
  let [from, to]: [bigint | null, bigint | null] = [null, null];
  const extend = (time: string | undefined) => {
    if (time === undefined || !/^\d+$/.test(String(time))) return;
    const at = BigInt(time);
    if (from === null || at < from) from = at;
    if (to === null || at > to) to = at;
  };
  for (const { resource, scope, records } of parts(all, "resourceSpans", "scopeSpans", "spans")) {
    for (const span of records) {
      traceIds.add(span.traceId.toLowerCase());
      extend(span.startTimeUnixNano);
      extend(span.endTimeUnixNano);
    }
    spans += records.length;
    for (const piece of cut(records)) pieces.push({ resourceSpans: [{ resource, scopeSpans: [{ scope, spans: piece }] }] as never });
  }
  for (const { resource, scope, records } of parts(all, "resourceLogs", "scopeLogs", "logRecords")) {
    for (const record of records) extend(record.timeUnixNano ?? record.observedTimeUnixNano);
    logs += records.length;
    for (const piece of cut(records)) pieces.push({ resourceLogs: [{ resource, scopeLogs: [{ scope, logRecords: piece }] }] });
  }
  return { spans, logs, traceIds: [...traceIds], from, to, pieces: together(pieces) };
}

interface Records {
  resource: unknown;
  scope: unknown;
  records: { traceId: string; startTimeUnixNano?: string; endTimeUnixNano?: string; timeUnixNano?: string; observedTimeUnixNano?: string }[];
}

const listOf = (value: unknown): Record<string, unknown>[] => (Array.isArray(value) ? value : []);

/** Every list of records with what stands above it; whatever is no list holds none. */
function parts(all: readonly OtlpDocument[], resources: keyof OtlpDocument, scopes: string, records: string): Records[] {
  return all.flatMap((document) =>
    listOf(document[resources]).flatMap(({ resource, [scopes]: below, ...ofResource }) =>
      listOf(below).map(({ scope, [records]: own }) => ({ resource, scope, records: listOf(own) as never, ...ofResource })),
    ),
  );
}

function cut<T>(records: readonly T[]): T[][] {
  const pieces: T[][] = [];
  for (let at = 0; at < records.length; at += PIECE_RECORDS_MAX) pieces.push(records.slice(at, at + PIECE_RECORDS_MAX));
  return pieces;
}

/** Small pieces in one request, as many as fit. */
function together(pieces: readonly OtlpDocument[]): OtlpDocument[] {
  const joined: Required<OtlpDocument>[] = [];
  let room = 0;
  for (const { resourceSpans = [], resourceLogs = [] } of pieces) {
    const size = (resourceSpans[0]?.scopeSpans[0]?.spans.length ?? 0) + (resourceLogs[0]?.scopeLogs?.[0]?.logRecords?.length ?? 0);
    if (size > room) {
      joined.push({ resourceSpans: [], resourceLogs: [] });
      room = PIECE_RECORDS_MAX;
    }
    joined.at(-1)!.resourceSpans.push(...resourceSpans);
    joined.at(-1)!.resourceLogs.push(...resourceLogs);
    room -= size;
  }
  return joined;
}
