// Pictures of every screen for the documentation, on the recorded packs, in both themes: `make screenshots`.

import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { chromium } from 'playwright-core';
import { withPalette } from './png.mjs';
import { Server } from './server.mjs';
import { Visitor } from './visitor.mjs';
import { sendOrders } from './walk-flow.mjs';

const SIZES = { '': { width: 1440, height: 900 }, '-1024': { width: 1024, height: 768 } };
const FILE_BYTES_MAX = 300_000;
const ALL_BYTES_MAX = 6_000_000;
const SECOND = 1_000_000_000n;
/** Only these, when names are given. */
const WANTED = process.argv.slice(2);
/** Every picture in every size: to look at, and more than the documentation needs. */
const EVERY_SIZE = process.env.EVERY_SIZE === '1';
/** How long a page waits for answers that do not come, until it is taken. */
const LOADING_MS = 1_200;

const directory = process.env.SPANLAKE_SCREENSHOTS;
if (!directory) throw new Error('say in SPANLAKE_SCREENSHOTS where the pictures go');

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--disable-gpu', '--hide-scrollbars', ...(process.getuid() === 0 ? ['--no-sandbox'] : [])] });

/** Takes the pictures `name` of an address, in small too when `small`; `prepare` brings the page into the state to show. */
async function take(visitor, name, path, { small = false, prepare = async () => {} } = {}) {
  if (WANTED.length > 0 && !WANTED.includes(name)) return;
  for (const [suffix, size] of Object.entries(SIZES)) {
    if (suffix !== '' && !small && !EVERY_SIZE) continue;
    await visitor.page.setViewportSize(size);
    await visitor.page.goto(path);
    await visitor.page.waitForLoadState('networkidle');
    await visitor.settle();
    await prepare(visitor.page);
    await visitor.page.waitForLoadState('networkidle');
    await visitor.settle();
    await visitor.pictures(`${name}${suffix}`);
  }
  const complaints = visitor.takeComplaints();
  if (complaints.length > 0) throw new Error(`${name}: ${complaints.join('\n  ')}`);
}

/** Takes a page whose questions (paths that match) fail, or without `answer` stay open. */
async function takeWithout(visitor, name, path, questions, answer) {
  if (WANTED.length > 0 && !WANTED.includes(name)) return;
  const { page } = visitor;
  const isQuestion = (url) => questions.test(url.pathname);
  const held = [];
  await page.route(isQuestion, (route) => (answer ? route.fulfill(answer) : held.push(route)));
  for (const [suffix, size] of Object.entries(SIZES)) {
    if (suffix !== '' && !EVERY_SIZE) continue;
    await page.setViewportSize(size);
    await page.goto(path);
    if (answer) await visitor.settle();
    else await sleep(LOADING_MS);
    await visitor.pictures(`${name}${suffix}`, { settled: answer !== null });
  }
  await page.unroute(isQuestion);
  await Promise.all(held.map((route) => route.abort().catch(() => {})));
  await page.goto('/setup');
  // The browser says that they failed; so does the page.
  visitor.takeComplaints();
}

const OVERLOADED = {
  status: 503,
  contentType: 'application/json',
  body: JSON.stringify({ error: { code: 'overloaded', message: 'too many queries are running', hint: 'try again in a few seconds' } }),
};

/** What a screen shows when there is nothing to show, or not yet. */
async function states(visitor, range) {
  await take(visitor, 'state-no-data', '/?from=now-50h&to=now-49h');
  await take(visitor, 'state-nothing-matches', `/traces?${range}&q=service:ts-basic-service http.route:/nowhere`);
  await takeWithout(visitor, 'state-wrong-search', `/traces?${range}&q=service:(`, /^\/never$/, OVERLOADED);
  await takeWithout(visitor, 'state-failed', `/?${range}`, /^\/api\/v1\/(map|traces|root-cause)$/, OVERLOADED);
  await takeWithout(visitor, 'state-loading', `/?${range}`, /^\/api\/v1\/(map|traces|root-cause|traces\/histogram)$/, null);
}

