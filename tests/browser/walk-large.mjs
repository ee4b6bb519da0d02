// Traces of 50,000 and 250,000 spans and a chain 100,000 deep: they open, keys work, and figures are printed.

import assert from 'node:assert/strict';
import { chainTrace, send, wideTrace } from './large-trace.mjs';

const WIDE = { id: 'a'.repeat(32), spans: 50_000 };
const HUGE = { id: 'b'.repeat(32), spans: 250_000 };
const CHAIN = { id: 'c'.repeat(32), spans: 100_000 };
const SCROLL_STEPS = 60;
const DURATION_NS = 3_000_000_000;

export function largeWalk(visitor, server) {
  const { page } = visitor;
  const waterfall = page.getByRole('treegrid', { name: 'Spans of the trace' });
  const rowCount = async () => Number(await waterfall.getAttribute('aria-rowcount'));
  const now = () => BigInt(Date.now()) * 1_000_000n - 60_000_000_000n;

  const open = async ({ id, spans }) => {
    await page.goto(`/trace/${id}`);
    await waterfall.getByRole('row').first().waitFor({ timeout: 60_000 });
    await visitor.settle();
    const figures = await page.evaluate(opening);
    console.log(`        ${spans} spans: ${figures.kilobytes} KiB on the wire, drawn ${figures.drawn} ms after the response, longest task ${figures.longest} ms, ${figures.heap} MiB heap`);
    const heading = (await page.getByRole('main').innerText()).replace(/,/g, '');
    assert.ok(heading.includes(String(spans)), 'the number of spans is told');
  };

  return [
    ['they are sent', async () => {
      await page.addInitScript(watch);
      await send(`http://${server.addresses.otlp_http}`, wideTrace(WIDE.id, WIDE.spans, 7, now(), DURATION_NS));
      await send(`http://${server.addresses.otlp_http}`, wideTrace(HUGE.id, HUGE.spans, 8, now(), DURATION_NS));
      await send(`http://${server.addresses.otlp_http}`, chainTrace(CHAIN.id, CHAIN.spans, now()));
    }],
    ['50,000 spans open folded, and say so', async () => {
      await open(WIDE);
      await page.getByText(/^Large trace: opened with \d+ levels/).waitFor();
      const rows = await rowCount();
      assert.ok(rows > 20 && rows < WIDE.spans / 2, `${rows} rows of ${WIDE.spans} spans`);
    }],
    ['50,000 spans scroll and zoom', async () => {
      await page.getByRole('button', { name: 'Unfold all' }).first().click();
      await page.waitForFunction((spans) => Number(document.querySelector('[role=treegrid]').getAttribute('aria-rowcount')) >= spans, WIDE.spans);
      const box = await waterfall.boundingBox();
      await page.mouse.move(box.x + box.width * 0.7, box.y + box.height / 2);
      await page.evaluate(startFrames);
      for (let i = 0; i < SCROLL_STEPS; i += 1) await page.mouse.wheel(0, 400 + i * 200);
      console.log(`        scroll: ${await page.evaluate(frameFigures)}`);
      await page.evaluate(startFrames);
      await page.keyboard.down('Control');
      for (let i = 0; i < SCROLL_STEPS; i += 1) await page.mouse.wheel(0, i < SCROLL_STEPS / 2 ? -60 : 60);
      await page.keyboard.up('Control');
      console.log(`        zoom:   ${await page.evaluate(frameFigures)}`);
      assert.ok((await waterfall.evaluate((element) => element.scrollTop)) > 10_000, 'it has scrolled');
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
    ['250,000 spans open', () => open(HUGE)],
    ['a chain 100,000 deep opens, and its end is reached', async () => {
      await open(CHAIN);
      await page.getByRole('button', { name: 'Unfold all' }).first().click();
      await waterfall.focus();
      await page.keyboard.press('End');
      await waterfall.getByRole('row', { name: /level 99999, .*error$/ }).waitFor();
      await page.getByRole('tab', { name: 'Flame' }).click();
      await page.getByRole('application', { name: /^Flame graph of 100,000 paths/ }).waitFor();
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
    heap: round((performance.memory?.usedJSHeapSize ?? 0) / 1024 / 1024),
  };
}

function startFrames() {
  globalThis.gaps = [];
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
  const at = (share) => gaps[Math.min(gaps.length - 1, Math.floor(gaps.length * share))]?.toFixed(1);
  return `${gaps.length} frames, gap p50 ${at(0.5)} ms, p95 ${at(0.95)} ms, max ${at(1)} ms`;
}
