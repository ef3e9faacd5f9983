// examples/chat moves from one Redis to another while people talk, step by step as docs/operations.md says under "Move
// to another Redis": its messages are read back, so their route pauses; Socket.IO's own channels do not.

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { metric } from '../node/hosts.js';
import { until } from '../node/wait.js';
import { eventually, expect, startHosts } from './harness.js';
import { enter, finds, say, seesTyping } from './people.js';

const cwd = fileURLToPath(new URL('../../../examples/chat', import.meta.url));
const shipped = readFileSync(`${cwd}/relay.yaml`, 'utf8');
const LOAD = 500; // milliseconds for which people talk at each stage
const TIMEOUT = 1000; // milliseconds: redis.publish_timeout

// configured is the example's relay.yaml with another Redis, and with more keys on the route of messages and on the
// other one. Without an address there is one Redis.
function configured(address, chat = [], others = []) {
  const keys = (list) => list.map((line) => `\n    ${line}`).join('');
  const upstreams = address ? `upstreams:\n  new: {url: "${address}", publish_timeout: ${TIMEOUT}ms}\n` : '';
  const text = shipped
    .replace('redis:\n', `${upstreams}redis:\n  publish_timeout: ${TIMEOUT}ms\n`)
    .replace('- prefix: "chat:"', `$&${keys(chat)}`)
    .replace('- prefix: "socket.io"', `$&${keys(others)}`);
  assert.equal(text.match(/^ {2}- prefix/gm).length, 2, 'the example has other routes than this test knows');
  return text;
}

// startChat starts two relays, each with a file of its own, and a chat server behind each.
async function startChat(t) {
  const folder = mkdtempSync('/tmp/rr-move-');
  const config = join(folder, 'first.yaml');
  writeFileSync(config, configured());
  const hosts = await startHosts({ config, relays: 0 });
  t.after(async () => {
    if (t.passed === false) t.diagnostic(hosts.output);
    await hosts.close();
    rmSync(folder, { recursive: true });
  });
  for (const i of [1, 2]) {
    const file = join(folder, `${i}.yaml`);
    writeFileSync(file, configured());
    const relay = await hosts.addRelay(['--config', file, '--schemas', `${cwd}/schemas`]);
    relay.write = (text) => writeFileSync(file, text);
  }
  const servers = await Promise.all(hosts.relays.map((relay) => hosts.serve(relay, 'node', ['server.js'], { cwd })));
  return { hosts, servers };
}

// reload has the relays take over a configuration, one by one.
async function reload(relays, text) {
  for (const relay of relays) {
    await pause(LOAD / 2);
    const since = await metric(relay, 'config_last_reload_success_timestamp_seconds');
    relay.write(text);
    relay.signal('SIGHUP');
    await until('reload', async () => await metric(relay, 'config_last_reload_success_timestamp_seconds') > since);
  }
  await pause(LOAD / 2);
}

// copyHistory copies the messages, with their IDs.
function copyHistory(from, to) {
  const keys = from.ask('KEYS', 'history:{chat:*}').split('\n');
  const { hostname, port } = new URL(to.url);
  assert.equal(from.ask('MIGRATE', hostname, port, '', '0', '5000', 'COPY', 'KEYS', ...keys), 'OK');
  return keys;
}

// listen has a page note all messages that come to it, before it shows each message once.
const listen = (person) => person.evaluate(() => {
  window.came = [];
  const { onevent } = io.Socket.prototype;
  io.Socket.prototype.onevent = function (packet) {
    const [event, message] = packet.data;
    if (event === 'message') window.came.push(message.id);
    return onevent.call(this, packet);
  };
});

// talk has a page send numbered messages, each again until the server has it, until stopTalking.
const talk = (person) => person.evaluate(() => {
  const form = document.querySelector('#say');
  const { text } = form.elements;
  const told = document.querySelector('[role=alert]');
  const sleep = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });
  Object.assign(window, { refused: 0, talking: true });
  const send = async () => {
    told.textContent = '';
    form.requestSubmit();
    while (text.value !== '' && told.textContent === '') await sleep(5);
    return text.value === '';
  };
  window.said = (async () => {
    for (let n = 0; ; n++) {
      window.sent = n;
      if (!window.talking) return n;
      text.value = `${n}`;
      while (!await send()) {
        window.refused++;
        await sleep(50);
      }
      await sleep(130); // two of them stay below the rate of a room
    }
  })();
});

