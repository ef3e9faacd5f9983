// `make demo`: examples/chat with one embedded Redis for both relays, and the page that shows it all.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { answers, Daemon, relayBinary } from '../node/daemon.js';
import { freePorts } from '../node/ports.js';
import { PATIENCE } from '../node/wait.js';
import { eventually, expect, hear, isSeenSoon, openBrowser } from './harness.js';

const cwd = fileURLToPath(new URL('../../../examples/chat', import.meta.url));
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

// demoOn is the demo on these ports, not yet started; it is ready when it has printed all.
function demoOn(port, ports) {
  const env = { ...process.env, RELAY_BIN: relayBinary(), PORT: String(port), PORTS: ports.join(), REDIS_URL: '' };
  const demo = new Daemon('node', ['demo.js'], async () => demo.output.includes('Ctrl-C ends it.'), { cwd, env });
  return demo;
}

// startDemo starts the demo and a browser. open(options) opens the demo's page.
async function startDemo(t) {
  const [port, ...ports] = await freePorts(3);
  const demo = demoOn(port, ports);
  t.after(() => demo.stop('SIGTERM'));
  await demo.start();
  const browser = await openBrowser();
  t.after(() => browser.close());
  const address = `http://127.0.0.1:${port}/`;
  const open = async (options) => {
    const context = await browser.newContext(options);
    context.setDefaultTimeout(PATIENCE);
    const page = await context.newPage();
    const heard = hear(page);
    await page.goto(address);
    await expect(page.frameLocator('[title="Status of relay 2"]').locator('#verdict-text')).toHaveText('All is well');
    return Object.assign(page, { heard });
  };
  return { demo, address, ports, browser, open };
}

const chat = (page, i) => page.frameLocator(`[title="Chat on server ${i}"]`);
const relay = (page, i) => page.frameLocator(`[title="Status of relay ${i}"]`);
const problem = (page, i, text) => relay(page, i).locator('#problems > li').filter({ hasText: text });
const press = (page, name) => page.getByRole('button', { name }).click();

// stop ends an incident that has not ended by itself.
async function stop(page, name) {
  const button = page.getByRole('button', { name });
  await eventually(async () => {
    if (await button.isVisible()) await button.click({ timeout: 2000 });
    await expect(button).toBeHidden({ timeout: 2000 });
  });
}

async function say(chat, text) {
  await chat.getByLabel('Message').fill(text);
  await chat.getByRole('button', { name: 'Send' }).click();
}

test('the demo prints the addresses of its page, of two chats where people talk, and of two status pages; it ends on Ctrl-C', async (t) => {
  const { demo, address, ports, browser } = await startDemo(t);
  assert.equal(demo.output.match(/http:\S+/)[0], address);

  const people = [];
  for (const [address] of demo.output.matchAll(/http:\S+name=\S+/g)) {
    const person = await browser.newPage();
    person.setDefaultTimeout(PATIENCE);
    await person.goto(address);
    await expect(person.getByRole('status')).toHaveText('connected');
    people.push(person);
  }
  const [ann, bob] = people;
  await expect(bob.locator('#people')).toHaveText('ann, bob');
  await say(ann, 'hello');
  await expect(bob.getByRole('listitem')).toHaveText(['ann: hello']);
  await bob.reload();
  await expect(bob.getByRole('listitem')).toHaveText(['ann: hello']);

  const statusPages = [...demo.output.matchAll(/^ +(http:\S+:\d+)$/gm)].map(([, address]) => address);
  assert.equal(statusPages.length, 2, demo.output);
  for (const address of statusPages) {
    await bob.goto(address);
    await expect(bob.locator('body')).toContainText('chat:');
  }

  await demo.stop('SIGINT');
  for (const url of [address, ...ports.map((port) => `http://127.0.0.1:${port}`)]) await assert.rejects(answers(url));
});

