// The NATS door, with nats.js: behind two relays, beside Redis clients on their sockets.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { createClient } from 'redis6';
import { clients } from './nats.js';
import { isRelay, startPair } from './target.js';
import { Inbox, until } from './wait.js';

const ROUNDS = 100;
const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i)); // not UTF-8, and every line ending

describe('NATS', { skip: isRelay ? false : 'TARGET=redis: only the relay speaks NATS' }, () => {
  let pair;
  before(async () => (pair = await startPair()));
  after(() => pair?.close());

  for (const [n, client] of clients.entries()) {
    test(`${client.name}: everybody hears each message once, in order, byte for byte`, async (t) => {
      const ears = [];
      const mouths = [];
      const channel = `plain:${client.name}`;
      const subject = channel.replace(':', '.').replaceAll('.js', '%2Ejs').replace(' ', '%20');
      for (const { socket, nats } of pair.relays) {
        const door = await client.open(nats);
        t.after(() => door.close());
        const inbox = new Inbox();
        await door.listen(subject, inbox);
        ears.push(inbox);
        mouths.push((payload) => door.publish(`publish.${subject}`, payload));

        const listener = await redisOn(t, socket);
        const heard = new Inbox();
        await listener.subscribe(channel, (payload) => heard.push({ payload }), true);
        ears.push(heard);
        const publisher = await redisOn(t, socket);
        mouths.push((payload) => publisher.publish(channel, payload));
      }
      await settled(t, client, pair, channel);

      for (let i = 0; i < ROUNDS; i++) {
        await Promise.all(mouths.map((publish, n) => publish(Buffer.concat([Buffer.from([n, i]), bytes]))));
      }
      for (const inbox of ears) {
        const next = mouths.map(() => 0);
        for (const { payload } of await inbox.take(ROUNDS * mouths.length)) {
          const [publisher, number] = payload;
          assert.equal(number, next[publisher]++);
          assert.deepEqual(payload.subarray(2), bytes);
        }
        assert.deepEqual(inbox.rest(), []);
      }
    });

    test(`${client.name}: a request is answered, with the reason if it was refused`, async (t) => {
      const door = await client.open(pair.relays[0].nats);
      t.after(() => door.close());
      const answer = await door.request('publish.chat.42', JSON.stringify({ type: 'typing', userId: 5, roomId: '42' }));
      assert.equal(answer.code, 'INVALID');
      assert.deepEqual(answer.body, {
        code: 'INVALID', error: 'chat:42 /userId: expected string, but got number',
      });
      const inbox = new Inbox();
      await door.listen(`kept.${n}.*`, inbox); // the client before may still be counted on its own
      const first = await door.request(`publish.kept.${n}.1`, 'one');
      const second = await door.request(`publish.kept.${n}.1`, 'two');
      assert.deepEqual([first.body.receivers, second.body.receivers], [1, 1]);
      const heard = await inbox.take(2);
      assert.deepEqual(heard.map((m) => [m.payload.toString(), m.id]), [['one', first.body.id], ['two', second.body.id]]);
      const history = await door.request(`history.kept.${n}.1`, JSON.stringify({ from: first.body.id, count: 10 }));
      assert.deepEqual(history.body.entries, [{ id: first.body.id, payload: 'one' }, { id: second.body.id, payload: 'two' }]);
    });
  }
});

async function redisOn(t, path) {
  const client = createClient({ socket: { path } });
  client.on('error', () => {});
  await client.connect();
  t.after(() => client.destroy());
  return client;
}

// settled waits until all who listen are counted: two at each relay.
async function settled(t, client, { relays }, channel) {
  for (const { socket } of relays) {
    const asker = await redisOn(t, socket);
    await until('count of all listeners', async () => (await asker.pubSubNumSub([channel]))[channel] === 4);
  }
}
