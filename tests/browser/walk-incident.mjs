// Payments begin to fail: from the first page to the failing span, and the same on the map, by its rings, its arrows
// and its time.

import assert from 'node:assert/strict';
import { BAD, EXCEPTION, incident, NETWORK_MS, REQUESTS } from './incident.mjs';
import { send } from './large-trace.mjs';
import { Visitor } from './visitor.mjs';

const SECOND = 1_000_000_000n;
/** One degree. */
const ARC_TOLERANCE = 1 / 360;
const OUTCOMES_DRAWN = ['faults', 'throttles', 'errors', 'ok'];

export function incidentWalk(visitor, server) {
  const { page } = visitor;
  const drawing = page.getByRole('group', { name: 'Service map' });
  const node = (name) => drawing.getByRole('button', { name: new RegExp(`^${name}, `) });
  const details = page.getByRole('complementary', { name: /^Details of/ });
  const whatChanged = page.getByRole('region', { name: 'What changed' });
  const timeline = page.getByRole('slider', { name: /^Part of the range/ });
  const params = () => new URL(page.url()).searchParams;
  const start = BigInt(Math.floor(Date.now() / 1000) - 11 * 60) * SECOND;
  const range = `from=${start}&to=${start + 660n * SECOND}`;
  const badFrom = start + BigInt(BAD.from) * SECOND;
  const badTo = start + BigInt(BAD.to) * SECOND;
  const sql = async (text) => (await ask(server, text)).rows;

  /** Opens the address of the page in a browser that has never been here, and waits for the same to be seen. */
  const sameElsewhere = async (seen) => {
    const other = await Visitor.open(visitor.context.browser(), server.url);
    try {
      await other.page.goto(page.url());
      await seen(other.page);
      assert.deepEqual(other.takeComplaints(), []);
    } finally {
      await other.close();
    }
  };
  const exceptionSeen = async (on) => {
    const region = on.getByRole('region', { name: 'Details of the span' });
    await region.getByRole('heading', { level: 2, name: 'POST /charge' }).waitFor();
    await region.getByText(EXCEPTION.message).first().waitFor();
  };

  return [
    ['payments fail', async () => {
      await send(`http://${server.addresses.otlp_http}`, incident(start));
      assert.deepEqual(await sql(`SELECT count(*) FROM spans WHERE service = 'shop' AND kind = 'SERVER'`), [[REQUESTS]]);
    }],

    ['two clicks lead from the first page to the exception', async () => {
      await page.goto('/');
      const failed = (on) => on.getByRole('region', { name: 'Latest failed traces' }).getByRole('link', { name: 'shop POST /orders' }).first();
      await failed(page).waitFor();
      await visitor.settle();
      await sameElsewhere((other) => failed(other).waitFor());
      await failed(page).click();
      const row = (on) => on.getByRole('treegrid', { name: 'Spans of the trace' }).getByRole('row', { name: /^payment POST \/charge.*, error$/ });
      await row(page).waitFor();
      await sameElsewhere((other) => row(other).waitFor());
      await row(page).click();
      await exceptionSeen(page);
      await sameElsewhere(exceptionSeen);
      await visitor.settle();
      await visitor.pictures('incident-span');
    }],
    ['the failing span is accessible', () => visitor.assertAccessible()],
    ['what changed blames the payment, and its example is the failing span', async () => {
      await page.goto(`/?${range}&win=${badFrom},${badTo}`);
      const first = (on) => on.getByRole('region', { name: 'What changed' }).getByRole('listitem').first();
      await first(page).getByRole('link', { name: 'payment', exact: true }).waitFor();
      await visitor.settle();
      await sameElsewhere((other) => first(other).getByRole('link', { name: 'payment', exact: true }).waitFor());
      await first(page).getByRole('link', { name: /^Example of: .*fail/ }).first().click();
      await exceptionSeen(page);
      await sameElsewhere(exceptionSeen);
    }],
    ['a call whose way became slow leads to its arrow on the map', async () => {
      await page.goto(`/?${range}&win=${badFrom},${badTo}`);
      const call = whatChanged.getByRole('listitem').filter({ has: page.getByRole('link', { name: 'shop → stock' }) });
      await call.getByText(/on the way/).waitFor();
      await visitor.settle();
      await visitor.pictures('incident-what-changed');
      await visitor.assertAccessible();
      await call.getByRole('link', { name: 'shop → stock' }).click();
      await page.waitForURL(/\/map\?/);
      assert.equal(params().get('panel'), 'edge:service:shop~service:stock~sync');
      await details.getByRole('heading', { level: 2, name: 'shop → stock' }).waitFor();
      await details.getByRole('heading', { name: 'Calls of a request' }).waitFor();
      await details.getByText(/^once a request, at most 1/).waitFor();
      await details.getByRole('link', { name: 'Example' }).waitFor();
      await visitor.settle();
      await visitor.pictures('incident-edge');
      await visitor.assertAccessible();
    }],
    ['the map leads there too, in four clicks', async () => {
      await page.goto(`/?${range}`);
      await page.getByRole('link', { name: 'Open the map' }).click();
      await details.getByRole('button', { name: 'payment', exact: true }).first().click();
      await details.getByRole('heading', { level: 2, name: 'payment' }).waitFor();
      await details.getByRole('link', { name: /^Failed/ }).click();
      await page.waitForURL(/\/traces\?/);
      const found = (on) => on.getByRole('main').getByRole('table').getByRole('link').first();
      await found(page).waitFor();
      await sameElsewhere((other) => found(other).waitFor());
      await found(page).click();
      await page.getByRole('treegrid', { name: 'Spans of the trace' }).getByRole('row', { name: /^payment POST \/charge.*, error$/ }).waitFor();
    }],

    ['every ring is in proportion, to a degree', async () => {
      await page.goto(`/map?${range}`);
      await node('payment').waitFor();
      await visitor.settle();
      const { nodes } = await server.json(`/api/v1/map?${range}`);
      const seen = new Set();
      for (const one of nodes) {
        const shares = { ok: one.ok, faults: one.faults, throttles: one.throttles, errors: one.errors - one.throttles };
        const expected = OUTCOMES_DRAWN.filter((outcome) => shares[outcome] > 0).map((outcome) => shares[outcome] / one.requests);
        for (const outcome of OUTCOMES_DRAWN) if (shares[outcome] > 0) seen.add(outcome);
        const drawn = await ringOf(node(one.name));
        assert.equal(drawn.length, expected.length, `${one.name}: ${drawn.length} arcs, ${JSON.stringify(shares)}`);
        for (const [nth, arc] of drawn.entries()) assert.ok(Math.abs(arc - expected[nth]) <= ARC_TOLERANCE, `${one.name}: ${arc} for ${expected[nth]}`);
      }
      assert.equal(seen.size, OUTCOMES_DRAWN.length, 'every outcome occurs');
    }],
    ['the worst node is said in words', async () => {
      await page.goto(`/?${range}`);
      await page.getByRole('link', { name: 'Open the map' }).click();
      await node('payment').waitFor();
      await page.waitForFunction(() => [...document.querySelectorAll('[role=status]')].some((one) => /^Map of 3 services; worst: payment, \d+% fault$/.test(one.textContent)));
      assert.match(await details.getByRole('row').first().innerText(), /^payment\s+\d+% fault/, 'and stands first');
      await visitor.settle();
      await visitor.pictures('incident-map');
    }],

    ['a stretch of the histogram of an arrow lists exactly its traces', async () => {
      await page.goto(`/map?${range}&panel=edge:service:shop~service:payment~sync`);
      const chart = details.getByRole('slider', { name: /^Response time, as the caller sees it/ });
      await chart.waitFor();
      await visitor.settle();
      const box = await chart.boundingBox();
      await page.mouse.move(box.x + 2, box.y + 20);
      await page.mouse.down();
      await page.mouse.move(box.x + box.width * 0.12, box.y + 20, { steps: 5 });
      await page.mouse.up();
      const counted = Number(/^([\d,]+) requests? from/.exec(await details.getByText(/requests? from .* to /).innerText())[1].replace(',', ''));
      await details.getByRole('link', { name: 'View their traces' }).click();
      await page.waitForURL(/\/traces\?/);
      const [, from, to] = /^\{service:shop(?: duration>=(\S+))? duration<(\S+)\} => \{service:payment\}$/.exec(params().get('q'));
      const listed = await listedTraces(page);
      const wanted = await sql(`SELECT DISTINCT c.trace_id FROM spans c JOIN spans s ON s.parent_span_id = c.span_id AND s.trace_id = c.trace_id
        WHERE c.service = 'shop' AND s.service = 'payment' AND c.duration_ns >= ${from ? nanosOf(from) : 0} AND c.duration_ns < ${nanosOf(to)}`);
      assert.ok(wanted.length > 5 && wanted.length < REQUESTS / 2, `${wanted.length} traces`);
      assert.equal(wanted.length, counted, 'as many as the inspector says: one call in each trace');
      assert.deepEqual(listed.toSorted(), wanted.flat().toSorted());
      const [[least]] = await sql(`SELECT min(c.duration_ns - s.duration_ns) FROM spans c JOIN spans s ON s.parent_span_id = c.span_id WHERE c.service = 'shop' AND s.service = 'payment'`);
      assert.equal(least, NETWORK_MS * 1_000_000, 'the call is not the request: the network lies between');
    }],

    ['the time below replays the incident: the ring turns, nothing moves, Space stops', async () => {
      await page.goto(`/map?${range}&at=${badFrom - 60n * SECOND}`);
      await node('payment').waitFor();
      await visitor.settle();
      const places = () => drawing.getByRole('button').evaluateAll((all) => all.map((one) => one.getAttribute('transform')));
      const faultsOf = async () => Number(/(\d+)% fault/.exec(await node('payment').getAttribute('aria-label'))?.[1] ?? 0);
      const [before, quiet] = [await places(), await faultsOf()];
      assert.equal(quiet, 0, 'nothing failed then');
      await timeline.focus();
      await page.keyboard.press('Space');
      await page.waitForFunction(() => /(\d+)% fault/.exec(document.querySelector('[data-node="service:payment"]').getAttribute('aria-label'))?.[1] > 50, null, { timeout: 30_000 });
      await page.keyboard.press('Space');
      await page.getByRole('button', { name: 'Replay the map' }).waitFor();
      const at = params().get('at');
      await page.waitForTimeout(2_000);
      assert.equal(params().get('at'), at, 'it stands still');
      assert.ok(BigInt(at) >= badFrom - 15n * SECOND && BigInt(at) < badTo, 'in the bad minutes');
      await visitor.settle();
      assert.deepEqual(await places(), before);
      await page.mouse.move(5, 5);
      await visitor.pictures('incident-replay');
      await visitor.assertAccessible();
    }],
  ];
}

