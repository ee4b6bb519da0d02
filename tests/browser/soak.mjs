// Two tabs that somebody clicks about in without sense, while data arrives: MINUTES of it (default 3). No error, a heap
// that does not grow, no query left on the server. Prints the seed; SEED repeats a run.

import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { chromium } from 'playwright-core';
import { ARGUMENTS } from './chromium.mjs';
import { requestSpans } from './incident.mjs';
import { send } from './large-trace.mjs';
import { Server } from './server.mjs';
import { Visitor } from './visitor.mjs';

const MINUTES = Number(process.env.MINUTES ?? 3);
const SEED = Number(process.env.SEED ?? Date.now() % 1_000_000);
/** Requests that are there at the start. */
const BEFORE = 600;
const SAMPLE_MS = 10_000;
/** Growth of the heap after garbage has been collected, from the second third of the run to the last. */
const GROWTH_MB_MAX = 8;
const ROLES = ['link', 'button', 'tab', 'row', 'slider', 'checkbox', 'option', 'menuitem'];
const KEYS = ['ArrowDown', 'ArrowUp', 'ArrowRight', 'ArrowLeft', 'Enter', 'Escape', 'Tab', 'Home', 'End', 'Space', 'e', 'f', 'r', 'd', '[', ']', '+', '-', '0'];
const SCREENS = ['/', '/map', '/services', '/traces', '/traces?view=heatmap', '/logs', '/system'];
/** What leaves the page, writes a file or takes long by its nature. */
const NOT_PRESSED = /download|export|copy|upload|report|explain/i;
/** Of navigations that cut requests off, of windows that had no data, and of queries that somebody pressed Stop for (409). */
const HARMLESS = /net::ERR_ABORTED|404|409/;

let state = SEED;
/** From 0 to 1, the same for the same seed (mulberry32). */
function random() {
  state = (state + 0x6d2b79f5) | 0;
  let t = Math.imul(state ^ (state >>> 15), 1 | state);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
}
const pick = (list) => list[Math.floor(random() * list.length)];

/** One thing that somebody might do; what is not there any more is let be. */
async function step(page) {
  const dice = random();
  if (dice < 0.08) await page.goto(pick(SCREENS), { waitUntil: 'commit' });
  else if (dice < 0.12) await page.goBack({ waitUntil: 'commit' });
  else if (dice < 0.35) await page.keyboard.press(pick(KEYS));
  else {
    const found = page.getByRole(pick(ROLES));
    const count = await found.count();
    if (count === 0) return;
    const one = found.nth(Math.floor(random() * count));
    const name = (await one.getAttribute('aria-label', { timeout: 500 })) ?? (await one.innerText({ timeout: 500 }));
    if (!NOT_PRESSED.test(name)) await one.click({ timeout: 700 });
  }
}

async function walk(visitor, until) {
  let steps = 0;
  while (Date.now() < until) {
    // A click on what has just gone is no error of the page.
    await step(visitor.page).catch(() => {});
    steps += 1;
    await visitor.page.waitForTimeout(60);
  }
  return steps;
}

/** Bytes of JavaScript that are still used. */
async function heapOf(session) {
  await session.send('HeapProfiler.collectGarbage');
  return (await session.send('Runtime.getHeapUsage')).usedSize;
}

const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

console.log(`seed ${SEED}, ${MINUTES} minutes`);
const server = await Server.start();
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ARGUMENTS });
try {
  const otlp = `http://${server.addresses.otlp_http}`;
  const second = () => BigInt(Math.floor(Date.now() / 1000)) * 1_000_000_000n;
  await send(otlp, Array.from({ length: BEFORE }, (_, nth) => requestSpans(nth, second() - BigInt(BEFORE - nth) * 1_000_000_000n)).flat());
  const visitors = [await Visitor.open(browser, server.url), await Visitor.open(browser, server.url)];
  const sessions = await Promise.all(visitors.map(({ context, page }) => context.newCDPSession(page)));
  for (const { page } of visitors) {
    page.on('response', (answer) => answer.status() >= 500 && answer.text().then((text) => console.log(`${answer.status()} ${answer.url()}: ${text}`), () => {}));
    await page.goto('/?refresh=5s');
  }
  const until = Date.now() + MINUTES * 60_000;
  const heaps = sessions.map(() => []);
  let sent = BEFORE;
  const sampling = (async () => {
    while (Date.now() < until) {
      await sleep(SAMPLE_MS);
      await send(otlp, Array.from({ length: 10 }, () => requestSpans(sent++, second())).flat());
      for (const [nth, session] of sessions.entries()) heaps[nth].push(await heapOf(session));
    }
  })();
  const steps = await Promise.all(visitors.map((visitor) => walk(visitor, until)));
  await sampling;
  console.log(`${steps.join(' and ')} steps`);
  for (const [nth, heap] of heaps.entries()) {
    const third = Math.floor(heap.length / 3);
    const [middle, last] = [mean(heap.slice(third, 2 * third)), mean(heap.slice(2 * third))].map((bytes) => bytes / 2 ** 20);
    console.log(`tab ${nth + 1}: heap ${heap.map((bytes) => (bytes / 2 ** 20).toFixed(0)).join(' ')} MB; ${middle.toFixed(1)} in the middle third, ${last.toFixed(1)} in the last`);
    assert.ok(last - middle <= GROWTH_MB_MAX, `the heap of tab ${nth + 1} grows`);
  }
  for (const visitor of visitors) {
    const complaints = visitor.takeComplaints().filter((text) => !HARMLESS.test(text));
    assert.deepEqual(complaints, []);
    await visitor.close();
  }
  const deadline = Date.now() + 5_000;
  for (;;) {
    const { queries } = await server.json('/api/v1/queries');
    if (queries.length === 0) break;
    assert.ok(Date.now() < deadline, `nobody waits for them: ${JSON.stringify(queries)}`);
    await sleep(100);
  }
  console.log('no error, no query left');
} finally {
  await browser.close();
  await server.stop();
}
