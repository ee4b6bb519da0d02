// Someone reads a trace without a mouse, searches in it, reloads, and goes from a log point to its line.

import assert from 'node:assert/strict';
import { send } from './large-trace.mjs';
import { id, KIND, secondsAgo, sendLogs, span, traceIdOf } from './small-trace.mjs';

const TREE = traceIdOf(0xc000);
const SPANS = 40;
const STEP_MS = 10;
const KEYS = [
  'ArrowDown', 'ArrowDown', 'ArrowUp', 'ArrowLeft', 'ArrowRight', 'Home', 'End', 'PageDown', 'PageUp', '*', 'e', 'E', 'n', 'N', 'c', 'C', 'p',
  'Enter', 'Escape', '1', '2', '3', '4', '5', '6', '7', '8', '9',
];
const PRESSES = 200;
/** More log records than the view asks for at once, all before the one that is clicked. */
const CHATTER = 2_300;
const LOG_SPAN = 4;

/** A tree of two children each; every span starts a step after the one above it in the list, so that its bar is its own. */
function tree(start) {
  const order = [];
  const walk = (number, depth) => {
    if (number > SPANS) return;
    const place = { number, nth: order.length, depth };
    order.push(place);
    walk(number * 2, depth + 1);
    walk(number * 2 + 1, depth + 1);
    place.last = order.length - 1;
  };
  walk(1, 0);
  const spans = order.map(({ number, nth, last }) => {
    const isDb = number % 5 === 4;
    return span(TREE, number, number >> 1, isDb ? 'db' : 'shop', `step ${number}`, KIND.INTERNAL, start, nth * STEP_MS, (last + 1) * STEP_MS, number % 9 === 0 ? { status: { code: 2 } } : {});
  });
  const startOf = Object.fromEntries(order.map(({ number, nth }) => [number, nth * STEP_MS]));
  const hits = order.filter(({ number, nth, last }) => number % 5 === 4 && (last + 1 - nth) * STEP_MS > 20).map(({ number }) => number);
  return { spans, startOf, hits, totalMs: SPANS * STEP_MS };
}

