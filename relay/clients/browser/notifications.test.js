// The notifications example: two worker processes share the relay of one host, a third server is on
// another. Every server has two handlers more than the example, and both are broken (faulty.py).

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { after, afterEach, before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { PATIENCE, until } from '../node/wait.js';
import { lay } from './cable.js';
import { expect, startHosts } from './harness.js';

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url));
const cwd = path('../../../examples/notifications');
const python = path('../../../.cache/clients/notifications/bin/python');

let hosts, worker, sibling, distant;
const opened = []; // pages, until the end of the test

before(async () => {
  hosts = await startHosts({ config: `${cwd}/relay.yaml`, relays: 2 });
  const serve = (relay) => hosts.serve(relay, python, ['-B', path('faulty.py')], { cwd, env: { PYTHONPATH: cwd } });
  const [first, second] = hosts.relays;
  [worker, sibling, distant] = await Promise.all([serve(first), serve(first), serve(second)]);
});
afterEach(async () => {
  for (const page of opened.splice(0)) await page.context().close();
});
after(() => hosts.close());

// open is a user's page on a server, connected.
async function open(url, user) {
  const page = await hosts.visit(`${url}/?user=${user}`);
  opened.push(page);
  await connected(page);
  return page;
}

const connected = (page) => expect(page.getByRole('status')).toHaveText('connected');
const reconnecting = (page) => expect(page.getByRole('status')).toHaveText('reconnecting');

async function write(page, users, title) {
  await page.getByLabel('Users').fill(users);
  await page.getByLabel('Title').fill(title);
  await page.getByRole('button', { name: 'Send' }).click();
}

// send writes, and waits until the form says, by being empty, that it was sent.
async function send(page, users, title) {
  await write(page, users, title);
  await expect(page.getByLabel('Title')).toHaveValue('');
}

// titles are all that a page shows, newest first.
const titles = (page, expected) => expect(page.getByRole('listitem').locator('strong')).toHaveText(expected);
const unread = (page, count) => expect(page.getByText(/^\d+ unread$/)).toHaveText(`${count} unread`);

test('exactly the addressed users are told, in all their pages', async () => {
  const pages = await Promise.all([open(worker.url, 'ann'), open(sibling.url, 'ann'), open(distant.url, 'ann')]);
  const bob = await open(distant.url, 'bob');
  const cem = await open(worker.url, 'cem');
  await send(bob, 'ann', 'for ann');
  await send(bob, 'ann, bob,', 'for both');
  await send(bob, 'cem', 'for cem');
  for (const page of pages) await titles(page, ['for both', 'for ann']);
  await titles(bob, ['for both']);
  await titles(cem, ['for cem']);
});

test('all processes of a host share one subscription', async () => {
  await Promise.all([worker, sibling, distant].map((server) => open(server.url, 'dan')));
  const command = ['-u', hosts.redisURL, 'pubsub', 'numsub', 'user:dan'];
  const answer = execFileSync('redis-cli', command, { encoding: 'utf8' });
  assert.equal(answer, 'user:dan\n2\n'); // one for each relay
});

test('what was read is seen by the other pages, and survives a reload', async () => {
  const [eva, elsewhere, fay] = await Promise.all([
    open(worker.url, 'eva'), open(distant.url, 'eva'), open(sibling.url, 'fay'),
  ]);
  await send(fay, 'eva', 'first');
  await send(fay, 'eva', 'second');
  await unread(elsewhere, 2);
  await eva.getByRole('listitem').filter({ hasText: 'first' }).getByRole('button').click();
  for (const page of [eva, elsewhere]) await unread(page, 1);
  await eva.reload();
  await titles(eva, ['second', 'first']);
  await unread(eva, 1);
  await expect(eva.getByRole('listitem').filter({ hasText: 'first' }).getByRole('button')).toHaveCount(0);
});

test('a notification that breaks the schema comes back as a readable error', async () => {
  const gus = await open(worker.url, 'gus');
  await write(gus, 'gus', '');
  await expect(gus.getByRole('alert')).toContainText('INVALID user:gus /data/title');
  await send(gus, 'gus', 'with a title');
  await titles(gus, ['with a title']);
});

