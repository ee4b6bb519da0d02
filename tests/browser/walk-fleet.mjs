// The map of a fleet: 40 services with their menus, groups and the window before; then 300 and 2,000.

import assert from 'node:assert/strict';
import { nameOf, namespaceOf, sendFleet } from './fleet.mjs';

const SMALL = 40;
/** With the client they are 300 nodes. */
const LARGE = 299;
const HUGE = 2_000;
/** A minute of traces now, and one before it. */
const WINDOW_S = 120n;
const SECOND = 1_000_000_000n;
/** From the answer to the drawing; on a machine that does nothing else it is a tenth of it. */
const DRAWN_MS_MAX = 1_500;
/** Of what keeps the page from answering a key. */
const TASK_MS_MAX = 200;

export function fleetWalk(visitor, server) {
  const { page } = visitor;
  const drawing = page.getByRole('group', { name: 'Service map' });
  const node = (name) => drawing.getByRole('button', { name: new RegExp(`^${name}, `) });
  const details = page.getByRole('complementary', { name: /^Details of/ });
  const menu = page.getByRole('menu');
  const item = (name) => menu.getByRole('menuitem', { name, exact: true });
  const params = () => new URL(page.url()).searchParams;
  const circles = () => drawing.getByRole('button').count();
  const otlp = `http://${server.addresses.otlp_http}`;
  const middle = BigInt(Math.floor(Date.now() / 1000)) * SECOND - 30n * SECOND;
  const range = (from, to) => `from=${middle + from * SECOND}&to=${middle + to * SECOND}`;
  const now = range(0n, WINDOW_S);
  const until = (test, ...args) => page.waitForFunction(test, ...args);

  return [
    ['40 services send, and fewer of them failed before', async () => {
      await page.addInitScript(watchFirstNode);
      await sendFleet(otlp, { count: SMALL, traces: 5, startNs: middle + SECOND, failing: [3] });
      await sendFleet(otlp, { count: SMALL - 1, traces: 10, startNs: middle - 60n * SECOND, failing: [7], first: 100 });
      await page.goto(`/map?${now}`);
      await node(nameOf(3)).waitFor();
      await visitor.settle();
      assert.equal(await circles(), SMALL + 1, 'services and the client');
    }],

    ['the right button opens the menu of a node', async () => {
      await node(nameOf(3)).click({ button: 'right' });
      await menu.waitFor();
      for (const name of ['Traces', 'Logs', 'Service page', 'Figures', 'Focus', 'Hide']) await item(name).waitFor();
      await visitor.assertAccessible();
      await page.keyboard.press('Escape');
      await menu.waitFor({ state: 'detached' });
      await until((id) => document.activeElement?.getAttribute('data-node') === id, `service:${nameOf(3)}`);
    }],
    ['the right button on another node is its menu', async () => {
      await node(nameOf(3)).click({ button: 'right' });
      await menu.getByText(nameOf(3)).waitFor();
      await node('client').click({ button: 'right' });
      await menu.getByText('client', { exact: true }).waitFor();
      await page.waitForTimeout(200);
      assert.equal(await menu.getByText('client', { exact: true }).count(), 1, 'and stays');
      await page.keyboard.press('Escape');
      await menu.waitFor({ state: 'detached' });
    }],
    ['so does the menu key, and Hide puts it away', async () => {
      await node(nameOf(3)).focus();
      await page.keyboard.press('Shift+F10');
      await item('Hide').waitFor();
      await page.keyboard.press('End');
      await page.keyboard.press('Enter');
      await until(() => new URL(location.href).searchParams.get('hide') === 'service:svc-0003');
      await node(nameOf(3)).waitFor({ state: 'detached' });
      await page.getByText('1 node not shown').waitFor();
      await page.reload();
      await node(nameOf(4)).waitFor();
      assert.equal(await node(nameOf(3)).count(), 0, 'the address keeps it');
      await page.getByRole('button', { name: 'Show hidden' }).click();
      await node(nameOf(3)).waitFor();
    }],
    ['the menu leads to traces with the time of the map', async () => {
      await node(nameOf(3)).focus();
      await page.keyboard.press('ContextMenu');
      await item('Traces').click();
      await page.waitForURL(/\/traces\?/);
      assert.equal(params().get('q'), 'service:svc-0003');
      assert.ok(params().has('from') && params().has('to'));
      await page.getByRole('main').getByRole('table').getByRole('link').first().waitFor();
      await page.goBack();
      await node(nameOf(3)).waitFor();
    }],
    ['an arrow has a menu, in the details too', async () => {
      await node(nameOf(3)).click();
      await details.getByRole('button', { name: nameOf(13), exact: true }).focus();
      await page.keyboard.press('Shift+F10');
      await item('Traces with this call').waitFor();
      await page.keyboard.press('Escape');
      const edge = page.locator(`[data-edge="service:${nameOf(3)}~service:${nameOf(13)}~sync"] path`).first();
      await edge.dispatchEvent('contextmenu', { clientX: 400, clientY: 300, button: 2 });
      await item(`Page of ${nameOf(13)}`).waitFor();
      await item('Traces with this call').click();
      await page.waitForURL(/\/traces\?/);
      assert.equal(params().get('q'), `{service:${nameOf(3)}} => {service:${nameOf(13)}}`);
      await page.goBack();
    }],
    ['the histogram of a node leads to the spans that it counts', async () => {
      await page.goto(`/map?${now}&panel=node:service:${nameOf(3)}`);
      const chart = details.getByRole('slider', { name: /^Response time/ });
      await chart.focus();
      await page.keyboard.press('ArrowLeft');
      await page.keyboard.press('Enter');
      await details.getByRole('link', { name: 'View their traces' }).click();
      await page.waitForURL(/\/traces\?/);
      assert.match(params().get('q'), /^service:svc-0003 kind:\(server OR consumer\) duration>=\S+ duration<\S+$/);
      const { traces } = await server.json(`/api/v1/traces?${now}&q=${encodeURIComponent(params().get('q'))}`);
      assert.equal(traces.length, 5, 'every trace calls it once');
    }],

    ['the ring of the window before is thin and outside', async () => {
      await page.goto(`/map?${now}&cmp=prev`);
      await node(nameOf(3)).waitFor();
      await page.getByText('outer: window before').waitFor();
      await until(() => document.querySelector('[data-node="service:svc-0007"]').getAttribute('aria-label').includes('; before: 10 requests, 100% fault'));
      assert.match(await node(nameOf(3)).getAttribute('aria-label'), /100% fault.*; before: 10 requests$/);
      assert.match(await node(nameOf(SMALL - 1)).getAttribute('aria-label'), /; before: no requests$/, 'it is new');
      await node(nameOf(7)).click();
      await details.getByText(/^Window before: 10 requests, 100% fault, mean/).waitFor();
      await visitor.settle();
      await visitor.assertAccessible();
    }],

    ['more than 30 nodes have a small picture of the whole, which moves the map', async () => {
      await page.goto(`/map?${now}`);
      await node(nameOf(3)).waitFor();
      await visitor.settle();
      const small = page.locator('svg[aria-hidden="true"]').filter({ has: page.locator('rect') }).last();
      const box = await small.boundingBox();
      await page.mouse.click(box.x + 12, box.y + box.height / 2);
      await until(() => new URL(location.href).searchParams.has('x'));
    }],

    ['groups are chosen, expand and fold', async () => {
      await page.getByRole('button', { name: 'Show everything (f)' }).click();
      await page.getByRole('button', { name: 'View' }).click();
      await page.getByLabel('Draw together').selectOption('namespace');
      await page.keyboard.press('Escape');
      const group = namespaceOf(5);
      const members = Array.from({ length: SMALL }, (_, i) => i).filter((i) => namespaceOf(i) === group);
      assert.ok(members.length > 1);
      await node(group).waitFor();
      assert.equal(params().get('group'), 'namespace');
      await visitor.settle();
      const folded = await circles();
      await node(group).dblclick();
      for (const i of members) await node(nameOf(i)).waitFor();
      assert.equal(await circles(), folded - 1 + members.length);
      await page.reload();
      await node(nameOf(members[0])).waitFor();
      await page.getByRole('button', { name: `Draw ${group} as one` }).click();
      await node(group).waitFor();
      await node(group).click();
      await details.getByRole('button', { name: 'Expand' }).waitFor();
      await visitor.settle();
      await visitor.assertAccessible();
    }],
    ['environments group too', async () => {
      await page.goto(`/map?${now}&group=env`);
      await node('blue').waitFor();
      await node('green').waitFor();
    }],

    ['300 nodes are drawn one by one', async () => {
      await sendFleet(otlp, { count: LARGE, traces: 2, startNs: middle + 300n * SECOND, failing: [40, 41], first: 200 });
      await open(range(299n, 400n));
      await visitor.settle();
      assert.equal(await circles(), LARGE + 1);
      await visitor.assertAccessible();
    }],
    ['Back from a trace finds the map where it was', async () => {
      const place = () => drawing.locator('> g').getAttribute('transform');
      await node(nameOf(40)).click();
      for (let nth = 0; nth < 3; nth += 1) await page.getByRole('button', { name: 'Zoom in (+)' }).click();
      await until(() => new URL(location.href).searchParams.has('k'));
      const before = await place();
      await details.getByRole('link', { name: 'Failed traces' }).click();
      await page.getByRole('main').getByRole('table').getByRole('link').first().waitFor();
      await page.goBack();
      await node(nameOf(40)).waitFor();
      await visitor.settle();
      const numbers = (text) => [...text.matchAll(/-?[\d.]+/g)].map(Number);
      const [then, now] = [numbers(before), numbers(await place())];
      // The address has positions as whole numbers.
      for (const [nth, value] of then.entries()) assert.ok(Math.abs(value - now[nth]) <= 3, `${before} and ${await place()}`);
    }],
    ['the focus in a large map leaves as many hops as are asked for', async () => {
      const { edges } = await server.json(`/api/v1/map?${range(299n, 400n)}`);
      const near = (hops) => {
        const found = new Set([`service:${nameOf(5)}`]);
        for (let nth = 0; nth < hops; nth += 1) {
          const ends = edges.filter(({ source, target }) => found.has(source) || found.has(target));
          for (const { source, target } of ends) found.add(source).add(target);
        }
        return found.size;
      };
      await page.goto(`/map?${range(299n, 400n)}&focus=${nameOf(5)}`);
      for (const hops of [1, 2, 3]) {
        await page.getByLabel('Calls from the focus').selectOption(String(hops));
        await until((count) => document.querySelectorAll('[role=group][aria-label="Service map"] [role=button]').length === count, near(hops));
      }
    }],
    ['2,000 services are drawn by namespace, and their groups expand', async () => {
      await sendFleet(otlp, { count: HUGE, traces: 2, startNs: middle + 600n * SECOND, failing: [1000], first: 300 });
      await open(range(599n, 700n));
      await visitor.settle();
      const namespaces = new Set(Array.from({ length: HUGE }, (_, i) => namespaceOf(i)));
      assert.ok((await circles()) <= namespaces.size + 1, `${await circles()} circles`);
      const group = namespaceOf(1000);
      await node(group).dblclick();
      await node(nameOf(1000)).waitFor();
      await page.goBack();
      await node(group).waitFor();
    }],
    ['2,000 services without namespaces are still a map', async () => {
      await sendFleet(otlp, { count: HUGE, traces: 2, startNs: middle + 900n * SECOND, failing: [1000], namespaced: false, first: 400 });
      await open(range(899n, 1000n));
      await visitor.settle();
      assert.ok((await circles()) < 300);
      await node(nameOf(1000)).waitFor();
      await node('\\d[\\d,]* more services').waitFor();
    }],
  ];

  async function open(search) {
    await page.goto(`/map?${search}`);
    await drawing.getByRole('button').first().waitFor({ timeout: 60_000 });
    const { answered, drawn, longest } = await page.evaluate(firstNode);
    console.log(`        ${await circles()} circles: the answer after ${answered} ms, drawn ${drawn - answered} ms later, longest task ${longest} ms`);
    assert.ok(drawn - answered <= DRAWN_MS_MAX);
    assert.ok(longest <= TASK_MS_MAX);
  }
}

/** In the page: when the first circle was there. */
function watchFirstNode() {
  globalThis.__drawn = null;
  globalThis.__tasks = [];
  new PerformanceObserver((list) => globalThis.__tasks.push(...list.getEntries().map((entry) => entry.duration))).observe({ type: 'longtask', buffered: true });
  const look = () => {
    if (document.querySelector('svg [data-node]')) globalThis.__drawn = performance.now();
    else requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
}

function firstNode() {
  const answers = performance.getEntriesByType('resource').filter((entry) => entry.name.includes('/api/v1/map'));
  return {
    answered: Math.round(Math.max(...answers.map((entry) => entry.responseEnd))),
    drawn: Math.round(globalThis.__drawn),
    longest: Math.round(Math.max(0, ...globalThis.__tasks)),
  };
}
