// The whole application under /spanlake/ behind a proxy: every screen by its address, and from screen to screen.

import assert from 'node:assert/strict';
import { Proxy } from './proxy.mjs';
import { Visitor } from './visitor.mjs';

const PREFIX = '/spanlake';

export function proxyWalk(visitor, server) {
  let proxy;
  let behind;
  let page;
  const main = () => page.getByRole('main');
  const { json } = server;

  /** Nothing asked for outside of the prefix, nothing refused by the Content-Security-Policy, nothing else wrong. */
  async function assertClean() {
    assert.deepEqual(proxy.strays, [], 'requests outside of the prefix');
    assert.deepEqual(await page.evaluate(() => globalThis.__violations), []);
    assert.deepEqual(behind.takeComplaints(), []);
  }
  const open = (path) => page.goto(`${proxy.url}${PREFIX}${path}`);

  return [
    ['the first page opens, without a slash too', async () => {
      proxy = await Proxy.start(server.url, PREFIX);
      behind = await Visitor.open(visitor.context.browser(), proxy.url);
      ({ page } = behind);
      await page.addInitScript(() => {
        globalThis.__violations = [];
        document.addEventListener('securitypolicyviolation', (event) => globalThis.__violations.push(`${event.violatedDirective}: ${event.blockedURI}`));
      });
      await open('');
      await page.getByRole('heading', { name: 'Latest failed traces' }).waitFor();
      assert.equal(new URL(page.url()).pathname, `${PREFIX}/`);
      await behind.settle();
      await assertClean();
    }],
    ['the rail stays under the prefix', async () => {
      for (const [name, path] of [['Map', '/map'], ['Services', '/services'], ['Traces', '/traces'], ['Logs', '/logs'], ['SQL', '/sql'], ['Overview', '/']]) {
        await page.getByRole('navigation').getByRole('link', { name, exact: true }).first().click();
        await page.waitForURL((url) => url.pathname === `${PREFIX}${path}`);
        await behind.settle();
      }
      await assertClean();
    }],
    ['deep addresses open and reload', async () => {
      const { traces } = await json.call(server, '/api/v1/traces?from=now-15m&limit=1');
      const [{ trace_id: id, root }] = traces;
      for (const [path, seen] of [
        ['/map?focus=service:ts-basic-service', () => page.getByRole('group', { name: 'Service map' }).getByRole('button').first()],
        ['/services/ts-basic-service?tab=operations', () => main().getByRole('table').getByRole('link').first()],
        [`/trace/${id}`, () => page.getByRole('treegrid', { name: 'Spans of the trace' }).getByRole('row').first()],
        [`/trace/${id}?view=graph`, () => page.getByRole('group', { name: 'Service map' }).getByRole('button').first()],
        [`/compare/${id}...${id}`, () => main().getByText(root.name).first()],
        ['/logs?q=severity>=error', () => main().getByRole('listitem').first()],
        ['/traces?q=status:error', () => main().getByRole('table').getByRole('link').first()],
      ]) {
        await open(path);
        await seen().waitFor();
        await page.reload();
        await seen().waitFor();
        await behind.settle();
        await assertClean();
      }
    }],
    ['a name with a slash is no deeper path', async () => {
      await open('/services/a%2Fb');
      await page.getByRole('heading', { level: 1 }).getByText('a/b').waitFor();
      await behind.settle();
      // It has no spans.
      assert.deepEqual(behind.takeComplaints([/404/]), []);
      await assertClean();
    }],
    ['links within a deep page lead on', async () => {
      await open('/services/ts-basic-service');
      await page.getByRole('navigation', { name: 'More of ts-basic-service' }).getByRole('link', { name: 'Traces' }).click();
      await page.waitForURL((url) => url.pathname === `${PREFIX}/traces`);
      await main().getByRole('table').getByRole('link').first().click();
      await page.waitForURL((url) => url.pathname.startsWith(`${PREFIX}/trace/`));
      await page.getByRole('treegrid', { name: 'Spans of the trace' }).getByRole('row').first().waitFor();
      await assertClean();
    }],
    ['SQL answers, editor and all', async () => {
      await open('/sql');
      await page.getByRole('button', { name: /^Run/ }).click();
      await main().getByRole('grid').or(main().getByRole('table')).first().waitFor();
      await assertClean();
    }],
    ['the theme and the page of an unknown address work', async () => {
      await open('/nothing/is/here');
      await main().getByRole('link').first().waitFor();
      await assertClean();
      await behind.close();
      await proxy.stop();
    }],
  ];
}
