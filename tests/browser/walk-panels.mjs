// What stands beside each other is independent and says the same: panels that fail for themselves, rates of the map and
// of the services, names in short and whole, text that can be read on a narrow screen.

import assert from 'node:assert/strict';

/** Least height of a letter's line on the map, pixels. */
const TEXT_PX_MIN = 9;

export function panelsWalk(visitor, server) {
  const { page } = visitor;
  const main = page.getByRole('main');
  const region = (name) => page.getByRole('region', { name, exact: true });
  const drawing = page.getByRole('group', { name: 'Service map' });
  const params = () => new URL(page.url()).searchParams;
  /** Sizes of all text of the drawing as it is seen, and how much of it lies outside of its frame, pixels. */
  const texts = () =>
    drawing.locator('text').evaluateAll((all) =>
      all.map((text) => {
        const frame = text.ownerSVGElement.getBoundingClientRect();
        const box = text.getBoundingClientRect();
        const outside = Math.max(frame.left - box.left, box.right - frame.right, frame.top - box.top, box.bottom - frame.bottom);
        return { said: text.textContent, size: parseFloat(getComputedStyle(text).fontSize) * text.getScreenCTM().a, outside, value: /^[\d.]+(µs|ms|s|min)$/.test(text.textContent) };
      }),
    );
  const readable = async () => {
    const found = await texts();
    assert.ok(found.length > 0);
    for (const { said, size, outside, value } of found) {
      // Figures in the smallest circles give way to the circle.
      if (!value) assert.ok(size >= TEXT_PX_MIN, `${said} is ${size.toFixed(1)} px high`);
      assert.ok(outside <= 0, `${said} reaches ${outside.toFixed(1)} px out of the map`);
    }
  };

  return [
    ['without a map everything else of the first page is there', async () => {
      const isMap = (url) => url.pathname === '/api/v1/map';
      await page.route(isMap, (route) => route.fulfill({ status: 503, contentType: 'application/json', body: '{"error":{"code":"overloaded","message":"too many queries are running","hint":"try again in a few seconds"}}' }));
      await page.goto('/');
      await region('Map').getByText('The map could not be loaded').waitFor();
      await main.getByText('Rate, errors and durations could not be loaded. Too many queries are running.').waitFor();
      await region('Latest failed traces').getByRole('link', { name: 'ts-gateway-service /*' }).first().waitFor();
      await region('What changed').getByText('There is no data around this range to compare with.').waitFor();
      await visitor.settle();
      await visitor.pictures('overview-no-map');
      await visitor.assertAccessible();
      await page.unroute(isMap);
      await region('Map').getByRole('button', { name: 'Retry' }).click();
      await drawing.getByRole('button').first().waitFor();
      await page.getByRole('term').filter({ hasText: /^requests\/min$/ }).waitFor();
      const complaints = visitor.takeComplaints();
      assert.ok(complaints.length > 0 && complaints.every((text) => /503/.test(text)), complaints.join('\n'));
    }],
    ['failures with an end are offered for an explanation', async () => {
      await page.goto('/');
      await region('What changed').getByRole('button', { name: 'Explain this part' }).click();
      await page.waitForURL(/win=/);
      const first = region('What changed').getByRole('listitem').first();
      await first.getByRole('link', { name: 'ts-basic-service', exact: true }).waitFor();
      const [from, to] = params().get('win').split(',').map(BigInt);
      const { traces } = await server.json('/api/v1/traces?from=now-15m&status=ERROR&limit=1000');
      assert.equal(traces.length, 45);
      const { rows } = await (await fetch(`${server.url}/api/v1/sql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ sql: `SELECT count(*) FROM spans WHERE status = 'ERROR' AND (start_time < to_timestamp_nanos(${from}) OR start_time >= to_timestamp_nanos(${to}))` }),
      })).json();
      assert.deepEqual(rows, [[0]], 'no failed span lies outside of it');
      await visitor.settle();
      await visitor.assertAccessible();
      await page.goBack();
      await region('What changed').getByRole('button', { name: 'Explain this part' }).waitFor();
    }],
    ['services have the rates of the map', async () => {
      await page.goto('/services');
      const { nodes } = await server.json('/api/v1/map?from=now-15m');
      await main.getByRole('button', { name: 'ts-travel-service', exact: true }).waitFor();
      const head = (await main.getByRole('columnheader').allInnerTexts()).map((text) => text.trim());
      for (const name of ['ts-travel-service', 'ts-basic-service', 'ts-order-service']) {
        const { requests, faults } = nodes.find((one) => one.name === name);
        const row = main.getByRole('row').filter({ has: page.getByRole('button', { name, exact: true }) });
        const share = faults === 0 ? '–' : `${Math.round((faults / requests) * 100)}%`;
        await row.getByRole('cell', { name: share, exact: true }).first().waitFor();
        const cells = await row.getByRole('cell').allInnerTexts();
        assert.equal(cells[head.indexOf('Fault')], share, `${name}: ${faults} of ${requests}`);
      }
      await main.getByRole('button', { name: 'Fault', exact: true }).click();
      await main.getByRole('row').nth(1).getByRole('button', { name: 'ts-travel-service', exact: true }).waitFor();
      await visitor.assertAccessible();
    }],
    ['rows of a trace name services in short, and whole for who listens', async () => {
      const { traces } = await server.json('/api/v1/traces?from=now-15m&status=ERROR&limit=1');
      await page.goto(`/trace/${traces[0].trace_id}`);
      const row = page.getByRole('treegrid', { name: 'Spans of the trace' }).getByRole('row', { name: /^ts-gateway-service \/\*, / });
      await row.waitFor();
      assert.match(await row.innerText(), /\bgateway\b/);
      assert.doesNotMatch(await row.innerText(), /ts-gateway/);
      await drawing.getByRole('button').first().waitFor();
      await visitor.settle();
      await readable();
    }],
    ['the colours of kinds are explained', async () => {
      await page.goto(`${page.url()}?color=kind`);
      const legend = main.getByRole('list', { name: 'Colours of kinds' });
      await legend.getByText(/^server \d+$/).waitFor();
      await visitor.assertAccessible();
    }],
    ['a map can be read on a narrow screen', async () => {
      await page.setViewportSize({ width: 1024, height: 768 });
      try {
        await page.goto('/map');
        await drawing.getByRole('button').first().waitFor();
        await visitor.settle();
        await readable();
        await page.goto('/');
        await drawing.getByRole('button').first().waitFor();
        await visitor.settle();
        await readable();
      } finally {
        await page.setViewportSize({ width: 1440, height: 900 });
      }
    }],
    ['an order number alone is enough: by keys from the first page', async () => {
      await page.goto('/');
      await page.getByRole('heading', { name: 'What changed' }).waitFor();
      await page.keyboard.press('g');
      await page.keyboard.press('f');
      await page.waitForURL(/\/flow/);
      await page.getByRole('heading', { name: 'Everything about one order, session or request' }).waitFor();
      await page.keyboard.press('/');
      await page.keyboard.type('A-1000');
      await page.keyboard.press('Enter');
      await page.waitForURL(/\/flow\/A-1000/);
      assert.equal(await page.getByRole('navigation', { name: 'Screens' }).getByRole('link', { name: 'Flow', exact: true }).getAttribute('aria-current'), 'page');
    }],
  ];
}