// stopTalking returns how many messages a page has sent.
const stopTalking = (person) => person.evaluate(() => {
  window.talking = false;
  return window.said;
});

const refusals = (people) => Promise.all(people.map(({ page }) => page.evaluate(() => window.refused)));

test('a chat moves to another Redis while people talk: nobody misses a message, and none comes twice', async (t) => {
  const { hosts, servers } = await startChat(t);
  const next = await hosts.addRedis();
  const rooms = { tea: ['ann', 'bob'], coffee: ['cat', 'dan'] };
  const people = [];
  for (const [room, names] of Object.entries(rooms)) {
    for (const [i, name] of names.entries()) {
      people.push({ page: await enter(hosts, servers[i], name, room), name, room });
    }
  }
  for (const { page, room } of people) await finds(page, rooms[room].join(', '));
  for (const { page } of people) await listen(page);
  for (const { page } of people) await talk(page);

  // 1. Name the new Redis, and restart the relays one by one.
  for (const relay of hosts.relays) {
    await pause(LOAD);
    relay.write(configured(next.url));
    await relay.stop('SIGTERM');
    await relay.start();
  }
  const both = () => until('both Redises', async () => {
    for (const relay of hosts.relays) {
      for (const name of ['main', 'new']) if (await metric(relay, `upstream_ready{upstream="${name}"}`) !== 1) return false;
    }
    return true;
  });
  await both();

  // 2. The history is read back: its publishers pause, and it is copied.
  const before = await refusals(people);
  await reload(hosts.relays, configured(next.url, ['publish: false']));
  await pause(TIMEOUT);
  assert.equal(copyHistory(hosts.redis, next).length, 2);
  await eventually(async () => { // the pause lasts until all have spoken in it
    const now = await refusals(people);
    assert.ok(now.every((count, i) => count > before[i]), `nobody spoke in the pause: ${before}, ${now}`);
  });

  // 3. Hear both.
  await reload(hosts.relays, configured(next.url, ['publish: false', 'also_subscribe: [new]'], ['also_subscribe: [new]']));
  await both();

  // 4. Publish on the new one.
  const moved = ['upstream: new', 'also_subscribe: [main]'];
  await reload(hosts.relays, configured(next.url, moved, moved));

  // 5. Leave the old one.
  await pause(TIMEOUT);
  await reload(hosts.relays, configured(next.url, ['upstream: new'], ['upstream: new']));
  const left = () => hosts.redis.ask('PUBSUB', 'CHANNELS').split('\n').filter((name) => !name.startsWith('relay:'));
  await eventually(() => assert.deepEqual(left(), []));
  await hosts.redis.stop('SIGKILL');
  await pause(LOAD);

  const said = {};
  for (const { page, name } of people) {
    await eventually(async () => assert.ok(await page.evaluate(() => window.sent) > 10));
    said[name] = await stopTalking(page);
  }
  t.diagnostic(JSON.stringify(said));
  for (const { page, name, room } of people) await sawAll(page, name, rooms[room], said);

  // What was said before is there after a refresh, and all else works, without the old Redis.
  const [{ page: ann }, { page: bob }] = people;
  const shown = await ann.getByRole('listitem').allTextContents();
  await ann.reload();
  await expect(ann.getByRole('listitem')).toHaveText(shown.slice(-50));
  await say(ann, 'here we are');
  await expect(bob.getByRole('listitem').last()).toHaveText('ann: here we are');
  await seesTyping(bob, ann, 'ann is typing');
  await finds(bob, 'ann, bob');
  for (const relay of hosts.relays) assert.doesNotMatch(relay.output, /channels have moved|messages may be lost/);
});

// sawAll checks that a page has shown what each of the room has said, once and in order, and that each came once.
async function sawAll(page, name, names, said) {
  const total = names.reduce((sum, other) => sum + said[other], 0);
  await expect(page.getByRole('listitem')).toHaveCount(total);
  const lines = await page.getByRole('listitem').allTextContents();
  for (const other of names) {
    const want = Array.from({ length: said[other] }, (_, i) => `${other}: ${i}`);
    assert.deepEqual(lines.filter((line) => line.startsWith(`${other}: `)), want, `${name} of ${other}`);
  }
  const came = await page.evaluate(() => window.came);
  const twice = came.filter((id, i) => came.indexOf(id) !== i);
  assert.deepEqual(twice, [], `${name} got messages twice`);
  assert.equal(came.length, total, `${name} got messages otherwise than by the server's word`);
}
