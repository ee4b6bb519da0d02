// Starts the servers and the browser, runs every walk (or those whose titles are given), and says how many steps passed.

import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { ARGUMENTS } from './chromium.mjs';
import { Server } from './server.mjs';
import { Visitor } from './visitor.mjs';
import { baselineWalk } from './walk-baseline.mjs';
import { causeWalk } from './walk-cause.mjs';
import { dataWalk } from './walk-data.mjs';
import { detailsWalk } from './walk-details.mjs';
import { EMPTY_FLAGS, emptyWalk } from './walk-empty.mjs';
import { filesWalk } from './walk-files.mjs';
import { fleetWalk } from './walk-fleet.mjs';
import { flowWalk } from './walk-flow.mjs';
import { incidentWalk } from './walk-incident.mjs';
import { keyboardWalk } from './walk-keyboard.mjs';
import { keysWalk } from './walk-keys.mjs';
import { largeWalk } from './walk-large.mjs';
import { mapWalk } from './walk-map.mjs';
import { oddWalk } from './walk-odd.mjs';
import { panelsWalk } from './walk-panels.mjs';
import { proxyWalk } from './walk-proxy.mjs';
import { restartWalk } from './walk-restart.mjs';
import { searchWalk } from './walk-search.mjs';
import { setupWalk } from './walk-setup.mjs';
import { streamWalk } from './walk-stream.mjs';
import { systemWalk } from './walk-system.mjs';
import { timeWalk } from './walk-time.mjs';
import { traceWalk } from './walk-trace.mjs';
import { xrayWalk } from './walk-xray.mjs';

/** Title, steps, the pack that is replayed before, flags of the server. */
const WALKS = [
  ['empty lake', setupWalk, null],
  ['recorded traffic', dataWalk, 'ci-trainticket'],
  ['map', mapWalk, 'ci-trainticket'],
  ['details', detailsWalk, 'ci-trainticket'],
  ['panels', panelsWalk, 'ci-trainticket'],
  ['sub-path', proxyWalk, 'ci-trainticket'],
  ['fleet', fleetWalk, null],
  ['traces', traceWalk, null],
  ['baselines', baselineWalk, null],
  ['keys', keysWalk, null],
  ['odd traces', oddWalk, null, ['--retention', '30d']],
  ['files', filesWalk, null],
  ['flows', flowWalk, null],
  ['large traces', largeWalk, null],
  ['streams', streamWalk, null, ['--flush-rows', '70000', '--flush-interval', '3s', '--query-timeout', '120s']],
  ['causes', causeWalk, null],
  ['system', systemWalk, null],
  ['incident', incidentWalk, null],
  ['search', searchWalk, null],
  ['empty states', emptyWalk, null, EMPTY_FLAGS],
  ['restart', restartWalk, null],
  ['time', timeWalk, null],
  ['keyboard', keyboardWalk, null],
  ['expressions of X-Ray', xrayWalk, 'ci-trainticket'],
];

const WANTED = process.argv.slice(2);

let passed = 0;
let failed = 0;

/** Runs the steps of a walk in order; a failed step is told with a picture, and the walk goes on. */
async function run(title, walk, browser, server) {
  const visitor = await Visitor.open(browser, server.url);
  try {
    for (const [name, step, expected] of walk(visitor, server)) {
      const started = Date.now();
      try {
        await step();
        const complaints = visitor.takeComplaints(expected);
        if (complaints.length > 0) throw new Error(complaints.join('\n  '));
        passed += 1;
        console.log(`ok      ${title}: ${name} (${Date.now() - started} ms)`);
      } catch (error) {
        failed += 1;
        visitor.takeComplaints();
        const picture = join(mkdtempSync(join(tmpdir(), 'spanlake-failed-')), 'page.png');
        await visitor.page.screenshot({ path: picture }).catch(() => {});
        console.log(`FAILED  ${title}: ${name}\n  ${error.message}\n  at ${visitor.page.url()}, picture: ${picture}`);
      }
    }
  } finally {
    await visitor.close();
  }
}

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ARGUMENTS });
try {
  for (const [title, walk, pack, flags] of WALKS) {
    if (WANTED.length > 0 && !WANTED.includes(title)) continue;
    const server = await Server.start(flags);
    try {
      if (pack) await server.replayToNow(pack);
      await run(title, walk, browser, server);
    } finally {
      await server.stop();
    }
  }
} finally {
  await browser.close();
}
console.log(`${passed} steps passed`);
if (failed > 0) console.log(`${failed} steps failed`);
process.exitCode = failed > 0 ? 1 : 0;
