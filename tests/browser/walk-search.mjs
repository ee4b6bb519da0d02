// Someone on call searches traces: by an attribute alone, by a stretch of durations and an outcome. What is shown is
// what SQL says.

import assert from 'node:assert/strict';
import { incident, REQUESTS } from './incident.mjs';
import { send } from './large-trace.mjs';
import { ask, listedTraces, nanosOf } from './walk-incident.mjs';

const SECOND = 1_000_000_000n;
/** Until the first row is there; on a machine that does nothing else it is a tenth of it. */
const FIRST_ROW_MS_MAX = 500;

export function searchWalk(visitor, server) {
  const { page } = visitor;
  const main = page.getByRole('main');
  const facets = page.getByRole('complementary', { name: 'Facets' });
  const durations = page.getByRole('slider', { name: /^Duration of matching spans/ });
  const overTime = page.getByRole('slider', { name: /^Spans over time/ });
  const params = () => new URL(page.url()).searchParams;
  const start = BigInt(Math.floor(Date.now() / 1000) - 11 * 60) * SECOND;
  const range = `from=${start}&to=${start + 660n * SECOND}`;
  const rows = async (sql) => (await ask(server, sql)).rows;
  const numberIn = async (locator, word) => Number(new RegExp(`([\\d,]+) ${word}`).exec(await locator.getAttribute('aria-label'))?.[1].replaceAll(',', '') ?? 0);
  const facetCount = async (key, value) => {
    const button = facets.getByRole('button', { name: new RegExp(`^${value} [\\d.]`) }).first();
    const title = await button.getAttribute('title');
    assert.ok(title.startsWith(`${value}: `), `${key}: ${title}`);
    return Number(title.slice(value.length + 2).replaceAll(',', ''));
  };

  /** Charts, facets and rows against SQL, for spans that satisfy `where`. */
  async function assertAgrees(where) {
    await visitor.settle();
    const [[all, faults, traces]] = await rows(`SELECT count(*), count(*) FILTER (WHERE attributes['http.response.status_code'] >= 500), count(DISTINCT trace_id) FROM spans WHERE ${where}`);
    const [[errors]] = await rows(`SELECT count(*) FROM spans WHERE status = 'ERROR' AND ${where}`);
    assert.equal(await numberIn(durations, 'fault'), faults, 'faults by duration');
    assert.equal((await numberIn(durations, 'ok')) + (await numberIn(durations, 'client error')) + (await numberIn(durations, 'throttle')) + faults, all, 'spans by duration');
    assert.equal(await numberIn(overTime, 'errors'), errors, 'errors over time');
    assert.equal((await numberIn(overTime, 'spans without error')) + errors, all, 'spans over time');
    for (const [service, count] of await rows(`SELECT service, count(*) FROM spans WHERE ${where} GROUP BY service`)) {
      assert.equal(await facetCount('service', service), count, `facet of ${service}`);
    }
    const listed = await listedTraces(page);
    assert.equal(new Set(listed).size, listed.length, 'none twice');
    assert.equal(listed.length, traces, 'traces listed');
    assert.deepEqual(listed.toSorted(), (await rows(`SELECT DISTINCT trace_id FROM spans WHERE ${where}`)).flat().toSorted());
  }

  return [
    ['a shop has sent', () => send(`http://${server.addresses.otlp_http}`, incident(start))],

    ['an attribute alone finds its traces', async () => {
      await page.goto(`/traces?${range}`);
      await main.getByRole('table').getByRole('link').first().waitFor();
      await visitor.settle();
      const field = page.getByRole('combobox', { name: 'Search' });
      await field.fill('customer.id:c17');
      // From the key to the first row of this search: of the customer's requests the newest.
      const [[newest]] = await rows(`SELECT trace_id FROM spans WHERE attributes['customer.id'] = 'c17' ORDER BY start_time DESC LIMIT 1`);
      await page.evaluate((trace) => {
        addEventListener('keydown', () => {
          const pressed = performance.now();
          const look = () => (document.querySelector('main tbody tr a')?.getAttribute('href').includes(trace) ? (globalThis.__tookMs = performance.now() - pressed) : requestAnimationFrame(look));
          look();
        }, { once: true, capture: true });
      }, newest);
      await field.press('Enter');
      const took = await page.waitForFunction(() => globalThis.__tookMs).then((handle) => handle.jsonValue());
      console.log(`        first row after ${Math.round(took)} ms`);
      assert.ok(took <= FIRST_ROW_MS_MAX, `${took} ms`);
      const listed = await listedTraces(page);
      const wanted = await rows(`SELECT DISTINCT trace_id FROM spans WHERE attributes['customer.id'] = 'c17'`);
      assert.equal(wanted.length, REQUESTS / 50);
      assert.deepEqual(listed.toSorted(), wanted.flat().toSorted());
      await main.getByRole('status').getByText(`${wanted.length} traces`).waitFor();
    }],

    ['a brush over the durations: charts, facets and rows agree with SQL', async () => {
      await page.goto(`/traces?${range}`);
      await main.getByRole('table').getByRole('link').first().waitFor();
      await assertAgrees('true');
      const box = await durations.boundingBox();
      await page.mouse.move(box.x + box.width * 0.62, box.y + 15);
      await page.mouse.down();
      await page.mouse.move(box.x + box.width - 2, box.y + 15, { steps: 6 });
      await page.mouse.up();
      await page.waitForFunction(() => new URL(location.href).searchParams.has('q'));
      const [, from, to] = /^duration>=(\S+) duration<(\S+)$/.exec(params().get('q'));
      await assertAgrees(`duration_ns >= ${nanosOf(from)} AND duration_ns < ${nanosOf(to)}`);
    }],
    ['then the status: they still agree', async () => {
      const [, from, to] = /^duration>=(\S+) duration<(\S+)$/.exec(params().get('q'));
      await facets.getByRole('button', { name: /^fault [\d.]/ }).click();
      await page.waitForFunction(() => new URL(location.href).searchParams.get('q').includes('outcome:fault'));
      await assertAgrees(`duration_ns >= ${nanosOf(from)} AND duration_ns < ${nanosOf(to)} AND attributes['http.response.status_code'] >= 500`);
      await visitor.pictures('search-brushed');
      await visitor.assertAccessible();
    }],
    ['Back undoes one step at a time', async () => {
      await page.goBack();
      await page.waitForFunction(() => /^duration>=\S+ duration<\S+$/.test(new URL(location.href).searchParams.get('q')));
      const [, from, to] = /^duration>=(\S+) duration<(\S+)$/.exec(params().get('q'));
      await assertAgrees(`duration_ns >= ${nanosOf(from)} AND duration_ns < ${nanosOf(to)}`);
      await page.goBack();
      await page.waitForFunction(() => !new URL(location.href).searchParams.has('q'));
      await assertAgrees('true');
    }],
  ];
}
