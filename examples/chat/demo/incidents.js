// What can go wrong at the press of a button.

import { fork } from 'node:child_process';
import { createClient } from 'redis';

// Incident is something that is started and stopped, and ends by itself after so many seconds. begin(ended) starts it and
// returns a function that stops it; it calls ended if it is over before that.
class Incident {
  #seconds;
  #begin;
  #end;
  #until;
  #timer;

  constructor(seconds, begin) {
    this.#seconds = seconds;
    this.#begin = begin;
  }

  // left is for how many seconds it goes on; 0: it is not under way.
  get left() {
    return this.#end ? Math.max(1, Math.ceil((this.#until - Date.now()) / 1000)) : 0;
  }

  start() {
    if (this.#end) return;
    this.#until = Date.now() + this.#seconds * 1000;
    this.#timer = setTimeout(() => this.stop(), this.#seconds * 1000);
    this.#end = this.#begin(() => this.stop());
  }

  stop() {
    clearTimeout(this.#timer);
    const end = this.#end;
    this.#end = undefined;
    end?.();
  }
}

// Program is one in a process of its own, which an operator can find by its pid, and kill. It waits until it is told to
// go; when it has ended, the next one waits.
class Program {
  #file;
  #env;
  #child;
  #ended = () => {};

  constructor(file, socket) {
    this.#file = new URL(file, import.meta.url);
    this.#env = { ...process.env, REDIS_SOCKET: socket };
    process.once('exit', () => this.#child?.kill('SIGKILL'));
    this.#start();
  }

  #start() {
    if (this.#child) return;
    this.#child = fork(this.#file, { env: this.#env });
    this.#child.once('exit', () => {
      this.#child = undefined;
      this.#ended();
      setTimeout(() => this.#start(), 1000);
    });
  }

  // go returns a function that ends the program. ended is called when it has.
  go(ended) {
    this.#start();
    this.#ended = ended;
    const child = this.#child;
    child.send('go');
    return () => {
      this.#ended = () => {};
      child.kill('SIGKILL');
    };
  }
}

// makeIncidents makes all of them: on a relay's socket, and on the others' way to Redis, if it can be cut.
export function makeIncidents({ socket, link }) {
  const [bot, reader] = ['bot.js', 'reader.js'].map((file) => new Program(file, socket));
  const all = { bot: new Incident(60, (ended) => bot.go(ended)), reader: new Incident(60, (ended) => stick(reader, socket, ended)) };
  if (link) all.redis = new Incident(10, () => cut(link));
  return all;
}

// stick has the reader hang, while prices go on: 50 a second of 64 KiB.
function stick(reader, socket, ended) {
  const price = JSON.stringify({ type: 'prices', list: 'x'.repeat(2 ** 16) });
  const publisher = createClient({ socket: { path: socket }, name: 'stock-exchange' });
  publisher.on('error', (error) => console.error(`stock-exchange: ${error.message}`));
  publisher.connect().catch(() => {}); // told above
  const beat = setInterval(() => publisher.isReady && publisher.publish('ticker:prices', price).catch(() => {}), 20);
  const kill = reader.go(ended);
  return () => {
    kill();
    clearInterval(beat);
    publisher.destroy();
  };
}

function cut(link) {
  link.cut();
  return () => link.mend();
}
