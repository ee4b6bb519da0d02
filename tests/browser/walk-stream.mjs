// Someone searches a lot of logs: rows appear before the search has ended, it is stopped, keeps what came and goes on.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const RECORDS = 288_000;
const BATCH = 6_000;
/** One record of so many is found, the newest among them. */
const EACH = 1_000;
/** How long a whole search takes at least, when nothing else asks. */
const LONG_MS = 9_000;
/** Expressions that no index knows, and that take a while on every record: a boundary of words beside a letter that is not
 * ASCII. As many of them as make a search long, beside one that finds something. */
const slow = (key, count) => {
  const expressions = Array.from({ length: count }, (_, nth) => `/\\b[a-f]+[0-9]+\\b [q-z]{${20 + nth}}/`);
  return `${key}:(${expressions.join(' OR ')} OR /needle/)`;
};
/** Spans, each a trace, of which as many are found; more than a sorted search looks at in one step. */
const SPANS = 140_000;
/** How long a stop may take (web-ui.md, scenario 23). */
const STOP_MS = 500;
const HISTOGRAM = (url) => url.pathname === '/api/v1/logs/histogram';
const ENDLESS = "SELECT count(*) FROM logs a, logs b WHERE a.body || b.body = 'x'";

export function streamWalk(visitor, server) {
  const { page } = visitor;
  const records = page.getByRole('list', { name: 'Log records' });
  const stop = page.getByRole('button', { name: 'Stop', exact: true });
  // Without a number when it is stopped before it has said how far it is.
  const line = page.getByText(/^Stopped( at \d+ %)?$/);
  const rate = page.getByRole('figure').filter({ has: page.getByRole('slider', { name: /^Log records over time/ }) });
  // How many expressions make a search long depends on the machine: known when the records are there.
  let logQuery;
  let spanQuery;
  const longQuery = async (key, path) => {
    const started = Date.now();
    await server.json(`${path}${path.includes('?') ? '&' : '?'}${new URLSearchParams({ q: slow(key, 1), limit: '1000' })}`);
    return slow(key, Math.min(60, Math.max(2, Math.ceil(LONG_MS / (Date.now() - started)))));
  };
  /** Of all stops; another program may have had the processor during one. */
  const stops = [];
  const running = async (kind) => (await server.json('/api/v1/queries')).queries.filter((one) => !kind || one.kind === kind);
  const found = async () => Number(/([\d,]+) log records? found/.exec(await page.getByRole('main').innerText())?.[1].replace(',', ''));
  const untilRunning = async (kind) => {
    const deadline = Date.now() + 10_000;
    while ((await running(kind)).length === 0) {
      assert.ok(Date.now() < deadline, `no ${kind} runs: ${JSON.stringify(await running())}`);
      await sleep(20);
    }
  };
  /** A query is listed until its work has ended, which is soon after its last frame. */
  const untilIdle = async (kind) => {
    // In a debug build, beside other programs, a batch of rows may take seconds.
    const deadline = Date.now() + 20_000;
    while ((await running(kind)).length > 0) {
      assert.ok(Date.now() < deadline, `still running: ${JSON.stringify(await running(kind))}`);
      await sleep(50);
    }
  };
  /** Stops a search, says how long it took until the screen said so, and until the server's list was empty. */
  const stopped = async (act) => {
    const started = Date.now();
    await act();
    await line.waitFor();
    stops.push(Date.now() - started);
    await untilIdle();
    console.log(`        ${await line.innerText()} after ${stops.at(-1)} ms, the last query ended after ${Date.now() - started} ms`);
  };
  const search = async () => {
    await page.goto(`/logs?${new URLSearchParams({ q: logQuery })}`);
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
      logQuery = await longQuery('body', '/api/v1/logs');
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
    ['Stop ends every panel and keeps what came', async () => {
      // The histogram looks at every record too, with all threads: asked for at the same time, it is often there before the
      // first row of the list. So it is asked for when there are rows; what is left of the search then takes seconds.
      let release;
      const rowsAreThere = new Promise((done) => (release = done));
      await page.route(HISTOGRAM, (route) => rowsAreThere.then(() => route.continue()));
      await search();
      release();
      await untilRunning('histogram');
      assert.equal((await running('logs')).length, 1);
      await stopped(() => stop.click());
      await page.unroute(HISTOGRAM);
      await rate.getByText('stopped', { exact: true }).waitFor();
      assert.equal(await page.locator('[aria-busy="true"]').count(), 0, 'nothing is on its way');
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
      await stopped(() => page.keyboard.press('Escape'));
      assert.ok((await found()) >= before);
    }],
    ['who stops its query elsewhere ends the panels too', async () => {
      await page.getByRole('button', { name: 'Continue' }).click();
      await stop.waitFor();
      let query;
      while (!query) [query] = await running('logs');
      await stopped(async () => assert.equal((await fetch(`${server.url}/api/v1/queries/${query.id}`, { method: 'DELETE' })).status, 204));
      await rate.getByText('stopped', { exact: true }).waitFor();
      assert.ok(Math.min(...stops) < STOP_MS, `the stops took ${stops.join(', ')} ms`);
    }],
    ['to its end it finds every record once', async () => {
      await page.getByRole('button', { name: 'Continue' }).click();
      await page.getByText(new RegExp(`^${RECORDS / EACH} log records\\b`)).first().waitFor({ timeout: 120_000 });
      assert.equal(await line.count(), 0);
      await visitor.settle();
      // Asked for again, and not stopped this time.
      await page.getByRole('slider', { name: new RegExp(`^Log records over time: .*\\b${RECORDS / EACH} info\\b`) }).waitFor({ timeout: 60_000 });
      assert.equal(await rate.getByText('stopped', { exact: true }).count(), 0);
    }],
    ['who leaves ends the search', async () => {
      await page.goto('/setup');
      await search();
      await page.goto('/setup');
      await untilIdle();
    }],

    ['a list in another order that is stopped says what it is, and goes on to the same', async () => {
      for (let at = 0; at < SPANS; at += BATCH) await sendSpans(server, at, Math.min(BATCH, SPANS - at));
      await fetch(`${server.url}/api/v1/admin/flush`, { method: 'POST' });
      spanQuery = await longQuery('name', '/api/v1/traces?sort=duration');
      await page.goto(`/traces?${new URLSearchParams({ q: spanQuery, sort: 'duration' })}`);
      await page.getByRole('link', { name: /needle \d+/ }).first().waitFor({ timeout: 60_000 });
      await stop.waitFor();
      await stopped(() => stop.click());
      await page.getByText(/^50 traces come first in the part that was searched$/).waitFor();
      await visitor.pictures('traces-stopped');
      await visitor.assertAccessible();
      await page.getByRole('button', { name: 'Continue' }).click();
      await page.getByText(/^50 traces, more follow/).waitFor({ timeout: 60_000 });
      const shown = (await page.getByRole('link', { name: /needle \d+/ }).allInnerTexts()).map((text) => /needle \d+/.exec(text)[0]);
      const from = BigInt(Date.now()) * 1_000_000n - 3_600_000_000_000n;
      const page1 = await server.json(`/api/v1/traces?${new URLSearchParams({ q: spanQuery, sort: 'duration', limit: 50, from })}`);
      const expected = page1.traces.map((trace) => /needle \d+/.exec(trace.root.name)[0]);
      assert.ok(shown.length >= 10 && shown.every((name, nth) => name === expected[nth]), `${shown} instead of ${expected}`);
    }],
    ['the heatmap is stopped, and asked for again', async () => {
      await page.goto(`/traces?${new URLSearchParams({ q: spanQuery, view: 'heatmap' })}`);
      await stop.waitFor();
      await page.keyboard.press('Escape');
      await page.getByText('Stopped', { exact: true }).waitFor();
      await untilIdle();
      await visitor.assertAccessible();
      await page.getByRole('button', { name: 'Search again' }).click();
      await page.getByRole('application', { name: new RegExp(`^${SPANS / EACH} spans by time and duration`) }).waitFor({ timeout: 60_000 });
      assert.equal(await page.getByText('Stopped', { exact: true }).count(), 0);
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
    ['a large result scrolls, and is saved as CSV with every row', async () => {
      const sql = 'SELECT time, body FROM logs ORDER BY time LIMIT 50000';
      await page.goto(`/sql?${new URLSearchParams({ sql })}`);
      const grid = page.getByRole('table', { name: 'Result' });
      await grid.waitFor({ timeout: 60_000 });
      assert.equal(Number(await grid.getAttribute('aria-rowcount')), 50_001);
      await grid.getByRole('cell').first().click();
      await page.keyboard.press('Control+End');
      await page.mouse.wheel(0, 10_000_000);
      await grid.getByText(/^request 49999 of user/).waitFor();
      const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'CSV' }).click()]);
      const lines = readFileSync(await download.path(), 'utf8').trimEnd().split('\n');
      assert.equal(lines.length, 50_001);
      assert.match(lines.at(-1), /request 49999 of user/);
    }],
    ['what is wrong in a statement is underlined until it is changed', async () => {
      await page.goto(`/sql?${new URLSearchParams({ sql: 'SELECT name,\n  nothing\nFROM spans' })}`);
      await page.getByRole('alert').waitFor();
      const wrong = page.getByLabel('SQL statement').locator('[aria-invalid="true"]');
      assert.deepEqual(await wrong.allInnerTexts(), ['nothing']);
      await visitor.pictures('sql-wrong');
      await visitor.assertAccessible();
      await wrong.dblclick();
      await page.keyboard.type('body');
      await wrong.waitFor({ state: 'detached' });
    }, [/400/]],
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

async function sendSpans(server, at, count) {
  const now = BigInt(Date.now()) * 1_000_000n - 600_000_000_000n;
  const spans = Array.from({ length: count }, (_, i) => {
    const n = at + i;
    const found = n % EACH === EACH - 1;
    const start = now + BigInt(n) * 1_000n;
    return {
      traceId: (n + 1).toString(16).padStart(32, '0'),
      spanId: (n + 1).toString(16).padStart(16, '0'),
      name: `request ü abcdef${n} ${found ? `needle ${n}` : 'nothing'}`,
      kind: 2,
      startTimeUnixNano: String(start),
      endTimeUnixNano: String(start + BigInt(1 + ((n * 7) % 1013)) * 1_000_000n),
    };
  });
  const resourceSpans = [{ resource: { attributes: [{ key: 'service.name', value: { stringValue: 'shop' } }] }, scopeSpans: [{ spans }] }];
  await post(server, '/v1/traces', { resourceSpans });
}

async function post(server, path, body) {
  const answer = await fetch(`http://${server.addresses.otlp_http}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`);
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
  await post(server, '/v1/logs', { resourceLogs });
}
