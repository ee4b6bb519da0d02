// Someone on call asks why: a box on the heatmap is compared with the rest, and a bad minute is explained.

import assert from 'node:assert/strict';
import { send } from './large-trace.mjs';

const MS = 1_000_000n;
const SECOND = 1_000n * MS;
const KIND = { SERVER: 2, CLIENT: 3 };
/** A request every two seconds; those of two minutes are slow. */
const REQUESTS = 360;
const BAD = { from: 180, to: 240 };
const SLOW_MS = 900;

const id = (number, digits) => number.toString(16).padStart(digits, '0');
const text = (key, value) => ({ key, value: { stringValue: value } });
const isBad = (nth) => nth >= BAD.from && nth < BAD.to;
/** Of the 60 slow requests 55 are on n7, of the 300 others 12. */
const nodeOf = (nth) => ((isBad(nth) ? nth % 12 !== 0 : nth % 25 === 7) ? 'n7' : 'n1');

/** The requests, the first of which starts at `start`. The cart works for longer in the bad minutes. */
function traffic(start) {
  return Array.from({ length: REQUESTS }, (_, nth) => {
    const traceId = id(nth + 1, 32);
    const work = (isBad(nth) ? SLOW_MS : 20) + (nth % 7);
    const span = (number, parent, service, name, kind, from, to, attributes) => ({
      service, traceId, spanId: id((nth + 1) * 16 + number, 16), ...(parent && { parentSpanId: id((nth + 1) * 16 + parent, 16) }), name, kind,
      startTimeUnixNano: String(start + BigInt(nth) * 2n * SECOND + BigInt(from) * MS),
      endTimeUnixNano: String(start + BigInt(nth) * 2n * SECOND + BigInt(to) * MS),
      attributes, ...(isBad(nth) && nth % 5 === 0 && { status: { code: 2 } }),
    });
    return [
      span(1, 0, 'shop', 'GET /cart', KIND.SERVER, 0, work + 10, [text('tenant', `t${nth % 5}`), text('request.id', `r${nth}`)]),
      span(2, 1, 'shop', 'call cart', KIND.CLIENT, 2, work + 8, [text('tenant', `t${nth % 5}`)]),
      span(3, 2, 'cart', 'read cart', KIND.SERVER, 4, work + 4, [text('k8s.node', nodeOf(nth)), text('tenant', `t${nth % 5}`)]),
    ];
  }).flat();
}

