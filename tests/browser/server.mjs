// The real binary for the browser test: started on a temporary directory, ended by its handle.

import { spawn, execFile } from 'node:child_process';
import { existsSync, mkdtempSync, openSync, closeSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

const ROOT = resolve(import.meta.dirname, '..', '..');

function binary() {
  const target = process.env.CARGO_TARGET_DIR ?? join(ROOT, 'target');
  const path = process.env.SPANLAKE_BIN ?? join(target, 'debug', 'spanlake');
  if (!existsSync(path)) throw new Error(`${path} does not exist: cargo build first, or name the binary in SPANLAKE_BIN`);
  return path;
}

/** What the developer's shell says about Spanlake is no part of a test. */
function cleanEnvironment() {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('SPANLAKE_')));
}

export class Server {
  static async start(flags = []) {
    const server = new Server();
    server.home = mkdtempSync(join(tmpdir(), 'spanlake-browser-'));
    server.flags = flags;
    try {
      await server.#spawn({ otlp_grpc: '127.0.0.1:0', otlp_http: '127.0.0.1:0', http: '127.0.0.1:0' });
    } catch (error) {
      await server.stop();
      throw error;
    }
    return server;
  }

  async #spawn(addresses) {
    const data = join(this.home, 'data');
    const file = join(data, 'addresses.json');
    rmSync(file, { force: true });
    const log = openSync(join(this.home, 'server.log'), 'a');
    const ports = ['--otlp-grpc-listen', addresses.otlp_grpc, '--otlp-http-listen', addresses.otlp_http, '--http-listen', addresses.http];
    this.process = spawn(binary(), ['serve', '--data-dir', data, ...ports, ...this.flags], {
      env: cleanEnvironment(),
      stdio: ['ignore', log, log],
    });
    closeSync(log);
    await this.#untilReady(file);
  }

  /** Starts it again on the same data and addresses, after {@link kill}. */
  restart() {
    return this.#spawn(this.addresses);
  }

  async #untilReady(file) {
    const deadline = Date.now() + 60_000;
    for (;;) {
      if (this.process.exitCode !== null) throw new Error(`the server ended with ${this.process.exitCode}: ${this.log()}`);
      if (Date.now() > deadline) throw new Error(`waited 60 s in vain for the server: ${this.log()}`);
      if (existsSync(file)) {
        this.addresses = JSON.parse(readFileSync(file, 'utf8'));
        const answer = await fetch(`${this.url}/api/v1/ready`).catch(() => null);
        if (answer?.ok) return;
      }
      await sleep(50);
    }
  }

  get url() {
    return `http://${this.addresses.http}`;
  }

  log() {
    return readFileSync(join(this.home, 'server.log'), 'utf8').slice(-3000);
  }

  async json(path) {
    const answer = await fetch(`${this.url}${path}`);
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
    return answer.json();
  }

  /** Sends a recorded pack, moved so that it ends now. */
  async replayToNow(pack) {
    const directory = join(ROOT, 'tests', 'data', pack);
    const files = readdirSync(directory).filter((name) => name.endsWith('.otlp.zst')).map((name) => join(directory, name));
    await promisify(execFile)(binary(), ['replay', ...files, '--shift-to-now', '--to', `http://${this.addresses.otlp_http}`], {
      env: cleanEnvironment(),
      timeout: 120_000,
    });
  }

  /** Ends the process and leaves its data. */
  async kill() {
    // None when it could not be started.
    if (this.process?.exitCode === null && this.process.signalCode === null) {
      const ended = new Promise((done) => this.process.once('exit', done));
      this.process.kill('SIGKILL');
      await ended;
    }
  }

  async stop() {
    await this.kill();
    rmSync(this.home, { recursive: true, force: true });
  }
}
