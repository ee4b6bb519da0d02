// A trace is taken along as a file, and dropped on another Spanlake: there it is the same.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { send } from './large-trace.mjs';
import { Server } from './server.mjs';
import { id, KIND, secondsAgo, sendLogs, span, text, traceIdOf } from './small-trace.mjs';
import { Visitor } from './visitor.mjs';

const TRACE = traceIdOf(0x5a5a);

/** With everything that a form has to carry. Times are whole microseconds, more than Jaeger's form has it loses. */
function checkout(start) {
  const s = (...rest) => span(TRACE, ...rest);
  return [
    s(1, 0, 'shop', 'POST /checkout', KIND.SERVER, start, 0, 500, { attributes: [text('http.route', '/checkout'), { key: 'http.response.status_code', value: { intValue: '503' } }] }),
    s(2, 1, 'shop', 'load cart', KIND.INTERNAL, start, 5, 150.123),
    ...Array.from({ length: 9 }, (_, i) => s(100 + i, 2, 'shop', 'SELECT items', KIND.CLIENT, start, 6 + i * 3, 8 + i * 3)),
    s(3, 1, 'shop', 'POST /charge', KIND.CLIENT, start, 160, 400, { links: [{ traceId: traceIdOf(7), spanId: id(7) }] }),
    s(4, 3, 'payment', 'charge', KIND.SERVER, start, 200, 390, {
      status: { code: 2, message: 'card refused' },
      events: [{ timeUnixNano: String(start + 300_000_000n), name: 'exception', attributes: [text('exception.type', 'CardError'), text('exception.message', 'refused')] }],
    }),
    s(5, 1, 'mail', 'send', KIND.CONSUMER, start, 450, 700),
  ];
}

/** The waterfall as it is told and as it is painted. */
async function pictureOf(page, traceUrl) {
  await page.goto(traceUrl);
  const waterfall = page.getByRole('treegrid', { name: 'Spans of the trace' });
  await waterfall.getByRole('row', { name: /^shop POST \/checkout/ }).waitFor();
  await page.waitForFunction(() => !document.querySelector('[aria-busy="true"]'));
  await page.mouse.move(2, 2);
  const rows = await waterfall.getByRole('row').evaluateAll((all) => all.map((row) => row.getAttribute('aria-label')));
  const bars = await waterfall.locator('canvas').evaluate((canvas) => canvas.toDataURL());
  return { rows, bars };
}

