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

/** Sends log records of one service: `{traceId, number, at (nanoseconds), body, severity}`. */
export async function sendLogs(otlpUrl, service, records) {
  const logRecords = records.map(({ traceId, number, at, body, severity }) => ({
    traceId, spanId: id(number), timeUnixNano: String(at), severityNumber: severity ?? 9, body: { stringValue: body },
  }));
  const resourceLogs = [{ resource: { attributes: [text('service.name', service)] }, scopeLogs: [{ scope: { name: 'browser-test' }, logRecords }] }];
  const answer = await fetch(`${otlpUrl}/v1/logs`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ resourceLogs }) });
  if (!answer.ok) throw new Error(`/v1/logs: ${answer.status} ${await answer.text()}`);
}
