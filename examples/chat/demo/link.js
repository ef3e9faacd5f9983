// A way to Redis that can be cut: a TCP proxy on 127.0.0.1.

import { once } from 'node:events';
import { connect, createServer } from 'node:net';

export class Link {
  #server;
  #sockets = new Set();
  #isCut = false;

  // to is where Redis is: {host, port}.
  constructor(to) {
    this.#server = createServer((near) => {
      this.#add(near);
      if (this.#isCut) return near.resetAndDestroy();
      const far = connect(to);
      this.#add(far);
      near.pipe(far).pipe(near);
      near.once('close', () => far.destroy());
      far.once('close', () => near.destroy());
    });
  }

  #add(socket) {
    this.#sockets.add(socket);
    socket.setNoDelay();
    socket.on('error', () => {}); // 'close' follows
    socket.once('close', () => this.#sockets.delete(socket));
  }

  // open resolves to the port at which Redis can be reached by this way.
  async open() {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return this.#server.address().port;
  }

  // cut ends all connections and refuses new ones until mend. The port stays taken, so that nobody else gets it.
  cut() {
    this.#isCut = true;
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  mend() {
    this.#isCut = false;
  }
}

// openLink makes a way to the Redis of a URL. It returns {link, url}, url for who is to go that way; or only the URL where
// a proxy cannot stand between: TLS, Sentinel, a Unix socket.
export async function openLink(redis) {
  const url = new URL(redis);
  if (url.protocol !== 'redis:' || url.searchParams.has('master_name')) return { url: redis };
  const link = new Link({ host: url.hostname.replace(/^\[|\]$/g, '') || '127.0.0.1', port: Number(url.port || 6379) });
  url.host = `127.0.0.1:${await link.open()}`;
  return { link, url: url.href };
}
