// Runs the Node.js pairs of examples/quickstart as a reader would, in processes of their own.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { clients } from './clients.js';
import { isRelay, startTarget } from './target.js';
import { Inbox, until, within } from './wait.js';

let target;
before(async () => (target = await startTarget()));
after(() => target?.close());

for (const pair of ['node-redis', 'ioredis']) {
  for (const signal of ['SIGINT', 'SIGTERM']) {
    test(`${pair}: what the publisher says, the subscriber prints, until ${signal}`, async (t) => {
      const observer = await clients[0].open(target.socket, new Inbox());
      t.after(() => observer.close());
      const listening = async (count) => {
        const counts = await observer.numsub('chat:42', 'notifications');
        return Object.values(counts).every((n) => n === count);
      };

      const subscriber = run(t, `${pair}/subscriber.js`);
      await until('subscriptions of the subscriber', () => listening(1));
      const publisher = run(t, `${pair}/publisher.js`);
      assert.equal(await within('end of the publisher', publisher.end), 0, publisher.output);
      assert.match(publisher.output, /^chat:42: 1 receivers\nnotifications: 1 receivers\n/);
      assert.equal(/^refused: INVALID chat:42 .*userId/m.test(publisher.output), isRelay, publisher.output);

      await until('printed messages', async () => subscriber.output.includes('notifications: Backup done\n'));
      assert.match(subscriber.output, /^chat:42: \{"type":"message",.*"userId":"ada".*\}\n/);
      await target.stop('SIGKILL');
      await until('failed attempt to connect', async () => /^connect E/m.test(subscriber.output));
      await target.start();
      await until('new subscriptions', () => listening(1));
      await observer.publish('notifications', 'Back again');
      await until('printed message', async () => subscriber.output.includes('notifications: Back again\n'));
      subscriber.child.kill(signal);
      assert.equal(await within('end of the subscriber', subscriber.end), 0, subscriber.output);
      await until('end of the subscriptions', () => listening(0));
    });
  }
}

// run starts an example against the target and gathers all it prints.
function run(t, file) {
  const path = fileURLToPath(new URL(`../../../examples/quickstart/${file}`, import.meta.url));
  const child = spawn(process.execPath, [path], { env: { ...process.env, REDIS_SOCKET: target.socket } });
  t.after(() => child.kill('SIGKILL'));
  const running = { child, output: '', end: new Promise((resolve) => child.once('close', resolve)) };
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => (running.output += data));
  return running;
}
