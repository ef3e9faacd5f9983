// What the suites wait for: conditions and messages, each with a deadline that says what was missing.

import { setTimeout as pause } from 'node:timers/promises';

// How long any one condition may take, in milliseconds, on a busy machine, too.
export const PATIENCE = 120_000;

// until polls an async condition until it is true. A condition that throws counts as not yet true;
// its last error becomes the cause of the failure.
export async function until(what, condition, patience = PATIENCE) {
  const deadline = Date.now() + patience;
  let cause;
  while (Date.now() < deadline) {
    try {
      if (await within(what, condition(), deadline - Date.now())) return;
    } catch (error) {
      cause = error;
    }
    await pause(10);
  }
  throw new Error(`no ${what} within ${patience} ms`, { cause });
}

// within bounds a promise.
export async function within(what, promise, patience = PATIENCE) {
  const abort = new AbortController();
  const late = pause(patience, undefined, { signal: abort.signal, ref: true }).then(() => {
    throw new Error(`no ${what} within ${patience} ms`);
  });
  late.catch(() => {}); // the abort below
  try {
    return await Promise.race([promise, late]);
  } finally {
    abort.abort();
  }
}

// Inbox keeps what a connection heard, in the order it was heard.
export class Inbox {
  #heard = [];
  #wake = () => {};

  // push is what a client's listener calls.
  push(message) {
    this.#heard.push(message);
    this.#wake();
  }

  // take removes and returns the next count messages, waiting for those that are still under way.
  async take(count = 1) {
    const enough = new Promise((resolve) => {
      this.#wake = () => this.#heard.length >= count && resolve();
      this.#wake();
    });
    await within(`${count} messages (heard ${this.#heard.length})`, enough).catch((error) => {
      throw new Error(`${error.message}; at the end: ${this.#heard.length}`);
    });
    return this.#heard.splice(0, count);
  }

  // rest returns what is left; a test that has passed a barrier expects it to be empty.
  rest() {
    return this.#heard.splice(0);
  }
}
