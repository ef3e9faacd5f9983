// The ports of what the suites start. They are below those that outgoing connections get, and suites that run at
// the same time share none, so that what a test stops can start again at its port. python/ports.py does the same;
// relay/redistest has those from 20,000.

import { createServer } from 'node:net';

const FIRST = 11_000;
const END = 20_000;
const RANGE = 200;

let first; // a promise of the first port of this process's range
let given = 0;

// freePorts finds ports of 127.0.0.1 that nobody listens on, all different. It takes them in turn, so that one is
// not soon given again.
export async function freePorts(count) {
  const own = await (first ??= claim());
  const ports = [];
  for (let tries = 1; ports.length < count; tries++) {
    if (tries === RANGE) throw new Error(`no ${count} free ports from ${own} on`);
    const port = own + 1 + (given++ % (RANGE - 1));
    const server = await listen(port);
    if (!server) continue;
    await new Promise((resolve) => server.close(resolve));
    ports.push(port);
  }
  return ports;
}

// claim finds a range that no other process has, and holds it by its first port as long as this one lives.
async function claim() {
  for (let port = FIRST; port < END; port += RANGE) {
    const server = await listen(port);
    if (!server) continue;
    server.unref();
    return port;
  }
  throw new Error('all ranges of ports are taken');
}

function listen(port) {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(undefined));
    server.listen(port, '127.0.0.1', () => resolve(server));
  });
}