test('a request that is none is told so, and the server goes on', async () => {
  const ask = async (path, body) => {
    const response = await fetch(`${worker.url}/${path}`, body === undefined ? {} : { method: 'POST', body });
    return `${response.status} ${await response.text()}`;
  };
  assert.equal(await ask('notify', 'no JSON'), '400 expected JSON with users: a list');
  assert.equal(await ask('notify', '{"users": "gus"}'), '400 expected JSON with users: a list');
  assert.equal(await ask('read', '{"user": "gus"}'), '400 expected JSON with ids: a list');
  assert.equal(await ask('events'), '400 say whose: /events?user=ann');
  const answer = await ask('notify', '{"users": ["gus", 5], "title": "to gus"}');
  assert.match(answer, /^422 .*"5":"INVALID user:5 /);
  await expect((await open(worker.url, 'gus')).getByText('to gus')).toBeVisible();
});

test('handlers that raise and hang stop nobody', async () => {
  const hal = await open(worker.url, 'hal');
  for (const title of ['one', 'two', 'three']) await send(hal, 'hal', title);
  await titles(hal, ['three', 'two', 'one']);
  await until('word of the handler that raises', async () => worker.output.includes('raises failed; it goes on with the next'));
});

test('a server is killed', async () => {
  const [ida, jan] = await Promise.all([open(worker.url, 'ida'), open(distant.url, 'jan')]);
  await send(jan, 'ida', 'before');
  await titles(ida, ['before']);
  await worker.stop('SIGKILL');
  await reconnecting(ida);
  await send(jan, 'ida', 'meanwhile');
  await write(ida, 'jan', 'from ida');
  await expect(ida.getByRole('alert')).toHaveText('not sent, try again: the server does not answer');
  await worker.start();
  await connected(ida);
  await titles(ida, ['meanwhile', 'before']);
  await ida.getByRole('button', { name: 'Send' }).click();
  await titles(jan, ['from ida']);
});

test('a relay is killed and started again', async () => {
  const pages = await Promise.all([open(worker.url, 'kim'), open(sibling.url, 'kim')]);
  const lee = await open(distant.url, 'lee');
  await send(lee, 'kim', 'before');
  for (const page of pages) await titles(page, ['before']);
  const [relay] = hosts.relays;
  await relay.stop('SIGKILL');
  await send(lee, 'kim', 'meanwhile');
  await relay.start();
  for (const page of pages) await titles(page, ['meanwhile', 'before']);
  await send(pages[0], 'lee', 'after');
  await titles(lee, ['after']);
});

test('Redis is killed and started again', async () => {
  const [max, nia] = await Promise.all([open(worker.url, 'max'), open(distant.url, 'nia')]);
  await send(nia, 'max', 'before');
  await max.getByRole('button', { name: 'Mark as read' }).click();
  await unread(max, 0);
  await hosts.redis.stop('SIGKILL');
  await write(nia, 'max', 'meanwhile');
  await expect(nia.getByRole('alert')).toContainText('UPSTREAMDOWN');
  await hosts.redis.start();
  await expect(async () => { // nia tries until it is sent; the relay needs a moment to find Redis
    await nia.getByRole('button', { name: 'Send' }).click();
    await expect(nia.getByLabel('Title')).toHaveValue('', { timeout: 2000 });
  }).toPass({ timeout: PATIENCE });
  await titles(max, ['meanwhile', 'before']);
  await unread(max, 1);
});

test('a browser is offline for ten seconds', async () => {
  const cable = await lay(worker.url);
  try {
    const [ole, pia] = await Promise.all([open(cable.url, 'ole'), open(distant.url, 'pia')]);
    await send(pia, 'ole', 'before');
    await titles(ole, ['before']);
    cable.pull();
    const end = pause(10_000);
    await send(pia, 'ole', 'meanwhile');
    await reconnecting(ole);
    await titles(ole, ['before']);
    await end;
    cable.plug();
    await connected(ole);
    await titles(ole, ['meanwhile', 'before']);
    await send(pia, 'ole', 'after');
    await titles(ole, ['after', 'meanwhile', 'before']);
  } finally {
    cable.close();
  }
});
