// The clients under test, each behind the same small connection:
//
//   subscribe psubscribe ssubscribe (...names)        resolve when confirmed
//   unsubscribe punsubscribe sunsubscribe (...names)  no name: all
//   publish spublish (channel, payload)               resolve to the number of receivers
//   numsub(...channels) channels(pattern)             PUBSUB's answers, as an object and a list
//   ping() get(key) quit() close()
//   healthCheck()                                     resolves when the client's own check has passed
//
// Messages go to the inbox as {channel, payload, pattern}; the payload is a Buffer, and the pattern
// is there for pattern subscriptions only.

import { once } from 'node:events';
import { Redis as IORedis5 } from 'ioredis5';
import { Redis as IORedis6 } from 'ioredis6';
import * as redis4 from 'redis4';
import * as redis5 from 'redis5';
import * as redis6 from 'redis6';

// clients lists each version with its default protocol, and the other one where it can be chosen.
// own are options for node-redis; ioredis has none that matter here.
export const clients = [
  { name: 'node-redis 4', open: (path, inbox, own) => openNodeRedis(redis4, path, inbox, own) },
  { name: 'node-redis 5', open: (path, inbox, own) => openNodeRedis(redis5, path, inbox, own) },
  { name: 'node-redis 5, RESP3', open: (path, inbox, own) => openNodeRedis(redis5, path, inbox, { RESP: 3, ...own }) },
  { name: 'node-redis 6', open: (path, inbox, own) => openNodeRedis(redis6, path, inbox, own) },
  { name: 'node-redis 6, RESP2', open: (path, inbox, own) => openNodeRedis(redis6, path, inbox, { RESP: 2, ...own }) },
  { name: 'ioredis 5', open: (path, inbox) => openIORedis(IORedis5, path, inbox) },
  { name: 'ioredis 6', open: (path, inbox) => openIORedis(IORedis6, path, inbox) },
  { name: 'ioredis 6, RESP2', open: (path, inbox) => openIORedis(IORedis6, path, inbox, { protocol: 2 }) },
];

async function openNodeRedis({ createClient }, path, inbox, options = {}) {
  const client = createClient({ socket: { path }, pingInterval: 25, ...options });
  client.on('error', () => {}); // lost connections are reported here too; the tests look at what follows
  await client.connect();
  const hear = (payload, channel) => inbox.push({ channel: channel.toString(), payload });
  const hearBy = (pattern) => (payload, channel) => inbox.push({ channel: channel.toString(), payload, pattern });
  return {
    subscribe: (...channels) => client.subscribe(channels, hear, true),
    psubscribe: (...patterns) => Promise.all(patterns.map((p) => client.pSubscribe(p, hearBy(p), true))),
    ssubscribe: (...channels) => client.sSubscribe(channels, hear, true),
    unsubscribe: (...channels) => client.unsubscribe(...some(channels)),
    punsubscribe: (...patterns) => client.pUnsubscribe(...some(patterns)),
    sunsubscribe: (...channels) => client.sUnsubscribe(...some(channels)),
    publish: (channel, payload) => client.publish(channel, payload),
    spublish: (channel, payload) => client.sPublish(channel, payload),
    numsub: async (...channels) => ({ ...(await client.pubSubNumSub(channels)) }),
    channels: (pattern) => client.pubSubChannels(pattern),
    ping: () => client.ping(),
    get: (key) => client.get(key),
    quit: () => client.quit(),
    close: async () => client.isOpen && (client.destroy ?? client.disconnect).call(client),
    healthCheck: () => once(client, 'ping-interval'),
  };
}

// some is the one list argument of node-redis, or no argument at all.
const some = (names) => (names.length ? [names] : []);

async function openIORedis(Redis, path, inbox, options = {}) {
  const client = new Redis({ path, lazyConnect: true, ...options });
  client.on('error', () => {});
  client.on('messageBuffer', (channel, payload) => inbox.push({ channel: channel.toString(), payload }));
  client.on('smessageBuffer', (channel, payload) => inbox.push({ channel: channel.toString(), payload }));
  client.on('pmessageBuffer', (pattern, channel, payload) =>
    inbox.push({ channel: channel.toString(), payload, pattern: pattern.toString() }));
  await client.connect();
  return {
    subscribe: (...channels) => client.subscribe(...channels),
    psubscribe: (...patterns) => client.psubscribe(...patterns),
    ssubscribe: (...channels) => client.ssubscribe(...channels),
    unsubscribe: (...channels) => client.unsubscribe(...channels),
    punsubscribe: (...patterns) => client.punsubscribe(...patterns),
    sunsubscribe: (...channels) => client.sunsubscribe(...channels),
    publish: (channel, payload) => client.publish(channel, payload),
    spublish: (channel, payload) => client.spublish(channel, payload),
    numsub: async (...channels) => pairs(await client.pubsub('NUMSUB', ...channels)),
    channels: (pattern) => client.pubsub('CHANNELS', pattern),
    ping: () => client.ping(),
    get: (key) => client.get(key),
    quit: () => client.quit(),
    close: async () => client.disconnect(),
    healthCheck: async () => {
      // ioredis checks once for each connection: it is ready when INFO's answer has loading:0.
      if (client.status !== 'ready') throw new Error(`the ready check has not passed: ${client.status}`);
    },
  };
}

// pairs makes an object of a flat [name, count, ...] list.
function pairs(flat) {
  const object = {};
  for (let i = 0; i < flat.length; i += 2) object[flat[i]] = Number(flat[i + 1]);
  return object;
}
