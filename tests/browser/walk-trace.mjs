// Someone reads a trace that has everything odd about it, and compares it with a normal one.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { send } from './large-trace.mjs';
import { id, KIND, span, text } from './small-trace.mjs';

const SLOW = '1'.repeat(32);
const FAST = '2'.repeat(32);
const AFTER = '3'.repeat(32);
const LOOP = 47;

/** A checkout; `extra` milliseconds more are spent in the charge. */
function checkout(traceId, start, extra) {
  const s = (...rest) => span(traceId, ...rest);
  return [
    s(1, 0, 'shop', 'POST /checkout', KIND.SERVER, start, 0, 500 + extra),
    s(2, 1, 'shop', 'load cart', KIND.INTERNAL, start, 5, 150),
    ...Array.from({ length: LOOP }, (_, i) => s(100 + i, 2, 'shop', 'SELECT items', KIND.CLIENT, start, 6 + i * 3, 8 + i * 3)),
    s(3, 1, 'shop', 'POST /charge', KIND.CLIENT, start, 160, 400 + extra),
    s(4, 3, 'payment', 'charge', KIND.SERVER, start, 200, 390 + extra, { attributes: [text('card.brand', extra > 0 ? 'visa' : 'mastercard')] }),
    s(5, 1, 'shop', 'send mail', KIND.PRODUCER, start, 410 + extra, 415 + extra),
  ];
}

function oddities(start) {
  const s = (...rest) => span(SLOW, ...rest);
  return [
    s(6, 5, 'mail', 'deliver', KIND.CONSUMER, start, 1300, 1340),
    // Its clock is two hundred milliseconds behind its caller's.
    s(7, 3, 'fraud', 'score', KIND.SERVER, start, -40, 10),
    s(8, 99, 'stock', 'reserve', KIND.SERVER, start, 420, 440, {
      status: { code: 2, message: 'out of stock' },
      events: [{ timeUnixNano: String(start + 430n * 1_000_000n), name: 'exception', attributes: [text('exception.type', 'StockError'), text('exception.message', 'nothing left')] }],
    }),
  ];
}

