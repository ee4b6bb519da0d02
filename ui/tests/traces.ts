import { type Skeleton, STATUS_ERROR } from "../src/engine/skeleton";
import { buildTraceModel, spanIdOf, type TraceModel } from "../src/engine/trace-model";

/** A span as a test writes it down. Ids are small numbers. */
export interface TestSpan {
  id: number;
  /** 0 for none. */
  parent: number;
  start: number;
  duration: number;
  service: string;
  name: string;
  kind: string;
  status: number;
  outcome: number;
  flags: number;
  events: { time: number; text: string }[];
}

/** A span with nothing in it but what a test says. */
export function span(id: number, parent: number, start: number, duration: number, more: Partial<TestSpan> = {}): TestSpan {
  return { id, parent, start, duration, service: "service", name: `op ${id}`, kind: "INTERNAL", status: 0, outcome: 0, flags: 0, events: [], ...more };
}

const dictionary = (texts: string[]) => [...new Set(texts)];
const indexes = (all: string[]) => new Map(all.map((text, i) => [text, i]));

/** What the server answers: naive, by lists of children, but without recursion for the sake of chains. */
export function skeletonOf(spans: readonly TestSpan[], logs: { span: number; time: number; severity: number }[] = []): Skeleton {
  const children = new Map<number, TestSpan[]>();
  const ids = new Set(spans.map((one) => one.id));
  for (const one of spans) {
    const parent = ids.has(one.parent) ? one.parent : 0;
    children.set(parent, [...(children.get(parent) ?? []), one]);
  }
  const order: { one: TestSpan; parent: number; depth: number }[] = [];
  const rowOf = new Map<number, number>();
  const inOrder = (list: TestSpan[]) => list.toSorted((a, b) => b.start - a.start || a.duration - b.duration || b.id - a.id);
  const stack = inOrder(children.get(0) ?? []).map((one) => ({ one, parent: -1, depth: 0 }));
  while (stack.length > 0) {
    const next = stack.pop()!;
    rowOf.set(next.one.id, order.length);
    for (const child of inOrder(children.get(next.one.id) ?? [])) stack.push({ one: child, parent: order.length, depth: next.depth + 1 });
    order.push(next);
  }
  const services = dictionary(order.map(({ one }) => one.service));
  const names = dictionary(order.map(({ one }) => one.name));
  const kinds = dictionary(order.map(({ one }) => one.kind));
  const texts = dictionary(order.flatMap(({ one }) => one.events.map((event) => event.text)));
  const [serviceAt, nameAt, kindAt, textAt] = [indexes(services), indexes(names), indexes(kinds), indexes(texts)];
  const end = order.reduce((latest, { one }) => Math.max(latest, one.start + one.duration), 0);
  const events = order.flatMap(({ one }, row) => one.events.map((event) => ({ ...event, row })));
  return {
    trace_id: "0".repeat(31) + "1", root: null, start_time_unix_nano: "1675084655000000000", end_time_unix_nano: String(1675084655000000000n + BigInt(end)),
    duration_ns: end, span_count: order.length, service_count: services.length, error_count: order.filter(({ one }) => one.status === STATUS_ERROR).length,
    log_count: logs.length, depth: order.reduce((most, { depth }) => Math.max(most, depth + 1), 0), complete: true, orphan_count: 0, cycle_count: 0,
    duplicate_count: 0, warnings: [], services, names, kinds,
    spans: {
      span_id: base64(order.map(({ one }) => one.id)),
      parent: order.map(({ parent }) => parent),
      start_ns: order.map(({ one }) => one.start),
      duration_ns: order.map(({ one }) => one.duration),
      service: order.map(({ one }) => serviceAt.get(one.service)!),
      name: order.map(({ one }) => nameAt.get(one.name)!),
      kind: order.map(({ one }) => kindAt.get(one.kind)!),
      status: order.map(({ one }) => one.status),
      outcome: order.map(({ one }) => one.outcome),
      flags: order.map(({ one }) => one.flags),
    },
    events: { span: events.map((event) => event.row), time_ns: events.map((event) => event.time), text: events.map((event) => textAt.get(event.text)!), texts, truncated: false },
    logs: { span: logs.map((log) => rowOf.get(log.span) ?? -1), time_ns: logs.map((log) => log.time), severity_number: logs.map((log) => log.severity), truncated: false },
  };
}

function base64(ids: readonly number[]): string {
  const bytes = new Uint8Array(ids.length * 8);
  const view = new DataView(bytes.buffer);
  ids.forEach((id, i) => view.setBigUint64(i * 8, BigInt(id)));
  let binary = "";
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary);
}

export function modelOf(spans: readonly TestSpan[]): TraceModel {
  return buildTraceModel(skeletonOf(spans));
}

/** The number a test gave to a span. */
export function idAt(model: TraceModel, index: number): number {
  return Number.parseInt(spanIdOf(model, index), 16);
}

/** mulberry32: the same numbers for the same seed, everywhere. */
export function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

const KINDS = ["INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"];

/**
 * A random trace: mostly children inside their parents, some before, after or beside them, several roots, repeated
 * operations. Shuffled.
 */
export function randomTrace(count: number, seed: number): TestSpan[] {
  const next = random(seed);
  const pick = (size: number) => Math.floor(next() * size);
  const spans = [span(1, 0, 0, 1_000_000, { service: "s0" })];
  for (let id = 2; id <= count; id += 1) {
    // Prefers recent spans, so that the tree grows deep as well as wide.
    const parent = spans[Math.floor(next() ** 0.5 * spans.length)]!;
    const inside = next() < 0.9;
    const start = Math.max(0, parent.start + Math.floor((next() - (inside ? 0 : 0.2)) * parent.duration));
    const room = inside ? parent.start + parent.duration - start : parent.duration;
    spans.push(
      span(id, next() < 0.02 ? 0 : parent.id, start, next() < 0.05 ? 0 : Math.max(0, Math.floor(next() * room)), {
        service: `s${pick(6)}`, name: `op ${pick(3)}`, kind: KINDS[pick(KINDS.length)]!, status: next() < 0.03 ? STATUS_ERROR : 0, outcome: next() < 0.02 ? 1 : 0,
      }),
    );
  }
  for (let i = spans.length - 1; i > 0; i -= 1) {
    const j = pick(i + 1);
    [spans[i], spans[j]] = [spans[j]!, spans[i]!];
  }
  return spans;
}

/** A chain: each span is the only child of the one before. */
export function chain(levels: number): TestSpan[] {
  return Array.from({ length: levels }, (_, i) => span(i + 1, i, i, 2 * levels - 2 * i, { service: `s${i % 7}` }));
}
