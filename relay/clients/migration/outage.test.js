// An outage of Redis ends no program of examples/migration, neither with Redis nor behind a relay: the
// program of each page that goes on for ever does so, and hears again what is said. All run at the same
// time, each with a Redis of its own.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { Daemon } from '../node/daemon.js';
import { Hosts } from '../node/hosts.js';
import { until } from '../node/wait.js';
import { config, pages, root, write } from './page.js';

// Seconds: an ordinary failover, and longer than redis.publish_timeout. Neither ends where a client loses patience,
// go-redis after 3 s and redis-py after 5 s, several times over: what a relay has published at that very moment, and
// not answered, the client would publish again.
const OUTAGES = [4, 18];

// python-socketio listens again after at most 31 s.
const PATIENCE = 150_000;

let scratch;

before(() => (scratch = mkdtempSync('/tmp/rr-')));
after(() => scratch && rmSync(scratch, { recursive: true, force: true }));

for (const seconds of OUTAGES) {
  test(`${seconds} s without Redis`, { concurrency: true }, async (t) => {
    const tests = pages().filter(({ code }) => code.outage).flatMap((page) => ['before', 'after'].map((connect) =>
      t.test(`${page.name}, ${connect}`, () => goesOn(page, connect, seconds))));
    await Promise.all(tests);
  });
}

async function goesOn(page, connect, seconds) {
  const hosts = await Hosts.start({ config, relays: connect === 'after' ? 1 : 0 });
  const { program, args } = await write(page, connect, 'outage', hosts, scratch);
  const app = new Daemon(program, args, async () => true, { cwd: root, detached: true });
  try {
    await app.start();
    const heard = () => app.output.split('\n').filter((line) => /^\d+$/.test(line)).map(Number);
    // more waits for messages that were published from now on.
    const more = async (when) => {
      const last = heard().at(-1) ?? 0;
      await until(`new messages ${when}`, async () => {
        if (!app.isRunning) throw new Error('it has ended');
        return heard().filter((n) => n > last).length >= 5;
      }, PATIENCE);
    };
    await more('at first');
    await hosts.redis.stop('SIGKILL');
    await pause(seconds * 1000);
    await hosts.redis.start();
    await more('after the outage');
    await more('and on'); // what is said now was not published before
    if (connect === 'after') checkOnce(heard());
  } catch (error) {
    error.message += `\nits output:\n${app.output}`;
    throw error;
  } finally {
    await app.stop('SIGKILL');
    await hosts.close();
  }
}

// checkOnce checks that nothing is heard twice, but perhaps one message: a client may lose patience while it is on its way
// to Redis, which is just back, and then sends it again. A relay that published what it had of connections before would be
// heard more often: in 18 s go-redis and redis-py send one message four times.
function checkOnce(all) {
  const again = all.filter((n, i) => all.indexOf(n) !== i);
  assert.ok(again.length <= 1, `heard again: ${again}`);
}
