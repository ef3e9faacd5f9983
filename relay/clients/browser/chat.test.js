// examples/chat, as its users see it: each in a browser of their own, on servers behind different relays.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { lay } from './cable.js';
import { eventually, expect, startHosts } from './harness.js';
import {
  connected, enter, finds, isTold, reconnecting, say, sayAtLast, sees, seesTyping, send,
} from './people.js';

const cwd = fileURLToPath(new URL('../../../examples/chat', import.meta.url));
const config = `${cwd}/relay.yaml`;

// startChat starts a chat server behind each of two relays.
async function startChat(t, env) {
  const hosts = await startHosts({ config, relays: 2 });
  t.after(async () => {
    if (t.passed === false) t.diagnostic(hosts.output);
    await hosts.close();
  });
  const serve = (relay) => hosts.serve(relay, 'node', ['server.js'], { cwd, env });
  const [one, two] = await Promise.all(hosts.relays.map(serve));
  return { hosts, serve, one, two };
}

for (const ADAPTER of ['pubsub', 'sharded']) {
  test(`people on two servers talk, type, come and go (adapter: ${ADAPTER})`, async (t) => {
    const { hosts, one, two } = await startChat(t, { ADAPTER });
    const ann = await enter(hosts, one, 'ann');
    const bob = await enter(hosts, two, 'bob');
    const eve = await enter(hosts, two, 'eve', 'coffee');
    await Promise.all([finds(ann, 'ann, bob'), finds(bob, 'ann, bob'), finds(eve, 'eve')]);

    await seesTyping(bob, ann, 'ann is typing');
    await seesTyping(ann, bob, 'bob is typing');
    await say(ann, 'hello');
    await say(bob, 'hi <b>ann</b>');
    const talk = ['ann: hello', 'bob: hi <b>ann</b>'];
    await Promise.all([sees(ann, ...talk), sees(bob, ...talk)]);

    await bob.getByRole('button', { name: 'Leave' }).click();
    await finds(ann, 'ann');
    await say(ann, 'bye');
    await bob.getByRole('button', { name: 'Join' }).click();
    await Promise.all([finds(ann, 'ann, bob'), sees(bob, ...talk, 'ann: bye')]);
    await sees(eve);
    await expect(eve.locator('#typing')).toBeEmpty();
  });

  test(`a relay that is killed comes back without anybody noticing more than a pause (adapter: ${ADAPTER})`, async (t) => {
    const { hosts, one, two } = await startChat(t, { ADAPTER });
    const ann = await enter(hosts, one, 'ann');
    const bob = await enter(hosts, two, 'bob');
    await say(ann, 'one');
    await sees(bob, 'ann: one');

    await hosts.relays[0].stop('SIGKILL');
    await send(ann, 'two');
    await isTold(ann, 'Not sent: the chat is not reachable at the moment, try again');
    await say(bob, 'are you there?');
    await sees(ann, 'ann: one');
    await hosts.relays[0].start();

    await sees(ann, 'ann: one', 'bob: are you there?');
    await sayAtLast(ann); // what she wrote is still in the box
    const talk = ['ann: one', 'bob: are you there?', 'ann: two'];
    await Promise.all([sees(ann, ...talk), sees(bob, ...talk), isTold(ann, '')]);
    await seesTyping(bob, ann, 'ann is typing');
    await seesTyping(ann, bob, 'bob is typing');
  });
}

test('a third server needs no change of the configuration', async (t) => {
  const { hosts, serve, one, two } = await startChat(t);
  const ann = await enter(hosts, one, 'ann');
  const bob = await enter(hosts, two, 'bob');
  await say(ann, 'we are two');

  const three = await serve(await hosts.addRelay());
  const cat = await enter(hosts, three, 'cat');
  await sees(cat, 'ann: we are two');
  await say(cat, 'three');
  for (const person of [ann, bob, cat]) {
    await sees(person, 'ann: we are two', 'cat: three');
    await finds(person, 'ann, bob, cat');
  }
  await seesTyping(bob, cat, 'cat is typing');
});

