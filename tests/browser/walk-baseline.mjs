// Someone asks what is usual for the operation of a slow trace.

import assert from 'node:assert/strict';
import { send } from './large-trace.mjs';
import { KIND, secondsAgo, span, text, traceIdOf } from './small-trace.mjs';

const DAY_S = 86_400;
const SLOW = traceIdOf(0xa000);
const LONELY = traceIdOf(0xb000);
/** Traces before the slow one, more than are compared with, and how many failed among the nearest. */
const BEFORE = 24;
const FAILED = 3;
const MOST = 20;
const A_DAY_EARLIER = 6;

/** A payment that takes 300 ms but for `extra`; `number` tells it from others. */
function payment(traceId, start, extra, failed = false) {
  const s = (...rest) => span(traceId, ...rest);
  const state = failed ? { status: { code: 2 } } : {};
  return [
    s(1, 0, 'shop', 'POST /pay', KIND.SERVER, start, 0, 300 + extra, state),
    s(2, 1, 'shop', 'check basket', KIND.INTERNAL, start, 10, 60),
    s(3, 1, 'shop', 'POST /charge', KIND.CLIENT, start, 70, 280 + extra),
    s(4, 3, 'payment', 'charge', KIND.SERVER, start, 80, 270 + extra, { attributes: [text('card.brand', 'visa')] }),
  ];
}

export function baselineWalk(visitor, server) {
  const { page } = visitor;
  const main = page.getByRole('main');
  const table = page.getByRole('table', { name: 'Contributions' });
  const cells = async (row) => (await row.innerText()).replace(/\s+/g, ' ');
  const usual = page.getByRole('region', { name: /what is usual$/ });

  return [
    ['a slow payment after many that were not', async () => {
      const usualOnes = Array.from({ length: BEFORE }, (_, i) => payment(traceIdOf(0x100 + i), secondsAgo(60 + i * 10), i % 5, i < FAILED));
      const earlier = Array.from({ length: A_DAY_EARLIER }, (_, i) => payment(traceIdOf(0x200 + i), secondsAgo(DAY_S + 60 + i * 10), 100));
      const other = span(traceIdOf(0x300), 1, 0, 'shop', 'POST /pay later', KIND.SERVER, secondsAgo(40), 0, 5000);
      const lonely = span(LONELY, 1, 0, 'shop', 'GET /once', KIND.SERVER, secondsAgo(30), 0, 10);
      const otlp = `http://${server.addresses.otlp_http}`;
      await send(otlp, [...earlier.flat(), ...usualOnes.flat(), ...payment(SLOW, secondsAgo(30), 640), other, lonely]);
    }],

    ['the trace page leads to what is usual', async () => {
      await page.goto(`/trace/${SLOW}`);
      await page.getByRole('button', { name: 'Compare' }).click();
      await page.getByRole('button', { name: 'Compare with what is usual' }).waitFor();
      await visitor.settle();
      await visitor.assertAccessible();
      await page.getByRole('button', { name: 'Compare with what is usual' }).click();
      await table.waitFor();
      assert.ok(page.url().endsWith(`/compare/${SLOW}...baseline`));
    }],

    ['so does where the time went', async () => {
      await page.goto(`/trace/${SLOW}?cp=1`);
      await page.getByRole('complementary', { name: 'Where the time went' }).getByRole('link', { name: 'Compare with what is usual' }).click();
      await table.waitFor();
      assert.equal(new URL(page.url()).pathname, `/compare/baseline...${SLOW}`);
    }],

    ['the planted 640 ms are the first line, less the median of the others', async () => {
      await page.goto(`/compare/baseline...${SLOW}`);
      await table.waitFor();
      // The 20 nearest that did not fail took 0 to 4 ms more than 300: the median is 2.
      assert.match(await cells(table.getByRole('row').nth(2)), /payment charge 192 ms → 830 ms \+638 ms 190 ms to 194 ms 1$/);
      await main.getByText('B takes 638 ms more than usual: +638 ms payment charge.').waitFor();
      assert.equal(await table.getByRole('row').count(), 4, 'head, A, the charge and B; the button for what did not change is below');
    }],
    ['how many traces say so, and how they were chosen, is told', async () => {
      const said = await cells(usual);
      assert.match(said, /302 ms median of 20 traces, 300 ms to 304 ms · 4 spans/);
      assert.match(said, /without errors or missing spans: the 20 nearest in the hour before it/);
      await visitor.pictures('compare-baseline');
      await visitor.assertAccessible();
      const found = await usual.getByRole('link', { name: /^Usual shop/ }).getAttribute('href');
      const { traces } = await server.json(`/api/v1${found.replace(/&cmp=.*/, '')}&limit=100`);
      assert.equal(traces.length, BEFORE + 1, 'the link lists what they were chosen from');
      assert.equal(traces.filter((one) => one.error_count === 0).length - 1, MOST + 1);
    }],
    ['attributes are compared with those of a trace that took as long as is usual', async () => {
      await usual.getByRole('link', { name: 'Attributes against one of them' }).click();
      await page.getByRole('tab', { name: 'Attributes', selected: true }).waitFor();
      const [, a, b] = /compare\/([0-9a-f]{32})\.\.\.([0-9a-f]{32})/.exec(page.url());
      assert.equal(b, SLOW);
      const { duration_ns } = await server.json(`/api/v1/traces/${a}`);
      assert.equal(duration_ns, 302_000_000, 'the median');
      await main.getByText('card.brand').first().waitFor();
      await page.goBack();
      await usual.waitFor();
    }],
    ['swapping inverts the signs', async () => {
      await page.getByRole('button', { name: 'Swap' }).click();
      await main.getByText('What is usual takes 638 ms less than A: −638 ms payment charge.').waitFor();
      assert.ok(page.url().includes(`/compare/${SLOW}...baseline`));
    }],
    ['what was usual a day earlier is another baseline, in the address', async () => {
      await page.goto(`/compare/baseline...${SLOW}`);
      await page.getByRole('tab', { name: 'A day earlier' }).click();
      await main.getByText('B takes 540 ms more than usual: +540 ms payment charge.').waitFor();
      assert.match(await cells(usual), /400 ms median of 6 traces.*all 6 found in the hour before the same time a day earlier/);
      assert.equal(new URL(page.url()).searchParams.get('cmp'), '-1d');
      await page.reload();
      await main.getByText('B takes 540 ms more than usual: +540 ms payment charge.').waitFor();
    }],
    ['without others there is no baseline, and that is said', async () => {
      await page.getByRole('tab', { name: 'A week earlier' }).click();
      await page.getByRole('heading', { name: 'No other shop POST /pay within an hour of that time' }).waitFor();
      await visitor.assertAccessible();
      await page.goto(`/compare/baseline...${LONELY}`);
      await page.getByRole('heading', { name: 'No other shop GET /once within an hour' }).waitFor();
      await page.goto(`/compare/baseline...${SLOW}?cmp=2d`);
      await main.getByText(/^cmp=2d in the address is none of/).waitFor();
    }],
  ];
}
