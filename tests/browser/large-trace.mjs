// Traces that no recording has: as large, as deep or as odd as one wants, the same for the same seed.

const SERVICES = ['gateway', 'checkout', 'cart', 'catalog', 'payment', 'shipping', 'inventory', 'users', 'search', 'mail', 'audit', 'pricing'];
const OPERATIONS = ['GET /items', 'POST /orders', 'SELECT items', 'UPDATE stock', 'charge', 'render', 'publish', 'validate'];
const KIND = { INTERNAL: 1, SERVER: 2, CLIENT: 3 };

/** mulberry32 */
function random(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

const hex = (number, digits) => number.toString(16).padStart(digits, '0');

/** Spans as OTLP/JSON with a field `service`. Children lie inside their parents; a tenth of the spans are loops of equal calls. */
export function wideTrace(traceId, count, seed, startNs, durationNs) {
  const next = random(seed);
  const pick = (list) => list[Math.floor(next() * list.length)];
  const spans = [];
  const add = (parent, start, duration, service, name, kind, failed) => {
    spans.push({ id: spans.length + 1, parent, start, duration, service, name, kind, failed });
    return spans.length - 1;
  };
  add(0, 0, durationNs, 'gateway', 'POST /orders', KIND.SERVER, false);
  while (spans.length < count) {
    const parent = spans[Math.floor(next() ** 0.6 * spans.length)];
    const at = parent.start + Math.floor(next() * parent.duration * 0.7);
    const room = parent.start + parent.duration - at;
    const service = next() < 0.6 ? parent.service : pick(SERVICES);
    if (next() < 0.004 && room > 100_000) {
      const calls = 10 + Math.floor(next() * 40);
      for (let i = 0; i < calls && spans.length < count; i += 1) {
        add(parent.id, at + Math.floor((room * i) / calls), Math.floor((room / calls) * 0.8), service, 'SELECT items', KIND.CLIENT, next() < 0.005);
      }
    } else {
      add(parent.id, at, Math.floor(room * (0.2 + 0.7 * next())), service, pick(OPERATIONS), service === parent.service ? KIND.INTERNAL : KIND.SERVER, next() < 0.002);
    }
  }
  return spans.map((span) => otlp(traceId, span, startNs));
}

/** Each span is the only child of the one before. */
export function chainTrace(traceId, levels, startNs) {
  return Array.from({ length: levels }, (_, i) =>
    otlp(traceId, { id: i + 1, parent: i, start: i * 10, duration: 20 * (levels - i), service: SERVICES[i % SERVICES.length], name: `level ${i}`, kind: KIND.INTERNAL, failed: i === levels - 1 }, startNs),
  );
}

function otlp(traceId, span, startNs) {
  const start = startNs + BigInt(span.start);
  return {
    service: span.service,
    traceId,
    // Not small numbers in a row: ids of real spans do not compress.
    spanId: hex(BigInt(span.id) * 0x9e3779b97f4a7c15n & 0xffffffffffffffffn, 16),
    ...(span.parent > 0 && { parentSpanId: hex(BigInt(span.parent) * 0x9e3779b97f4a7c15n & 0xffffffffffffffffn, 16) }),
    name: span.name,
    kind: span.kind,
    startTimeUnixNano: String(start),
    endTimeUnixNano: String(start + BigInt(Math.max(0, span.duration))),
    ...(span.failed && { status: { code: 2, message: 'it failed' } }),
    attributes: [{ key: 'thread.name', value: { stringValue: `worker-${span.id % 8}` } }],
  };
}

const SPANS_PER_REQUEST = 5_000;

/** Sends spans of {@link wideTrace} and its kin by OTLP/HTTP, a few thousand at a time. */
export async function send(otlpUrl, spans) {
  for (let at = 0; at < spans.length; at += SPANS_PER_REQUEST) {
    const byService = groupBy(spans.slice(at, at + SPANS_PER_REQUEST));
    const resourceSpans = [...byService].map(([service, own]) => ({
      resource: { attributes: [{ key: 'service.name', value: { stringValue: service } }] },
      scopeSpans: [{ scope: { name: 'browser-test' }, spans: own.map(({ service: _, ...span }) => span) }],
    }));
    const answer = await fetch(`${otlpUrl}/v1/traces`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ resourceSpans }) });
    if (!answer.ok) throw new Error(`/v1/traces: ${answer.status} ${await answer.text()}`);
  }
}

function groupBy(spans) {
  const groups = new Map();
  for (const span of spans) {
    if (!groups.has(span.service)) groups.set(span.service, []);
    groups.get(span.service).push(span);
  }
  return groups;
}
