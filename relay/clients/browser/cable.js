// A cable between a browser and a server, which can be pulled: no byte passes in either direction, no
// connection ends, as where Wi-Fi is lost. (Chromium's own offline mode lets open WebSockets and event
// streams go on.)
//
//   const cable = await lay(server.url);
//   const ann = await hosts.visit(cable.url);
//   cable.pull();
//   cable.plug();
//   cable.close();

import { once } from 'node:events';
import { connect, createServer } from 'node:net';

// lay makes a cable to the server of the address, with an address of its own.
export async function lay(url) {
  const { hostname, port } = new URL(url);
  const cable = new Cable(() => connect(port, hostname));
  await cable.listen();
  return cable;
}

class Cable {
  #server;
  #pairs = new Set(); // [browser's socket, server's socket]
  #pulled = false;

  constructor(reach) {
    this.#server = createServer((near) => this.#join([near, reach()]));
  }

  async listen() {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    this.url = `http://127.0.0.1:${this.#server.address().port}`;
  }

  pull() {
    this.#pulled = true;
    for (const [near, far] of this.#pairs) near.unpipe(far), far.unpipe(near);
  }

  plug() {
    this.#pulled = false;
    for (const pair of this.#pairs) flow(pair);
  }

  close() {
    this.#server.close();
    for (const [near, far] of this.#pairs) near.destroy(), far.destroy();
  }

  #join(pair) {
    const [near, far] = pair;
    this.#pairs.add(pair);
    const part = () => {
      this.#pairs.delete(pair);
      near.destroy();
      far.destroy();
    };
    for (const socket of pair) socket.on('error', part).on('close', part);
    if (!this.#pulled) flow(pair);
  }
}

function flow([near, far]) {
  near.pipe(far);
  far.pipe(near);
}
