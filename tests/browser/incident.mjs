// A shop for ten minutes, a request a second: a few client errors and throttles all the time, and for two minutes most
// payments answer 500, because their card processor does not answer; meanwhile the way to the stock is slow.

const MS = 1_000_000n;
const SECOND = 1_000n * MS;
const KIND = { SERVER: 2, CLIENT: 3 };

export const REQUESTS = 600;
/** Requests in which payments fail. */
export const BAD = { from: 360, to: 480 };
export const EXCEPTION = { type: 'CardProcessorTimeout', message: 'the card processor did not answer within 800 ms' };
/** How much longer a call takes for its caller. */
export const NETWORK_MS = 4;

/** How much longer than that the calls of the stock take in the two minutes. */
const SLOW_WAY_MS = 120;

export const isPayment = (nth) => nth % 2 === 0;
export const fails = (nth) => isPayment(nth) && nth >= BAD.from && nth < BAD.to && nth % 10 !== 0;
const isUnknown = (nth) => !isPayment(nth) && nth % 20 === 3;
const isThrottled = (nth) => !isPayment(nth) && nth % 30 === 5;

const id = (number, digits) => number.toString(16).padStart(digits, '0');
const text = (key, value) => ({ key, value: { stringValue: value } });
const number = (key, value) => ({ key, value: { intValue: String(value) } });

export const traceIdOf = (nth) => id(0x5a0000 + nth, 32);
/** How long the payment takes, as it sees it itself: from 20 to 59 ms, and more when it fails. */
export const paymentMs = (nth) => (fails(nth) ? 800 : 20) + (nth * 7) % 40;

/** All spans, for `send` of large-trace.mjs; the first request starts at `start`. */
export function incident(start) {
  return Array.from({ length: REQUESTS }, (_, nth) => requestSpans(nth, start + BigInt(nth) * SECOND)).flat();
}

/** The spans of one request. */
export function requestSpans(nth, start) {
  const span = (place, parent, service, name, kind, from, to, attributes, more = {}) => ({
    service, traceId: traceIdOf(nth), spanId: id((0x5a0000 + nth) * 16 + place, 16), ...(parent && { parentSpanId: id((0x5a0000 + nth) * 16 + parent, 16) }), name, kind,
    startTimeUnixNano: String(start + BigInt(from) * MS), endTimeUnixNano: String(start + BigInt(to) * MS), attributes, ...more,
  });
  const code = (status) => number('http.response.status_code', status);
  const customer = text('customer.id', `c${nth % 50}`);
  const failed = { status: { code: 2 } };
  if (!isPayment(nth)) {
    const way = nth >= BAD.from && nth < BAD.to ? SLOW_WAY_MS : 0;
    const status = isUnknown(nth) ? 404 : isThrottled(nth) ? 429 : 200;
    return [
      span(1, 0, 'shop', 'GET /items', KIND.SERVER, 0, 30 + way, [code(status), customer]),
      span(2, 1, 'shop', 'GET stock', KIND.CLIENT, 2, 24 + way, [code(status)]),
      span(3, 2, 'stock', 'GET /stock', KIND.SERVER, 4, 20, [code(status)]),
    ];
  }
  const took = paymentMs(nth);
  const end = 6 + took;
  const exception = { name: 'exception', timeUnixNano: String(start + BigInt(end - 1) * MS), attributes: [text('exception.type', EXCEPTION.type), text('exception.message', EXCEPTION.message)] };
  const bad = fails(nth);
  return [
    span(1, 0, 'shop', 'POST /orders', KIND.SERVER, 0, end + 10, [code(bad ? 500 : 200), customer], bad ? failed : {}),
    span(2, 1, 'shop', 'POST payment', KIND.CLIENT, 4, end + NETWORK_MS - 2, [code(bad ? 500 : 200)], bad ? failed : {}),
    span(3, 2, 'payment', 'POST /charge', KIND.SERVER, 6, end, [code(bad ? 500 : 200), customer], bad ? { ...failed, events: [exception] } : {}),
    span(4, 3, 'payment', 'SELECT cards', KIND.CLIENT, 7, 12, [text('db.system.name', 'postgresql'), text('db.namespace', 'cards')]),
  ];
}
