// The tokens example: a server in Node.js and one in Python, each behind the relay of its own host. What one
// writes, the other shows.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { eventually, expect, startHosts } from './harness.js';

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url));
const cwd = path('../../../examples/tokens');
const python = path('../../../.cache/clients/tokens/bin/python');

// While the file is there, an answer takes a minute: however busy the machine is, it is still being written when a test
// has done what it does meanwhile. Then the test has it come to its end.
const scratch = mkdtempSync('/tmp/rr-');
const file = join(scratch, 'slowly');
const writeSlowly = () => writeFileSync(file, '');
const writeFast = () => rmSync(file, { force: true });

let hosts, servers;
const opened = []; // pages, until the end of the test

before(async () => {
  hosts = await startHosts({ config: `${cwd}/relay.yaml`, relays: 2 });
  const env = { TOKENS_PER_SECOND: '1000', SLOWLY: file, PYTHONPATH: cwd };
  const [first, second] = hosts.relays;
  const [node, py] = await Promise.all([
    hosts.serve(first, 'node', ['--import', path('paced.js'), 'server.js'], { cwd, env }),
    hosts.serve(second, python, ['-B', path('paced.py')], { cwd, env }),
  ]);
  servers = { 'Node.js': node, Python: py };
});
afterEach(async () => {
  for (const page of opened.splice(0)) await page.context().close();
});
after(async () => {
  await hosts?.close();
  rmSync(scratch, { recursive: true });
});

async function open(url) {
  const page = await hosts.visit(url);
  opened.push(page);
  return page;
}

// ask asks on a server, and returns the page when the answer has begun.
async function ask(server) {
  writeSlowly();
  const page = await open(server.url);
  await page.getByLabel('Question').fill('Why is the sky blue?');
  await page.getByRole('button', { name: 'Ask' }).click();
  await expect(page.getByRole('heading', { level: 2 })).toHaveText('Why is the sky blue?');
  await more(page);
  return page;
}

// along opens the page's answer on a server.
const along = (page, server) => open(server.url + new URL(page.url()).search);

const shown = async (page) => Number(await page.locator('#tokens').textContent());
const shows = (page, status) => expect(page.getByRole('status')).toHaveText(status);

// more waits until the page shows some more of an answer that is still being written.
async function more(page) {
  const before = await shown(page);
  await eventually(async () => assert.ok((await shown(page)) >= before + 5));
  await shows(page, 'writing');
}

// parts are those that Redis has of the page's answer, each once.
function parts(page) {
  const id = new URL(page.url()).searchParams.get('answer');
  const answer = hosts.redis.ask('--json', 'xrange', `history:{answer:${id}}`, '-', '+');
  const all = JSON.parse(answer).map(([, [, payload]]) => JSON.parse(payload));
  return all.filter(({ type, n }, i) => type !== 'token' || all.findIndex((part) => part.n === n) === i);
}

// agree waits until the pages say that the answer is over, and holds their texts to what Redis has.
async function agree(pages, status) {
  if (status === 'complete') writeFast();
  for (const page of pages) await shows(page, status);
  const [begin, ...tokens] = parts(pages[0]);
  const end = tokens.pop();
  assert.equal(begin.type, 'begin');
  assert.deepEqual(end, { type: 'end', reason: status }, 'the last part');
  assert.deepEqual(tokens.map(({ n }) => n), tokens.map((_, i) => i), 'every token, in order');
  const text = tokens.map((token) => token.text).join('');
  for (const page of pages) assert.equal(await page.getByLabel('Answer').textContent(), text);
  if (status === 'complete') assert.match(text, /^You asked: “Why is the sky blue\?”.*while I am still talking\.$/s);
}

for (const [name, other] of [['Node.js', 'Python'], ['Python', 'Node.js']]) {
  test(`${name} writes: a page that is reloaded in mid-stream misses nothing`, async () => {
    const page = await ask(servers[name]);
    for (let i = 0; i < 5; i++) {
      const before = await shown(page);
      await page.reload();
      await eventually(async () => assert.ok((await shown(page)) >= before, 'what was there is there again'));
      await more(page);
    }
    await agree([page], 'complete');
    await page.reload();
    await agree([page], 'complete');
  });

  test(`${name} writes: tabs on both servers show the same`, async () => {
    const page = await ask(servers[name]);
    const tabs = [page, await along(page, servers[name]), await along(page, servers[other])];
    for (const tab of tabs) await more(tab);
    await expect(tabs[2].locator('#server')).toContainText(other);
    await agree(tabs, 'complete');
  });

  test(`${name} writes: whoever presses Stop, all stop`, async () => {
    const page = await ask(servers[name]);
    const tab = await along(page, servers[other]);
    await more(tab);
    await tab.getByRole('button', { name: 'Stop' }).click();
    await agree([page, tab], 'stopped');
    await expect(tab.getByRole('button', { name: 'Stop' })).toBeHidden();
  });

  test(`${name} writes, and ends for a new version: the answer comes to its end`, async () => {
    const page = await ask(servers[name]);
    const tab = await along(page, servers[other]);
    const ended = servers[name].stop('SIGTERM');
    await shows(page, 'reconnecting');
    writeFast();
    await ended;
    await servers[name].start();
    await agree([page, tab], 'complete');
  });

  test(`${name} reads, is killed and started again`, async () => {
    const page = await ask(servers[other]);
    const tab = await along(page, servers[name]);
    await more(tab);
    await servers[name].stop('SIGKILL');
    await shows(tab, 'reconnecting');
    await servers[name].start();
    await agree([page, tab], 'complete');
  });

  test(`${name} writes, and is killed: readers are told that there will be no more`, async () => {
    const page = await ask(servers[name]);
    const tab = await along(page, servers[other]);
    await more(tab);
    await servers[name].stop('SIGKILL');
    await shows(tab, 'the server that wrote this is gone; ask again');
    await servers[name].start();
    await shows(page, 'the server that wrote this is gone; ask again');
    assert.equal(await page.getByLabel('Answer').textContent(), await tab.getByLabel('Answer').textContent());
  });

  test(`${name} writes: relays and Redis are killed and started again`, async () => {
    for (const daemon of [...hosts.relays, hosts.redis]) {
      const page = await ask(servers[name]);
      const tab = await along(page, servers[other]);
      await more(tab);
      await daemon.stop('SIGKILL');
      await page.waitForTimeout(1000);
      await daemon.start();
      await agree([page, tab], 'complete');
    }
  });

  test(`${name}: an answer that is not there, and a question that is none`, async () => {
    const page = await open(`${servers[name].url}/?answer=none`);
    await shows(page, 'this answer is gone: it was kept for ten minutes');
    const response = await page.request.post(`${servers[name].url}/answers`, { data: { question: '' } });
    assert.equal(response.status(), 422);
    assert.deepEqual(await response.json(), { error: '/question: length must be >= 1, but got 0' });
  });
}
