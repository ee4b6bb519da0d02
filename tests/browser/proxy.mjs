// A reverse proxy that serves Spanlake under a sub-path: it takes the prefix away and knows nothing else. It can play
// that another version runs behind it, whose files have other names.

import { createServer, request } from 'node:http';
import { Readable } from 'node:stream';

export class Proxy {
  /** `prefix` such as `/spanlake`; requests outside of it are answered 404 and kept in `strays`. `build`, when set, names another version. */
  static async start(target, prefix) {
    const proxy = new Proxy();
    proxy.strays = [];
    proxy.build = null;
    const { hostname, port } = new URL(target);
    proxy.server = createServer((incoming, outgoing) => {
      if (incoming.url === prefix) {
        outgoing.writeHead(301, { location: `${prefix}/` }).end();
        return;
      }
      if (!incoming.url.startsWith(`${prefix}/`)) {
        proxy.strays.push(incoming.url);
        outgoing.writeHead(404).end();
        return;
      }
      const path = incoming.url.slice(prefix.length);
      if (proxy.build !== null && path.startsWith('/assets/')) {
        // As the server answers for a file that it does not have.
        outgoing.writeHead(404, { 'content-type': 'application/json' }).end('{}');
        return;
      }
      const headers = { ...incoming.headers };
      const renamed = proxy.build !== null && path === '/api/v1/status';
      if (renamed) delete headers['accept-encoding'];
      const onward = request({ hostname, port, path, method: incoming.method, headers }, (answer) => {
        if (renamed) {
          withBuild(answer, outgoing, proxy.build);
          return;
        }
        outgoing.writeHead(answer.statusCode, answer.headers);
        answer.pipe(outgoing);
      });
      onward.on('error', () => outgoing.writeHead(502).end());
      incoming.pipe(onward);
    });
    await new Promise((listening) => proxy.server.listen(0, '127.0.0.1', listening));
    // A walk that fails half way leaves it behind: it must not keep the program alive.
    proxy.server.unref();
    proxy.url = `http://127.0.0.1:${proxy.server.address().port}`;
    return proxy;
  }

  async stop() {
    this.server.closeAllConnections();
    await new Promise((closed) => this.server.close(closed));
  }
}

/** The answer about the server's state, as the other version would give it. */
async function withBuild(answer, outgoing, build) {
  const status = await new Response(Readable.toWeb(answer)).json();
  outgoing.writeHead(answer.statusCode, { 'content-type': 'application/json' }).end(JSON.stringify({ ...status, ui_build: build }));
}
