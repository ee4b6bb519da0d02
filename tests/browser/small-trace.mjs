// Spans written down by hand, for traces whose every figure a step knows.

const MS = 1_000_000;

export const KIND = { INTERNAL: 1, SERVER: 2, CLIENT: 3, PRODUCER: 4, CONSUMER: 5 };

export const id = (number) => number.toString(16).padStart(16, '0');
export const traceIdOf = (number) => number.toString(16).padStart(32, '0');
export const text = (key, value) => ({ key, value: { stringValue: value } });
/** Now less so many seconds, in nanoseconds. */
export const secondsAgo = (seconds) => BigInt(Date.now() - seconds * 1000) * 1_000_000n;

/** OTLP/JSON with a field `service`, for `send`; times in milliseconds since `start`. */
export function span(traceId, number, parent, service, name, kind, start, from, to, more = {}) {
  const at = (ms) => String(start + BigInt(Math.round(ms * MS)));
  return { service, traceId, spanId: id(number), ...(parent && { parentSpanId: id(parent) }), name, kind, startTimeUnixNano: at(from), endTimeUnixNano: at(to), ...more };
}