test('a refresh shows the last 50 messages', async (t) => {
  const { hosts, one, two } = await startChat(t);
  const ann = await enter(hosts, one, 'ann');
  const said = [];
  for (let i = 1; i <= 55; i++) {
    await say(ann, `message ${i}`);
    said.push(`ann: message ${i}`);
  }
  await sees(ann, ...said);
  await ann.reload();
  await sees(ann, ...said.slice(5));
  const bob = await enter(hosts, two, 'bob');
  await sees(bob, ...said.slice(5));
});

test('a message that the schema refuses comes back to its sender alone, in words', async (t) => {
  const { hosts, one, two } = await startChat(t);
  const ann = await enter(hosts, one, 'ann');
  const bob = await enter(hosts, two, 'bob');

  await send(ann, 'x'.repeat(501));
  await isTold(ann, 'Not sent: text: length must be <= 500, but got 501');
  await expect(ann.getByLabel('Message')).toHaveValue('x'.repeat(501));
  await send(ann, '');
  await isTold(ann, 'Not sent: text: length must be >= 1, but got 0');
  await say(ann, 'short');
  await Promise.all([isTold(ann, ''), sees(ann, 'ann: short'), sees(bob, 'ann: short'), isTold(bob, '')]);
});

test('who says too much at once is told, and can go on a moment later', async (t) => {
  const { hosts, one, two } = await startChat(t);
  const ann = await enter(hosts, one, 'ann');
  const bob = await enter(hosts, two, 'bob');

  let said = 0;
  await eventually(async () => { // the last one may be in time again, which takes the word back: then she goes on
    await ann.evaluate((from) => {
      const form = document.querySelector('#say');
      for (let i = from; i < from + 200; i++) {
        form.elements.text.value = `me ${i}`;
        form.requestSubmit();
      }
    }, said);
    said += 200;
    await expect(ann.getByRole('alert')).toHaveText('Not sent: too many messages in this room, wait a moment', { timeout: 5000 });
    await expect(ann.getByLabel('Message')).toHaveValue(`me ${said - 1}`, { timeout: 1000 });
  });
  const last = `me ${said - 1}`;
  await sayAtLast(ann);
  await expect(bob.getByRole('listitem').last()).toHaveText(`ann: ${last}`);
  const heard = await bob.getByRole('listitem').allTextContents();
  await sees(ann, ...heard);
  assert.ok(heard.length < said, 'something was refused');
});

test('a browser that says nonsense of who it is harms nobody', async (t) => {
  const { hosts, one, two } = await startChat(t);
  const ann = await enter(hosts, one, 'ann');
  const bob = await enter(hosts, two, 'bob');
  await ann.evaluate(() => new Promise((resolve) => {
    io({ forceNew: true, transports: ['websocket'], auth: { name: { toString: 1 } } }).once('connect', resolve);
  }));
  await say(ann, 'hello');
  await sees(bob, 'ann: hello');
});

test('a server that is killed takes its people away, and gives them what they missed when it is back', async (t) => {
  const { hosts, one, two } = await startChat(t);
  const ann = await enter(hosts, one, 'ann');
  const bob = await enter(hosts, two, 'bob');
  await say(ann, 'one');
  await finds(bob, 'ann, bob');

  await one.stop('SIGKILL');
  await reconnecting(ann);
  await finds(bob, 'bob');
  await say(bob, 'two');
  await say(bob, 'three');
  await sees(bob, 'ann: one', 'bob: two', 'bob: three');
  await one.start();

  await connected(ann);
  await sees(ann, 'ann: one', 'bob: two', 'bob: three');
  await finds(bob, 'ann, bob');
  await say(ann, 'four');
  await sees(bob, 'ann: one', 'bob: two', 'bob: three', 'ann: four');
});

