// Someone who comes from X-Ray writes its filter expressions in the search box.

import assert from 'node:assert/strict';

const SIZES = [[1440, 900], [1024, 768]];

export function xrayWalk(visitor, server) {
  const { page } = visitor;
  const field = page.getByRole('combobox', { name: 'Search' });
  const rows = page.getByRole('main').getByRole('table').getByRole('row').filter({ has: page.getByRole('link') });
  const option = (name) => page.getByRole('option', { name });
  const open = async () => {
    await page.goto('/traces');
    await rows.first().waitFor();
    await field.click();
  };
  /** Chooses the only completion that is left. */
  const choose = async (name, expected) => {
    await option(name).first().waitFor();
    await field.press('ArrowDown');
    await field.press('Enter');
    await page.waitForFunction((wanted) => document.querySelector('[role="combobox"]').value === wanted, expected);
  };
  const pictures = async (name) => {
    for (const [width, height] of SIZES) {
      await page.setViewportSize({ width, height });
      await visitor.pictures(`${name}-${width}`);
    }
    await page.setViewportSize({ width: 1440, height: 900 });
  };
  const tracesOf = async (q) => (await server.json(`/api/v1/traces?from=now-15m&limit=1000&q=${encodeURIComponent(q)}`)).traces;

  return [
    ['an expression is written by keyboard: keyword, service, keyword of the braces', async () => {
      await open();
      await page.keyboard.type('service(');
      // Nothing is left to complete before the quote.
      await page.keyboard.type('"ts-trav');
      await option(/^ts-travel-service/).waitFor();
      await pictures('xray-name');
      await visitor.assertAccessible();
      await choose(/^ts-travel-service/, 'service("ts-travel-service"');
      await page.keyboard.type(') {');
      await page.getByRole('listbox', { name: 'Keywords of X-Ray' }).waitFor();
      await option(/^throttle/).waitFor();
      await pictures('xray-keywords');
      await visitor.assertAccessible();
      await page.keyboard.type('fau');
      await choose(/^fault/, 'service("ts-travel-service") {fault ');
      await page.keyboard.type('}');
      await page.getByText('{service:"ts-travel-service" AND (kind:server OR kind:consumer) AND outcome:fault}').waitFor();
      await pictures('xray-meaning');
      await field.press('Enter');
      await visitor.settle();
      const found = await tracesOf('service("ts-travel-service") {fault}');
      assert.ok(found.length > 0);
      await page.getByRole('main').getByText(new RegExp(`\\b${found.length}\\b`)).first().waitFor();
    }],
    ['keywords of root causes are offered and mean spans on the way to them', async () => {
      await open();
      await page.keyboard.type('rootcause.fault.e');
      await option(/^rootcause\.fault\.entity/).waitFor();
      await pictures('xray-rootcause');
      await choose(/^rootcause\.fault\.entity/, 'rootcause.fault.entity {');
      await page.keyboard.type('la');
      await choose(/^last/, 'rootcause.fault.entity {last ');
      await page.keyboard.type('}');
      await page.getByText('{span.path:fault AND span.cause:fault}').waitFor();
      await page.getByRole('link', { name: 'Show the SQL' }).waitFor();
      await field.press('Enter');
      await rows.first().waitFor();
      await visitor.settle();
      const [first] = await tracesOf('span.cause:fault');
      assert.ok((await rows.first().innerText()).includes(first.root.name));
    }],
    ['what cannot be asked here says why, and where it stands is underlined', async () => {
      await open();
      await field.fill('fault AND group.name = "slow"');
      await page.getByText('write the expression of the group in its place').waitFor();
      assert.equal(await field.getAttribute('aria-invalid'), 'true');
      const underlined = page.locator('form[role="search"] span').filter({ hasText: /^group\.name$/ });
      assert.equal(await underlined.evaluate((one) => getComputedStyle(one).textDecorationStyle), 'wavy');
      await visitor.assertAccessible();
      await pictures('xray-wrong');
      await field.fill('rootcause.fault.entity {coverage > 0.5}');
      await page.getByText('write rootcause.responsetime.entity {coverage > 0.7}').waitFor();
    }],
    ['keys of the place in the trace are offered with those of whole traces', async () => {
      await open();
      await page.keyboard.type('span.');
      await option(/^span\.cause /).or(option(/^span\.cause$/)).or(option(/^span\.cause\b/)).first().waitFor();
      await pictures('xray-places');
      await visitor.assertAccessible();
      await page.keyboard.type('inf');
      await choose(/^span\.inferred/, 'span.inferred:true ');
      await page.getByText('{span.inferred:true}').waitFor();
    }],
  ];
}