test('the page shows both chats and both relays; each incident is seen on its relay within two seconds', async (t) => {
  const { open } = await startDemo(t);
  const page = await open({ viewport: { width: 1500, height: 1000 } });
  for (const i of [1, 2]) await expect(chat(page, i).getByRole('status')).toHaveText('connected');
  await say(chat(page, 1), 'hello');
  await expect(chat(page, 2).getByRole('listitem')).toHaveText(['ann: hello']);

  const carries = problem(page, 1, /^chat:bots carries [\d,]+ messages\/s, .*; published by answer-bot \(pid \d+/);
  await isSeenSoon('a bot', async (i) => {
    if (i > 0) await stop(page, 'Stop the bot');
    await expect(carries).toHaveCount(0);
    await press(page, 'Start the bot');
  }, () => carries);
  await expect(relay(page, 1).locator('#channel-table tbody tr').first()).toContainText('chat:bots');
  await eventually(async () => {
    const [, pid] = /pid (\d+)/.exec(await carries.textContent());
    process.kill(Number(pid)); // as an operator would
  });
  await expect(page.getByRole('button', { name: 'Start the bot' })).toBeVisible();

  const stuck = problem(page, 1, /^client price-board \(pid \d+, uid \d+\) has taken nothing for .*iB wait/);
  await isSeenSoon('a stuck reader', async (i) => {
    if (i > 0) await stop(page, 'Stop the reader');
    await expect(stuck).toHaveCount(0);
    await expect(relay(page, 1).locator('#client-table').getByRole('rowheader', { name: 'price-board' })).toBeVisible();
    await press(page, 'Start the reader');
  }, () => stuck);
  await expect(stuck).toContainText(/It has missed [\d,]+ messages/);
  await press(page, 'Stop the reader');
  await expect(stuck).toHaveCount(0);

  const away = problem(page, 2, /^Redis cannot be reached/);
  await isSeenSoon('an outage', async (i) => {
    if (i > 0) await stop(page, 'Mend the connection');
    await expect(away).toHaveCount(0);
    await press(page, 'Cut the connection');
  }, () => away);
  await say(chat(page, 1), 'are you there?');
  await expect(chat(page, 1).getByRole('listitem')).toHaveText(['ann: hello', 'ann: are you there?']);
  await expect(problem(page, 1, 'Redis cannot be reached')).toHaveCount(0);
  await expect(chat(page, 2).getByRole('listitem')).toHaveText(['ann: hello', 'ann: are you there?']);
  await expect(page.getByRole('button', { name: 'Cut the connection' })).toBeVisible(); // it mends by itself
  await expect(away).toHaveCount(0);
  assert.deepEqual(page.heard.errors, []);
});

test('the page can be read in both themes and on a phone, and says how a terminal shows the same', async (t) => {
  const { open, demo } = await startDemo(t);
  for (const options of [{ colorScheme: 'light' }, { colorScheme: 'dark' }, { viewport: { width: 360, height: 740 } }]) {
    const page = await open({ ...options, bypassCSP: true });
    for (const summary of await page.locator('summary').all()) await summary.click();
    await expect(page.locator('code').filter({ hasText: /top --view clients --sort queue --socket.path \/\S+\.sock$/ })).toBeVisible();
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), JSON.stringify(options));
    await page.evaluate(axe);
    const { violations } = await page.evaluate(() => axe.run(document, { iframes: false }));
    assert.deepEqual(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html)}`), []);
    await page.context().close();
  }
  const page = await open();
  await page.locator('summary').nth(1).click();
  await page.getByRole('link', { name: 'clients' }).click();
  await expect(relay(page, 1).locator('#clients')).toBeInViewport();
  await demo.stop('SIGINT');
  await expect(page.getByRole('alert')).toHaveText(/The demo has ended/);
});

test('no other site can press a button or frame a page of the demo', async (t) => {
  const { address } = await startDemo(t);
  const start = (headers) => fetch(`${address}incidents/redis/start`, { method: 'POST', headers });
  assert.equal((await start({ origin: 'http://elsewhere.example' })).status, 403);
  assert.equal((await start({})).status, 403);
  const state = await (await fetch(`${address}state`)).json();
  assert.deepEqual(state.incidents, { bot: 0, reader: 0, redis: 0 });
  const mirror = await fetch(state.hosts[0].frame);
  const origin = address.replace(/\/$/, '');
  assert.match(mirror.headers.get('content-security-policy'), new RegExp(`frame-ancestors ${origin} http://localhost:\\d+;`));
  assert.match((await fetch(address)).headers.get('content-security-policy'), /frame-ancestors 'none'/);
  const foreign = await fetch(`${state.hosts[0].frame}/api/v1/status`, { headers: { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'cors' } });
  assert.equal(foreign.status, 403);
});

test('where a port is taken, the demo says how to choose others', async (t) => {
  const taken = createServer().listen(0, '127.0.0.1');
  t.after(() => taken.close());
  await once(taken, 'listening');
  const { port } = taken.address();
  const [one, two] = await freePorts(2);
  const advice = /EADDRINUSE.*PORT=4000 PORTS=4001,4002 make demo/s;
  await assert.rejects(demoOn(one, [port, two]).start(), (error) => /ended with 1 /.test(error.message) && advice.test(error.message));
  await assert.rejects(demoOn(port, [one, two]).start(), advice);
});
