// The server goes away in the middle of a search and comes back, then with another version of the interface.

import assert from 'node:assert/strict';
import { incident } from './incident.mjs';
import { send } from './large-trace.mjs';
import { Proxy } from './proxy.mjs';
import { Visitor } from './visitor.mjs';

const PREFIX = '/spanlake';
const SECOND = 1_000_000_000n;
const LOST = 'Spanlake does not answer; trying again.';
const QUERY = 'service:payment outcome:fault';

export function restartWalk(visitor, server) {
  let proxy;
  let behind;
  let page;
  const start = BigInt(Math.floor(Date.now() / 1000) - 11 * 60) * SECOND;
  const range = `from=${start}&to=${start + 660n * SECOND}`;
  const rows = () => page.getByRole('main').getByRole('table').getByRole('link');
  const field = () => page.getByRole('combobox', { name: 'Search' });
  const newVersion = () => page.getByText(/^A new version of Spanlake is running/);

  return [
    ['a search has been made', async () => {
      await send(`http://${server.addresses.otlp_http}`, incident(start));
      proxy = await Proxy.start(`http://${server.addresses.http}`, PREFIX);
      behind = await Visitor.open(visitor.context.browser(), proxy.url);
      ({ page } = behind);
      await page.goto(`${proxy.url}${PREFIX}/traces?${range}`);
      await rows().first().waitFor();
      await behind.settle();
    }],
    ['the server goes away while one searches: the page says so and keeps the search', async () => {
      await field().fill(QUERY);
      await server.kill();
      await field().press('Enter');
      await page.getByText(LOST).waitFor();
      await page.getByRole('button', { name: 'Remove condition outcome:fault' }).waitFor();
      assert.equal(new URL(page.url()).searchParams.get('q'), QUERY, 'in the address');
      assert.equal((await field().inputValue()).trim(), QUERY, 'and in the field');
      await behind.assertAccessible();
      const complaints = behind.takeComplaints();
      assert.ok(complaints.length > 0 && complaints.every((text) => /50[24]|ERR_/.test(text)), complaints.join('\n'));
    }],
    ['it comes back, and so does the answer, without a reload', async () => {
      await page.evaluate(() => (globalThis.__notReloaded = true));
      await server.restart();
      await page.getByText(LOST).waitFor({ state: 'detached' });
      await rows().first().waitFor();
      await behind.settle();
      const { traces } = await server.json(`/api/v1/traces?${range}&limit=1000&q=${encodeURIComponent(QUERY)}`);
      assert.ok(traces.length > 0);
      await page.getByRole('main').getByRole('status').getByText(`${traces.length} traces`).waitFor();
      assert.equal(await page.evaluate(() => globalThis.__notReloaded), true);
      assert.equal(await newVersion().count(), 0, 'it is the same version');
      behind.takeComplaints();
    }],
    ['another version comes back: the page offers to reload, and does not by itself', async () => {
      await server.kill();
      await field().fill(`${QUERY} customer.id:c2`);
      await page.getByRole('button', { name: /^Refresh \(r\)$/ }).click();
      await page.getByText(LOST).waitFor();
      proxy.build = 'another';
      await server.restart();
      await newVersion().waitFor();
      assert.equal((await field().inputValue()).trim(), `${QUERY} customer.id:c2`, 'what was typed is still there');
      await behind.settle();
      await behind.pictures('new-version');
      await behind.assertAccessible();
      behind.takeComplaints();
    }],
    ['a screen that was not loaded yet says so instead of breaking', async () => {
      await page.getByRole('navigation', { name: 'Screens' }).getByRole('link', { name: 'SQL', exact: true }).click();
      await page.getByRole('heading', { name: 'This screen could not be loaded' }).waitFor();
      await behind.assertAccessible();
      // What is loaded still works.
      await page.getByRole('navigation', { name: 'Screens' }).getByRole('link', { name: 'Traces', exact: true }).click();
      await rows().first().waitFor();
      const complaints = behind.takeComplaints();
      assert.ok(complaints.length > 0 && complaints.every((text) => /404|dynamically imported module|preload CSS/.test(text)), complaints.join('\n'));
    }],
    ['reloading gets the new version at the same place', async () => {
      await page.getByRole('navigation', { name: 'Screens' }).getByRole('link', { name: 'SQL', exact: true }).click();
      const reload = page.getByRole('main').getByRole('button', { name: 'Reload' });
      await reload.waitFor();
      // Its files are there now, under the names that its page has.
      proxy.build = null;
      await reload.click();
      await page.getByRole('button', { name: /^Run/ }).waitFor();
      assert.equal(await newVersion().count(), 0);
      await behind.settle();
      behind.takeComplaints();
      await behind.close();
      await proxy.stop();
    }],
  ];
}
