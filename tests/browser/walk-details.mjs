// The page of a service with its logs and a comparison; the strip, colours and minimap of a trace.

import assert from 'node:assert/strict';

const SECOND = 1_000_000_000n;

export function detailsWalk(visitor, server) {
  const { page } = visitor;
  const main = page.getByRole('main');
  const params = () => new URL(page.url()).searchParams;
  const SERVICE = 'ts-basic-service';
  const waterfall = page.getByRole('treegrid', { name: 'Spans of the trace' });
  const strip = page.getByRole('region', { name: 'Map of the trace' });
  let trace;

  return [
    ['a service shows its logs by severity and the newest errors', async () => {
      await page.goto('/services/ts-order-service');
      await page.getByRole('tab', { name: 'Logs' }).click();
      await page.waitForFunction(() => new URL(location.href).searchParams.get('tab') === 'logs');
      const histogram = main.getByRole('slider', { name: /^Log records over time/ });
      await histogram.waitFor();
      const q = 'service:ts-order-service';
      const { buckets } = await server.json(`/api/v1/logs/histogram?from=now-15m&buckets=10&q=${q}`);
      const infos = buckets.reduce((sum, bucket) => sum + (bucket.counts.INFO ?? 0), 0);
      assert.ok(infos > 0);
      await page.waitForFunction((wanted) => document.querySelector('[role=slider][aria-label^="Log records"]').getAttribute('aria-label').replace(/,/g, '').includes(`${wanted} info`), infos);
      const { logs } = await server.json(`/api/v1/logs?from=now-15m&limit=1000&q=${encodeURIComponent(`${q} severity>=error`)}`);
      if (logs.length === 0) await main.getByText('No error in the log of this service').waitFor();
      else await main.getByRole('listitem').first().waitFor();
      await visitor.settle();
      await visitor.assertAccessible();
      await main.getByRole('link', { name: 'All records in Logs' }).click();
      await page.waitForURL(/\/logs\?/);
      assert.equal(params().get('q'), q);
    }],
    ['a service that logs errors lists them, and one opens', async () => {
      const { buckets } = await server.json('/api/v1/facets?signal=logs&from=now-15m&keys=service&q=severity%3E%3Derror').then(({ facets }) => ({ buckets: facets[0].values }));
      assert.ok(buckets.length > 0, 'the pack has errors in its logs');
      await page.goto(`/services/${buckets[0].value}?tab=logs`);
      const line = main.getByRole('listitem').first();
      await line.getByRole('button').first().click();
      await line.getByRole('link', { name: 'Open trace' }).waitFor();
    }],
    ['figures are compared with the window before', async () => {
      const newest = BigInt((await server.json('/api/v1/status')).signals.spans.newest_unix_nano);
      const [from, to] = [newest - 80n * SECOND, newest + SECOND];
      await page.goto(`/services/${SERVICE}?from=${from}&to=${to}`);
      const tiles = main.locator('dl').first();
      await tiles.getByText('p95').waitFor();
      await main.getByLabel('Compare with').selectOption('prev');
      await page.waitForFunction(() => new URL(location.href).searchParams.get('cmp') === 'prev');
      const [now, before] = await Promise.all([[from, to], [from - (to - from), from]].map(([a, b]) => server.json(`/api/v1/services/${SERVICE}?from=${a}&to=${b}&buckets=1`)));
      const change = Math.round((now.duration_ns.p95 / before.duration_ns.p95 - 1) * 100);
      const expected = change === 0 ? '±0%' : `${change > 0 ? '+' : '−'}${Math.abs(change)}%`;
      await tiles.locator('div').filter({ hasText: 'p95' }).getByText(expected).waitFor();
      await visitor.settle();
      await visitor.assertAccessible();
      await page.getByRole('tab', { name: 'Operations' }).click();
      await main.locator('td small').first().waitFor();
      await visitor.settle();
      await visitor.assertAccessible();
    }],
    ['without data to compare with, that is said', async () => {
      await page.goto(`/services/${SERVICE}?cmp=-7d`);
      await main.getByText('The service has no spans a week before this range').waitFor();
      visitor.takeComplaints([/404/]);
      await page.goto(`/services/${SERVICE}?cmp=yesterday`);
      await main.getByText(/^cmp=yesterday in the address is none of/).waitFor();
    }],

    ['the map of a trace stands above its timeline', async () => {
      const { traces } = await server.json('/api/v1/traces?from=now-15m&limit=100');
      trace = traces.toSorted((a, b) => b.span_count - a.span_count)[0];
      await page.goto(`/trace/${trace.trace_id}`);
      const drawing = strip.getByRole('group', { name: 'Service map' });
      await drawing.getByRole('button').first().waitFor();
      await visitor.settle();
      const { nodes } = await server.json(`/api/v1/traces/${trace.trace_id}/map`);
      assert.equal(await drawing.getByRole('button').count(), nodes.length);
      await visitor.assertAccessible();
      await drawing.getByRole('button', { name: /^ts-seat-service, / }).click();
      await page.waitForFunction(() => new URL(location.href).searchParams.get('find') === 'service:ts-seat-service');
      const before = (await strip.boundingBox()).height;
      await strip.getByRole('separator', { name: 'Height of the map' }).focus();
      await page.keyboard.press('ArrowDown');
      assert.equal((await strip.boundingBox()).height, before + 16);
      await main.getByRole('button', { name: 'Map', exact: true }).click();
      await strip.waitFor({ state: 'detached' });
      await page.reload();
      await waterfall.getByRole('row').first().waitFor();
      assert.equal(await strip.count(), 0, 'it stays as it was left');
      await main.getByRole('button', { name: 'Map', exact: true }).click();
      await strip.waitFor();
    }],
    ['the minimap is as high as one drags it', async () => {
      const edge = page.getByRole('separator', { name: 'Height of the overview' });
      const box = await edge.boundingBox();
      const before = Number(await edge.getAttribute('aria-valuenow'));
      await page.mouse.move(box.x + 200, box.y + box.height / 2);
      await page.mouse.down();
      await page.mouse.move(box.x + 200, box.y + box.height / 2 + 40, { steps: 4 });
      await page.mouse.up();
      assert.equal(Number(await edge.getAttribute('aria-valuenow')), before + 40);
      await page.mouse.move(5, 5);
    }],
    ['bars are coloured by any attribute', async () => {
      await page.goto(`/trace/${trace.trace_id}`);
      await page.getByRole('button', { name: 'Colour: Service' }).click();
      await page.getByRole('combobox', { name: /^Filter colour/ }).fill('k8s.pod');
      await page.getByRole('option').first().waitFor();
      await page.keyboard.press('Enter');
      await page.waitForFunction(() => new URL(location.href).searchParams.get('color')?.startsWith('attr:k8s.pod'));
      const legend = page.getByRole('list', { name: 'Colours of values' });
      await legend.getByRole('listitem').first().waitFor();
      await page.reload();
      await legend.getByRole('listitem').first().waitFor();
      await visitor.settle();
      await visitor.assertAccessible();
      await page.goto(`/trace/${trace.trace_id}?color=attr:no.such.key`);
      await legend.getByText('no span has it').waitFor();
    }],
    ['its other names for views are told', async () => {
      await page.goto(`/trace/${trace.trace_id}?view=pie`);
      await main.getByText(/^view=pie in the address is none of/).waitFor();
    }],
    ['nothing of an address that cannot be read is replaced in silence', async () => {
      const id = trace.trace_id;
      const addresses = ['/traces?view=pie', '/traces?sort=size', '/traces?sort=errors&order=asc', '/traces?pick=1,2', '/services?sort=size', '/logs?order=up', `/trace/${id}?view=flame&order=up`, `/trace/${id}?z=5`, `/compare/${id}...${id}?mode=pie`, '/?tz=Mars/Olympus', '/map?refresh=7s'];
      for (const address of addresses) {
        await page.goto(address);
        const wrong = decodeURIComponent(/[^?&]+=[^&]*$/.exec(address.replace('&order=asc', ''))[0]);
        await main.getByRole('status').filter({ hasText: `${wrong} ` }).filter({ hasText: 'in the address' }).first().waitFor();
      }
    }],
  ];
}
