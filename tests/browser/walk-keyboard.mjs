// Someone who sees little and uses no mouse finds the cause of failing payments: the page at 200 %, forced colours, no
// motion, nothing but keys.

import assert from 'node:assert/strict';
import { EXCEPTION, incident } from './incident.mjs';
import { send } from './large-trace.mjs';

const SECOND = 1_000_000_000n;
/** A window of 1440 by 900 at 200 %. */
const ZOOMED = { width: 720, height: 450 };
const TABS_MAX = 120;

export function keyboardWalk(visitor, server) {
  const { page } = visitor;
  const start = BigInt(Math.floor(Date.now() / 1000) - 11 * 60) * SECOND;
  const focused = () => page.evaluate(() => {
    const one = document.activeElement;
    return { tag: one.tagName, name: one.getAttribute('aria-label') ?? one.textContent.trim().slice(0, 80), role: one.getAttribute('role') ?? '' };
  });
  const said = (pattern) => page.waitForFunction((text) => [...document.querySelectorAll('[role=status]')].some((one) => new RegExp(text).test(one.textContent)), pattern.source);

  /** Presses Tab until what has the focus has this name; on its way nothing may lose the focus or be out of sight. */
  async function tabTo(name) {
    for (let nth = 0; nth < TABS_MAX; nth += 1) {
      await page.keyboard.press('Tab');
      const here = await focused();
      assert.notEqual(here.tag, 'BODY', `the focus is lost after ${nth} tabs on the way to ${name}`);
      if (name.test(here.name)) {
        await assertFocusSeen();
        return here;
      }
    }
    throw new Error(`${TABS_MAX} tabs did not lead to ${name}`);
  }
  /** What has the focus is in the window and has an outline that is seen. */
  async function assertFocusSeen() {
    const seen = await page.evaluate(() => {
      const one = document.activeElement;
      const box = one.getBoundingClientRect();
      const inside = box.bottom > 0 && box.right > 0 && box.top < innerHeight && box.left < innerWidth;
      // Around itself, around the field it is in, or, of a node of the map, as a circle of its own.
      const outlined = [one, one.parentElement].some((each) => getComputedStyle(each).outlineStyle !== 'none') ||
        [...one.querySelectorAll('circle')].some((each) => getComputedStyle(each).fill === 'none' && getComputedStyle(each).stroke !== 'none');
      return { inside, outlined };
    });
    assert.deepEqual(seen, { inside: true, outlined: true }, JSON.stringify(await focused()));
  }
  async function assertNoSidewaysScroll() {
    const { scroll, width } = await page.evaluate(() => ({ scroll: document.documentElement.scrollWidth, width: innerWidth }));
    assert.ok(scroll <= width, `the page is ${scroll} wide in a window of ${width}`);
  }

  return [
    ['a shop has sent', async () => {
      await send(`http://${server.addresses.otlp_http}`, incident(start));
      await page.setViewportSize(ZOOMED);
      await page.emulateMedia({ forcedColors: 'active', reducedMotion: 'reduce' });
    }],
    ['the first page: skip link, and a failed trace by Tab', async () => {
      await page.goto('/');
      await page.getByRole('region', { name: 'Latest failed traces' }).getByRole('link', { name: 'shop POST /orders' }).first().waitFor();
      await visitor.settle();
      await page.keyboard.press('Tab');
      assert.equal((await focused()).name, 'Skip to content');
      await page.keyboard.press('Enter');
      await tabTo(/^shop POST \/orders$/);
      await assertNoSidewaysScroll();
      await visitor.pictures('keyboard-overview');
      await visitor.assertAccessible();
    }],
    ['Enter opens it, and how much it holds is spoken', async () => {
      await page.keyboard.press('Enter');
      const tree = page.getByRole('treegrid', { name: 'Spans of the trace' });
      await tree.waitFor();
      await said(/^Trace with 4 spans and 3 errors$/);
      await visitor.settle();
      await assertNoSidewaysScroll();
    }],
    ['keys lead to the failing span and its exception', async () => {
      const row = page.getByRole('row', { name: /^payment POST \/charge.*, error$/ });
      const tree = page.getByRole('treegrid', { name: 'Spans of the trace' });
      // Into the tree: its rows or the tree itself take the focus.
      for (let nth = 0; !(await tree.evaluate((element) => element.contains(document.activeElement))); nth += 1) {
        assert.ok(nth < TABS_MAX, 'no way into the tree');
        await page.keyboard.press('Tab');
        assert.notEqual((await focused()).tag, 'BODY');
      }
      for (let nth = 0; nth < 3; nth += 1) {
        await page.keyboard.press('e');
        // Until the tree has painted the next row.
        await page.waitForTimeout(200);
        assert.notEqual((await focused()).tag, 'BODY', 'the focus stays');
        if ((await row.getAttribute('aria-selected')) === 'true') break;
      }
      await page.keyboard.press('Enter');
      const details = page.getByRole('region', { name: 'Details of the span' });
      await details.getByRole('heading', { level: 2, name: 'POST /charge' }).waitFor();
      await details.getByText(EXCEPTION.message).first().waitFor();
      assert.notEqual((await focused()).tag, 'BODY', 'the focus stays');
      await visitor.settle();
      await visitor.pictures('keyboard-span');
      await visitor.assertAccessible();
    }],
    ['keys of the rows do not take those of the screens', async () => {
      const address = page.url();
      await page.keyboard.press('g');
      await page.keyboard.press('l');
      await page.waitForURL((url) => url.pathname === '/logs');
      await page.goto(address);
      const tree = page.getByRole('treegrid', { name: 'Spans of the trace' });
      await tree.waitFor();
      await visitor.settle();
      for (const view of ['Flame', 'Map', 'Statistics', 'Logs 0', 'Raw', 'Waterfall']) {
        await page.keyboard.press('v');
        await page.waitForFunction((name) => document.querySelector('[role=tab][aria-selected=true]').textContent.trim() === name, view);
      }
    }],
    ['the map by keys: the worst is spoken, its node opens', async () => {
      await page.keyboard.press('g');
      await page.keyboard.press('m');
      await page.getByRole('group', { name: 'Service map' }).getByRole('button').first().waitFor();
      await said(/^Map of 3 services; worst: payment, \d+% fault$/);
      await visitor.settle();
      await tabTo(/^payment, service, .*fault/);
      await page.keyboard.press('Enter');
      await page.getByRole('complementary', { name: 'Details of payment' }).waitFor();
      assert.notEqual((await focused()).tag, 'BODY', 'the focus stays');
      await assertNoSidewaysScroll();
      await visitor.pictures('keyboard-map');
      await visitor.assertAccessible();
      await page.keyboard.press('Enter');
      assert.equal((await focused()).name, 'Details of payment', 'again is into them');
      await page.keyboard.press('Tab');
      await page.keyboard.press('Escape');
      await page.getByRole('complementary', { name: 'Details of payment' }).waitFor({ state: 'detached' });
      assert.match((await focused()).name, /^payment, service/, 'and back');
    }],
    ['the list of traces speaks how many there are', async () => {
      await page.keyboard.press('g');
      await page.keyboard.press('t');
      await page.waitForURL(/\/traces/);
      await said(/^More than 50 traces$/);
      await page.keyboard.press('/');
      await page.keyboard.type('service:payment outcome:fault');
      await page.keyboard.press('Enter');
      await said(/traces$/);
      await visitor.settle();
      await assertNoSidewaysScroll();
      await visitor.pictures('keyboard-traces');
      await visitor.assertAccessible();
    }],
    ['nothing moves for those who do not want it', async () => {
      const moving = await page.evaluate(() => document.getAnimations().filter((one) => one.playState === 'running').length);
      assert.equal(moving, 0);
    }],
  ];
}
