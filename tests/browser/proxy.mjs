// A reverse proxy that serves Spanlake under a sub-path: it takes the prefix away and knows nothing else.

import { createServer, request } from 'node:http';

export class Proxy {
  /** `prefix` such as `/spanlake`; requests outside of it are answered 404 and kept in `strays`. */
  static async start(target, prefix) {
    const proxy = new Proxy();
    proxy.strays = [];
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
      const onward = request({ hostname, port, path, method: incoming.method, headers: incoming.headers }, (answer) => {
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
