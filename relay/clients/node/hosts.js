// The hosts of a test: a redis-server, or several, relays in front of it, and app servers behind the relays.
// Each can be stopped and started again at its old address.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { answers, Daemon, pong, relayBinary } from './daemon.js';
import { freePorts } from './ports.js';

// metric reads a series of a relay.
export async function metric(relay, series) {
  const text = await (await fetch(`${relay.http}/metrics`)).text();
  return Number(text.split('\n').find((line) => line.startsWith(`redis_relay_${series} `))?.split(' ').at(-1));
}

export class Hosts {
  #folder = mkdtempSync('/tmp/rr-'); // short: a socket's path has about 100 bytes
  #config;
  #daemons = []; // in the order of their start

  // start starts a Redis that keeps what it acknowledged, and relays with the config: the path of a
  // relay.yaml.
  static async start({ config, relays }) {
    const hosts = new this(config);
    try {
      await hosts.#startRedis();
      for (let i = 0; i < relays; i++) await hosts.addRelay();
    } catch (error) {
      await hosts.close();
      throw error;
    }
    return hosts;
  }

  constructor(config) {
    this.#config = config;
    this.relays = [];
  }

  async #startRedis() {
    this.redis = await this.addRedis();
    this.redisURL = this.redis.url;
    this.redisSocket = this.redis.socket;
  }

  // addRedis starts one more Redis that keeps what it acknowledged. It has a url, a socket, which is a path,
  // and ask, which returns what redis-cli prints of the answer to a command.
  // With the default appendfsync, everysec, Redis puts off its writes while the disk is busy, and acknowledges before it
  // writes: SIGKILL then loses what was acknowledged. With no, each write comes first, and outlives the process.
  async addRedis() {
    const [port] = await freePorts(1);
    const dir = mkdtempSync(join(this.#folder, 'redis-'));
    const socket = join(dir, 'redis.sock');
    const settings = {
      bind: '127.0.0.1', port, unixsocket: socket, dir, save: '', appendonly: 'yes', appendfsync: 'no',
    };
    const args = Object.entries(settings).flatMap(([key, value]) => [`--${key}`, String(value)]);
    const redis = await this.#add(new Daemon('redis-server', args, () => pong({ port })));
    const url = `redis://127.0.0.1:${port}`;
    const ask = (...command) => execFileSync('redis-cli', ['-u', url, ...command], { encoding: 'utf8' }).trim();
    return Object.assign(redis, { url, socket, ask });
  }

  // addRelay starts one more relay, with the same config and perhaps more flags: what a new host does. It has a socket,
  // and http, the address of its metrics and its page.
  async addRelay(flags = []) {
    const socket = join(this.#folder, `relay-${this.relays.length + 1}.sock`);
    const [port] = await freePorts(1);
    const http = `127.0.0.1:${port}`;
    const addresses = ['--redis.url', this.redisURL, '--socket.path', socket, '--http.listen', http];
    const args = ['--config', this.#config, ...addresses, ...flags];
    const relay = await this.#add(new Daemon(relayBinary(), args, () => answers(`http://${http}/readyz`)));
    this.relays.push(Object.assign(relay, { socket, http: `http://${http}` }));
    return relay;
  }

  // serve starts an app server behind the relay and gives it a url, which must answer GET with 200.
  // The app learns from its environment: PORT to listen on, REDIS_SOCKET of its relay, REDIS_URL for
  // keys of its own.
  async serve(relay, command, args, { cwd, env = {} } = {}) {
    const [port] = await freePorts(1);
    const url = `http://127.0.0.1:${port}`;
    const options = {
      cwd,
      env: { ...process.env, PORT: String(port), REDIS_SOCKET: relay.socket, REDIS_URL: this.redisURL, ...env },
    };
    const server = await this.#add(new Daemon(command, args, () => answers(url), options));
    return Object.assign(server, { url });
  }

  // output is what all have printed, for a test that failed.
  get output() {
    return this.#daemons.map((daemon) => daemon.output).join('\n');
  }

  async close() {
    try {
      for (const daemon of this.#daemons.toReversed()) await daemon.stop('SIGTERM');
    } finally {
      rmSync(this.#folder, { recursive: true, force: true });
    }
  }

  async #add(daemon) {
    this.#daemons.push(daemon);
    await daemon.start();
    return daemon;
  }
}
