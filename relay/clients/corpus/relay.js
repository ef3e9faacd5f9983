// A relay with a route for each schema, and what it says about documents.

import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { Daemon, pong, relayBinary } from '../node/daemon.js';

// startRelay starts a relay on a folder with the files given, {name: text}, and resolves when it serves.
export async function startRelay(files) {
  const folder = mkdtempSync('/tmp/rc-'); // short: a socket's path has about 100 bytes
  mkdirSync(join(folder, 'schemas'));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, 'schemas', name), text);
  const config = join(folder, 'relay.yaml');
  const names = Object.keys(files);
  writeFileSync(config, JSON.stringify({ // JSON is YAML
    redis: { url: 'embedded' },
    socket: { path: join(folder, 's') },
    http: { listen: '' },
    log: { level: 'error' },
    routes: names.map((name, n) => ({ prefix: `${n}:`, schema: name })),
  }));
  const daemon = new Daemon(relayBinary(), ['--config', config], () => pong(join(folder, 's')));
  try {
    await daemon.start();
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
  return new Relay(folder, daemon, names);
}

class Relay {
  #folder;
  #daemon;
  #names;

  constructor(folder, daemon, names) {
    this.#folder = folder;
    this.#daemon = daemon;
    this.#names = names;
  }

  // checked returns how each schema is checked, in the words of redis-relay check.
  checked() {
    const out = execFileSync(relayBinary(), ['check', '--config', join(this.#folder, 'relay.yaml')], { encoding: 'utf8' });
    const rows = out.slice(out.indexOf('\nSCHEMA ')).split('\n').slice(2);
    return new Map(rows.slice(0, rows.indexOf('')).map((row) => {
      const [name, , how] = row.split(/ {2,}/);
      return [name, how];
    }));
  }

  // judge publishes documents on the channel of a schema, and returns what the relay says about each: '' if it passes.
  async judge(name, documents) {
    const channel = `${this.#names.indexOf(name)}:x`;
    const commands = documents.map((document) => {
      const payload = Buffer.from(JSON.stringify(document));
      const head = `*3\r\n$7\r\nPUBLISH\r\n$${channel.length}\r\n${channel}\r\n$${payload.length}\r\n`;
      return Buffer.concat([Buffer.from(head), payload, Buffer.from('\r\n')]);
    });
    const replies = await this.#ask(Buffer.concat(commands), documents.length);
    return replies.map((reply) => {
      if (reply.startsWith(':')) return '';
      if (reply.startsWith('-INVALID ')) return reply.slice(`-INVALID ${channel} `.length);
      throw new Error(`the relay says ${reply}`);
    });
  }

  // ask sends commands and resolves to the lines that answer them.
  #ask(commands, count) {
    return new Promise((resolve, reject) => {
      const connection = createConnection(join(this.#folder, 's'), () => connection.write(commands));
      let text = '';
      let lines = 0;
      connection.setEncoding('utf8');
      connection.on('data', (data) => {
        text += data;
        lines += data.split('\n').length - 1;
        if (lines < count) return;
        connection.destroy();
        resolve(text.split('\r\n').slice(0, count));
      });
      connection.once('error', reject);
      connection.once('end', () => reject(new Error(`the relay ended the connection after ${lines} of ${count} answers`)));
    });
  }

  async close() {
    await this.#daemon.stop('SIGTERM');
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
