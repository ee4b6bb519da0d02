// Ids as people paste them, traces with everything wrong about them, and links into a trace that opens folded.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { send, wideTrace } from './large-trace.mjs';
import { id, KIND, secondsAgo, span, text, traceIdOf } from './small-trace.mjs';

const ODD = '5759e988bd862e3fe1be46a994272793';
const LATE = traceIdOf(0xd000);
const BIG = traceIdOf(0xe000);
const SMALL = traceIdOf(0xf000);
const UNKNOWN = traceIdOf(0xdead);
/** More than a trace that opens whole has. */
const BIG_SPANS = 24_000;

/** Two roots, an orphan, ids sent twice (once alike, once not), no duration, an end before the start, a clock 5 s ahead. */
function oddTrace(start) {
  const s = (...rest) => span(ODD, ...rest);
  const copy = s(4, 1, 'shop', 'sent twice', KIND.INTERNAL, start, 30, 40);
  return [
    s(1, 0, 'shop', 'GET /odd', KIND.SERVER, start, 0, 200),
    s(2, 0, 'shop', 'second root', KIND.SERVER, start, 220, 260),
    s(3, 77, 'stock', 'orphan', KIND.SERVER, start, 50, 60),
    copy, copy,
    s(5, 1, 'shop', 'one id', KIND.INTERNAL, start, 70, 80), s(5, 1, 'shop', 'same id', KIND.INTERNAL, start, 85, 95),
    s(6, 1, 'shop', 'no time at all', KIND.INTERNAL, start, 100, 100),
    s(7, 1, 'shop', 'ends before it starts', KIND.INTERNAL, start, 120, 110),
    s(8, 1, 'shop', 'call fraud', KIND.CLIENT, start, 130, 190),
    s(9, 8, 'fraud', 'clock behind', KIND.SERVER, start, 140 - 5000, 180 - 5000, { attributes: [text('note', 'ünï ✓'), { key: 'big', value: { intValue: '9007199254740993' } }] }),
  ];
}

/** The span of the most levels, and how many those are. */
function deepest(spans) {
  const depths = new Map();
  for (const one of spans) depths.set(one.spanId, (depths.get(one.parentSpanId) ?? 0) + 1);
  return spans.reduce((found, one) => (depths.get(one.spanId) > depths.get(found.spanId) ? one : found));
}

