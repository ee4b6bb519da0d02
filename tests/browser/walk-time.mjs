// The time field: what people type and paste, zones, and an address that means the same to everyone.

import assert from 'node:assert/strict';
import { incident } from './incident.mjs';
import { send } from './large-trace.mjs';

const SECOND = 1_000_000_000n;

export function timeWalk(visitor, server) {
  const { page } = visitor;
  const main = page.getByRole('main');
  const opener = page.getByTitle('Time range (t)');
  const panel = page.getByRole('dialog', { name: 'Time range' });
  const field = panel.getByRole('textbox', { name: 'Time range as text' });
  const params = () => new URL(page.url()).searchParams;
  const rows = main.getByRole('table').getByRole('link');
  const start = BigInt(Math.floor(Date.now() / 1000) - 11 * 60) * SECOND;
  const iso = (at) => new Date(Number(at / 1_000_000n)).toISOString().replace(/\.000Z$/, 'Z');
  const type = async (text) => {
    await page.keyboard.press('t');
    await panel.waitFor();
    await field.fill(text);
    await page.keyboard.press('Enter');
    await panel.waitFor({ state: 'detached' });
  };

  return [
    ['a shop has sent', async () => {
      await send(`http://${server.addresses.otlp_http}`, incident(start));
      await page.goto('/traces?tz=utc');
      await rows.first().waitFor();
    }],
    ['the key that opens it works at once, before the page is a second old', async () => {
      await page.reload({ waitUntil: 'commit' });
      await opener.waitFor();
      await page.keyboard.press('t');
      await panel.waitFor({ timeout: 3_000 });
      await page.keyboard.press('Escape');
      await panel.waitFor({ state: 'detached' });
    }],
    ['what is typed becomes an address with zone', async () => {
      const day = iso(start).slice(0, 10);
      for (const [text, from, to] of [
        ['2h', 'now-2h', null],
        ['last 30 minutes', 'now-30m', null],
        ['now-2h..now-1h', 'now-2h', 'now-1h'],
        [`${day} 9-11`, `${day}T09:00:00Z`, `${day}T11:00:00Z`],
        [`${day}T09:00:00+02:00/${day}T10:00:00Z`, `${day}T07:00:00Z`, `${day}T10:00:00Z`],
        [`[${day} 14:00:01,123]`, `${day}T13:55:01.123Z`, `${day}T14:05:01.123Z`],
        ['1763650000', '2025-11-20T14:41:40Z', '2025-11-20T14:51:40Z'],
      ]) {
        await type(text);
        await page.waitForFunction(([wanted, end]) => {
          const now = new URL(location.href).searchParams;
          return now.get('from') === wanted && now.get('to') === end;
        }, [from, to]);
      }
    }],
    ['what cannot be read is explained, in the field and in the address', async () => {
      await page.keyboard.press('t');
      await field.fill('soon');
      await panel.getByText(/“soon” is not a time/).waitFor();
      assert.equal(await field.getAttribute('aria-invalid'), 'true');
      await visitor.assertAccessible();
      await page.keyboard.press('Enter');
      assert.ok(await panel.isVisible(), 'it is not taken');
      await page.keyboard.press('Escape');
      await page.goto('/traces?from=whenever');
      await main.getByText(/“whenever” is not a time.*The last 15 minutes are shown/).waitFor();
    }],
    ['a zone has a name, and stays in the address', async () => {
      await page.goto(`/traces?from=${start}&to=${start + 660n * SECOND}`);
      await rows.first().waitFor();
      await visitor.settle();
      await page.keyboard.press('t');
      const other = panel.getByRole('combobox', { name: 'Another time zone' });
      await other.fill('Europe/Atlantis');
      await panel.getByText(/^Not a zone/).waitFor();
      await other.fill('Asia/Kathmandu');
      await page.waitForFunction(() => new URL(location.href).searchParams.get('tz') === 'Asia/Kathmandu');
      await visitor.pictures('time-field');
      await visitor.assertAccessible();
      await page.keyboard.press('Escape');
      await panel.waitFor({ state: 'detached' });
      assert.match(await opener.innerText(), /\+05:45$/);
    }],
    ['two browsers in different zones see the same instants', async () => {
      const address = page.url();
      const at = (zone) => new Intl.DateTimeFormat('en-GB', { timeZone: zone, hour: '2-digit', minute: '2-digit', second: '2-digit' }).format(Number(start / 1_000_000n));
      for (const [zone, query] of [['America/New_York', null], ['Australia/Lord_Howe', null], ['America/New_York', 'utc']]) {
        const context = await visitor.context.browser().newContext({ baseURL: server.url, timezoneId: zone });
        try {
          const there = await context.newPage();
          const url = new URL(address);
          if (query === null) url.searchParams.delete('tz');
          else url.searchParams.set('tz', query);
          await there.goto(url.href);
          await there.getByRole('main').getByRole('table').getByRole('link').first().waitFor();
          const shown = await there.getByTitle('Time range (t)').innerText();
          assert.ok(shown.includes(at(query === null ? zone : 'UTC')), `${zone}: ${shown}`);
          // As copied: with the zone.
          await there.keyboard.press('t');
          assert.equal(await there.getByRole('textbox', { name: 'Time range as text' }).inputValue(), `${iso(start)}..${iso(start + 660n * SECOND)}`);
        } finally {
          await context.close();
        }
      }
      assert.equal(params().get('from'), String(start));
    }],
    ['a time without zone in an address is UTC for everyone', async () => {
      const context = await visitor.context.browser().newContext({ baseURL: server.url, timezoneId: 'Asia/Tokyo' });
      try {
        const there = await context.newPage();
        await there.goto(`/traces?from=${iso(start).slice(0, 19)}&to=now`);
        await there.getByRole('main').getByRole('table').getByRole('link').first().waitFor();
        await there.keyboard.press('t');
        assert.equal(await there.getByRole('textbox', { name: 'Time range as text' }).inputValue(), `${iso(start)}..now`);
      } finally {
        await context.close();
      }
    }],
  ];
}