/** Trace ids of the list, all pages of it. */
export async function listedTraces(page) {
  const main = page.getByRole('main');
  await main.getByRole('table').getByRole('link').first().waitFor();
  const more = main.getByRole('button', { name: 'Load more' });
  const rows = main.getByRole('table').getByRole('row').getByRole('link');
  for (;;) {
    await page.waitForFunction(() => !document.querySelector('[aria-busy="true"]'));
    if ((await more.count()) === 0) break;
    const before = await rows.count();
    await more.click();
    await page.waitForFunction((count) => document.querySelectorAll('main tbody tr').length > count, before);
  }
  return rows.evaluateAll((links) => links.map((link) => /\/trace\/([0-9a-f]{32})/.exec(link.getAttribute('href'))[1]));
}

export async function ask(server, sql) {
  const answer = await fetch(`${server.url}/api/v1/sql`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ sql }) });
  if (!answer.ok) throw new Error(`${sql}: ${answer.status} ${await answer.text()}`);
  return answer.json();
}

/** Shares of a ring of its arcs, in the order drawn. */
async function ringOf(locator) {
  const paths = await locator.locator('path').evaluateAll((all) => all.map((path) => path.getAttribute('d')));
  // Hatches lie over their arcs.
  const arcs = [...new Set(paths.filter((path) => /^M-?[\d.]+,-?[\d.]+A/.test(path ?? '')))];
  return arcs.map((path) => {
    const points = [...path.matchAll(/(-?[\d.]+),(-?[\d.]+)(?=A|$)/g)].map(([, x, y]) => Math.atan2(Number(y), Number(x)) / (2 * Math.PI));
    if (points.length === 3) return 1;
    const large = /0 ([01]) 1 /.exec(path)[1] === '1';
    const share = (((points[1] - points[0]) % 1) + 1) % 1;
    return share === 0 && large ? 1 : share;
  });
}

export function nanosOf(text) {
  const [, whole, fraction = '', unit] = /^(\d+)(?:\.(\d+))?(ns|us|ms|s|m|h)$/.exec(text);
  const size = { ns: 1n, us: 1_000n, ms: 1_000_000n, s: SECOND, m: 60n * SECOND, h: 3600n * SECOND }[unit];
  return BigInt(whole + fraction) * size / 10n ** BigInt(fraction.length);
}
