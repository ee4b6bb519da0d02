// Nothing is shown: every time the page says why, and its button leads out.

import assert from 'node:assert/strict';
import { incident } from './incident.mjs';
import { send } from './large-trace.mjs';

const SECOND = 1_000_000_000n;
export const EMPTY_FLAGS = ['--retention', '2d'];

export function emptyWalk(visitor, server) {
  const { page } = visitor;
  const main = page.getByRole('main');
  const start = BigInt(Math.floor(Date.now() / 1000) - 11 * 60) * SECOND;
  const rows = main.getByRole('table').getByRole('link');
  const ago = (hours) => start - BigInt(hours) * 3600n * SECOND;

  return [
    ['a shop has sent', () => send(`http://${server.addresses.otlp_http}`, incident(start))],

    ['a range without data leads to the latest', async () => {
      for (const [path, seen] of [
        ['/traces', () => rows.first()],
        ['/', () => page.getByRole('heading', { name: 'What changed' })],
        ['/map', () => page.getByRole('group', { name: 'Service map' }).getByRole('button').first()],
        ['/services', () => main.getByRole('table').getByRole('button').first()],
      ]) {
        await page.goto(`${path}?from=${ago(3)}&to=${ago(2)}`);
        await page.getByRole('heading', { name: 'No spans in this time range' }).waitFor();
        await page.getByText(/^The latest is from /).waitFor();
        await visitor.settle();
        await visitor.assertAccessible();
        await page.getByRole('button', { name: 'Go to the latest data' }).click();
        await seen().waitFor();
      }
      await page.goto(`/traces?from=${ago(3)}&to=${ago(2)}`);
      await visitor.settle();
      await visitor.pictures('empty-range');
    }],
    ['a range before the retention says that its data has been removed', async () => {
      await page.goto(`/traces?from=${ago(24 * 9)}&to=${ago(24 * 8)}`);
      await page.getByRole('heading', { name: 'The spans of this time have been removed' }).waitFor();
      await page.getByText(/^Spanlake keeps spans for 2 d; the oldest is from /).waitFor();
      await visitor.settle();
      await visitor.pictures('empty-expired');
      await visitor.assertAccessible();
      await page.getByRole('button', { name: 'Go to the oldest data' }).click();
      await rows.first().waitFor();
      await page.goto(`/traces?from=${ago(24 * 9)}&to=${ago(24 * 8)}&q=service:payment`);
      await page.getByText(/Spanlake keeps them for 2 d, and these have been removed/).waitFor();
      await page.getByRole('button', { name: /^First match after: / }).click();
      await rows.first().waitFor();
    }],
    ['a filter that kills everything is named, and goes with a click', async () => {
      await page.goto(`/traces?from=${start}&to=${start + 660n * SECOND}&q=service:payment customer.id:nobody`);
      const blamed = page.getByRole('table', { name: 'Conditions of the search' }).getByRole('row').filter({ hasText: 'customer.id:nobody' });
      await blamed.waitFor();
      assert.equal(await blamed.getByRole('cell').nth(0).innerText(), '0', 'it matches nothing alone');
      assert.equal(await blamed.getByRole('cell').nth(1).innerText(), '600', 'spans of the payment without it');
      await visitor.assertAccessible();
      await blamed.getByRole('button', { name: 'Remove' }).click();
      await rows.first().waitFor();
    }],
    ['a map without traces that match says why', async () => {
      await page.goto(`/map?from=${start}&to=${start + 660n * SECOND}&q=service:payment customer.id:nobody`);
      const blamed = page.getByRole('table', { name: 'Conditions of the search' }).getByRole('row').filter({ hasText: 'customer.id:nobody' });
      await blamed.getByRole('button', { name: 'Remove' }).click();
      await page.getByRole('group', { name: 'Service map' }).getByRole('button').first().waitFor();
    }],
    ['logs that nobody sent say where to send them', async () => {
      await page.goto(`/logs?from=${start}&to=${start + 660n * SECOND}`);
      await page.getByRole('heading', { name: 'No log records have arrived yet' }).waitFor();
      await main.getByText(server.addresses.otlp_http).waitFor();
      await visitor.assertAccessible();
    }],
  ];
}