export function filesWalk(visitor, server) {
  const { page } = visitor;
  const start = (secondsAgo(120) / 1_000_000n) * 1_000_000n;
  const files = {};
  let picture;

  /** With a visitor of a Spanlake of its own, which must not complain. */
  const elsewhere = async (visit, expected) => {
    const other = await Server.start();
    const stranger = await Visitor.open(visitor.context.browser(), other.url);
    try {
      await visit(stranger, other);
      assert.deepEqual(stranger.takeComplaints(expected), []);
    } finally {
      await stranger.close();
      await other.stop();
    }
  };
  const drop = async (where, name, content) => {
    const carried = await where.evaluateHandle(([file, body]) => {
      const transfer = new DataTransfer();
      transfer.items.add(new File([body], file, { type: 'application/json' }));
      return transfer;
    }, [name, content]);
    await where.dispatchEvent('body', 'dragover', { dataTransfer: carried });
    await where.getByText('Drop the file to import its traces').waitFor();
    await where.dispatchEvent('body', 'drop', { dataTransfer: carried });
  };
  const isSame = async (stranger, other) => {
    const there = await pictureOf(stranger.page, `/trace/${TRACE}`);
    assert.deepEqual(there.rows, picture.rows);
    assert.equal(there.bars, picture.bars, 'the same bars, pixel by pixel');
    return { here: await server.json(`/api/v1/traces/${TRACE}?view=skeleton`), there: await other.json(`/api/v1/traces/${TRACE}?view=skeleton`) };
  };

  return [
    ['a trace with its log records is downloaded in three forms', async () => {
      const otlp = `http://${server.addresses.otlp_http}`;
      await send(otlp, checkout(start));
      await sendLogs(otlp, 'payment', [{ traceId: TRACE, number: 4, at: start + 310_000_000n, body: 'card refused', severity: 17 }]);
      picture = await pictureOf(page, `/trace/${TRACE}`);
      await page.getByRole('tab', { name: 'Raw' }).click();
      for (const name of ['Download OTLP/JSON', 'Jaeger JSON', 'Perfetto']) {
        const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name }).click()]);
        files[name] = { name: download.suggestedFilename(), content: readFileSync(await download.path(), 'utf8') };
      }
    }],
    ['the form for Jaeger is what its query API answers', () => validJaeger(JSON.parse(files['Jaeger JSON'].content))],
    ['the form for Perfetto is trace events whose slices nest', () => validTraceEvents(JSON.parse(files.Perfetto.content))],

    ['dropped on another Spanlake it is asked about, stored, and the same', () => elsewhere(async (stranger, other) => {
      const { name, content } = files['Download OTLP/JSON'];
      await stranger.page.goto('/traces');
      await stranger.page.getByRole('button', { name: 'Import a file with traces' }).waitFor();
      await drop(stranger.page, name, content);
      const dialog = stranger.page.getByRole('dialog', { name: 'Import a file' });
      await dialog.getByText(/has 14 spans of 1 trace and 1 log record, (?:of|from) /).waitFor();
      await stranger.assertAccessible();
      if (process.env.SPANLAKE_SCREENSHOTS) await stranger.pictures('import');
      await dialog.getByRole('button', { name: 'Cancel' }).click();
      await dialog.waitFor({ state: 'detached' });
      assert.equal((await other.json('/api/v1/status')).signals.spans.rows, 0, 'nothing without being asked');
      await drop(stranger.page, name, content);
      await dialog.getByRole('button', { name: 'Import' }).click();
      await stranger.page.waitForURL((url) => url.pathname === `/trace/${TRACE}`);
      const { here, there } = await isSame(stranger, other);
      assert.deepEqual(there, here);
      assert.deepEqual(await other.json(`/api/v1/traces/${TRACE}?format=otlp`), await server.json(`/api/v1/traces/${TRACE}?format=otlp`));
    })],
    ['so is the form for Jaeger, but for the log records', () => elsewhere(async (stranger, other) => {
      const { name, content } = files['Jaeger JSON'];
      await stranger.page.goto('/traces');
      await stranger.page.getByLabel('File with traces', { exact: true }).setInputFiles({ name, mimeType: 'application/json', buffer: Buffer.from(content) });
      await stranger.page.getByRole('button', { name: 'Import', exact: true }).click();
      await stranger.page.waitForURL((url) => url.pathname === `/trace/${TRACE}`);
      const there = await other.json(`/api/v1/traces/${TRACE}?view=skeleton`);
      const here = await server.json(`/api/v1/traces/${TRACE}?view=skeleton`);
      assert.equal(there.log_count, 0);
      const HAS_LOGS = 4;
      assert.deepEqual({ ...there.spans, flags: [] }, { ...here.spans, flags: [] });
      assert.deepEqual(there.spans.flags, here.spans.flags.map((flags) => flags & ~HAS_LOGS));
      assert.deepEqual([there.services, there.names, there.kinds, there.events], [here.services, here.names, here.kinds, here.events]);
    })],
    ['what cannot be imported is refused with the reason', async () => {
      await page.goto('/traces');
      await page.getByRole('button', { name: 'Import a file with traces' }).waitFor();
      for (const [name, content, why] of [
        ['perfetto.json', files.Perfetto.content, /This is a trace for Perfetto/],
        ['notes.txt', 'hello', /The file is not JSON/],
        ['empty.json', '{}', /no span and no log record/],
      ]) {
        await drop(page, name, content);
        await page.getByRole('alert').getByText(why).waitFor();
        await page.getByRole('dialog').getByRole('button', { name: 'Close' }).last().click();
        await page.getByRole('dialog').waitFor({ state: 'detached' });
      }
      const rows = (await server.json('/api/v1/status')).signals.spans.rows;
      await drop(page, 'wrong.json', JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans: [{ traceId: TRACE, spanId: id(1), name: ['x'] }] }] }] }));
      await page.getByRole('button', { name: 'Import', exact: true }).click();
      await page.getByRole('alert').getByText(/name/).waitFor();
      await visitor.assertAccessible();
      assert.equal((await server.json('/api/v1/status')).signals.spans.rows, rows);
    }, [/400/]],
  ];
}

/** Ids, references and processes fit together; types of tags are those that Jaeger knows. */
function validJaeger({ data: [trace], errors }) {
  assert.equal(errors, null);
  assert.match(trace.traceID, /^[0-9a-f]{32}$/);
  const ids = new Set(trace.spans.map((one) => one.spanID));
  assert.equal(ids.size, trace.spans.length);
  for (const one of trace.spans) {
    assert.match(one.spanID, /^[0-9a-f]{16}$/);
    assert.equal(one.traceID, trace.traceID);
    assert.ok(trace.processes[one.processID].serviceName);
    assert.ok(Number.isSafeInteger(one.startTime) && Number.isSafeInteger(one.duration) && one.duration >= 0);
    for (const { refType, traceID, spanID } of one.references) {
      assert.ok(['CHILD_OF', 'FOLLOWS_FROM'].includes(refType));
      if (refType === 'CHILD_OF') assert.ok(traceID === trace.traceID && ids.has(spanID));
    }
    for (const tag of [...one.tags, ...one.logs.flatMap((log) => log.fields)]) {
      const expected = { string: 'string', bool: 'boolean', int64: 'number', float64: 'number' }[tag.type];
      assert.ok(expected === typeof tag.value || (tag.type === 'int64' && typeof tag.value === 'string'), JSON.stringify(tag));
    }
  }
}

/** Complete events with numbers; on a thread they are beside or inside each other. */
function validTraceEvents({ traceEvents }) {
  const threads = new Map();
  for (const { ph, pid, tid, ts, dur, name } of traceEvents) {
    assert.ok(ph === 'M' || ph === 'X');
    assert.equal(typeof name, 'string');
    if (ph === 'M') continue;
    assert.ok([pid, tid, ts, dur].every(Number.isFinite) && dur >= 0);
    const key = `${pid}/${tid}`;
    threads.set(key, [...(threads.get(key) ?? []), { from: ts, to: ts + dur }]);
  }
  for (const slices of threads.values()) {
    const open = [];
    for (const slice of slices.toSorted((a, b) => a.from - b.from || b.to - a.to)) {
      while (open.length > 0 && open.at(-1) <= slice.from) open.pop();
      assert.ok(open.length === 0 || slice.to <= open.at(-1), 'slices nest');
      open.push(slice.to);
    }
  }
}
