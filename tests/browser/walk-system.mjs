// The platform's owner looks at the overview: which messages are new, what came in, what was refused.

import assert from 'node:assert/strict';
import { send } from './large-trace.mjs';

const MS = 1_000_000n;
const MINUTE = 60_000n * MS;
/** Requests every ten seconds for fifty minutes; in the last five there is a message that was not there before. */
const REQUESTS = 300;
const NEW_FROM = 270;
const NEW = /connection pool of shard .* is exhausted/;

const id = (number, digits) => number.toString(16).padStart(digits, '0');

export function systemWalk(visitor, server) {
  const { page } = visitor;
  const start = BigInt(Date.now()) * MS - 50n * MINUTE;
  const at = (nth) => start + BigInt(nth) * 10_000n * MS;
  const messages = page.getByRole('region', { name: 'New or more frequent messages' });
  const strip = page.getByRole('region', { name: 'System' });
  const whatChanged = page.getByRole('region', { name: 'What changed' });
  const overview = `/?from=${at(NEW_FROM)}&to=${at(REQUESTS)}`;
  const otlp = (path, type, body) => fetch(`http://${server.addresses.otlp_http}${path}`, { method: 'POST', headers: { 'content-type': type }, body });
  const posted = async (path, body) => {
    const answer = await otlp(path, 'application/json', JSON.stringify(body));
    assert.equal(answer.status, 200, await answer.text());
  };
  const resource = { attributes: [{ key: 'service.name', value: { stringValue: 'shop' } }] };

  return [
    ['a message that is new is named, with how frequent it is', async () => {
      await send(`http://${server.addresses.otlp_http}`, Array.from({ length: REQUESTS }, (_, nth) => ({
        service: 'shop', traceId: id(nth + 1, 32), spanId: id(nth + 1, 16), name: 'GET /cart', kind: 2,
        startTimeUnixNano: String(at(nth)), endTimeUnixNano: String(at(nth) + 20n * MS), attributes: [],
      })));
      const record = (nth, severityNumber, text) => ({ timeUnixNano: String(at(nth) + MS), severityNumber, body: { stringValue: text }, traceId: id(nth + 1, 32), spanId: id(nth + 1, 16) });
      const logRecords = Array.from({ length: REQUESTS }, (_, nth) => [
        record(nth, 9, `request ${nth} answered`),
        ...(nth >= NEW_FROM ? [record(nth, 17, `connection pool of shard ${nth} is exhausted`)] : []),
      ]).flat();
      await posted('/v1/logs', { resourceLogs: [{ resource, scopeLogs: [{ logRecords }] }] });
      await page.goto(overview);
      const row = messages.getByRole('row').filter({ hasText: NEW });
      await row.waitFor();
      assert.match(await row.innerText(), /new[^]*shop\s+50%\s+none/);
      assert.equal(await row.getByTitle('30 of 60 log records of shop').count(), 1);
      await visitor.pictures('overview-messages');
      await visitor.assertAccessible();
    }],
    ['it leads to those log records', async () => {
      await messages.getByRole('link', { name: /^connection pool of shard .* is exhausted/ }).click();
      await page.waitForURL(/\/logs\?/);
      assert.match(new URL(page.url()).searchParams.get('q'), /^service:shop ".*exhausted"$|^service:shop "connection pool of shard"$/);
      await page.getByText(/^30 log records\b/).first().waitFor();
      await page.goBack();
      await messages.getByRole('link', { name: /^Example of/ }).first().click();
      await page.waitForURL(/\/trace\//);
    }],
    ['too much data for a quick comparison is said, and can be waited for', async () => {
      // The real answer of the server, whose data would have to be very large.
      await page.route(/\/api\/v1\/root-cause\?(?!.*timeout=)/, (route) => route.continue({ url: `${route.request().url()}&timeout=1ms` }));
      await page.goto(overview);
      await whatChanged.getByText(/^There is too much data for a quick comparison: it was given up after 1ms/).waitFor();
      await messages.getByText(/^Not looked for/).waitFor();
      await visitor.pictures('overview-too-much');
      await visitor.assertAccessible();
      await whatChanged.getByRole('button', { name: 'Compare for up to a minute' }).click();
      await messages.getByRole('row').filter({ hasText: NEW }).waitFor();
      await page.unroute(/\/api\/v1\/root-cause\?(?!.*timeout=)/);
    }, [/504/]],

    ['what was refused and rejected is counted, on the overview and on the system page', async () => {
      const span = { traceId: 'ab', spanId: id(1, 16), name: 'bad', startTimeUnixNano: String(start), endTimeUnixNano: String(start) };
      await posted('/v1/traces', { resourceSpans: [{ resource, scopeSpans: [{ spans: [span, span, span] }] }] });
      for (let nth = 0; nth < 2; nth += 1) assert.equal((await otlp('/v1/logs', 'application/x-protobuf', new Uint8Array([255, 255, 255]))).status, 400);
      await page.goto(overview);
      await strip.getByText('2 invalid', { exact: true }).waitFor();
      assert.match(await strip.innerText(), /Records rejected\s+3\s/);
      assert.match(await strip.innerText(), /Requests refused\s+2\s/);
      await strip.scrollIntoViewIfNeeded();
      await visitor.pictures('overview-system');
      await strip.getByRole('link').click();
      await page.waitForURL(/\/system/);
      const figures = await server.json('/api/v1/system');
      const cells = (name) => page.getByRole('row').filter({ has: page.getByRole('cell', { name, exact: true }) }).getByRole('cell').allInnerTexts();
      await page.getByRole('cell', { name: 'Spans', exact: true }).waitFor();
      assert.deepEqual((await cells('Spans')).slice(1, 4), [String(figures.received.spans.accepted), '3', '0']);
      assert.deepEqual((await cells('Log records')).slice(1, 4), [String(figures.received.logs.accepted), '0', '2 (2 invalid)']);
      assert.equal(figures.received.spans.accepted, REQUESTS);
      await visitor.pictures('system-received');
      await visitor.assertAccessible();
    }],
    ['a panel that cannot be loaded says so, and the others stay', async () => {
      await page.route('**/api/v1/system', (route) => route.fulfill({ status: 500, contentType: 'application/json', body: '{"error":{"code":"internal","message":"a fault","hint":"see the log"}}' }));
      await page.goto(overview);
      await strip.getByText("The system's figures could not be loaded").waitFor();
      await messages.getByRole('row').filter({ hasText: NEW }).waitFor();
      await page.unroute('**/api/v1/system');
      await strip.getByRole('button', { name: 'Retry' }).click();
      await strip.getByText('On the disk').waitFor();
    }, [/500/]],
  ];
}
