// What the suites start and stop: redis-server, relays, app servers.

import { spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { createConnection } from 'node:net';
import { PATIENCE, until, within } from './wait.js';

const running = new Set();
process.on('exit', () => running.forEach((daemon) => daemon.kill('SIGKILL')));

// Daemon is a child process that is ready when its probe, an async condition, says so.
// Options are those of spawn: cwd, env; with detached, a signal is for all processes that it has started, too.
export class Daemon {
  #command;
  #args;
  #probe;
  #options;
  #child;
  #exit = Promise.resolve();
  #output = '';

  constructor(command, args, probe, options = {}) {
    this.#command = command;
    this.#args = args;
    this.#probe = probe;
    this.#options = options;
  }

  // output is all that the process has printed since its last start.
  get output() {
    return this.#output;
  }

  // isRunning says whether the process has started and not ended.
  get isRunning() {
    return running.has(this);
  }

  async start() {
    const child = spawn(this.#command, this.#args, { ...this.#options, stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child = child;
    running.add(this);
    this.#output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => (this.#output += data));
    this.#exit = new Promise((resolve) => {
      child.once('error', (error) => resolve(error.message));
      child.once('exit', (code, signal) => resolve(`ended with ${signal ?? code}`));
    });
    this.#exit.then(() => running.delete(this));
    const died = this.#exit.then((how) => {
      throw new Error(`${this.#command}: ${how} before it was ready:\n${this.#output}`);
    });
    died.catch(() => {}); // an end after readiness is the test's own doing
    const ready = until(`readiness of ${this.#command}`, this.#probe).catch((error) => {
      throw new Error(`${error.message}; its output:\n${this.#output}`, { cause: error });
    });
    await Promise.race([died, ready]);
  }

  // freeze takes the processor away from the process, which keeps its connections; thaw gives it back.
  freeze() {
    this.kill('SIGSTOP');
  }

  thaw() {
    this.kill('SIGCONT');
  }

  // signal sends a signal that does not end the process: SIGSTOP, SIGCONT, SIGHUP.
  signal(signal) {
    this.kill(signal);
  }

  // kill sends a signal and waits for nothing.
  kill(signal) {
    if (!this.#options.detached) return this.#child?.kill(signal);
    try {
      process.kill(-this.#child.pid, signal);
    } catch (error) {
      if (error.code !== 'ESRCH') throw error; // all have ended
    }
  }

  // stop ends the process with the signal and waits for its end.
  async stop(signal) {
    this.kill(signal);
    try {
      await within(`end of ${this.#command} after ${signal}`, this.#exit, PATIENCE);
    } catch (error) {
      this.kill('SIGKILL');
      throw new Error(`${error.message}; its output:\n${this.#output}`);
    }
  }
}

// relayBinary is the program that RELAY_BIN names.
export function relayBinary() {
  const binary = process.env.RELAY_BIN;
  if (!binary) {
    throw new Error('RELAY_BIN is not set: build the relay (go build -o redis-relay .) and name its binary, absolute');
  }
  accessSync(binary, constants.X_OK);
  return binary;
}

// A probe is asked again: one that gets no answer, in milliseconds, must not take the time of all others.
const PROBE = 10_000;

// answers says whether a GET of the address is answered with 200.
export async function answers(url) {
  const response = await fetch(url, { signal: AbortSignal.timeout(PROBE) });
  await response.text();
  return response.status === 200;
}

// pong says whether a Redis at the address, a path or {port}, answers PING and has loaded its data.
export function pong(address) {
  return new Promise((resolve, reject) => {
    const connection = createConnection(address, () => connection.write('PING\r\n'));
    connection.setTimeout(PROBE, () => connection.destroy());
    connection.once('error', reject);
    connection.once('close', () => reject(new Error('no answer to PING')));
    connection.once('data', (data) => {
      resolve(data.toString().startsWith('+PONG'));
      connection.destroy();
    });
  });
}
