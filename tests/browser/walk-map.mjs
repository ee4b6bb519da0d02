// Someone on call looks at the map: which service is red, who calls it, which of its traces are slow, since when.

import assert from 'node:assert/strict';
import { nanosOf } from './walk-incident.mjs';

export function mapWalk(visitor, server) {
  const { page } = visitor;
  const drawing = page.getByRole('group', { name: 'Service map' });
  const node = (name) => drawing.getByRole('button', { name: new RegExp(`^${name}, `) });
  const details = page.getByRole('complementary', { name: /^Details of/ });
  const timeline = page.getByRole('slider', { name: /^Part of the range/ });
  const window = () => new URL(page.url()).searchParams;
  const map = () => server.json('/api/v1/map?from=now-15m');
  const place = (name) => node(name).getAttribute('transform');

  return [
    ['the first page says how it goes and what fails', async () => {
      await page.goto('/');
      await page.getByRole('heading', { name: 'Latest failed traces' }).waitFor();
      await page.getByRole('table').getByRole('link').first().waitFor();
      await drawing.getByRole('button').first().waitFor();
      await visitor.settle();
      assert.equal(await page.title(), 'Overview · Spanlake');
      const client = (await map()).nodes.find((one) => one.id === 'client');
      const rate = (client.requests / 15).toFixed(1);
      const tile = page.getByRole('definition').filter({ hasText: new RegExp(`^${rate}$`) });
      assert.equal(await tile.count(), 1, `${rate} requests a minute come from outside`);
      // The pack ends now and begins within the range: there is nothing before it.
      await page.getByText(/These services fail most:$/).waitFor();
      await visitor.pictures('overview');
    }],
    ['the first page is accessible', () => visitor.assertAccessible()],
    ['its small map leads to the large one', async () => {
      await node('ts-basic-service').click();
      await page.waitForURL(/\/map\?.*panel=node:service:ts-basic-service/);
      await details.getByRole('heading', { level: 2, name: 'ts-basic-service' }).waitFor();
    }],

    ['the map shows every service, with its ring in proportion', async () => {
      await page.goto('/map');
      await drawing.waitFor();
      await node('ts-basic-service').waitFor();
      await visitor.settle();
      const { nodes } = await map();
      assert.equal(await drawing.getByRole('button').count(), nodes.length, 'a circle for each node');
      const basic = nodes.find((one) => one.name === 'ts-basic-service');
      assert.ok(basic.faults > 0, 'the pack has faults there');
      const arcs = await ringOf(node('ts-basic-service'));
      const share = basic.faults / basic.requests;
      assert.ok(Math.abs(arcs[0] - share) < 1 / 360, `the red arc is ${arcs[0]} of the ring, faults are ${share}`);
      const said = await node('ts-basic-service').getAttribute('aria-label');
      assert.match(said, new RegExp(`${basic.requests} requests, \\d+% fault`), 'the worst outcome is said in words');
      await visitor.pictures('map');
    }],
    ['the map is accessible', () => visitor.assertAccessible()],

    ['keys and buttons zoom', async () => {
      const scale = async () => Number(/scale\(([\d.]+)\)/.exec(await drawing.locator('> g').getAttribute('transform'))[1]);
      const fitted = await scale();
      await node('ts-basic-service').focus();
      await page.keyboard.press('+');
      const near = await scale();
      assert.ok(near > fitted);
      await page.keyboard.press('-');
      assert.ok(Math.abs((await scale()) - fitted) < 0.01);
      await page.keyboard.press('0');
      assert.equal(await scale(), 1);
      await page.waitForFunction(() => new URL(location.href).searchParams.get('k') === '1.00');
      await page.keyboard.press('f');
      assert.ok(Math.abs((await scale()) - fitted) < 0.01);
      await page.getByRole('button', { name: 'Zoom in (+)' }).click();
      assert.ok((await scale()) > fitted);
      await page.getByRole('button', { name: 'Show everything (f)' }).click();
      await page.waitForFunction(() => !new URL(location.href).searchParams.has('k'));
    }],

    ['pointing at a node leaves its neighbours', async () => {
      const opacity = (name) => node(name).evaluate((element) => getComputedStyle(element).opacity);
      await node('ts-basic-service').hover();
      await page.waitForFunction(() => [...document.querySelectorAll('[data-node]')].some((one) => getComputedStyle(one).opacity === '0.15'));
      assert.equal(await opacity('ts-station-service'), '1', 'it calls the station service');
      assert.equal(await opacity('ts-auth-service'), '0.15', 'it has nothing to do with the auth service');
      await page.mouse.move(5, 5);
    }],

    ['a click opens what is known of a service', async () => {
      await node('ts-basic-service').click();
      await details.waitFor();
      await details.getByRole('heading', { name: 'Called by' }).waitFor();
      const { edges } = await map();
      const callers = edges.filter((edge) => edge.target === 'service:ts-basic-service');
      for (const { source } of callers) await details.getByRole('button', { name: source.replace('service:', ''), exact: true }).waitFor();
      await visitor.settle();
      await visitor.pictures('map-node');
      await visitor.assertAccessible();
    }],

    ['the address alone shows the same again', async () => {
      await page.reload();
      await details.getByRole('heading', { level: 2, name: 'ts-basic-service' }).waitFor();
      assert.equal(await node('ts-basic-service').getAttribute('aria-pressed'), 'true');
    }],

    ['a stretch of the histogram leads to its traces', async () => {
      const chart = details.getByRole('slider', { name: /^Response time/ });
      await chart.focus();
      await page.keyboard.press('ArrowLeft');
      await page.keyboard.press('Shift+ArrowLeft');
      await page.keyboard.press('Enter');
      const { nodes } = await map();
      const { histogram } = nodes.find((one) => one.name === 'ts-basic-service');
      await details.getByRole('link', { name: 'View their traces' }).click();
      await page.getByRole('button', { name: 'Remove condition service:ts-basic-service' }).waitFor();
      const [, until] = /^service:ts-basic-service kind:\(server OR consumer\) duration>=\S+ duration<(\S+)$/.exec(window().get('q'));
      assert.equal(Number(nanosOf(until)), histogram.at(-1).end_ns, 'up to the end of the last bucket');
      await page.getByRole('main').getByRole('table').getByRole('link').first().waitFor();
      await page.goBack();
      await details.waitFor();
    }],

    ['an edge has the view of the caller', async () => {
      await details.getByRole('button', { name: 'ts-travel-service', exact: true }).click();
      await details.getByRole('heading', { level: 2, name: 'ts-travel-service → ts-basic-service' }).waitFor();
      const { edges } = await map();
      const edge = edges.find((one) => one.source === 'service:ts-travel-service' && one.target === 'service:ts-basic-service');
      assert.equal(edge.requests, 40, 'as the facts of the pack say');
      await details.getByText('Response time, as the caller sees it').waitFor();
      await details.getByRole('link', { name: 'View traces' }).click();
      await page.getByRole('main').getByRole('table').getByRole('link').first().waitFor();
      assert.equal(window().get('q'), '{service:ts-travel-service} => {service:ts-basic-service}');
      await page.goBack();
      await details.waitFor();
      await details.getByRole('button', { name: 'Close' }).click();
    }],

    ['a search leaves the map of the traces that match', async () => {
      const field = page.getByRole('combobox', { name: 'Search' });
      await field.fill('{service:ts-travel-service} => {service:ts-basic-service} trace.errors>0');
      await field.press('Enter');
      await page.getByRole('button', { name: 'Remove condition trace.errors>0' }).waitFor();
      await visitor.settle();
      const { nodes } = await server.json(`/api/v1/map?from=now-15m&q=${encodeURIComponent(window().get('q'))}`);
      assert.ok(nodes.length > 2 && nodes.length < (await map()).nodes.length, `${nodes.length} nodes`);
      assert.equal(await drawing.getByRole('button').count(), nodes.length);
      await visitor.assertAccessible();
      await field.fill('service:ts-travel-service duration>3h');
      await field.press('Enter');
      await page.getByRole('table', { name: 'Conditions of the search' }).waitFor();
      await page.getByRole('button', { name: 'Clear the search' }).click();
      await node('ts-auth-service').waitFor();
    }],

    ['the focus leaves so many hops', async () => {
      await node('ts-basic-service').dblclick();
      await page.getByRole('button', { name: 'Leave the focus' }).waitFor();
      await visitor.settle();
      const { edges } = await map();
      const near = new Set(edges.flatMap(({ source, target }) => ([source, target].includes('service:ts-basic-service') ? [source, target] : [])));
      assert.equal(await drawing.getByRole('button').count(), near.size);
      assert.equal(window().get('focus'), 'service:ts-basic-service');
      await page.getByRole('button', { name: 'Leave the focus' }).click();
      await page.waitForFunction(() => !new URL(location.href).searchParams.has('focus'));
    }],

    ['the time below replays the map, and nothing moves', async () => {
      await page.goto('/map');
      await node('ts-basic-service').waitFor();
      await visitor.settle();
      const before = await place('ts-basic-service');
      await timeline.focus();
      await page.keyboard.press('End');
      await page.waitForFunction(() => new URL(location.href).searchParams.has('at'));
      await visitor.settle();
      assert.notEqual(await timeline.getAttribute('aria-valuetext'), 'the whole range');
      assert.equal(await place('ts-basic-service'), before);
      await page.keyboard.press('Escape');
      await page.waitForFunction(() => !new URL(location.href).searchParams.has('at'));
    }],

    ['the list says the same in tables', async () => {
      await page.getByRole('button', { name: 'List', exact: true }).click();
      const region = page.getByRole('region', { name: 'The map as tables' });
      await region.waitFor();
      const { nodes, edges } = await map();
      assert.equal(await region.getByRole('row').count(), nodes.length + edges.length + 2);
      await visitor.assertAccessible();
      await visitor.pictures('map-list');
    }],

    ['a service has a page of its own', async () => {
      await page.goto('/services/ts-basic-service');
      await page.getByRole('heading', { level: 1 }).getByText('ts-basic-service').waitFor();
      await page.getByRole('heading', { name: /^Instances/ }).waitFor();
      await visitor.settle();
      await visitor.pictures('service');
      await visitor.assertAccessible();
      await page.getByRole('tab', { name: 'Dependencies' }).click();
      await page.getByRole('link', { name: 'ts-station-service' }).waitFor();
      await visitor.assertAccessible();
      await page.getByRole('tab', { name: 'Errors' }).click();
      await page.getByRole('link', { name: 'Trace', exact: true }).first().waitFor();
      await visitor.settle();
      await visitor.pictures('service-errors');
      await visitor.assertAccessible();
      await page.getByRole('tab', { name: 'Operations' }).click();
      await page.getByRole('link', { name: '/api/v1/basicservice/basic/travels' }).first().waitFor();
      await visitor.assertAccessible();
    }],
  ];
}

/** Shares of the ring of its arcs, in the order drawn, worked out from the paths. */
async function ringOf(locator) {
  const paths = await locator.locator('path').evaluateAll((all) => all.map((path) => path.getAttribute('d')));
  return paths.filter((path) => path?.includes('A')).map((path) => {
    const [, x0, y0, large, x1, y1] = /^M([-\d.]+),([-\d.]+)A[\d.]+,[\d.]+ 0 ([01]) 1 ([-\d.]+),([-\d.]+)$/.exec(path).map(Number);
    const turn = (Math.atan2(y1, x1) - Math.atan2(y0, x0)) / (2 * Math.PI);
    const share = ((turn % 1) + 1) % 1;
    return share === 0 ? large : share;
  });
}
