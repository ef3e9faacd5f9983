// The server under test: a relay in front of its own redis-server, or, with TARGET=redis,
// that redis-server's Unix socket itself, which proves the suite against the real thing.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { answers, Daemon, pong, relayBinary } from './daemon.js';
import { freePorts } from './ports.js';

const SCHEMAS = fileURLToPath(new URL('../../../schemas', import.meta.url));

// isRelay says whether the target has the relay's own behaviour (schemas, error codes).
export const isRelay = process.env.TARGET !== 'redis';

// startTarget starts what the environment asks for and resolves when it serves.
export async function startTarget() {
  const binary = isRelay ? relayBinary() : undefined;
  const folder = mkdtempSync('/tmp/rr-'); // short: a socket's path has about 100 bytes
  const [redisPort, httpPort] = await freePorts(2);
  const daemons = [
    new Daemon('redis-server', redisArguments(folder, redisPort), () => pong(join(folder, 'redis.sock'))),
  ];
  if (isRelay) {
    const config = join(folder, 'relay.yaml');
    writeFileSync(config, relayConfig(folder, redisPort, httpPort));
    daemons.push(new Daemon(binary, ['--config', config], () => answers(`http://127.0.0.1:${httpPort}/readyz`)));
  }
  const target = new Target(folder, daemons);
  try {
    for (const daemon of daemons) await daemon.start();
  } catch (error) {
    await target.close();
    throw error;
  }
  return target;
}

// startPair starts two relays in front of one redis-server, with both doors open, and resolves to
// {relays: [{socket, nats}], close}; nats is a port of 127.0.0.1.
export async function startPair() {
  const binary = relayBinary();
  const folder = mkdtempSync('/tmp/rr-');
  const [redisPort, ...ports] = await freePorts(5);
  const daemons = [
    new Daemon('redis-server', redisArguments(folder, redisPort), () => pong(join(folder, 'redis.sock'))),
  ];
  const relays = [0, 1].map((n) => {
    const [httpPort, nats] = ports.slice(2 * n);
    const config = { ...relaySettings(join(folder, `${n}.sock`), redisPort, httpPort), ...natsSettings(nats) };
    writeFileSync(join(folder, `${n}.yaml`), JSON.stringify(config));
    daemons.push(new Daemon(binary, ['--config', join(folder, `${n}.yaml`)], () => answers(`http://127.0.0.1:${httpPort}/readyz`)));
    return { socket: config.socket.path, nats };
  });
  const target = new Target(folder, daemons);
  try {
    for (const daemon of daemons) await daemon.start();
  } catch (error) {
    await target.close();
    throw error;
  }
  return { relays, close: () => target.close() };
}

// Target is the running server: a socket, and the power to take it away.
class Target {
  #folder;
  #daemons; // in the order of their start; the last one is under test

  constructor(folder, daemons) {
    this.#folder = folder;
    this.#daemons = daemons;
    this.socket = join(folder, isRelay ? 'relay.sock' : 'redis.sock');
  }

  // stop ends the server under test with the signal and waits for its end.
  stop(signal) {
    return this.#daemons.at(-1).stop(signal);
  }

  // start starts it again, on the same socket.
  start() {
    return this.#daemons.at(-1).start();
  }

  // restartRedis takes Redis away and brings it back, empty: what is behind a relay, or the server
  // under test itself.
  async restartRedis() {
    await this.#daemons[0].stop('SIGKILL');
    await this.#daemons[0].start();
  }

  async close() {
    try {
      for (const daemon of this.#daemons.toReversed()) await daemon.stop('SIGTERM');
    } finally {
      rmSync(this.#folder, { recursive: true, force: true });
    }
  }
}

function redisArguments(folder, port) {
  const settings = {
    bind: '127.0.0.1', port, unixsocket: join(folder, 'redis.sock'), dir: folder, save: '', appendonly: 'no',
  };
  return Object.entries(settings).flatMap(([key, value]) => [`--${key}`, String(value)]);
}

function relayConfig(folder, redisPort, httpPort) {
  return JSON.stringify(relaySettings(join(folder, 'relay.sock'), redisPort, httpPort)); // JSON is YAML
}

function relaySettings(path, redisPort, httpPort) {
  return {
    redis: { url: `redis://127.0.0.1:${redisPort}` },
    socket: { path },
    http: { listen: `127.0.0.1:${httpPort}` },
    schemas: SCHEMAS,
    routes: [{ prefix: 'chat:', schema: 'chat.json' }],
  };
}

function natsSettings(port) {
  return {
    nats: { listen: `127.0.0.1:${port}` },
    routes: [
      { prefix: 'chat:', schema: 'chat.json', nats: true },
      { prefix: 'plain:', nats: true },
      { prefix: 'kept:', nats: true, history: { length: 100 } },
    ],
  };
}