export function oddWalk(visitor, server) {
  const { page } = visitor;
  const main = page.getByRole('main');
  const waterfall = page.getByRole('treegrid', { name: 'Spans of the trace' });
  const details = page.getByRole('region', { name: 'Details of the span' });
  const row = (name) => waterfall.getByRole('row', { name });
  const search = () => new URL(page.url()).searchParams;
  const otlp = `http://${server.addresses.otlp_http}`;
  const start = secondsAgo(300);
  const odd = oddTrace(start);
  const big = wideTrace(BIG, BIG_SPANS, 17, secondsAgo(200), 2_000_000_000);
  const target = deepest(big);
  const paste = async (pasted) => {
    // Nobody is faster than the page.
    await page.getByRole('main').waitFor();
    await page.keyboard.press('Control+k');
    await page.getByRole('dialog').waitFor();
    await page.keyboard.insertText(pasted);
  };

  return [
    ['they are sent', async () => {
      await send(otlp, odd);
      const link = { traceId: BIG, spanId: target.spanId };
      await send(otlp, [span(SMALL, 1, 0, 'mail', 'batch', KIND.CONSUMER, secondsAgo(190), 0, 50, { links: [link] })]);
      big[0].links = [{ traceId: SMALL, spanId: id(1) }];
      await send(otlp, big);
    }],

    ...[
      ['upper case', ODD.toUpperCase()],
      ['with dashes and blanks', ` ${ODD.slice(0, 8)}-${ODD.slice(8, 12)}-${ODD.slice(12, 16)}-${ODD.slice(16, 20)}-${ODD.slice(20)} `],
      ['in quotes', `"${ODD}"`],
      ['as X-Ray writes it', `1-${ODD.slice(0, 8)}-${ODD.slice(8)}`],
    ].map(([how, pasted]) => [`a trace id ${how} opens its trace`, async () => {
      await page.goto('/traces');
      await paste(pasted);
      await page.getByRole('option', { name: `Trace ${ODD}` }).waitFor();
      await page.keyboard.press('Enter');
      await row(/^shop GET \/odd/).waitFor();
      assert.equal(new URL(page.url()).pathname, `/trace/${ODD}`);
    }]),
    ['16 hex digits lead to the traces with that span', async () => {
      await page.goto('/traces');
      await paste(target.spanId.toUpperCase());
      await page.getByRole('option', { name: `Traces with span ${target.spanId}` }).waitFor();
      await visitor.assertAccessible();
      await page.keyboard.press('Enter');
      await page.waitForFunction((q) => new URL(location.href).searchParams.get('q') === q, `span_id:${target.spanId}`);
      await main.locator(`a[href*="/trace/${BIG}"]`).first().click();
      await page.getByRole('status').getByText('1 of 1', { exact: true }).waitFor();
      const active = waterfall.locator('[role=row][aria-selected=true]');
      assert.match(await active.innerText(), new RegExp(target.name), 'the only match is gone to');
    }],
    ['an id that is not here: how long data is kept, and where the nearest is', async () => {
      await page.goto(`/trace/${UNKNOWN.toUpperCase()}`);
      await page.getByRole('heading', { name: 'This trace is not here' }).waitFor();
      await main.getByText(/^Data is kept for 30 days\. The spans that are here are from .* to .*, the latest \d+ min ago\.$/).waitFor();
      await visitor.pictures('trace-missing');
      await visitor.assertAccessible();
      await page.getByRole('link', { name: 'Show the latest traces' }).click();
      await main.getByRole('table').getByRole('link').first().waitFor();
    }, [/404/]],

    ['everything that is odd about a trace has its cause named', async () => {
      await page.goto(`/trace/${ODD}`);
      await row(/^shop GET \/odd/).waitFor();
      const said = await main.innerText();
      for (const what of [
        '1 span names a parent that is not here and is shown as a root: not sampled, lost on the way, or not ended yet.',
        '1 span has the id of another span but different content; all are shown, and children stand below the first.',
        "1 span was received again with the same content (a sender's retry); each is shown once.",
        '2 spans have no parent: this trace has several roots.',
        '1 span ends before it starts: the clock was set back, or the sender is wrong.',
        '1 span starts up to 5 s before the caller: clocks differ. Times are shown as sent.',
      ]) assert.ok(said.includes(what), `"${what}" is not in "${said}"`);
      await visitor.pictures('trace-odd');
      await visitor.assertAccessible();
    }],
    ['each span has its row, the copies one', async () => {
      const names = ['GET /odd', 'second root', 'orphan', 'sent twice', 'one id', 'same id', 'no time at all', 'ends before it starts', 'call fraud', 'clock behind'];
      await page.getByRole('button', { name: 'Unfold all' }).click();
      for (const name of names) assert.equal(await row(new RegExp(name)).count(), 1, name);
      assert.equal(await waterfall.getAttribute('aria-rowcount'), String(names.length));
      for (const [name, ref] of [['same id', `${id(5)}.2`], ['one id', id(5)]]) {
        await row(new RegExp(`^shop ${name}`)).click();
        await details.getByRole('heading', { level: 2, name }).waitFor();
        await details.getByText('duplicate id').waitFor();
        assert.equal(search().get('span'), ref);
      }
    }],
    ['as sent is what is shown first; undone, the outline stays where it was', async () => {
      await page.goto(`/trace/${ODD}`);
      await row(/^fraud clock behind/).waitFor();
      assert.equal(search().get('skew'), null);
      await page.getByRole('button', { name: 'Undo clock skew' }).click();
      await page.getByText(/drawn where they fit; dashed outlines are where they were/).waitFor();
      await visitor.pictures('trace-odd-adjusted');
      await visitor.assertAccessible();
    }],
    ['the raw form is what was sent', async () => {
      await page.getByRole('tab', { name: 'Raw' }).click();
      const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Download OTLP/JSON' }).click()]);
      const file = readFileSync(await download.path(), 'utf8');
      assert.ok(file.includes('"9007199254740993"'), 'integers beyond 2^53 are whole');
      const given = JSON.parse(file).resourceSpans.flatMap(({ resource, scopeSpans }) =>
        scopeSpans.flatMap(({ spans }) => spans.map((one) => ({ ...one, service: resource.attributes.find(({ key }) => key === 'service.name').value.stringValue }))));
      const plain = (one) => JSON.stringify({
        service: one.service, id: one.spanId, parent: one.parentSpanId ?? '', name: one.name, kind: one.kind, start: one.startTimeUnixNano, end: one.endTimeUnixNano,
        attributes: (one.attributes ?? []).map(({ key, value }) => `${key}=${JSON.stringify(value)}`).toSorted(),
      });
      assert.deepEqual(given.map(plain).toSorted(), [...new Set(odd.map(plain))].toSorted(), 'each once');
    }],

    ['a root that comes late: until then it is said that it may', async () => {
      const now = secondsAgo(1);
      await send(otlp, [span(LATE, 2, 1, 'shop', 'early child', KIND.INTERNAL, now, 10, 20)]);
      await page.goto(`/trace/${LATE}`);
      await main.getByText(/1 span names a parent that is not here .* may still arrive/).waitFor();
      await send(otlp, [span(LATE, 1, 0, 'shop', 'late root', KIND.SERVER, now, 0, 100)]);
      await page.getByRole('button', { name: /^Load again/ }).click();
      await row(/^shop late root/).waitFor();
      await main.getByText(/names a parent that is not here/).waitFor({ state: 'detached' });
      assert.equal(await row(/^shop early child/).getAttribute('aria-level'), '2');
    }],

    ['a link leads into a trace that opens folded: the span is selected, its way open, the rest folded', async () => {
      await page.goto(`/trace/${SMALL}?span=${id(1)}`);
      await details.getByRole('link', { name: new RegExp(BIG) }).click();
      await details.getByRole('heading', { level: 2, name: target.name }).waitFor();
      assert.equal(search().get('span'), target.spanId);
      await page.getByText(/^Large trace: opened with \d+ levels/).waitFor();
      const active = waterfall.locator('[role=row][aria-selected=true]');
      await active.waitFor();
      assert.equal(Number(await active.getAttribute('aria-level')) >= 10, true, 'it lies deep');
      const [outer, inner] = [await waterfall.boundingBox(), await active.boundingBox()];
      const middle = (inner.y - outer.y) / outer.height;
      assert.ok(middle > 0.3 && middle < 0.7, `in the middle: ${middle}`);
      const rows = Number(await waterfall.getAttribute('aria-rowcount'));
      assert.ok(rows < BIG_SPANS / 4, `${rows} rows`);
      await visitor.pictures('trace-link-target');
      await visitor.assertAccessible();
    }],
    ['and who links to it is found from the other side', async () => {
      await details.getByRole('heading', { name: /^Links in/ }).waitFor();
      await details.getByRole('link', { name: 'mail batch' }).click();
      await details.getByRole('heading', { level: 2, name: 'batch' }).waitFor();
      await details.getByRole('heading', { name: /^Links in/ }).waitFor();
      await details.getByRole('link', { name: 'gateway POST /orders' }).waitFor();
    }],
  ];
}
