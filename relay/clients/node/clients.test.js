// One suite for all clients: connect, listen, publish, stop listening, check health, survive a restart.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { clients } from './clients.js';
import { isRelay, startTarget } from './target.js';
import { Inbox, until, within } from './wait.js';

const needsRelay = { skip: isRelay ? false : 'TARGET=redis: only the relay does this' };
const valid = JSON.stringify({
  type: 'message', id: 'm1', roomId: '42', userId: 'u1', message: 'hello', timestamp: 1700000000000,
});

let target;
before(async () => (target = await startTarget()));
after(() => target?.close());

for (const client of clients) describe(client.name, () => suite(client));

function suite(client) {
  test('hears what is published, and tells the publisher how many heard it', async (t) => {
    const { listener, publisher, inbox } = await pair(t);
    const channel = fresh('news');
    await listener.subscribe(channel);
    assert.equal(await publisher.publish(channel, 'héllo'), 1);
    assert.deepEqual(await inbox.take(), [heard(channel, 'héllo')]);
    assert.equal(await publisher.publish(fresh('nobody'), 'x'), 0);
  });

  test('hears by pattern, and once for each way it listens', async (t) => {
    const { listener, publisher, inbox } = await pair(t);
    const prefix = fresh('room');
    await listener.psubscribe(`${prefix}:*`, `${prefix}:[ab]`);
    assert.equal(await publisher.publish(`${prefix}:c`, '1'), 1);
    assert.deepEqual(await inbox.take(), [heard(`${prefix}:c`, '1', `${prefix}:*`)]);
    await listener.subscribe(`${prefix}:a`);
    assert.equal(await publisher.publish(`${prefix}:a`, '2'), 3);
    const [exact, ...byPattern] = await inbox.take(3);
    assert.deepEqual(exact, heard(`${prefix}:a`, '2'));
    assert.deepEqual(byPattern.map((m) => m.pattern).sort(), [`${prefix}:*`, `${prefix}:[ab]`]);
  });

  test('stops hearing the channels and patterns it names', async (t) => {
    const { listener, publisher, inbox } = await pair(t);
    const [kept, left] = [fresh('kept'), fresh('left')];
    await listener.subscribe(kept, left);
    await listener.psubscribe(`${left}:*`, `${kept}:*`);
    await listener.unsubscribe(left);
    await listener.punsubscribe(`${left}:*`);
    assert.equal(await publisher.publish(left, 'x'), 0);
    assert.equal(await publisher.publish(`${left}:1`, 'x'), 0);
    assert.equal(await publisher.publish(kept, 'y'), 1);
    assert.equal(await publisher.publish(`${kept}:1`, 'z'), 1);
    assert.deepEqual(await inbox.take(2), [heard(kept, 'y'), heard(`${kept}:1`, 'z', `${kept}:*`)]);
    await listener.ping();
    assert.deepEqual(inbox.rest(), []);
  });

  // Without names only where nothing else stays subscribed: several of these clients
  // wait for ever otherwise, on Redis as well.
  test('stops hearing all channels, then all patterns, without naming them', async (t) => {
    const { listener, publisher, inbox } = await pair(t);
    const [a, b] = [fresh('all'), fresh('all')];
    await listener.subscribe(a, b);
    await within('confirmation of UNSUBSCRIBE', listener.unsubscribe());
    assert.deepEqual(await publisher.numsub(a, b), { [a]: 0, [b]: 0 });
    await listener.psubscribe(`${a}*`, `${b}*`);
    await within('confirmation of PUNSUBSCRIBE', listener.punsubscribe());
    assert.equal(await publisher.publish(a, 'x'), 0);
    await listener.subscribe(a);
    assert.equal(await publisher.publish(a, 'again'), 1);
    assert.deepEqual(await inbox.take(), [heard(a, 'again')]);
  });

  test('answers PING before, while and after it listens', async (t) => {
    const { listener } = await pair(t);
    const channel = fresh('ping');
    const pong = async () => assert.match(String(await within('PONG', listener.ping())), /^pong/i);
    await pong();
    await listener.subscribe(channel);
    for (let i = 0; i < 3; i++) await pong();
    await listener.unsubscribe(channel);
    await pong();
  });

  test('passes its own health check, also while it listens', async (t) => {
    const { listener, publisher } = await pair(t);
    await within('health check', publisher.healthCheck());
    await listener.subscribe(fresh('health'));
    for (let i = 0; i < 3; i++) await within('health check of a listener', listener.healthCheck());
  });

  test('counts listeners and lists channels', async (t) => {
    const { listener, publisher, open } = await pair(t);
    const prefix = fresh('count');
    const [one, two, none] = ['one', 'two', 'none'].map((name) => `${prefix}:${name}`);
    await listener.subscribe(one, two);
    await (await open(new Inbox())).subscribe(two);
    assert.deepEqual(await publisher.numsub(one, two, none), { [one]: 1, [two]: 2, [none]: 0 });
    assert.deepEqual((await publisher.channels(`${prefix}:*`)).sort(), [one, two]);
    assert.deepEqual(await publisher.channels(`${prefix}:n*`), []);
  });

  test('carries any bytes unchanged', async (t) => {
    const { listener, publisher, inbox } = await pair(t);
    const channel = fresh('bytes');
    const every = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
    const payloads = [every, Buffer.alloc(0), Buffer.from('\r\n$-1\r\n'), Buffer.alloc(300_000, every)];
    await listener.subscribe(channel);
    for (const payload of payloads) await publisher.publish(channel, payload);
    const got = (await inbox.take(payloads.length)).map((message) => message.payload);
    got.forEach((payload, i) => assert.ok(payload.equals(payloads[i]), `payload ${i} changed`));
  });

  test('hears many channels in the order of publishing', async (t) => {
    const { listener, publisher, inbox } = await pair(t);
    const channels = Array.from({ length: 20 }, () => fresh('many'));
    await listener.subscribe(...channels);
    const sent = Array.from({ length: 1000 }, (_, i) => heard(channels[i % channels.length], `${i}`));
    const receivers = await Promise.all(sent.map((m) => publisher.publish(m.channel, m.payload)));
    assert.ok(receivers.every((count) => count === 1), `receivers: ${new Set(receivers)}`);
    assert.deepEqual(await inbox.take(sent.length), sent);
  });

  test('hears each room it moves to, though nothing is awaited', async (t) => {
    // Without health checks: a PING of the publisher's own would take the PUBLISH along, ahead of the move.
    const { listener, publisher, inbox } = await pair(t, { pingInterval: 0 });
    const prefix = fresh('move');
    const rooms = Array.from({ length: 501 }, (_, i) => `${prefix}:${i}`);
    await listener.subscribe(rooms[0]);
    for (let i = 1; i < rooms.length; i++) {
      const move = [listener.unsubscribe(rooms[i - 1]), listener.subscribe(rooms[i])]; // sent, not confirmed
      await publisher.publish(rooms[i], 'here');
      await within('confirmation of the move', Promise.all(move));
      // Between two moves all is quiet: redis-server's event loop, too, then sees what comes first.
      await listener.ping();
    }
    await publisher.publish(rooms.at(-1), 'end');
    const got = [];
    for (let message; (message = (await inbox.take())[0]).payload.toString() !== 'end'; ) got.push(message.channel);
    assert.equal(got.length, rooms.length - 1, `heard ${got.length} of ${rooms.length - 1}`);
    assert.deepEqual(got, rooms.slice(1));
  });

  test('speaks shard channels', async (t) => {
    const { listener, publisher, inbox } = await pair(t);
    const channel = fresh('shard');
    await listener.ssubscribe(channel);
    assert.equal(await publisher.spublish(channel, '1'), 1);
    assert.equal(await publisher.publish(channel, 'not for shards'), 0);
    assert.deepEqual(await inbox.take(), [heard(channel, '1')]);
    await listener.sunsubscribe(channel);
    assert.equal(await publisher.spublish(channel, '2'), 0);
    assert.deepEqual(inbox.rest(), []);
  });

  test('is told why a payload is refused, and goes on', needsRelay, async (t) => {
    const { listener, publisher, inbox } = await pair(t);
    await listener.subscribe('chat:42');
    const wrong = JSON.stringify({ ...JSON.parse(valid), userId: 7 });
    await assert.rejects(publisher.publish('chat:42', wrong), /^\w*Error: INVALID chat:42 .*userId/);
    await assert.rejects(publisher.publish('chat:42', 'not JSON'), /^\w*Error: INVALID chat:42\b.*JSON/);
    assert.equal(await publisher.publish('chat:42', valid), 1);
    assert.deepEqual(await inbox.take(), [heard('chat:42', valid)]);
  });

  test('is told that other commands belong to Redis itself', needsRelay, async (t) => {
    const { publisher } = await pair(t);
    await assert.rejects(publisher.get('key'), /ERR unknown command/);
    assert.equal(await publisher.publish(fresh('after'), 'x'), 0);
  });

  test('says goodbye by QUIT', async (t) => {
    const { listener, publisher } = await pair(t);
    const channel = fresh('quit');
    await listener.subscribe(channel);
    assert.equal(await within('reply to QUIT', publisher.quit()), 'OK');
    await within('end of the listener', listener.quit());
  });

  for (const signal of ['SIGTERM', 'SIGKILL']) {
    test(`listens again by itself after a restart by ${signal}`, async (t) => {
      const { listener, publisher, inbox } = await pair(t);
      const [channel, prefix, shard] = [fresh('again'), fresh('again'), fresh('again')];
      await listener.subscribe(channel);
      await listener.psubscribe(`${prefix}:*`);
      await listener.ssubscribe(shard);

      await target.stop(signal);
      await target.start();
      // A client sends its subscriptions before anything else: PING is the barrier behind them.
      await until('PONG of the listener', () => listener.ping());
      await until('PONG of the publisher', () => publisher.ping());

      assert.deepEqual(await publisher.numsub(channel), { [channel]: 1 });
      assert.equal(await publisher.publish(channel, '1'), 1);
      assert.equal(await publisher.publish(`${prefix}:x`, '2'), 1);
      assert.equal(await publisher.spublish(shard, '3'), 1);
      const expected = [heard(channel, '1'), heard(`${prefix}:x`, '2', `${prefix}:*`), heard(shard, '3')];
      assert.deepEqual(await inbox.take(3), expected);
    });
  }

  test('listens again by itself after a restart of Redis', async (t) => {
    const { listener, publisher, inbox } = await pair(t);
    const [channel, prefix, shard] = [fresh('back'), fresh('back'), fresh('back')];
    await listener.subscribe(channel);
    await listener.psubscribe(`${prefix}:*`);
    await listener.ssubscribe(shard);

    await target.restartRedis();
    // Nothing but a message says that it listens again. How many of these come, nobody knows.
    const again = new Set();
    await until('message on each of the three channels', async () => {
      await publisher.publish(channel, 'soon');
      await publisher.publish(`${prefix}:x`, 'soon');
      await publisher.spublish(shard, 'soon');
      for (const message of inbox.rest()) again.add(message.channel);
      return again.size === 3;
    });

    assert.equal(await publisher.publish(channel, '1'), 1);
    assert.equal(await publisher.publish(`${prefix}:x`, '2'), 1);
    assert.equal(await publisher.spublish(shard, '3'), 1);
    const expected = [heard(channel, '1'), heard(`${prefix}:x`, '2', `${prefix}:*`), heard(shard, '3')];
    const got = [];
    while (got.length < expected.length) {
      got.push(...(await inbox.take()).filter((message) => message.payload.toString() !== 'soon'));
    }
    assert.deepEqual(got, expected);
  });

  // pair opens a listener with its inbox and a publisher; both end with the test.
  async function pair(t, own) {
    const open = async (inbox) => {
      const connection = await within('connection', client.open(target.socket, inbox, own));
      t.after(() => connection.close());
      return connection;
    };
    const inbox = new Inbox();
    return { listener: await open(inbox), publisher: await open(new Inbox()), inbox, open };
  }
}

// heard is a message as the inbox holds it.
function heard(channel, payload, pattern) {
  const message = { channel, payload: Buffer.from(payload) };
  return pattern ? { ...message, pattern } : message;
}

// fresh makes a name that no other test uses.
let names = 0;
function fresh(word) {
  return `${word}-${++names}`;
}