export function traceWalk(visitor, server) {
  const { page } = visitor;
  const waterfall = page.getByRole('treegrid', { name: 'Spans of the trace' });
  const details = page.getByRole('region', { name: 'Details of the span' });
  const main = page.getByRole('main');
  const row = (name) => waterfall.getByRole('row', { name });
  const rowCount = async () => Number(await waterfall.getAttribute('aria-rowcount'));
  const search = () => new URL(page.url()).searchParams;
  const start = (BigInt(Date.now()) - 120_000n) * 1_000_000n;
  const total = 5 + LOOP + 3;

  return [
    ['a slow and a fast checkout, and work that links to the slow one', async () => {
      const link = { traceId: SLOW, spanId: id(5) };
      const after = span(AFTER, 1, 0, 'mail', 'batch', KIND.CONSUMER, start, 2000, 2100, { links: [link] });
      await send(`http://${server.addresses.otlp_http}`, [...checkout(SLOW, start, 640), ...oddities(start), ...checkout(FAST, start, 0), after]);
    }],

    ['what is odd about a trace is said', async () => {
      await page.goto(`/trace/${SLOW}`);
      await row('shop POST /checkout, 1.14 s, 1 errors below').or(row(/^shop POST \/checkout, 1\.14 s/)).first().waitFor();
      const said = await page.getByRole('main').innerText();
      assert.match(said, /1 span names a parent that is not here/);
      assert.match(said, /1 span starts up to \d+ ms before the caller: clocks differ/);
    }],

    ['47 equal calls are one row, which opens', async () => {
      const group = row(/^47 times shop SELECT items, 94 ms together/);
      await group.waitFor();
      assert.equal(await group.getAttribute('aria-expanded'), 'false');
      assert.equal(await rowCount(), total - LOOP + 1);
      await group.click();
      await row(/^shop SELECT items, 2 ms/).first().waitFor();
      assert.equal(await rowCount(), total + 1);
      assert.equal(await row(/^shop SELECT items, 2 ms/).first().getAttribute('aria-setsize'), String(LOOP));
      await visitor.assertAccessible();
    }],

    ['ancestors of the first row stay in sight', async () => {
      await waterfall.evaluate((element) => (element.scrollTop = 24 * 20));
      await visitor.settle();
      const pinned = await waterfall.locator('[aria-hidden="true"]', { hasText: 'load cart' }).first().innerText();
      assert.match(pinned.replace(/\s+/g, ' '), /POST \/checkout.*load cart.*SELECT items/);
    }],

    ['only some services are shown, in the address too', async () => {
      const services = page.getByRole('group', { name: 'Show only these services' });
      await services.getByRole('button', { name: 'payment' }).click();
      await page.waitForFunction(() => document.querySelector('[role=treegrid]').getAttribute('aria-rowcount') === '3');
      assert.equal(search().get('only'), 'payment');
      await page.reload();
      await row(/^payment charge/).waitFor();
      assert.equal(await rowCount(), 3, 'the span and its ancestors');
      await services.getByRole('button', { name: 'All services' }).click();
      await page.waitForFunction(() => Number(document.querySelector('[role=treegrid]').getAttribute('aria-rowcount')) > 3);
    }],

    ['find knows names at once and attributes from the server', async () => {
      const field = page.getByRole('textbox', { name: 'Find in this trace' });
      await field.fill('exception');
      await field.fill('(card.brand=visa OR card.brand:/^x/) -service:shop kind:*');
      await page.getByRole('status').getByText(/^(1 of )?1$/).waitFor();
      await field.press('Enter');
      await page.getByRole('button', { name: 'Hide other spans' }).click();
      await page.waitForFunction(() => document.querySelector('[role=treegrid]').getAttribute('aria-rowcount') === '3');
      await page.reload();
      await row(/^payment charge/).waitFor();
      await page.waitForFunction(() => document.querySelector('[role=treegrid]').getAttribute('aria-rowcount') === '3');
      await field.fill('');
      await page.waitForFunction(() => Number(document.querySelector('[role=treegrid]').getAttribute('aria-rowcount')) > 3);
    }],

    ['find says what it cannot read', async () => {
      const field = page.getByRole('textbox', { name: 'Find in this trace' });
      await field.fill('service:');
      await page.getByRole('status').getByText('service: needs a value').waitFor();
      await field.fill('');
    }],

    ['the map of a trace leads to the spans of a service', async () => {
      await page.getByRole('tab', { name: 'Map' }).click();
      const drawing = page.getByRole('group', { name: 'Service map' });
      const payment = drawing.getByRole('button', { name: /^payment, service, 1 requests/ });
      await payment.waitFor();
      await visitor.assertAccessible();
      await visitor.pictures('trace-map');
      await payment.click();
      await page.waitForFunction(() => new URL(location.href).searchParams.get('find') === 'service:payment');
      await page.getByRole('status').getByText(/^(1 of )?1$/).waitFor();
      await row(/^payment charge/).waitFor();
      await page.getByRole('textbox', { name: 'Find in this trace' }).fill('');
    }],

    ['the zoom is in the address and comes back', async () => {
      await waterfall.focus();
      for (const key of ['Home', 'w', 'w', 'd']) await page.keyboard.press(key);
      await page.waitForFunction(() => /^\d+,\d+$/.test(new URL(location.href).searchParams.get('z') ?? ''));
      const zoom = search().get('z');
      await page.reload();
      await row(/^shop POST/).first().waitFor();
      await page.waitForTimeout(400);
      assert.equal(search().get('z'), zoom);
      await waterfall.focus();
      await page.keyboard.press('0');
      await page.waitForFunction(() => !new URL(location.href).searchParams.has('z'));
    }],

    ['the critical path says where the time went', async () => {
      await waterfall.focus();
      await page.keyboard.press('c');
      const table = page.getByRole('table', { name: 'Operations on the critical path' });
      await table.waitFor();
      const first = await table.getByRole('row').nth(1).innerText();
      assert.match(first.replace(/\s+/g, ' '), /payment charge 830 ms/);
      await visitor.assertAccessible();
      await visitor.pictures('trace-critical-path');
      await table.getByRole('button', { name: /payment charge/ }).click();
      await details.getByRole('heading', { level: 2, name: 'charge' }).waitFor();
    }],

    ['a span is compared with others of its operation', async () => {
      await details.getByRole('button', { name: 'Is that slow?' }).click();
      await details.getByText(/^As slow as or slower than 100% of 2: half take up to 190 ms, .* the longest 830 ms/).waitFor();
    }],

    ['clocks are undone on demand, and the reader is told', async () => {
      await page.getByRole('button', { name: 'Undo clock skew' }).click();
      await page.getByText(/drawn where they fit; dashed outlines are where they were/).waitFor();
      assert.equal(search().get('skew'), 'adj');
      await page.getByRole('button', { name: 'Undo clock skew' }).click();
      await page.getByText(/Times are shown as sent/).waitFor();
    }],

    ['whatever is pressed, the active row is in sight and says so', async () => {
      await waterfall.focus();
      const keys = ['ArrowDown', 'ArrowRight', 'ArrowLeft', 'End', 'ArrowUp', '*', 'Home', '3', 'PageDown', 'e', 'p', 'C', '9', 'n', 'w', 'd', '0', 'PageUp'];
      for (let i = 0; i < 120; i += 1) {
        await page.keyboard.press(keys[(i * 7 + Math.floor(i / 5)) % keys.length]);
        await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
        const state = await waterfall.evaluate((grid) => {
          const active = document.getElementById(grid.getAttribute('aria-activedescendant'));
          const [outer, inner] = [grid.getBoundingClientRect(), active?.getBoundingClientRect()];
          return { selected: active?.getAttribute('aria-selected'), selectedRows: grid.querySelectorAll('[role=row][aria-selected=true]').length, inSight: inner && inner.top >= outer.top - 1 && inner.bottom <= outer.bottom + 1 };
        });
        assert.deepEqual(state, { selected: 'true', selectedRows: 1, inSight: true }, `after key ${i}`);
      }
      await page.goto(`/trace/${SLOW}`);
      await row(/^shop POST/).first().waitFor();
    }],

    ['a failed span has its exception and its message', async () => {
      await waterfall.focus();
      await page.keyboard.press('e');
      await page.keyboard.press('Enter');
      await details.getByText('StockError: nothing left').waitFor();
      await details.getByText('out of stock').waitFor();
      assert.equal(search().get('span'), id(8));
    }],

    ['who links here is found, and links lead both ways', async () => {
      await page.goto(`/trace/${SLOW}?span=${id(5)}`);
      await details.getByRole('heading', { name: /^Links in/ }).waitFor();
      await visitor.assertAccessible();
      await details.getByRole('link', { name: 'mail batch' }).click();
      await details.getByRole('heading', { level: 2, name: 'batch' }).waitFor();
      await details.getByRole('link', { name: new RegExp(SLOW) }).click();
      await details.getByRole('heading', { level: 2, name: 'send mail' }).waitFor();
    }],

    ['statistics add up', async () => {
      await page.getByRole('tab', { name: 'Statistics' }).click();
      const table = page.getByRole('table', { name: 'Statistics' });
      const loop = table.getByRole('row').filter({ hasText: 'SELECT items' });
      assert.match((await loop.innerText()).replace(/\s+/g, ' '), /shop SELECT items 47 – 94 ms/);
      await page.getByRole('group', { name: 'Group by' }).getByRole('button', { name: 'Service' }).click();
      await table.getByRole('row').filter({ hasText: 'fraud' }).waitFor();
      await visitor.assertAccessible();
      await visitor.pictures('trace-statistics');
    }],

    ['the flame merges equal calls and is walked by keys', async () => {
      await page.getByRole('tab', { name: 'Flame' }).click();
      const flame = page.getByRole('application', { name: /^Flame graph of/ });
      await main.getByText(/^Widths are work: .* in\s.* of time/).waitFor();
      await flame.focus();
      await page.keyboard.press('ArrowDown');
      const status = page.getByRole('status').filter({ hasText: 'with what is below' });
      await status.getByText('shop POST /charge').waitFor();
      await page.keyboard.press('Enter');
      await page.getByRole('navigation', { name: 'Zoom' }).getByRole('button', { name: /POST \/charge/ }).waitFor();
      await visitor.assertAccessible();
    }],

    ['it can be taken along in three forms', async () => {
      await page.getByRole('tab', { name: 'Raw' }).click();
      const saved = async (name) => {
        const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name }).click()]);
        return JSON.parse(readFileSync(await download.path(), 'utf8'));
      };
      const otlp = await saved('Download OTLP/JSON');
      assert.equal(otlp.resourceSpans.flatMap((one) => one.scopeSpans.flatMap((scope) => scope.spans)).length, total);
      const [jaeger] = (await saved('Jaeger JSON')).data;
      assert.deepEqual([jaeger.traceID, jaeger.spans.length], [SLOW, total]);
      const root = jaeger.spans.find((one) => one.spanID === id(1));
      assert.deepEqual([root.operationName, root.duration, jaeger.processes[root.processID].serviceName], ['POST /checkout', 1_140_000, 'shop']);
      const { traceEvents } = await saved('Perfetto');
      assert.equal(traceEvents.filter((event) => event.ph === 'X').length, total);
    }],

    ['two traces of the list are marked, by a key and by the mouse, and compared', async () => {
      await page.goto('/traces');
      const links = main.getByRole('table').getByRole('link');
      await links.nth(1).waitFor();
      const [a, b] = await links.evaluateAll((all) => all.map((one) => /[0-9a-f]{32}/.exec(one.href)[0]));
      await page.keyboard.press('ArrowDown');
      await page.keyboard.press('x');
      await main.getByText('One trace marked, mark another').waitFor();
      await main.getByRole('button', { name: new RegExp(`^Compare trace ${b.slice(0, 8)}`) }).click();
      const both = main.getByText('Two traces marked');
      await both.waitFor();
      assert.equal(new URL(page.url()).searchParams.get('pick'), `${a},${b}`);
      await page.reload();
      await both.waitFor();
      await visitor.settle();
      await visitor.assertAccessible();
      await visitor.pictures('traces-marked');
      await main.getByRole('link', { name: 'Compare', exact: true }).click();
      await page.waitForURL((url) => url.pathname === `/compare/${a}...${b}`);
      await page.goBack();
      await both.waitFor();
      await main.getByRole('button', { name: 'Clear marks' }).click();
      await both.waitFor({ state: 'detached' });
    }],
    ['compared with the fast one, the planted 640 ms come first', async () => {
      await page.goto(`/trace/${FAST}`);
      await page.getByRole('button', { name: 'Compare' }).click();
      await visitor.settle();
      await page.getByRole('button', { name: /^Compare with 1111/ }).waitFor();
      await visitor.assertAccessible();
      await page.getByRole('button', { name: /^Compare with 1111/ }).click();
      const table = page.getByRole('table', { name: 'Contributions' });
      await table.waitFor();
      // The row of trace A stands above the parts.
      assert.match((await table.getByRole('row').nth(2).innerText()).replace(/\s+/g, ' '), /payment charge .*\+640 ms/);
      await main.getByText(/^B takes .* more than A: \+640 ms payment charge/).waitFor();
      await main.getByText('2.8 times as long').waitFor();
      // The bars lie on one axis: the steps lead from the end of A to the end of B.
      const ends = await table.locator('td[aria-hidden] span').evaluateAll((bars) => bars.map((bar) => bar.getBoundingClientRect()).map(({ left, right }) => [Math.round(left), Math.round(right)]));
      assert.equal(ends[1][0], ends[0][1], `${JSON.stringify(ends)}: the first step begins where A ends`);
      assert.equal(ends.at(-2)[1], ends.at(-1)[1], `${JSON.stringify(ends)}: the last step ends where B ends`);
      await visitor.pictures('compare');
      await visitor.assertAccessible();
    }],
    ['swapping inverts the signs', async () => {
      await page.getByRole('button', { name: 'Swap' }).click();
      await main.getByText(/^B takes .* less than A: −640 ms payment charge/).waitFor();
      assert.ok(page.url().includes(`/compare/${SLOW}...${FAST}`));
    }],
    ['the structure shows what is only in one of them', async () => {
      await page.getByRole('tab', { name: 'Structure' }).click();
      const tree = page.getByRole('treegrid', { name: 'Calls of both traces' });
      await tree.getByRole('row', { name: 'stock reserve, only in A' }).waitFor();
      await tree.focus();
      await page.keyboard.press('End');
      await page.keyboard.press('Home');
      assert.equal(await tree.getAttribute('aria-activedescendant'), await tree.getByRole('row', { name: /^shop POST \/checkout/ }).getAttribute('id'));
      await visitor.pictures('compare-structure');
      await visitor.assertAccessible();
    }],
    ['the attributes of an operation stand side by side', async () => {
      await page.getByRole('tab', { name: 'Attributes' }).click();
      const row = page.getByRole('table', { name: 'Attributes' }).getByRole('row', { name: /^card.brand/ });
      assert.match((await row.innerText()).replace(/\s+/g, ' '), /card.brand visa mastercard/);
      await page.getByRole('table', { name: 'Attributes' }).getByText('1 of 1 differ').waitFor();
      await visitor.assertAccessible();
    }],
    ['an id that is none is refused in words', async () => {
      await page.goto(`/compare/${SLOW}...`);
      await page.getByRole('textbox', { name: 'Trace id' }).fill('12');
      await page.getByRole('button', { name: 'Compare', exact: true }).click();
      await page.getByRole('alert').getByText('That is not a trace id').waitFor();
      await visitor.assertAccessible();
    }],
  ];
}
