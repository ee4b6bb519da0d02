// A newcomer's first minute: an empty lake, the setup card, its command in a shell, and the page that fills by itself.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const CARD = 'Waiting for the first span';
/** From the start of the command to the page with its span. */
const FILLED_MS_MAX = 3_000;
const COMMAND = 'Try it: one span from a shell';

export function setupWalk(visitor, server) {
  const { page } = visitor;
  const heading = page.getByRole('heading', { name: CARD });
  return [
    ['an empty lake shows the setup card with the real addresses', async () => {
      await page.goto('/');
      await heading.waitFor();
      const main = page.getByRole('main');
      await main.getByText(server.addresses.otlp_grpc, { exact: true }).waitFor();
      await main.getByText(`http://${server.addresses.otlp_http}`, { exact: true }).waitFor();
      await visitor.pictures('setup');
    }],
    ['the setup card is accessible', () => visitor.assertAccessible()],
    ['the logs of an empty lake show it too', async () => {
      await page.getByRole('link', { name: 'Logs' }).click();
      await heading.waitFor();
      await page.getByRole('link', { name: 'Traces', exact: true }).click();
      await heading.waitFor();
    }],
    ['the command can be copied', async () => {
      // The first of the card's commands is the one to try.
      await page.getByRole('main').getByRole('button', { name: 'Copy' }).first().click();
      const copied = await page.evaluate(() => navigator.clipboard.readText());
      assert.equal(copied.trim(), (await page.getByLabel(COMMAND, { exact: true }).innerText()).trim());
    }],
    ['the command works in a shell, and the page turns into data by itself', async () => {
      const command = await page.getByLabel(COMMAND, { exact: true }).innerText();
      const started = Date.now();
      const { stdout } = await promisify(execFile)('sh', ['-c', command], { timeout: 20_000 });
      assert.deepEqual(JSON.parse(stdout), {}, 'full success');
      await page.getByRole('link', { name: 'hello-spanlake' }).waitFor();
      assert.ok(Date.now() - started < FILLED_MS_MAX, `after ${Date.now() - started} ms`);
      assert.equal(await heading.count(), 0, 'the card is gone');
    }],
    ['that span can be opened', async () => {
      await page.getByRole('link', { name: 'hello-spanlake' }).click();
      await page.getByRole('row', { name: /hello-spanlake GET \/hello/ }).waitFor();
    }],
  ];
}
