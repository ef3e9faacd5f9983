// The server under test: a relay in front of its own redis-server, or, with TARGET=redis,
// that redis-server's Unix socket itself, which proves the suite against the real thing.

import { spawn } from 'node:child_process';
import { accessSync, constants, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createConnection, createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PATIENCE, until, within } from './wait.js';

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
    daemons.push(new Daemon(binary, ['--config', config], () => ready(httpPort)));
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
    daemons.push(new Daemon(binary, ['--config', join(folder, `${n}.yaml`)], () => ready(httpPort)));
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

  async close() {
    try {
      for (const daemon of this.#daemons.toReversed()) await daemon.stop('SIGTERM');
    } finally {
      rmSync(this.#folder, { recursive: true, force: true });
    }
  }
}

// Daemon is a child process that is ready when its probe says so.
class Daemon {
  #command;
  #args;
  #probe;
  #child;
  #exit = Promise.resolve();
  #output = '';

  constructor(command, args, probe) {
    this.#command = command;
    this.#args = args;
    this.#probe = probe;
    process.on('exit', () => this.#child?.kill('SIGKILL'));
  }

  async start() {
    const child = spawn(this.#command, this.#args, { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child = child;
    this.#output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => (this.#output += data));
    this.#exit = new Promise((resolve) => {
      child.once('error', (error) => resolve(error.message));
      child.once('exit', (code, signal) => resolve(`ended with ${signal ?? code}`));
    });
    const died = this.#exit.then((how) => {
      throw new Error(`${this.#command}: ${how} before it was ready:\n${this.#output}`);
    });
    died.catch(() => {}); // an end after readiness is the test's own doing
    await Promise.race([died, until(`readiness of ${this.#command}`, this.#probe)]);
  }

  async stop(signal) {
    this.#child?.kill(signal);
    try {
      await within(`end of ${this.#command} after ${signal}`, this.#exit, PATIENCE);
    } catch (error) {
      this.#child.kill('SIGKILL');
      throw new Error(`${error.message}; its output:\n${this.#output}`);
    }
  }
}

function relayBinary() {
  const binary = process.env.RELAY_BIN;
  if (!binary) {
    throw new Error(
      'RELAY_BIN is not set: build the relay (go build -o redis-relay .) and set RELAY_BIN to its absolute path, ' +
        'or set TARGET=redis to run the suite against redis-server itself',
    );
  }
  accessSync(binary, constants.X_OK);
  return binary;
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

// freePorts finds ports of 127.0.0.1 that nobody listens on, all different.
async function freePorts(count) {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  const ports = [];
  for (const server of servers) {
    if (!server.listening) await new Promise((resolve) => server.once('listening', resolve));
    ports.push(server.address().port);
  }
  for (const server of servers) await new Promise((resolve) => server.close(resolve));
  return ports;
}

async function ready(port) {
  const response = await fetch(`http://127.0.0.1:${port}/readyz`);
  await response.text();
  return response.status === 200;
}

function pong(path) {
  return new Promise((resolve, reject) => {
    const connection = createConnection(path, () => connection.write('PING\r\n'));
    connection.once('error', reject);
    connection.once('data', (data) => {
      connection.destroy();
      resolve(data.toString().startsWith('+PONG'));
    });
  });
}
