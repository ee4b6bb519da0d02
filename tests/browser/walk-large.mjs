// Traces of 50,000 and 250,000 spans, a chain 100,000 deep, 10,000 siblings, a span of 30 days: they open and keys work.
// 50,000 spans keep the budgets; figures are printed.

import assert from 'node:assert/strict';
import { chainTrace, send, wideTrace } from './large-trace.mjs';
import { KIND, secondsAgo, span } from './small-trace.mjs';

const WIDE = { id: 'a'.repeat(32), spans: 50_000 };
const HUGE = { id: 'b'.repeat(32), spans: 250_000 };
const CHAIN = { id: 'c'.repeat(32), spans: 100_000 };
const SIBLINGS = { id: 'd'.repeat(32), spans: 10_001 };
const LONG = { id: 'e'.repeat(32), spans: 3 };
const DAY_MS = 86_400_000;
/** From the response to the first row. */
const DRAWN_MS_MAX = 1_000;
const HEAP_MIB_MAX = 200;
/** Of frames while it is scrolled, zoomed and folded for so long; whoever else uses the machine is outwaited twice. */
const FRAME_P95_MS_MAX = 20;
const TASK_MS_MAX = 100;
const SCRIPT_MS = 10_000;
const ATTEMPTS = 3;
const DURATION_NS = 3_000_000_000;