/** mulberry32 */
function random(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

export function keysWalk(visitor, server) {
  const { page } = visitor;
  const waterfall = page.getByRole('treegrid', { name: 'Spans of the trace' });
  const details = page.getByRole('region', { name: 'Details of the span' });
  const records = page.getByRole('list', { name: 'Log records' });
  const field = page.getByRole('textbox', { name: 'Find in this trace' });
  const row = (name) => waterfall.getByRole('row', { name });
  const search = () => new URL(page.url()).searchParams;
  const start = secondsAgo(120);
  const { spans, startOf, hits, totalMs } = tree(start);
  const frames = () => page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
  const find = 'service:db duration>20ms';

  return [
    ['a tree of forty spans, and many log records', async () => {
      const otlp = `http://${server.addresses.otlp_http}`;
      await send(otlp, spans);
      const at = (ms) => start + BigInt(Math.round(ms * 1_000_000));
      await sendLogs(otlp, 'shop', Array.from({ length: CHATTER }, (_, i) => ({ traceId: TREE, number: 1, at: at(i / 1000), body: `chatter ${i}` })));
      await sendLogs(otlp, 'db', [
        { traceId: TREE, number: LOG_SPAN, at: at(startOf[LOG_SPAN] + 11), body: 'statement prepared' },
        { traceId: TREE, number: LOG_SPAN, at: at(startOf[LOG_SPAN] + 40), body: 'lock taken', severity: 17 },
      ]);
    }],

    ['after each of 200 random keys the focused, the named and the painted row are one', async () => {
      await page.goto(`/trace/${TREE}?find=${encodeURIComponent(find)}`);
      await row(/^shop step 1,/).waitFor();
      await page.getByRole('status').getByText(String(hits.length), { exact: true }).waitFor();
      await waterfall.focus();
      const next = random(13);
      const pressed = [];
      for (let i = 0; i < PRESSES; i += 1) {
        pressed.push(KEYS[Math.floor(next() * KEYS.length)]);
        await page.keyboard.press(pressed.at(-1));
        await frames();
        const seen = await waterfall.evaluate(activeRow, { startOf, totalMs });
        const said = `after ${pressed.join(' ')}: ${JSON.stringify(seen)}`;
        assert.ok(seen.focused && seen.selected && seen.inSight, said);
        assert.equal(seen.selectedRows, 1, said);
        assert.ok(seen.bar[3] > 60, `a bar begins where the row's span does, ${said}`);
        assert.notDeepEqual(seen.before, seen.bar, `and not before, ${said}`);
        if (search().has('span')) assert.equal(search().get('span'), id(seen.number), `the inspector shows it, ${said}`);
      }
    }],

    ['find, hide the others, step: after a reload the same', async () => {
      await page.goto(`/trace/${TREE}`);
      await row(/^shop step 1,/).waitFor();
      await field.fill(find);
      const count = page.getByRole('status').filter({ hasText: /\d/ });
      await count.getByText(String(hits.length), { exact: true }).waitFor();
      await page.getByRole('button', { name: 'Hide other spans' }).click();
      const left = new Set(hits.flatMap((number) => Array.from({ length: 8 }, (_, up) => number >> up).filter(Boolean))).size;
      await page.waitForFunction((rows) => document.querySelector('[role=treegrid]').getAttribute('aria-rowcount') === String(rows), left);
      await page.getByRole('button', { name: 'Next match (Enter)' }).click();
      await waterfall.focus();
      for (const key of ['n', 'n', 'N']) await page.keyboard.press(key);
      await count.getByText(`2 of ${hits.length}`, { exact: true }).waitFor();
      const current = row(new RegExp(`^db step ${hits[1]},`));
      assert.equal(await current.getAttribute('aria-selected'), 'true');
      await page.waitForFunction((span) => new URL(location.href).searchParams.get('mark') === span, id(hits[1]));
      await page.reload();
      await count.getByText(`2 of ${hits.length}`, { exact: true }).waitFor();
      assert.equal(await field.inputValue(), find);
      assert.equal(await waterfall.getAttribute('aria-rowcount'), String(left));
      assert.equal(await current.getAttribute('aria-selected'), 'true');
      await page.keyboard.press('n');
      await count.getByText(`3 of ${hits.length}`, { exact: true }).waitFor();
      await visitor.settle();
      await visitor.assertAccessible();
      await field.fill('');
      await page.waitForFunction(() => !/find|mark|hide/.test(location.search));
    }],

    ['a click on a log point opens its line, far down the list', async () => {
      await page.goto(`/trace/${TREE}`);
      await row(/^shop step 1,/).waitFor();
      await waterfall.focus();
      for (const key of ['w', 'a', 'a']) await page.keyboard.press(key);
      await page.waitForFunction(() => /^\d+,\d+$/.test(new URL(location.href).searchParams.get('z') ?? ''));
      const zoom = search().get('z');
      const [t0, t1] = zoom.split(',').map(Number);
      const box = await waterfall.locator('canvas').boundingBox();
      const line = await row(new RegExp(`^db step ${LOG_SPAN},`)).boundingBox();
      const x = box.x + (((startOf[LOG_SPAN] + 40) * 1_000_000 - t0) / (t1 - t0)) * box.width;
      await page.mouse.click(x, line.y + line.height / 2);
      await page.waitForFunction(() => new URL(location.href).searchParams.get('panel')?.startsWith('log:'));
      assert.equal(search().get('view'), 'logs');
      const opened = records.getByRole('listitem').filter({ hasText: 'lock taken' });
      await opened.getByRole('button', { name: 'Show span' }).waitFor();
      await frames();
      const [outer, inner] = [await records.boundingBox(), await opened.boundingBox()];
      assert.ok(inner.y >= outer.y - 1 && inner.y < outer.y + outer.height, 'the line is in sight');
      await visitor.assertAccessible();
      await page.reload();
      await opened.getByRole('button', { name: 'Show span' }).waitFor();
      await page.goBack();
      await row(/^shop step 1,/).waitFor();
      assert.equal(search().get('z'), zoom, 'the same zoom');
      await page.waitForTimeout(400);
      assert.equal(search().get('z'), zoom);
    }],
    ['beside the point the click opens the span', async () => {
      const line = await row(new RegExp(`^db step ${LOG_SPAN},`)).boundingBox();
      const box = await waterfall.locator('canvas').boundingBox();
      const [t0, t1] = search().get('z').split(',').map(Number);
      await page.mouse.click(box.x + (((startOf[LOG_SPAN] + 25) * 1_000_000 - t0) / (t1 - t0)) * box.width, line.y + line.height / 2);
      await details.getByRole('heading', { level: 2, name: `step ${LOG_SPAN}` }).waitFor();
    }],
  ];
}

/** In the page: the active row as the focus, assistive technology and the painter have it. */
function activeRow(grid, { startOf, totalMs }) {
  const active = document.getElementById(grid.getAttribute('aria-activedescendant'));
  const canvas = grid.querySelector('canvas');
  const [outer, row, bars] = [grid, active, canvas].map((element) => element.getBoundingClientRect());
  const number = Number(/step (\d+)/.exec(active.getAttribute('aria-label') ?? active.textContent)[1]);
  const x = bars.left + (startOf[number] / totalMs) * bars.width;
  const copy = document.createElement('canvas');
  const context = copy.getContext('2d', { willReadFrequently: true });
  const scale = canvas.width / bars.width;
  const pixel = (dx) => {
    context.clearRect(0, 0, 1, 1);
    context.drawImage(canvas, -Math.round((x + dx - bars.left) * scale), -Math.round((row.top + row.height / 2 - bars.top) * scale));
    return [...context.getImageData(0, 0, 1, 1).data];
  };
  return {
    number, bar: pixel(3), before: pixel(-3), focused: document.activeElement === grid, selected: active.getAttribute('aria-selected') === 'true',
    selectedRows: grid.querySelectorAll('[role=row][aria-selected=true]').length, inSight: row.top >= outer.top - 1 && row.bottom <= outer.bottom + 1,
  };
}
