// Someone searches a lot of logs: rows appear before the search has ended, it is stopped, keeps what came and goes on.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const RECORDS = 288_000;
const BATCH = 6_000;
/** One record of so many is found, the newest among them. */
const EACH = 1_000;
/** No index knows what it means, and a boundary of words beside a letter that is not ASCII takes a while on every record. */
const QUERY = 'body:(/\\b[a-f]+[0-9]+\\b [q-z]{20}/ OR /needle/)';
const ENDLESS = "SELECT count(*) FROM logs a, logs b WHERE a.body || b.body = 'x'";

export function streamWalk(visitor, server) {
  const { page } = visitor;
  const records = page.getByRole('list', { name: 'Log records' });
  const stop = page.getByRole('button', { name: 'Stop', exact: true });
  const line = page.getByText(/^Stopped at \d+ %$/);
  const running = async (kind) => (await server.json('/api/v1/queries')).queries.filter((one) => !kind || one.kind === kind);
  const found = async () => Number(/([\d,]+) log records? found/.exec(await page.getByRole('main').innerText())?.[1].replace(',', ''));
  /** A query is listed until its work has ended, which is soon after its last frame. */
  const untilIdle = async (kind) => {
    const deadline = Date.now() + 3_000;
    while ((await running(kind)).length > 0) {
      assert.ok(Date.now() < deadline, `still running: ${JSON.stringify(await running(kind))}`);
      await sleep(50);
    }
  };
  const search = async () => {
    await page.goto(`/logs?${new URLSearchParams({ q: QUERY })}`);
    await records.getByRole('listitem').first().waitFor({ timeout: 60_000 });
    await stop.waitFor();
  };

  return [
    ['logs are sent', async () => {
      for (let at = 0; at < RECORDS; at += BATCH) await sendLogs(server, at, BATCH);
      const deadline = Date.now() + 120_000;
      // In segments, so that there are row groups to go through.
      while ((await server.json('/api/v1/status')).signals.logs.memtable_rows > 0) {
        assert.ok(Date.now() < deadline, 'the records are not flushed');
        await sleep(200);
      }
    }],
    ['rows come before the search has ended, and how far it is', async () => {
      await search();
      await page.getByText(/^Searching \d+ of \d+ row groups, [\d.,]+( [kM])? rows, [\d.]+ [KM]?i?B$/).waitFor();
      const [query] = await running('logs');
      assert.ok(query.asked.startsWith('GET /api/v1/logs?') && query.asked.includes('needle'), query.asked);
      assert.ok(query.progress.rows > 0);
      // Not `pictures`: that waits until nothing is busy.
      const pictures = process.env.SPANLAKE_SCREENSHOTS;
      if (pictures) await page.screenshot({ path: join(pictures, 'search-running-dark.png') });
    }],
    ['Stop keeps what came', async () => {
      const started = Date.now();
      await stop.click();
      await line.waitFor();
      console.log(`        stopped after ${Date.now() - started} ms: ${await line.innerText()}`);
      await untilIdle('logs');
      const kept = await found();
      assert.ok(kept > 0 && kept < RECORDS / EACH, `${kept} of ${RECORDS / EACH} records`);
      assert.equal(Number(await records.getByRole('listitem').first().getAttribute('aria-setsize')), kept);
      await sleep(1_000);
      assert.equal(await found(), kept, 'no row comes late');
      await visitor.pictures('search-stopped');
    }],
    ['a stopped search is accessible', () => visitor.assertAccessible()],
    ['it goes on where it was; Escape stops it again', async () => {
      const before = await found();
      await page.getByRole('button', { name: 'Continue' }).click();
      await stop.waitFor();
      await page.keyboard.press('Escape');
      await line.waitFor();
      assert.ok((await found()) >= before);
      await untilIdle('logs');
    }],
    ['to its end it finds every record once', async () => {
      await page.getByRole('button', { name: 'Continue' }).click();
      await page.getByText(new RegExp(`^${RECORDS / EACH} log records\\b`)).first().waitFor({ timeout: 120_000 });
      assert.equal(await line.count(), 0);
    }],
    ['who leaves ends the search', async () => {
      await page.goto('/setup');
      await search();
      await page.goto('/setup');
      await untilIdle();
    }],

    ['the system page shows what runs, and stops it', async () => {
      const id = 'browser-test-1';
      const asked = fetch(`${server.url}/api/v1/sql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-spanlake-query-id': id },
        body: JSON.stringify({ sql: ENDLESS }),
      });
      await page.goto('/system');
      const row = page.getByRole('row').filter({ hasText: ENDLESS });
      await row.waitFor();
      await page.getByText(/\d+ of \d+ row groups?, [\d.,]+( [kM])? rows/).first().waitFor();
      await visitor.pictures('system');
      await visitor.assertAccessible();
      await row.getByRole('button', { name: `Stop sql ${id}` }).click();
      const answer = await asked;
      assert.equal(answer.status, 409);
      assert.equal(answer.headers.get('x-spanlake-query-id'), id);
      assert.equal((await answer.json()).error.code, 'stopped');
      await page.getByRole('heading', { name: 'No query is running' }).waitFor();
      await visitor.pictures('system-idle');
      await visitor.assertAccessible();
    }],
    ['a SQL statement is stopped on the server', async () => {
      await page.goto(`/sql?${new URLSearchParams({ sql: ENDLESS })}`);
      await stop.waitFor();
      while ((await running('sql')).length === 0) await sleep(50);
      await stop.click();
      await page.getByText('Stopped', { exact: true }).waitFor();
      await untilIdle();
      // The browser says of every answer that is none that it is.
    }, [/409/]],
  ];
}

async function sendLogs(server, at, count) {
  const now = BigInt(Date.now()) * 1_000_000n - 120_000_000_000n;
  const logRecords = Array.from({ length: count }, (_, i) => {
    const n = at + i;
    const words = n % EACH === EACH - 1 ? 'the needle in it' : 'nothing to see';
    return {
      // In the order of `n`: the last one is the newest.
      timeUnixNano: String(now + BigInt(n) * 100n),
      severityNumber: n % 50 === 0 ? 17 : 9,
      body: { stringValue: `request ${n} of user u${n % 977} took ${n % 313} ms ü abcdef${n} ${words}, retried ${n % 3} times` },
    };
  });
  const resourceLogs = [{ resource: { attributes: [{ key: 'service.name', value: { stringValue: 'shop' } }] }, scopeLogs: [{ logRecords }] }];
  const answer = await fetch(`http://${server.addresses.otlp_http}/v1/logs`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ resourceLogs }),
  });
  if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`);
}