export function largeWalk(visitor, server) {
  const { page } = visitor;
  const waterfall = page.getByRole('treegrid', { name: 'Spans of the trace' });
  const rowCount = async () => Number(await waterfall.getAttribute('aria-rowcount'));
  const otlp = `http://${server.addresses.otlp_http}`;
  const now = () => BigInt(Date.now()) * 1_000_000n - 60_000_000_000n;

  const open = async ({ id, spans }) => {
    await page.goto(`/trace/${id}`);
    await waterfall.getByRole('row').first().waitFor({ timeout: 60_000 });
    await visitor.settle();
    const figures = { ...(await page.evaluate(opening)), heap: await heapMiB() };
    console.log(`        ${spans} spans: ${figures.kilobytes} KiB on the wire, drawn ${figures.drawn} ms after the response, longest task ${figures.longest} ms, ${figures.heap} MiB of heap and buffers`);
    const heading = (await page.getByRole('main').innerText()).replace(/,/g, '');
    assert.ok(heading.includes(String(spans)), 'the number of spans is told');
    return figures;
  };
  /** With the buffers of typed arrays, which are most of a trace. */
  const heapMiB = async () => {
    const session = await page.context().newCDPSession(page);
    const { usedSize, backingStorageSize } = await session.send('Runtime.getHeapUsage');
    await session.detach();
    return Math.round((usedSize + backingStorageSize) / 1024 / 1024);
  };
  /** Wheel, zoom and folds in turn for ten seconds. */
  const script = async () => {
    await page.evaluate(startFrames);
    const until = Date.now() + SCRIPT_MS;
    for (let i = 0; Date.now() < until; i += 1) {
      const turn = Math.floor(i / 40) % 3;
      if (turn === 0) await page.mouse.wheel(0, (Math.floor(i / 120) % 2 ? -1 : 1) * (400 + (i % 40) * 200));
      else if (turn === 1) {
        await page.keyboard.down('Control');
        await page.mouse.wheel(0, i % 40 < 20 ? -60 : 60);
        await page.keyboard.up('Control');
      } else {
        await page.keyboard.press(['ArrowLeft', 'ArrowDown', 'ArrowRight', 'PageDown', '4', '9', 'ArrowUp', '*'][i % 8]);
        await page.waitForTimeout(16);
      }
    }
    return page.evaluate(frameFigures);
  };

  return [
    ['they are sent', async () => {
      await page.addInitScript(watch);
      await send(otlp, wideTrace(WIDE.id, WIDE.spans, 7, now(), DURATION_NS));
      await send(otlp, wideTrace(HUGE.id, HUGE.spans, 8, now(), DURATION_NS));
      await send(otlp, chainTrace(CHAIN.id, CHAIN.spans, now()));
      const fan = (number, parent, name, from, to) => span(SIBLINGS.id, number, parent, 'fan', name, KIND.INTERNAL, secondsAgo(60), from, to);
      await send(otlp, [fan(1, 0, 'whole', 0, 20_000), ...Array.from({ length: SIBLINGS.spans - 1 }, (_, i) => fan(i + 2, 1, `part ${i + 1}`, i, i + 2))]);
      const month = secondsAgo(31 * 86_400);
      const long = (number, parent, name, from, to) => span(LONG.id, number, parent, 'batch', name, KIND.INTERNAL, month, from, to);
      await send(otlp, [long(1, 0, 'month', 0, 30 * DAY_MS), long(2, 1, 'day', DAY_MS, 2 * DAY_MS), long(3, 1, 'tick', 29 * DAY_MS, 29 * DAY_MS + 0.001)]);
    }],
    ['50,000 spans open folded, and say so', async () => {
      const { drawn, heap } = await open(WIDE);
      assert.ok(drawn <= DRAWN_MS_MAX, `drawn ${drawn} ms after the response`);
      assert.ok(heap <= HEAP_MIB_MAX, `${heap} MiB`);
      await page.getByText(/^Large trace: opened with \d+ levels/).waitFor();
      const rows = await rowCount();
      assert.ok(rows > 20 && rows < WIDE.spans / 2, `${rows} rows of ${WIDE.spans} spans`);
    }],
    ['50,000 spans scroll, zoom and fold within the budgets', async () => {
      await page.getByRole('button', { name: 'Unfold all' }).first().click();
      await page.waitForFunction((spans) => Number(document.querySelector('[role=treegrid]').getAttribute('aria-rowcount')) >= spans, WIDE.spans);
      const box = await waterfall.boundingBox();
      await page.mouse.move(box.x + box.width * 0.7, box.y + box.height / 2);
      await waterfall.focus();
      let figures;
      for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
        figures = await script();
        console.log(`        wheel, zoom and folds: ${figures.frames} frames, gap p50 ${figures.p50} ms, p95 ${figures.p95} ms, max ${figures.max} ms; longest task ${figures.longest} ms`);
        if (figures.p95 <= FRAME_P95_MS_MAX && figures.longest <= TASK_MS_MAX) break;
      }
      assert.ok(figures.p95 <= FRAME_P95_MS_MAX && figures.longest <= TASK_MS_MAX, JSON.stringify(figures));
    }],
    ['find, keys and the other views work on them', async () => {
      await page.getByRole('textbox', { name: 'Find in this trace' }).fill('service:payment error');
      await page.getByRole('status').getByText(/^(\d[\d,]* of )?\d[\d,]*$/).first().waitFor();
      await page.keyboard.press('Enter');
      await waterfall.focus();
      const before = await waterfall.getAttribute('aria-activedescendant');
      await page.keyboard.press('n');
      await page.waitForFunction((id) => document.querySelector('[role=treegrid]').getAttribute('aria-activedescendant') !== id, before);
      await page.getByRole('tab', { name: 'Statistics' }).click();
      await page.getByRole('table', { name: 'Statistics' }).getByRole('row').nth(5).waitFor();
      await page.getByRole('tab', { name: 'Flame' }).click();
      await page.getByRole('application', { name: /^Flame graph of/ }).waitFor();
      await visitor.settle();
      await visitor.pictures('trace-flame');
    }],
    ['250,000 spans open folded, say so, and keys work', async () => {
      await open(HUGE);
      await page.getByText(/^Large trace: opened with \d+ levels/).waitFor();
      await waterfall.focus();
      await page.keyboard.press('e');
      // The focus alone has made the first row the active one.
      await waterfall.getByRole('row', { selected: true, name: /, error$/ }).waitFor();
      await page.keyboard.press('1');
      await page.waitForFunction(() => document.querySelector('[role=treegrid]').getAttribute('aria-rowcount') === '1');
    }],
    ['a chain 100,000 deep opens, and its end is reached', async () => {
      await open(CHAIN);
      await page.getByRole('button', { name: 'Unfold all' }).first().click();
      await waterfall.focus();
      await page.keyboard.press('End');
      await waterfall.getByRole('row', { name: /level 99999, .*error$/ }).waitFor();
      await page.getByRole('tab', { name: 'Flame' }).click();
      await page.getByRole('application', { name: /^Flame graph of 100,000 paths/ }).waitFor();
    }],
    ['10,000 siblings of as many names open whole, and the last is reached', async () => {
      await open(SIBLINGS);
      assert.equal(await rowCount(), SIBLINGS.spans);
      await waterfall.focus();
      await page.keyboard.press('End');
      await waterfall.getByRole('row', { name: /^fan part 10000,/ }).waitFor();
      for (const key of ['ArrowUp', '*', 'p', 'ArrowLeft']) await page.keyboard.press(key);
      await page.waitForFunction(() => document.querySelector('[role=treegrid]').getAttribute('aria-rowcount') === '1');
      await page.keyboard.press('ArrowRight');
      await page.waitForFunction((rows) => document.querySelector('[role=treegrid]').getAttribute('aria-rowcount') === String(rows), SIBLINGS.spans);
    }],
    ['a span of 30 days beside one of a microsecond: both are told and found', async () => {
      await open(LONG);
      await waterfall.getByRole('row', { name: /^batch month, 30 d/ }).waitFor();
      await visitor.pictures('trace-30-days');
      const short = waterfall.getByRole('row', { name: /^batch tick, 1 µs/ });
      await short.waitFor();
      await waterfall.focus();
      for (const key of ['End', 'z']) await page.keyboard.press(key);
      await page.waitForFunction(() => new URL(location.href).searchParams.has('z'));
      const [t0, t1] = new URL(page.url()).searchParams.get('z').split(',').map(Number);
      const at = 29 * DAY_MS * 1e6;
      assert.ok(t0 <= at && t1 >= at + 1000 && t1 - t0 < 1e7, `${t0} to ${t1}`);
      await visitor.assertAccessible();
    }],
  ];
}

