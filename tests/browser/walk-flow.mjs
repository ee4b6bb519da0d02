// Someone with nothing but an order number finds what happened to it: its traces, its log records, and what came late.

import assert from 'node:assert/strict';
import { send } from './large-trace.mjs';

const MS = 1_000_000;
const KIND = { SERVER: 2, CLIENT: 3, CONSUMER: 5 };
/** Orders besides the one that is looked for. */
const OTHERS = 7;
const LATE_MS = 900;
const LOOP = 12;

const hex = (number, digits) => number.toString(16).padStart(digits, '0');
const text = (key, value) => ({ key, value: { stringValue: value } });

/** A span of trace `trace`; its id is made of the trace's and `nth`. Times in milliseconds since `start`. */
function span(trace, nth, service, name, kind, start, from, to, more = {}) {
  const at = (ms) => String(start + BigInt(ms * MS));
  const parent = nth > 1 ? { parentSpanId: hex(trace * 256 + 1, 16) } : {};
  return { service, traceId: hex(trace, 32), spanId: hex(trace * 256 + nth, 16), ...parent, name, kind, startTimeUnixNano: at(from), endTimeUnixNano: at(to), ...more };
}

const linkTo = (trace) => [{ traceId: hex(trace, 32), spanId: hex(trace * 256 + 1, 16) }];

/** Placed by a request that asks the database in a loop, paid and shipped by jobs of their own. */
function order(nth, start, late) {
  const [placed, paid, shipped] = [nth * 16 + 1, nth * 16 + 2, nth * 16 + 3];
  const carries = { attributes: [text('order.id', `A-${1000 + nth}`)] };
  const statements = Array.from({ length: LOOP }, (_, i) =>
    span(placed, 2 + i, 'shop', 'SELECT items', KIND.CLIENT, start, 5 + i * 5, 9 + i * 5, {
      attributes: [text('db.system.name', 'postgresql'), text('db.query.text', `SELECT * FROM items WHERE id = ${i}`)],
    }));
  return [
    span(placed, 1, 'shop', 'POST /orders', KIND.SERVER, start, 0, 80, carries),
    ...statements,
    span(paid, 1, 'payment', 'charge', KIND.CONSUMER, start, 100 + nth, 140 + nth, { ...carries, links: linkTo(placed) }),
    span(shipped, 1, 'shipping', 'send', KIND.CONSUMER, start, 200 + late, 230 + late, { links: linkTo(paid) }),
  ];
}

/** Nobody has paid for this one. */
function unpaid(nth, start) {
  const [placed, paid, shipped] = [nth * 16 + 1, nth * 16 + 2, nth * 16 + 3].map((trace) => hex(trace, 32));
  const spans = order(nth, start, 0).filter((one) => one.traceId !== paid);
  return spans.map((one) => (one.traceId === shipped ? { ...one, links: [{ traceId: placed, spanId: hex((nth * 16 + 1) * 256 + 1, 16) }] } : one));
}

/** The orders from `start` on, the first of which waits for its parcel. */
export async function sendOrders(server, start) {
  const spans = Array.from({ length: OTHERS + 1 }, (_, nth) => order(nth, start + BigInt(nth * 5_000 * MS), nth === 0 ? LATE_MS : 0));
  await send(`http://${server.addresses.otlp_http}`, [...spans.flat(), ...unpaid(20, start + BigInt(100_000 * MS))]);
  await sendLogs(server, start);
}

