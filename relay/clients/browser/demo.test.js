// `make demo`: examples/chat with one embedded Redis for both relays.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { answers, Daemon, relayBinary } from '../node/daemon.js';
import { freePorts } from '../node/ports.js';
import { expect, openBrowser } from './harness.js';

const cwd = fileURLToPath(new URL('../../../examples/chat', import.meta.url));

test('the demo prints two addresses, on which people talk, and two status pages; it ends on Ctrl-C', async (t) => {
  const ports = await freePorts(2);
  const env = { ...process.env, RELAY_BIN: relayBinary(), PORTS: ports.join(), REDIS_URL: '' };
  const open = () => ports.every((port) => demo.output.includes(`http://127.0.0.1:${port}/?`));
  const demo = new Daemon('node', ['demo.js'], async () => open(), { cwd, env });
  t.after(() => demo.stop('SIGTERM'));
  await demo.start();
  const browser = await openBrowser();
  t.after(() => browser.close());

  const people = [];
  for (const [address] of demo.output.matchAll(/http:\S+name=\S+/g)) {
    const person = await (await browser.newContext()).newPage();
    await person.goto(address);
    await expect(person.getByRole('status')).toHaveText('connected');
    people.push(person);
  }
  const [ann, bob] = people;
  await expect(bob.locator('#people')).toHaveText('ann, bob');
  await ann.getByLabel('Message').fill('hello');
  await ann.getByRole('button', { name: 'Send' }).click();
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
  for (const port of ports) await assert.rejects(answers(`http://127.0.0.1:${port}`));
});

test('where a port is taken, the demo says how to choose others', async (t) => {
  const taken = createServer().listen(0, '127.0.0.1');
  t.after(() => taken.close());
  await once(taken, 'listening');
  const [free] = await freePorts(1);
  const env = { ...process.env, RELAY_BIN: relayBinary(), PORTS: `${taken.address().port},${free}`, REDIS_URL: '' };
  const demo = new Daemon('node', ['demo.js'], async () => false, { cwd, env });
  await assert.rejects(demo.start(), /ended with 1 .*EADDRINUSE.*PORTS=4001,4002 make demo/s);
});
