// One visitor: a page whose complaints are collected, with axe and pictures.

import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const TAGS = ['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa'];

export class Visitor {
  static async open(browser, url) {
    const context = await browser.newContext({
      baseURL: url,
      viewport: { width: 1440, height: 900 },
      colorScheme: 'dark',
      reducedMotion: 'reduce',
      timezoneId: 'UTC',
      locale: 'en-GB',
      permissions: ['clipboard-read', 'clipboard-write'],
    });
    const visitor = new Visitor();
    visitor.context = context;
    visitor.page = await context.newPage();
    visitor.page.setDefaultTimeout(15_000);
    visitor.complaints = [];
    visitor.#listen(new URL(url).origin);
    return visitor;
  }

  #listen(origin) {
    const { page } = this;
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) this.complaints.push(`console ${message.type()}: ${message.text()}`);
    });
    page.on('pageerror', (error) => this.complaints.push(`exception: ${error.message}`));
    page.on('request', (request) => {
      const url = new URL(request.url());
      if (!['data:', 'blob:'].includes(url.protocol) && url.origin !== origin) this.complaints.push(`asked another host: ${url}`);
    });
  }

  /** The complaints since the last call; `expected` ones (by pattern) must be among them and are taken out. */
  takeComplaints(expected = []) {
    const left = [...this.complaints];
    this.complaints.length = 0;
    for (const pattern of expected) {
      const at = left.findIndex((text) => pattern.test(text));
      if (at < 0) left.push(`expected ${pattern}, but nobody complained`);
      else left.splice(at, 1);
    }
    return left;
  }

  /** Accessibility of what is shown now, in both themes; throws with every violation. */
  async assertAccessible() {
    const problems = [];
    for (const colorScheme of ['dark', 'light']) {
      await this.page.emulateMedia({ colorScheme });
      await this.settle();
      // By the debugger, not as a script of the page: its Content-Security-Policy allows none.
      await this.page.evaluate(AXE);
      const { violations } = await this.page.evaluate((tags) => globalThis.axe.run(document, { runOnly: { type: 'tag', values: tags } }), TAGS);
      for (const { id, help, nodes } of violations) {
        const where = nodes.slice(0, 4).map((node) => `${node.target.join(' ')} (${node.failureSummary?.split('\n').slice(1, 2).join('').trim()})`);
        problems.push(`${colorScheme}: ${id}: ${help}: ${nodes.length} times: ${where.join('; ')}`);
      }
    }
    await this.page.emulateMedia({ colorScheme: 'dark' });
    if (problems.length > 0) throw new Error(`axe:\n  ${problems.join('\n  ')}`);
  }

  /** Pictures in both themes into $SPANLAKE_SCREENSHOTS; `settled`: what the page waits for will come. */
  async pictures(name, { settled = true } = {}) {
    const directory = process.env.SPANLAKE_SCREENSHOTS;
    if (!directory) return;
    mkdirSync(directory, { recursive: true });
    for (const colorScheme of ['light', 'dark']) {
      await this.page.emulateMedia({ colorScheme });
      if (settled) await this.settle();
      await this.page.screenshot({ path: join(directory, `${name}-${colorScheme}.png`) });
    }
  }

  /** Until nothing is busy and two frames have been painted. */
  async settle() {
    await this.page.waitForFunction(() => !document.querySelector('[aria-busy="true"]'));
    await this.page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
  }

  async close() {
    await this.context.close();
  }
}