async function sendLogs(server, start) {
  const record = (ms, severity, body, more) => ({ timeUnixNano: String(start + BigInt(ms * MS)), severityNumber: severity, severityText: severity > 12 ? 'WARN' : 'INFO', body: { stringValue: body }, ...more });
  const paid = { traceId: hex(2, 32), spanId: hex(2 * 256 + 1, 16) };
  const logRecords = [
    record(120, 9, 'charging the card', paid),
    record(600, 13, 'the parcel waits for a label', { attributes: [text('order.id', 'A-1000')] }),
    record(610, 9, 'another order', { attributes: [text('order.id', 'A-10000')] }),
  ];
  const body = { resourceLogs: [{ resource: { attributes: [text('service.name', 'warehouse')] }, scopeLogs: [{ logRecords }] }] };
  const answer = await fetch(`http://${server.addresses.otlp_http}/v1/logs`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
  assert.equal(answer.status, 200);
}

export function flowWalk(visitor, server) {
  const { page } = visitor;
  const main = page.getByRole('main');
  const timeline = page.getByRole('region', { name: 'The flow in the order of time' });
  const line = (name) => timeline.getByRole('listitem').filter({ hasText: name });
  const search = () => new URL(page.url()).searchParams;
  const start = (BigInt(Date.now()) - 300_000n) * 1_000_000n;

  return [
    ['orders, one of which waits for its parcel', () => sendOrders(server, start)],

    ['the palette opens the flow of any text', async () => {
      await page.goto('/traces');
      await main.getByRole('table').getByRole('link').first().waitFor();
      await page.keyboard.press('Control+k');
      await page.getByRole('combobox', { name: 'Trace id, service or screen' }).fill('A-1000');
      await page.getByRole('option', { name: 'Open flow of A-1000' }).waitFor();
      await page.keyboard.press('Enter');
      await page.waitForURL(/\/flow\/A-1000/);
      await line('charge').first().waitFor();
    }],

    ['the timeline has every step, what is between them, and says what is late', async () => {
      await visitor.settle();
      const flow = await server.json('/api/v1/flows/A-1000?from=now-15m');
      assert.deepEqual(flow.traces.map((trace) => trace.root.name), ['POST /orders', 'charge', 'send']);
      assert.deepEqual(flow.traces.map((trace) => trace.how), ['value', 'value', 'link']);
      assert.deepEqual(flow.traces.map((trace) => trace.usual.late), [false, false, true]);
      assert.equal(flow.comparison.alike, OTHERS);
      await main.getByText('3 traces of 4 services with 2 log records in 1.13 s; 1 step late').waitFor();
      await main.getByText(`Compared with ${OTHERS} of ${OTHERS + 1} other values of order.id, which have the same steps.`).waitFor();
      // From 140 ms to 1,100 ms; the others wait 53 to 59 ms.
      await line('960 ms without a step; others wait 56 ms, 95% of them at most 59 ms').getByText('late', { exact: true }).waitFor();
      await line('the parcel waits for a label').waitFor();
      assert.equal(await timeline.getByText('another order').count(), 0);
      await line('links to shop POST /orders, 100 ms after its start').waitFor();
      assert.equal(await timeline.getByRole('listitem').count(), 5, 'three steps, a gap and a log record');
      await visitor.pictures('flow');
    }],
    ['the timeline is accessible', () => visitor.assertAccessible()],

    ['a step opens its trace at the span that carries the value', async () => {
      await line('charge').getByRole('link').first().click();
      await page.waitForURL(new RegExp(`/trace/${hex(2, 32)}\\?.*span=${hex(2 * 256 + 1, 16)}`));
      const details = page.getByRole('region', { name: 'Details of the span' });
      await details.getByRole('link', { name: 'Flow of order.id = A-1000' }).click();
      await page.waitForURL(/\/flow\/A-1000/);
      await line('charge').first().waitFor();
    }],

    ['the tree has each step below its cause', async () => {
      await page.getByRole('tab', { name: 'Tree' }).click();
      const tree = page.getByRole('region', { name: 'The flow by what caused what' });
      await tree.waitFor();
      const left = (name) => tree.getByRole('link', { name }).evaluate((element) => element.getBoundingClientRect().left);
      assert.ok((await left(/charge/)) > (await left(/POST \/orders/)));
      assert.ok((await left(/send/)) > (await left(/charge/)));
      await visitor.settle();
      await visitor.pictures('flow-tree');
      await visitor.assertAccessible();
    }],

    ['its log records are there, and the address keeps the view', async () => {
      await page.getByRole('tab', { name: 'Logs' }).click();
      await main.getByRole('listitem').filter({ hasText: 'charging the card' }).waitFor();
      await page.reload();
      const records = main.getByRole('list', { name: 'Log records' }).getByRole('listitem');
      await records.first().waitFor();
      assert.equal(await records.count(), 2);
      assert.equal(search().get('view'), 'logs');
      await records.filter({ hasText: 'the parcel waits' }).getByRole('button').first().click();
      await main.getByRole('link', { name: 'Flow of order.id = A-1000' }).waitFor();
      await visitor.assertAccessible();
    }],

    ['a log record of the timeline opens in the list', async () => {
      await page.getByRole('tab', { name: 'Timeline' }).click();
      await line('the parcel waits for a label').getByRole('button').first().click();
      await main.getByRole('table', { name: 'Attributes' }).waitFor();
      assert.match(search().get('panel'), /^log:/);
    }],

    ['the form lists values of the range, and leads to their flows', async () => {
      await page.goto('/flow');
      const values = page.getByRole('region', { name: 'Values to begin with' });
      await values.getByRole('heading', { name: /^order\.id/ }).waitFor();
      await visitor.settle();
      await visitor.pictures('flow-entry');
      await visitor.assertAccessible();
      await values.getByRole('link', { name: 'A-1003' }).click();
      await page.waitForURL(/\/flow\/A-1003/);
      await line('charge').first().waitFor();
      assert.equal(await timeline.getByText('late', { exact: true }).count(), 0, 'this one is like the others');
    }],

    ['a step that the others have is missing', async () => {
      await page.goto('/flow/A-1020');
      await main.getByText('2 traces of 2 services with 0 log records in 230 ms; 1 step missing').waitFor();
      await line('missing').getByText('charge').waitFor();
      await visitor.settle();
      await visitor.pictures('flow-missing');
      await visitor.assertAccessible();
    }],

    ['a value that is nowhere says where it was looked for', async () => {
      const field = page.getByRole('textbox', { name: 'Value' });
      await field.fill('order/ß 7?');
      await field.press('Enter');
      await page.getByRole('heading', { name: 'Nothing carries this value' }).waitFor();
      await main.getByText(/^None of 134 spans and 3 log records of the range has this value under one of 22 keys/).waitFor();
      await visitor.assertAccessible();
    }],

    ['outside of the range it says when the value was', async () => {
      await page.goto('/flow/A-1000?from=now-2m');
      await page.getByRole('button', { name: /^Go to / }).click();
      await line('charge').first().waitFor();
    }],

    ['a service says that it asks in a loop, and shows one', async () => {
      await page.goto('/services/shop?tab=calls');
      const row = main.getByRole('row').filter({ hasText: 'shop calls postgresql (database) 12 times a request, one after another: 60% of its time' });
      await row.waitFor();
      await row.getByText('N+1', { exact: true }).waitFor();
      await visitor.settle();
      await visitor.pictures('service-calls');
      await visitor.assertAccessible();
      await row.getByRole('link', { name: 'Trace' }).click();
      await page.waitForURL(/\/trace\/0{29}[0-9a-f]{3}\?.*span=/);
      await page.getByRole('treegrid', { name: 'Spans of the trace' }).waitFor();
    }],
  ];
}