async function trainTicket(visitor, server) {
  const { traces } = await server.json('/api/v1/traces?from=now-15m&limit=1000');
  const failed = traces.filter((one) => one.error_count > 0).toSorted((a, b) => b.span_count - a.span_count)[0];
  const whole = traces.toSorted((a, b) => b.span_count - a.span_count)[0];
  const like = traces.filter((one) => one.root?.name === whole.root?.name && one.trace_id !== whole.trace_id).toSorted((a, b) => b.span_count - a.span_count)[0];
  const { buckets } = await server.json('/api/v1/facets?signal=logs&from=now-15m&keys=service&q=severity%3E%3Derror').then(({ facets }) => ({ buckets: facets[0].values }));
  const failing = buckets[0]?.value ?? 'ts-basic-service';
  const openLog = async (page) => page.getByRole('list', { name: 'Log records' }).getByRole('listitem').first().getByRole('button').first().click();
  const nextError = async (page) => {
    await page.getByRole('treegrid').focus();
    await page.keyboard.press('e');
    await page.keyboard.press('Enter');
  };

  const starts = traces.filter((one) => one.error_count > 0).map((one) => BigInt(one.start_time_unix_nano)).toSorted((a, b) => (a < b ? -1 : 1));
  const [badFrom, badTo] = [starts[0] - SECOND, starts.at(-1) + 2n * SECOND];
  const bad = `${badFrom},${badTo}`;
  // Not `now`: taking the pictures takes longer than the traffic.
  const all = traces.map((one) => BigInt(one.start_time_unix_nano)).toSorted((a, b) => (a < b ? -1 : 1));
  const range = `from=${all[0] - 5n * SECOND}&to=${all.at(-1) + 10n * SECOND}`;
  const better = `from=${badTo}&to=${all.at(-1) + 10n * SECOND}`;

  await take(visitor, 'overview', `/?${range}`, { small: true });
  await take(visitor, 'overview-what-changed', `/?${range}&win=${bad}`, { small: true });
  await take(visitor, 'map', `/map?${range}`, { small: true });
  await take(visitor, 'map-node', `/map?${range}&panel=node:service:ts-basic-service`);
  await take(visitor, 'map-focus', `/map?${better}&focus=service:ts-basic-service&cmp=prev`, {
    prepare: async (page) => {
      await page.locator('svg [data-node="service:ts-basic-service"]').click({ button: 'right' });
      await page.getByRole('menu').waitFor();
    },
  });
  await take(visitor, 'map-list', `/map?${range}&view=list`);
  await take(visitor, 'services', `/services?${range}`, { small: true });
  await take(visitor, 'service', `/services/ts-basic-service?${range}`, { small: true });
  await take(visitor, 'service-operations', `/services/ts-basic-service?${better}&cmp=prev&tab=operations`);
  await take(visitor, 'service-calls', `/services/ts-travel-service?${range}&tab=calls`, { small: true });
  await take(visitor, 'service-errors', `/services/ts-basic-service?${range}&tab=errors`);
  await take(visitor, 'service-logs', `/services/${failing}?${range}&tab=logs`);
  await take(visitor, 'traces', `/traces?${range}`, { small: true });
  await take(visitor, 'traces-heatmap', `/traces?${range}&view=heatmap`, { small: true });
  await take(visitor, 'traces-heatmap-compare', `/traces?${range}&view=heatmap&sel=${bad},1000000,100000000,fault`);
  await take(visitor, 'trace', `/trace/${failed.trace_id}`, { small: true, prepare: nextError });
  await take(visitor, 'trace-large', `/trace/${whole.trace_id}?cp=1&color=kind`);
  await take(visitor, 'trace-flame', `/trace/${whole.trace_id}?view=flame`);
  await take(visitor, 'trace-map', `/trace/${whole.trace_id}?view=graph`);
  await take(visitor, 'trace-statistics', `/trace/${whole.trace_id}?view=table`);
  await take(visitor, 'trace-logs', `/trace/${failed.trace_id}?view=logs`);
  await take(visitor, 'trace-raw', `/trace/${failed.trace_id}?view=raw`);
  await take(visitor, 'compare', `/compare/${whole.trace_id}...${like.trace_id}`, { small: true });
  await take(visitor, 'compare-usual', `/compare/baseline...${failed.trace_id}`);
  await take(visitor, 'logs', `/logs?${range}&q=severity>=error`, { small: true, prepare: openLog });
  await take(visitor, 'sql', '/sql', {
    small: true,
    prepare: async (page) => {
      await page.getByRole('button', { name: /^Run/ }).click();
      await page.getByRole('main').getByRole('grid').or(page.getByRole('main').getByRole('table')).first().waitFor();
    },
  });
  await take(visitor, 'system', '/system', { small: true });
  await states(visitor, range);
}

async function boutique(visitor) {
  await take(visitor, 'map-boutique', '/map?from=now-2m');
  await take(visitor, 'traces-boutique', '/traces?from=now-2m&q=service:cartservice');
}

/** The packs carry no id of an order or a session: the orders of the walk through flows. */
async function flows(visitor, server) {
  await sendOrders(server, (BigInt(Date.now()) - 300_000n) * 1_000_000n);
  await take(visitor, 'flow', '/flow/A-1000', { small: true });
  await take(visitor, 'flow-tree', '/flow/A-1000?view=tree');
  await take(visitor, 'flow-entry', '/flow');
}

async function empty(visitor) {
  await take(visitor, 'setup', '/', { small: true });
}

for (const [pack, pictures] of [['ci-trainticket', trainTicket], ['ci-boutique', boutique], [null, flows], [null, empty]]) {
  const server = await Server.start();
  const visitor = await Visitor.open(browser, server.url);
  // Pictures are no measurement: a busy machine takes longer.
  visitor.page.setDefaultTimeout(90_000);
  visitor.page.setDefaultNavigationTimeout(90_000);
  try {
    if (pack) await server.replayToNow(pack);
    await pictures(visitor, server);
  } finally {
    await visitor.close();
    await server.stop();
  }
}
await browser.close();

let sum = 0;
const tooLarge = [];
for (const name of readdirSync(directory).filter((one) => one.endsWith('.png'))) {
  const file = join(directory, name);
  writeFileSync(file, withPalette(readFileSync(file)));
  const { size } = statSync(file);
  sum += size;
  if (size > FILE_BYTES_MAX) tooLarge.push(`${name}: ${size} bytes`);
}
console.log(`${sum} bytes in all`);
if (tooLarge.length > 0 || sum > ALL_BYTES_MAX) {
  console.error(`too large for the repository: ${tooLarge.join(', ') || `${sum} bytes together`}`);
  process.exitCode = 1;
}
