import type { Span } from "../src/api/types";

/** A span with nothing in it but what a test says. */
export function span(id: string, parent: string | null, startNs: number, durationNs: number, more: Partial<Span> = {}): Span {
  return {
    span_id: id,
    parent_span_id: parent,
    depth: 0,
    child_count: 0,
    service: "service",
    name: `op ${id}`,
    kind: "INTERNAL",
    start_time_unix_nano: String(1_675_084_655_000_000_000n + BigInt(startNs)),
    start_offset_ns: startNs,
    duration_ns: durationNs,
    self_time_ns: durationNs,
    status: "UNSET",
    status_message: null,
    trace_state: null,
    flags: 0,
    orphan: false,
    duplicate: false,
    cycle: false,
    scope: null,
    resource: {},
    attributes: {},
    events: [],
    links: [],
    dropped_attributes_count: 0,
    dropped_events_count: 0,
    dropped_links_count: 0,
    ...more,
  };
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

/** A random tree whose children lie inside their parents, shuffled. */
export function randomTrace(count: number, seed: number): Span[] {
  const next = random(seed);
  const spans = [span("0", null, 0, 1_000_000_000, { service: "s0" })];
  for (let i = 1; i < count; i += 1) {
    // Prefers recent spans, so that the tree grows deep as well as wide.
    const parent = spans[Math.floor(next() ** 0.5 * spans.length)]!;
    const start = parent.start_offset_ns + Math.floor(next() * parent.duration_ns);
    const room = parent.start_offset_ns + parent.duration_ns - start;
    spans.push(
      span(String(i), parent.span_id, start, Math.floor(next() * room), {
        service: `s${Math.floor(next() * 12)}`,
        status: next() < 0.01 ? "ERROR" : "UNSET",
      }),
    );
  }
  for (let i = spans.length - 1; i > 0; i -= 1) {
    const j = Math.floor(next() * (i + 1));
    [spans[i], spans[j]] = [spans[j]!, spans[i]!];
  }
  return spans;
}

/** A chain: each span is the only child of the one before. */
export function chain(levels: number): Span[] {
  return Array.from({ length: levels }, (_, i) =>
    span(String(i), i === 0 ? null : String(i - 1), i, 2 * levels - 2 * i, { service: `s${i % 7}` }),
  );
}
