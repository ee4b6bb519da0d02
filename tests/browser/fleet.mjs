// A fleet of as many services as one wants, in namespaces and environments, which call each other as a tree.

const KIND = { SERVER: 2, CLIENT: 3 };
const SERVICES_PER_REQUEST = 500;
const FAN_OUT = 4;
const MS = 1_000_000n;

export const nameOf = (i) => `svc-${String(i).padStart(4, '0')}`;
/** Callers and callees stay together: a namespace is a branch of the tree, the gateway is in one of its own. */
export const namespaceOf = (i) => (i === 0 ? 'edge' : `team-${String(branchOf(i)).padStart(2, '0')}`);
const parentOf = (i) => Math.floor((i - 1) / FAN_OUT);

function branchOf(i) {
  let at = i;
  // The third level of the tree has 16 services.
  while (at > FAN_OUT + FAN_OUT * FAN_OUT) at = parentOf(at);
  return at;
}

const text = (key, value) => ({ key, value: { stringValue: value } });
const hex = (number, digits) => number.toString(16).padStart(digits, '0');
const idOf = (kind, i) => hex(BigInt(kind * 0x1000000 + i + 1) * 0x9e3779b97f4a7c15n & 0xffffffffffffffffn, 16);

/** One trace in which every service is called once; `failing`: numbers of the services that answer 500. */
function spansOf(traceId, count, startNs, failing, namespaced) {
  const resources = [];
  for (let i = 0; i < count; i += 1) {
    const at = (ms) => String(startNs + BigInt(ms) * MS);
    const depth = Math.floor(Math.log(3 * i + 1) / Math.log(FAN_OUT));
    const server = {
      traceId, spanId: idOf(1, i), ...(i > 0 && { parentSpanId: idOf(2, i) }), name: 'GET /', kind: KIND.SERVER,
      startTimeUnixNano: at(depth * 2 + 1), endTimeUnixNano: at(100 - depth * 2), attributes: [{ key: 'http.response.status_code', value: { intValue: failing.has(i) ? '500' : '200' } }],
    };
    const calls = Array.from({ length: FAN_OUT }, (_, k) => i * FAN_OUT + 1 + k).filter((child) => child < count).map((child) => ({
      traceId, spanId: idOf(2, child), parentSpanId: idOf(1, i), name: 'GET', kind: KIND.CLIENT, startTimeUnixNano: at(depth * 2 + 2), endTimeUnixNano: at(99 - depth * 2), attributes: [],
    }));
    const attributes = [text('service.name', nameOf(i)), ...(namespaced ? [text('service.namespace', namespaceOf(i)), text('deployment.environment.name', i % 2 ? 'blue' : 'green')] : [])];
    resources.push({ resource: { attributes }, scopeSpans: [{ scope: { name: 'browser-test' }, spans: [server, ...calls] }] });
  }
  return resources;
}

/** Sends `traces` traces through all services of the fleet, from `startNs` on, a second apart. */
export async function sendFleet(otlpUrl, { count, traces, startNs, failing = [], namespaced = true, first = 1 }) {
  for (let nth = 0; nth < traces; nth += 1) {
    const resourceSpans = spansOf(hex(BigInt(first + nth) * 0x9e3779b97f4a7c15f39cc0605cedc835n & ((1n << 128n) - 1n), 32), count, startNs + BigInt(nth) * 1000n * MS, new Set(failing), namespaced);
    for (let at = 0; at < resourceSpans.length; at += SERVICES_PER_REQUEST) {
      const body = JSON.stringify({ resourceSpans: resourceSpans.slice(at, at + SERVICES_PER_REQUEST) });
      const answer = await fetch(`${otlpUrl}/v1/traces`, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
      if (!answer.ok) throw new Error(`/v1/traces: ${answer.status} ${await answer.text()}`);
    }
  }
}