for (const signal of ['SIGTERM', 'SIGKILL']) {
  test(`nothing that was said is lost when Redis is restarted by ${signal}`, async (t) => {
    const { hosts, one, two } = await startChat(t);
    const ann = await enter(hosts, one, 'ann');
    const bob = await enter(hosts, two, 'bob');
    await say(ann, 'one');
    await sees(bob, 'ann: one');

    await hosts.redis.stop(signal);
    await ann.getByLabel('Message').pressSequentially('three', { delay: 300 }); // that she types is lost, no more
    await send(bob, 'two');
    await isTold(bob, /^Not confirmed: /);
    await Promise.all([connected(ann), connected(bob)]);
    await hosts.redis.start();

    await sayAtLast(bob);
    await sayAtLast(ann);
    const talk = ['ann: one', 'bob: two', 'ann: three'];
    await Promise.all([sees(ann, ...talk), sees(bob, ...talk)]);
    await seesTyping(bob, ann, 'ann is typing');
    await ann.reload();
    await sees(ann, ...talk);
  });
}

test('a message whose confirmation came too late is shown once, though it was sent again', async (t) => {
  const { hosts, one, two } = await startChat(t);
  const ann = await enter(hosts, one, 'ann');
  const bob = await enter(hosts, two, 'bob');
  const [socket] = await Promise.all([ann.waitForEvent('websocket'), ann.reload()]);
  await connected(ann);

  // A server that is frozen while it waits for a pong of hers ends her connection when it goes on, and does not read
  // what she sent. So it gets the pong, and then what she says first; it asks again after 2 s.
  await socket.waitForEvent('framesent', { predicate: ({ payload }) => payload === '3' });
  await say(ann, 'zero');
  one.freeze();
  await send(ann, 'one');
  await isTold(ann, /^Not confirmed: /);
  one.thaw();
  await sees(bob, 'ann: zero', 'ann: one');
  await sayAtLast(ann); // what she wrote is still in the box
  await say(ann, 'two');
  const talk = ['ann: zero', 'ann: one', 'ann: two'];
  await Promise.all([sees(ann, ...talk), sees(bob, ...talk)]);
});

test('a browser that was offline for ten seconds has missed nothing', async (t) => {
  const { hosts, one, two } = await startChat(t);
  const ann = await enter(hosts, one, 'ann');
  const bob = await enter(hosts, two, 'bob');
  await say(ann, 'one');
  await sees(bob, 'ann: one');

  await ann.context().setOffline(true);
  const tenSeconds = ann.waitForTimeout(10_000);
  await reconnecting(ann);
  await send(ann, 'me too');
  const talk = ['ann: one'];
  for (let i = 0; i < 51; i++) { // more than a refresh would show
    await say(bob, `missed ${i}`);
    talk.push(`bob: missed ${i}`);
  }
  await isTold(ann, /^Not confirmed: /);
  await finds(bob, 'bob');
  await tenSeconds;
  await sees(ann, 'ann: one');
  await ann.context().setOffline(false);

  await connected(ann);
  await sees(ann, ...talk);
  await say(ann); // what she wrote is still in the box
  talk.push('ann: me too');
  await Promise.all([sees(ann, ...talk), sees(bob, ...talk), finds(bob, 'ann, bob')]);
});

test('a network that is lost for ten seconds without a word is noticed, and nothing is missed', async (t) => {
  const { hosts, one, two } = await startChat(t);
  const cable = await lay(one.url);
  t.after(() => cable.close());
  const ann = await enter(hosts, cable, 'ann');
  const bob = await enter(hosts, two, 'bob');
  await say(ann, 'one');
  await sees(bob, 'ann: one');

  cable.pull();
  const tenSeconds = ann.waitForTimeout(10_000);
  await say(bob, 'two');
  await reconnecting(ann);
  await finds(bob, 'bob');
  await tenSeconds;
  await sees(ann, 'ann: one');
  cable.plug();

  await connected(ann);
  await sees(ann, 'ann: one', 'bob: two');
  await finds(bob, 'ann, bob');
  await say(ann, 'three');
  await sees(bob, 'ann: one', 'bob: two', 'ann: three');
});
