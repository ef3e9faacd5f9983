// The TCP door, with each client: it gives the password of its URL, listens and publishes.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Redis as IORedis5 } from 'ioredis5';
import { Redis as IORedis6 } from 'ioredis6';
import * as redis4 from 'redis4';
import * as redis5 from 'redis5';
import * as redis6 from 'redis6';
import { isRelay, startTarget } from './target.js';
import { Inbox } from './wait.js';

const clients = [
  ['node-redis 4', nodeRedis(redis4)],
  ['node-redis 5', nodeRedis(redis5)],
  ['node-redis 5, RESP3', nodeRedis(redis5, { RESP: 3 })],
  ['node-redis 6', nodeRedis(redis6)],
  ['node-redis 6, RESP2', nodeRedis(redis6, { RESP: 2 })],
  ['ioredis 5', ioredis(IORedis5)],
  ['ioredis 6', ioredis(IORedis6)],
  ['ioredis 6, RESP2', ioredis(IORedis6, { protocol: 2 })],
];

let target;
before(async () => (target = isRelay ? await startTarget() : undefined));
after(() => target?.close());

for (const [name, connect] of clients) {
  test(name, { skip: isRelay ? false : 'TARGET=redis: it is the relay that opens the port' }, async (t) => {
    const inbox = new Inbox();
    const listener = await connect(t, target.url, inbox);
    const publisher = await connect(t, target.url, inbox);
    await listener.subscribe('news');
    for (let i = 0; i < 100; i++) assert.equal(await publisher.publish('news', String(i)), 1);
    assert.deepEqual(await inbox.take(100), Array.from({ length: 100 }, (_, i) => String(i)));
    await assert.rejects(() => connect(t, target.url.replace(/:[^:@]+@/, ':wrong@'), inbox), /WRONGPASS/);
  });
}

function nodeRedis({ createClient }, options = {}) {
  return async (t, url, inbox) => {
    const client = createClient({ url, ...options, socket: { reconnectStrategy: false } });
    client.on('error', () => {}); // connect rejects, too
    t.after(() => client.isOpen && (client.destroy ?? client.disconnect).call(client));
    await client.connect();
    return {
      subscribe: (channel) => client.subscribe(channel, (payload) => inbox.push(payload)),
      publish: (channel, payload) => client.publish(channel, payload),
    };
  };
}

function ioredis(Redis, options = {}) {
  return async (t, url, inbox) => {
    const client = new Redis(url, { lazyConnect: true, retryStrategy: null, ...options });
    let refused; // connect rejects with what follows from it only
    client.on('error', (error) => (refused = error));
    client.on('message', (_, payload) => inbox.push(payload));
    t.after(() => client.disconnect());
    await client.connect().catch((error) => {
      throw refused ?? error;
    });
    return client;
  };
}