/** In the page, before anything else: when the first row is drawn, and long tasks. */
function watch() {
  globalThis.longTasks = [];
  new PerformanceObserver((list) => globalThis.longTasks.push(...list.getEntries().map((entry) => entry.duration))).observe({ type: 'longtask', buffered: true });
  const look = () => {
    if (document.querySelector('[role=treegrid] [role=row]')) globalThis.firstRow = performance.now();
    else requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
}

function opening() {
  const answer = performance.getEntriesByType('resource').find((entry) => entry.name.includes('view=skeleton'));
  const round = Math.round;
  return {
    kilobytes: round(answer.encodedBodySize / 1024),
    drawn: round(globalThis.firstRow - answer.responseEnd),
    longest: round(Math.max(0, ...globalThis.longTasks)),
  };
}

function startFrames() {
  globalThis.gaps = [];
  globalThis.longTasks.length = 0;
  let last = performance.now();
  const next = (time) => {
    globalThis.gaps.push(time - last);
    last = time;
    globalThis.frameLoop = requestAnimationFrame(next);
  };
  cancelAnimationFrame(globalThis.frameLoop ?? 0);
  globalThis.frameLoop = requestAnimationFrame(next);
}

function frameFigures() {
  cancelAnimationFrame(globalThis.frameLoop);
  const gaps = globalThis.gaps.slice(1).toSorted((a, b) => a - b);
  const at = (share) => Number(gaps[Math.min(gaps.length - 1, Math.floor(gaps.length * share))].toFixed(1));
  return { frames: gaps.length, p50: at(0.5), p95: at(0.95), max: at(1), longest: Math.round(Math.max(0, ...globalThis.longTasks)) };
}
