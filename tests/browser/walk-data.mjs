// Someone on call: find a failing trace, see where it failed and what was logged there; search logs; ask in SQL.

import assert from 'node:assert/strict';

export function dataWalk(visitor, server) {
  const { page } = visitor;
  const table = page.getByRole('main').getByRole('table');
  const rows = table.getByRole('row').filter({ has: page.getByRole('link') });
  const waterfall = page.getByRole('treegrid', { name: 'Spans of the trace' });
  const details = page.getByRole('region', { name: 'Details of the span' });
  const records = page.getByRole('list', { name: 'Log records' });
  const screen = (name) => page.getByRole('navigation', { name: 'Screens' }).getByRole('link', { name, exact: true });
  const columnOf = async (name) => (await table.getByRole('columnheader').allInnerTexts()).findIndex((text) => text.trim() === name);
  let failing;

  return [
    ['the list of traces has the traces of the last minutes', async () => {
      await page.goto('/traces');
      await rows.first().waitFor();
      await visitor.settle();
      assert.equal(await page.title(), 'Traces · Spanlake');
      const newest = await server.json('/api/v1/traces?from=now-15m&limit=1');
      const { root } = newest.traces[0];
      const first = await rows.first().innerText();
      assert.ok(first.includes(root.service) && first.includes(root.name), `the newest trace stands first: ${first}`);
      await visitor.pictures('traces');
    }],
    ['the list of traces is accessible', () => visitor.assertAccessible()],

    ['failing traces are found by their status', async () => {
      await page.getByRole('button', { name: 'Status', exact: true }).click();
      await page.getByRole('option', { name: /^ERROR/ }).click();
      await page.getByRole('button', { name: /^Remove filter status/ }).waitFor();
      await visitor.settle();
      const count = await rows.count();
      assert.ok(count > 0, 'there are failing traces');
      const column = await columnOf('Errors');
      for (let i = 0; i < count; i += 1) {
        const errors = await rows.nth(i).getByRole('cell').nth(column).innerText();
        assert.match(errors, /^[1-9]/, `row ${i} has errors`);
      }
      const answered = await server.json('/api/v1/traces?from=now-15m&status=ERROR&limit=1000');
      assert.equal(answered.traces.length, 45, 'as many as the pack has');
    }],

    ['a failing trace opens with its waterfall', async () => {
      const link = rows.first().getByRole('link');
      failing = (await link.getAttribute('href')).match(/[0-9a-f]{32}/)[0];
      await link.click();
      await waterfall.waitFor();
      const trace = await server.json(`/api/v1/traces/${failing}`);
      const shown = await page.getByRole('main').innerText();
      assert.ok(shown.includes(failing), 'the trace id is shown');
      await waterfall.getByRole('row', { name: `${trace.root.service} ${trace.root.name}` }).first().waitFor();
      assert.equal(Number(await waterfall.getAttribute('aria-rowcount')), trace.span_count, 'every span has a row');
    }],

    ['the error span is found by a key, and its log line stands beside it', async () => {
      await waterfall.focus();
      await page.keyboard.press('e');
      await page.keyboard.press('Enter');
      await details.waitFor();
      const trace = await server.json(`/api/v1/traces/${failing}`);
      const name = await details.getByRole('heading', { level: 2 }).innerText();
      const errors = trace.spans.filter((span) => span.status === 'ERROR');
      const span = errors.find((one) => one.name === name);
      assert.ok(span, `${name} is one of the failed spans`);
      await waterfall.getByRole('row', { name: new RegExp(`${escape(span.name)}.*, error$`) }).first().waitFor();
      const facts = await details.getByRole('table', { name: 'Span', exact: true }).innerText();
      assert.match(facts, /ERROR/, 'the status of the span');
      const log = trace.logs.find((one) => one.span_id === span.span_id && one.severity === 'ERROR');
      await details.getByRole('heading', { name: 'Logs of this span' }).waitFor();
      await details.getByText(log.body.split('\n')[0].slice(0, 60)).first().waitFor();
      await visitor.settle();
      await visitor.pictures('trace');
    }],
    ['the trace page is accessible', () => visitor.assertAccessible()],

    ['the address alone shows the same again', async () => {
      const heading = await details.getByRole('heading', { level: 2 }).innerText();
      await page.reload();
      await details.waitFor();
      assert.equal(await details.getByRole('heading', { level: 2 }).innerText(), heading);
    }],

    ['the logs of the trace are a click away, and lead back to the span', async () => {
      await page.getByRole('tab', { name: /^Logs/ }).click();
      const failed = records.getByRole('button', { name: /ERROR/ }).first();
      await failed.click();
      await page.getByRole('button', { name: 'Show span' }).first().waitFor();
      await visitor.assertAccessible();
      await page.getByRole('button', { name: 'Show span' }).first().click();
      await details.waitFor();
      await details.getByRole('heading', { name: 'Logs of this span' }).waitFor();
    }],

    ['what was sent is shown raw', async () => {
      await page.getByRole('tab', { name: 'Raw' }).click();
      await page.getByText('"resourceSpans"').first().waitFor();
      await page.getByRole('button', { name: 'Download OTLP/JSON' }).waitFor();
      await visitor.assertAccessible();
    }],

    ['going back keeps the filter', async () => {
      await page.getByRole('link', { name: 'Traces', exact: true }).first().waitFor();
      for (let i = 0; i < 12 && !new URL(page.url()).pathname.endsWith('/traces') && new URL(page.url()).pathname !== '/'; i += 1) {
        await page.goBack();
      }
      await page.getByRole('button', { name: /^Remove filter status/ }).waitFor();
      await rows.first().waitFor();
    }],

    ['a span of a word is found by the search field', async () => {
      await page.goto('/traces');
      await rows.first().waitFor();
      await page.keyboard.press('/');
      await page.keyboard.type('service:ts-travel-service status:error');
      await page.keyboard.press('Enter');
      await page.getByRole('button', { name: /^Remove filter service/ }).waitFor();
      await visitor.settle();
      const answered = await server.json('/api/v1/traces?from=now-15m&service=ts-travel-service&status=ERROR&limit=1000');
      assert.ok(answered.traces.length > 0 && (await rows.count()) > 0);
      assert.ok((await rows.first().innerText()).includes(answered.traces[0].root.name));
    }],

    ['log search finds a word and leads to its trace', async () => {
      await screen('Logs').click();
      await records.waitFor();
      const field = page.getByRole('search').getByRole('textbox');
      await field.fill('exception');
      await field.press('Enter');
      await page.getByRole('button', { name: /^Remove filter words/ }).waitFor();
      await visitor.settle();
      const answered = await server.json('/api/v1/logs?from=now-15m&q=exception&limit=1000');
      const shown = records.getByRole('listitem');
      assert.ok(answered.logs.length > 0, 'the pack has exceptions');
      assert.equal(Number(await shown.first().getAttribute('aria-setsize')), answered.logs.length, 'all of them are listed');
      for (const text of (await shown.allInnerTexts()).slice(0, 10)) assert.match(text, /exception/i);
      await visitor.pictures('logs');
      await visitor.assertAccessible();
      await shown.first().getByRole('button').first().click();
      await page.getByRole('link', { name: 'Open trace' }).first().click();
      await waterfall.waitFor();
      assert.ok(page.url().includes(answered.logs[0].trace_id), 'the trace of the newest record');
    }],

    ['the severity filter leaves what is at least as severe', async () => {
      await page.goto('/logs');
      await records.waitFor();
      await page.getByRole('button', { name: 'Severity', exact: true }).click();
      await page.getByRole('option', { name: /^ERROR/ }).click();
      await page.getByRole('button', { name: /^Remove filter severity/ }).waitFor();
      await visitor.settle();
      const size = Number(await records.getByRole('listitem').first().getAttribute('aria-setsize'));
      assert.equal(size, 87, 'the ERROR records of the pack');
    }],

    ['the SQL box runs a query', async () => {
      await screen('SQL').click();
      await writeSql(page, 'SELECT service, count(*) AS spans, sum(duration_ns) AS total FROM spans GROUP BY service ORDER BY spans DESC, service');
      await page.getByRole('button', { name: 'Run' }).click();
      const grid = page.getByRole('table', { name: 'Result' });
      await grid.waitFor();
      const services = await server.json('/api/v1/services');
      assert.equal(Number(await grid.getAttribute('aria-rowcount')), services.services.length + 1);
      const first = await grid.getByRole('row').nth(1).getByRole('cell').allInnerTexts();
      const most = services.services.reduce((a, b) => (b.span_count > a.span_count ? b : a));
      assert.deepEqual(first.slice(0, 2), [most.service, String(most.span_count)]);
      await visitor.settle();
      await visitor.pictures('sql');
    }],
    ['the SQL box is accessible', () => visitor.assertAccessible()],
    ['64-bit integers are exact in the grid', async () => {
      await writeSql(page, 'SELECT CAST(9007199254740993 AS BIGINT) AS big');
      await page.keyboard.press('Control+Enter');
      await page.getByRole('table', { name: 'Result' }).getByText('9007199254740993').waitFor();
    }],
    ['a wrong statement is answered with what is wrong', async () => {
      await writeSql(page, 'SELECT nothing FROM spans');
      await page.getByRole('button', { name: 'Run' }).click();
      const alert = page.getByRole('alert');
      await alert.waitFor();
      assert.match(await alert.innerText(), /nothing/);
      await visitor.assertAccessible();
    }, [/400/]],

    ['services have their figures', async () => {
      await screen('Services').click();
      const services = await server.json('/api/v1/services?from=now-15m');
      const named = (name) => table.getByRole('row').filter({ has: page.getByRole('button', { name, exact: true }) });
      await named(services.services[0].service).waitFor();
      await visitor.settle();
      for (const { service } of services.services) assert.equal(await named(service).count(), 1, service);
      await visitor.pictures('services');
      await visitor.assertAccessible();
      await table.getByRole('button', { name: 'ts-travel-service', exact: true }).click();
      const panel = page.getByRole('complementary', { name: 'Service ts-travel-service' });
      await panel.getByText('TripRepository.findAll').waitFor();
      await visitor.assertAccessible();
    }],

    ['the keys are explained, and the palette goes places', async () => {
      await page.goto('/traces');
      await rows.first().waitFor();
      await page.keyboard.press('?');
      await page.getByRole('dialog').waitFor();
      await visitor.assertAccessible();
      await page.keyboard.press('Escape');
      await page.getByRole('dialog').waitFor({ state: 'detached' });
      await page.keyboard.press('Control+k');
      await page.getByRole('dialog').waitFor();
      await visitor.assertAccessible();
      await page.keyboard.type('sql');
      await page.keyboard.press('Enter');
      await page.getByRole('button', { name: 'Run' }).waitFor();
    }],

    ['an unknown trace is said to be unknown', async () => {
      await page.goto('/trace/00000000000000000000000000000fff');
      await page.getByRole('heading', { name: 'This trace is not here' }).waitFor();
      await visitor.assertAccessible();
    }, [/404/]],
    ['an unknown page leads back', async () => {
      await page.goto('/nowhere');
      await page.getByRole('link').first().waitFor();
      await visitor.assertAccessible();
    }],
  ];
}

function escape(text) {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

/** Replaces the text of the editor. */
async function writeSql(page, sql) {
  const editor = page.getByRole('textbox', { name: 'SQL statement' });
  await editor.click();
  await page.keyboard.press('Control+a');
  await page.keyboard.insertText(sql);
}