export function causeWalk(visitor, server) {
  const { page } = visitor;
  const heatmap = page.getByRole('application', { name: /^[\d,]+ spans? by time and duration/ });
  const differences = page.getByRole('region', { name: 'Compare a selection' });
  const whatChanged = page.getByRole('region', { name: 'What changed' });
  const params = () => new URL(page.url()).searchParams;
  const start = (BigInt(Date.now()) - 13n * 60_000n) * MS;
  const badFrom = start + BigInt(BAD.from) * 2n * SECOND;
  const badTo = start + BigInt(BAD.to) * 2n * SECOND;
  const range = `from=${start}&to=${start + 720n * SECOND}`;

  return [
    ['the heatmap shows the matching spans', async () => {
      await send(`http://${server.addresses.otlp_http}`, traffic(start));
      await page.goto(`/traces?${range}&q=service:cart`);
      await page.getByRole('tab', { name: 'Heatmap' }).click();
      await heatmap.waitFor();
      await visitor.settle();
      assert.equal(params().get('view'), 'heatmap');
      assert.match(await heatmap.getAttribute('aria-label'), new RegExp(`^${REQUESTS} spans`));
      await differences.getByText(/^Draw a box/).waitFor();
      await visitor.pictures('heatmap');
    }],
    ['the heatmap is accessible', () => visitor.assertAccessible()],

    ['a box drawn over the slow spans names what they have in common', async () => {
      const area = await heatmap.boundingBox();
      const x = (nth) => area.x + (area.width * nth) / REQUESTS;
      await page.mouse.move(x(BAD.from) - 6, area.y + 3);
      await page.mouse.down();
      await page.mouse.move(x(BAD.to) + 6, area.y + area.height * 0.4, { steps: 8 });
      await page.mouse.up();
      await page.waitForFunction(() => new URL(location.href).searchParams.has('sel'));
      const box = params().get('sel').split(',');
      assert.equal(box.length, 4);
      assert.ok(BigInt(box[0]) <= badFrom && BigInt(box[1]) >= badTo, 'all of the bad minutes');
      const first = differences.getByRole('listitem').first();
      await first.getByText('k8s.node=n7').waitFor();
      await visitor.settle();
      assert.match(await first.innerText(), /k8s\.node=n7: 92% inside, 4% outside/);
      await first.getByRole('button', { name: 'Include k8s.node n7: 92% inside (55), 4% outside (12)' }).waitFor();
      await differences.getByText('60 spans inside, 300 outside.').waitFor();
      assert.equal(await differences.getByText('request.id').count(), 0, 'what is unique is no difference');
      await visitor.pictures('heatmap-compare');
    }],
    ['the comparison is accessible', () => visitor.assertAccessible()],
    ['the address brings the same box to someone else', async () => {
      await page.goto(page.url());
      await differences.getByText('60 spans inside, 300 outside.').waitFor();
    }],
    ['a click on a value searches for it', async () => {
      await differences.getByRole('button', { name: /^Include k8s\.node n7/ }).click();
      await page.waitForFunction(() => new URL(location.href).searchParams.get('q') === 'service:cart k8s.node:n7');
      await page.getByRole('application', { name: /^67 spans/ }).waitFor();
      await differences.getByText('55 spans inside, 12 outside.').waitFor();
      await page.goBack();
      await page.getByRole('application', { name: new RegExp(`^${REQUESTS} spans`) }).waitFor();
    }],
    ['only the failed ones of the box can be compared', async () => {
      await differences.getByRole('button', { name: 'fault', exact: true }).click();
      await page.waitForFunction(() => new URL(location.href).searchParams.get('sel').endsWith(',fault'));
      await differences.getByText('12 spans inside, 348 outside.').waitFor();
    }],
    ['its traces can be listed', async () => {
      await differences.getByRole('button', { name: 'List its traces' }).click();
      await page.waitForURL((url) => !url.searchParams.has('view'));
      assert.equal(params().get('sel'), null);
      assert.match(params().get('q'), /duration>=.* outcome:fault/);
      await page.getByRole('table').getByRole('row').nth(12).waitFor();
      assert.equal(await page.getByRole('table').getByRole('row').count(), 13, 'twelve traces and a head');
    }],

    ['keys move, draw a box and compare', async () => {
      await page.goto(`/traces?${range}&q=service:cart&view=heatmap`);
      await heatmap.focus();
      await page.keyboard.press('ArrowRight');
      await page.keyboard.press('PageUp');
      for (let i = 0; i < 3; i += 1) await page.keyboard.press('ArrowDown');
      await page.keyboard.press('Home');
      await page.keyboard.press('Shift+End');
      await page.keyboard.press('Shift+PageUp');
      await page.keyboard.press('Enter');
      await page.waitForFunction(() => new URL(location.href).searchParams.has('sel'));
      await differences.getByText(/^\d+ spans inside, \d+ outside\.|^All matching/).waitFor();
      await page.keyboard.press('Escape');
      await page.keyboard.press('Escape');
      await page.waitForFunction(() => !new URL(location.href).searchParams.has('sel'));
    }],
    ['a box that cannot be read is told, and nothing found is explained', async () => {
      await page.goto(`/traces?${range}&view=heatmap&sel=1,2`);
      await page.getByText(/is not a box/).waitFor();
      await page.goto(`/traces?${range}&view=heatmap&q=service:nobody`);
      await page.getByRole('heading', { name: /^No trace/ }).waitFor();
    }],

    ['the first page says what changed in a part of the range', async () => {
      await page.goto(`/?${range}&win=${badFrom},${badTo}`);
      await whatChanged.getByRole('link', { name: 'cart', exact: true }).waitFor();
      await visitor.settle();
      await whatChanged.getByText('against the rest of the range').waitFor();
      const first = whatChanged.getByRole('listitem').first();
      assert.match(await first.innerText(), /^1\s*cart/);
      assert.match(await first.innerText(), /read cart in cart takes 90\d ms itself, 2\d(\.\d)? ms otherwise \(60 spans, 300 otherwise\)/);
      await visitor.pictures('overview-what-changed');
    }],
    ['what changed is accessible', () => visitor.assertAccessible()],
    ['it leads to the spans and to an example', async () => {
      const first = whatChanged.getByRole('listitem').first();
      await first.getByRole('link', { name: /^Traces of: `read cart`/ }).first().click();
      await page.waitForURL(/\/traces\?/);
      assert.equal(params().get('q'), 'service:cart name:"read cart"');
      assert.deepEqual([params().get('from'), params().get('to')].map(Date.parse), [badFrom, badTo].map((at) => Number(at / MS)));
      await page.goBack();
      await first.getByRole('link', { name: /^Example of: `read cart`/ }).first().click();
      await page.waitForURL(/\/trace\/[0-9a-f]{32}\?.*span=/);
      await page.getByRole('heading', { level: 1 }).waitFor();
    }],
    ['a part is chosen by a drag over the chart, and given up again', async () => {
      await page.goto(`/?${range}`);
      const chart = whatChanged.getByRole('slider', { name: /^Spans over time/ });
      await chart.waitFor();
      await visitor.settle();
      const area = await chart.boundingBox();
      await page.mouse.move(area.x + area.width * 0.5, area.y + 20);
      await page.mouse.down();
      await page.mouse.move(area.x + area.width * 0.66, area.y + 20, { steps: 5 });
      await page.mouse.up();
      await page.waitForFunction(() => new URL(location.href).searchParams.has('win'));
      await whatChanged.getByRole('link', { name: 'cart', exact: true }).waitFor();
      await whatChanged.getByRole('button', { name: 'Explain the whole range' }).click();
      await page.waitForFunction(() => !new URL(location.href).searchParams.has('win'));
    }],
    ['the map asks why for the part that it shows', async () => {
      await page.goto(`/map?${range}&at=${badFrom + 10n * SECOND}`);
      await page.getByRole('link', { name: /^What changed at/ }).click();
      await page.waitForURL(/\/\?.*win=\d+,\d+/);
      await whatChanged.getByRole('link', { name: 'cart', exact: true }).waitFor();
    }],
  ];
}
