// What holds for the pages and servers of all example applications.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { expect, PHONE, startHosts } from './harness.js';

const examples = fileURLToPath(new URL('../../../examples', import.meta.url));
const python = (name) => fileURLToPath(new URL(`../../../.cache/clients/${name}/bin/python`, import.meta.url));
const LONG = 'Donaudampfschifffahrtsgesellschaftskapitaen'.repeat(2); // one word

// fill makes a page of a user with a long name show long words.
const apps = {
  chat: {
    command: ['node', 'server.js'],
    path: `/?name=${LONG.slice(0, 32)}&room=lobby`,
    async fill(page) {
      await page.getByLabel('Message').fill(LONG);
      await page.getByRole('button', { name: 'Send' }).click();
      await expect(page.getByRole('listitem')).toContainText(LONG);
      await expect(page.locator('#people')).not.toBeEmpty();
    },
  },
  documents: {
    command: ['node', 'server.js'],
    path: `/?document=long&user=${LONG.slice(0, 60)}`,
    async fill(page, url, hosts) {
      const other = await hosts.visit(`${url}/?document=long&user=${'Rhabarber'.repeat(7)}`);
      await other.getByLabel('Text').fill(LONG.repeat(3));
      await expect(page.getByText(/is at line 1/)).toBeVisible();
    },
  },
  notifications: {
    command: [python('notifications'), 'server.py'],
    path: `/?user=${LONG.slice(0, 60)}`,
    async fill(page) {
      await page.getByLabel('Users').fill(LONG.slice(0, 60));
      await page.getByLabel('Title').fill(LONG);
      await page.getByLabel('Message').fill(LONG);
      await page.getByRole('button', { name: 'Send' }).click();
      await expect(page.getByRole('listitem')).toContainText(LONG);
    },
  },
  tokens: {
    command: ['node', 'server.js'],
    path: '/',
    async fill(page) {
      await page.getByLabel('Question').fill(LONG);
      await page.getByRole('button', { name: 'Ask' }).click();
      await expect(page.getByLabel('Answer')).toContainText(LONG);
    },
  },
  'tokens, in Python': {
    folder: 'tokens',
    command: [python('tokens'), 'server.py'],
    path: '/',
    fill: async () => {}, // the page is the same
  },
};

for (const [name, { folder = name, command: [program, ...args], path, fill }] of Object.entries(apps)) {
  test(`${name}: nothing is wider than a phone, and only this host can reach the server`, async (t) => {
    const cwd = join(examples, folder);
    const hosts = await startHosts({ config: join(cwd, 'relay.yaml'), relays: 1 });
    t.after(() => hosts.close());
    const server = await hosts.serve(hosts.relays[0], program, args, { cwd });

    const page = await hosts.visit(server.url + path, PHONE);
    await fill(page, server.url, hosts);
    const [shown, wide] = await page.evaluate(() => {
      const { clientWidth, scrollWidth } = document.documentElement;
      return [clientWidth, scrollWidth];
    });
    assert.deepEqual([shown, wide], [390, 390], 'width that is shown, and that of the page');

    const { port } = new URL(server.url);
    assert.equal(await accepts('127.0.0.1', port), true);
    assert.equal(await accepts('127.0.0.2', port), false, 'it listens on other addresses than the one it prints');
  });
}

function accepts(host, port) {
  return new Promise((resolve) => {
    const socket = connect(port, host, () => resolve(true));
    socket.once('error', () => resolve(false));
    socket.once('close', () => {});
    socket.once('connect', () => socket.destroy());
  });
}

test('each example has ports of its own, those that its page names', () => {
  const taken = new Map();
  for (const [name, { folder = name, command }] of Object.entries(apps)) {
    const read = (file) => readFileSync(join(examples, folder, file), 'utf8');
    const [, admin] = read('relay.yaml').match(/listen: 127\.0\.0\.1:(\d+)/);
    const [, app] = read(command.at(-1)).match(/PORT\b[^\n\d]*(\d+)/);
    const named = [...read('README.md').matchAll(/(?:127\.0\.0\.1:|PORT=)(\d+)/g)].map(([, port]) => port);
    assert.ok(named.includes(app), `${folder}/README.md does not name port ${app}`);
    for (const port of [admin, app, ...named]) {
      assert.equal(taken.get(port) ?? folder, folder, `port ${port} is also that of`);
      taken.set(port, folder);
    }
  }
});
