// The relay's own status page, as an operator sees it who has to find out what is wrong.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { connect } from 'node:net';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { eventually, expect, hear, isSeenSoon, openBrowser, startHosts } from './harness.js';
import { ago, channel, client, status, troubles } from './pagedata.js';

const config = fileURLToPath(new URL('../../../relay.yaml', import.meta.url));
const demo = fileURLToPath(new URL('../../../examples/chat/demo/relay.yaml', import.meta.url));
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const NARROW = { viewport: { width: 360, height: 740 } };

// startRelay starts a relay of its own, with a Redis.
async function startRelay(t, file = config) {
  const hosts = await startHosts({ config: file, relays: 1 });
  t.after(() => hosts.close());
  return { hosts, relay: hosts.relays[0] };
}

// visit opens the page, and keeps what the console says and what the page asks for.
async function visit(hosts, url, options) {
  const page = await hosts.visit('about:blank', options);
  const heard = hear(page);
  await page.goto(url);
  return Object.assign(page, { heard });
}

// canned opens the page of a relay that says what the test makes up.
async function canned(hosts, url, made, options) {
  const page = await hosts.visit('about:blank', options);
  await page.route('**/api/v1/events', (route) => route.fulfill({
    contentType: 'text/event-stream', body: `retry: 300\n\nevent: status\ndata: ${JSON.stringify(made())}\n\n`,
  }));
  await page.goto(url);
  await expect(page.locator('#link')).toHaveAttribute('data-state', 'live');
  return page;
}

// clientOf connects to a relay's socket; send(words) sends a command. Without flow it takes nothing from the socket.
async function clientOf(t, relay, name, { flow = true } = {}) {
  const socket = connect(relay.socket);
  t.after(() => socket.destroy());
  socket.on('error', () => {}); // the relay may have gone
  if (flow) socket.resume();
  else socket.pause();
  const send = (...words) => socket.write(`*${words.length}\r\n${words.map((w) => `$${Buffer.byteLength(w)}\r\n${w}\r\n`).join('')}`);
  send('CLIENT', 'SETNAME', name);
  return { send };
}

const problem = (page, text) => page.getByRole('region', { name: /./ }).first().getByRole('listitem').filter({ hasText: text });
const well = (page) => expect(page.locator('#verdict-text')).toHaveText('All is well');

test('a reject, a slow listener and a Redis outage stand at the top within two seconds; figures move', async (t) => {
  const { hosts, relay } = await startRelay(t);
  const page = await visit(hosts, relay.http);
  await well(page);
  const bot = await clientOf(t, relay, 'bot');

  const published = page.locator('#tiles > div').filter({ hasText: 'Published here' });
  const beat = setInterval(() => bot.send('PUBLISH', 'free:1', 'hello'), 20);
  await expect(published.locator('.value')).toHaveText(/^[1-9]\d\/s$/);
  const [first] = [await page.locator('#charts path.out').getAttribute('d')];
  await expect(page.locator('#charts path.out')).not.toHaveAttribute('d', first);
  clearInterval(beat);

  await isSeenSoon('a reject', (i) => bot.send('PUBLISH', `chat:${i}`, '{"type":"typing","userId":5,"roomId":"42"}'),
    (i) => problem(page, new RegExp(`A message on chat:${i} was refused .*/userId: expected string, but got number; published by bot \\(pid ${process.pid}`)));
  await expect(page.locator('#reject-table').getByRole('row').filter({ hasText: 'chat:0' })).toContainText('/userId');

  await isSeenSoon('a slow listener', async (i) => {
    (await clientOf(t, relay, `web-${i}`, { flow: false })).send('SUBSCRIBE', `big:${i}`);
    await expect(page.locator('#client-table').getByRole('rowheader', { name: `web-${i}` })).toBeVisible();
    for (let n = 0; n < 40; n++) bot.send('PUBLISH', `big:${i}`, 'x'.repeat(2 ** 16));
  }, (i) => problem(page, new RegExp(`client web-${i} \\(pid ${process.pid}, uid \\d+\\) has taken nothing for .*iB wait`)));
  await expect(page.locator('#client-table tbody tr').first()).toContainText('web-');
  const stuck = problem(page, /client web-\d \(pid \d+, uid \d+\) has taken nothing for .*The busiest channel that it hears is big:\d/);
  await expect(stuck.first()).toBeVisible(); // the alert of the relay

  await isSeenSoon('an outage', async (i) => {
    if (i > 0) await hosts.redis.start();
    await expect(problem(page, 'Redis cannot be reached')).toHaveCount(0);
    await hosts.redis.stop('SIGKILL');
  }, () => problem(page, /Redis cannot be reached since \d+ s: .*connection refused/));
  await expect(page).toHaveTitle(/^\(\d\) redis-relay/);
  await hosts.redis.start();
  await expect(problem(page, 'Redis cannot be reached')).toHaveCount(0);
  await expect(page.locator('#uptime')).toHaveText(/Redis was away \d time/);
  assert.deepEqual(page.heard.errors, []);
  for (const url of page.heard.requests) assert.ok(url.startsWith(relay.http), `${url} is elsewhere`);
});

test('a bot loop stands at the top within two seconds, with its publisher, and once', async (t) => {
  const { hosts, relay } = await startRelay(t, demo); // its room of bots has a rate.alert
  const page = await visit(hosts, relay.http);
  await well(page);
  const bot = await clientOf(t, relay, 'bot');
  const said = JSON.stringify({ type: 'message', id: '1', room: 'bots', from: 'bot', text: 'Hi', at: ago(0) });
  let beat;
  t.after(() => clearInterval(beat));
  let room;
  await isSeenSoon('a bot loop', (i) => {
    clearInterval(beat);
    room = `chat:bots-${i}`;
    beat = setInterval(() => { for (let n = 0; n < 20; n++) bot.send('PUBLISH', room, said); }, 20);
  }, () => problem(page, new RegExp(`^${room} carries [\\d,]+ messages/s, usually .*; published by bot \\(pid ${process.pid}, uid \\d+\\)`)));
  await expect(page.locator('#channel-table tbody tr').first()).toContainText(room);
  await eventually(async () => {
    const { alerts } = await (await fetch(`${relay.http}/api/v1/status?seconds=0`)).json();
    assert.ok(alerts.some(({ kind, about }) => kind === 'rate' && about.channel === room), JSON.stringify(alerts));
  });
  await expect(problem(page, room)).toHaveCount(1); // the alert is about the same
  clearInterval(beat);
  await well(page);
  assert.deepEqual(page.heard.errors, []);
});

test('names that others chose are shown as text', async (t) => {
  const { hosts, relay } = await startRelay(t);
  const page = await canned(hosts, relay.http, troubles);
  let asked = '';
  page.on('request', (request) => request.url().endsWith('/x') && (asked = request.url()));
  await expect(page.locator('#channel-table')).toContainText('<img src=x onerror=alert(1)>\\u202egnp.exe');
  for (const part of ['#problems', '#client-table', '#reject-table', '#changes', '#config-list', '#event-table']) {
    await expect(page.locator(part)).toContainText('<img src=x');
  }
  assert.equal(await page.locator('img').count(), 0);
  assert.equal(asked, '');
  await assert.rejects(page.evaluate(() => { document.body.innerHTML = '<b>x</b>'; }), /TrustedHTML/);
});

test('a relay that goes away is missed, and found again', async (t) => {
  const { hosts, relay } = await startRelay(t);
  const page = await visit(hosts, relay.http);
  await well(page);
  await relay.stop('SIGKILL');
  await expect(problem(page, /No connection to the relay since \d\d:\d\d:\d\d/)).toBeVisible();
  await expect(page.locator('#link')).toHaveText(/no connection since/);
  await relay.start();
  await well(page);
  await expect(page.locator('#link')).toHaveText('live');
});

test('a relay that hangs is missed, too, and its page goes on by itself', async (t) => {
  const { hosts, relay } = await startRelay(t);
  const page = await visit(hosts, relay.http);
  await well(page);
  relay.freeze();
  await expect(problem(page, 'No connection to the relay')).toBeVisible();
  relay.thaw();
  await well(page);
});

test('where there is no room for one more reader, the page asks', async (t) => {
  const { hosts, relay } = await startRelay(t);
  const readers = await Promise.all(Array.from({ length: 16 }, () => fetch(`${relay.http}/api/v1/events`)));
  t.after(() => Promise.all(readers.map((reader) => reader.body.cancel())));
  const page = await visit(hosts, relay.http);
  await expect(page.locator('#link')).toHaveText('live, asking every 2 s');
  await well(page);
});

for (const colorScheme of ['light', 'dark']) {
  for (const [state, made] of [['well', status], ['in trouble', troubles]]) {
    test(`axe finds nothing serious: ${colorScheme}, ${state}, wide and narrow`, async (t) => {
      const { hosts, relay } = await startRelay(t);
      for (const size of [{}, NARROW]) {
        const page = await canned(hosts, relay.http, made, { ...size, colorScheme, bypassCSP: true });
        await page.evaluate(axe);
        const { violations } = await page.evaluate(() => axe.run());
        const found = violations.map((v) => `${v.impact} ${v.id}: ${v.nodes.map((n) => `${n.target} ${n.failureSummary}`).join('; ')}`);
        assert.deepEqual(found.filter((text) => /^(serious|critical)/.test(text)), [], found.join('\n'));
      }
    });
  }
}

test('a narrow phone shows all without sideways scrolling', async (t) => {
  const { hosts, relay } = await startRelay(t);
  for (const made of [status, troubles]) {
    const page = await canned(hosts, relay.http, made, NARROW);
    await expect(page.locator('#channel-table tbody tr')).toHaveCount(2);
    const wide = await page.evaluate(() => {
      const over = [...document.querySelectorAll('main *')].filter((node) => node.getBoundingClientRect().right > 360.5 && !node.closest('.unseen, thead'));
      return [document.documentElement.scrollWidth, ...over.map((node) => node.outerHTML.slice(0, 80))];
    });
    assert.deepEqual(wide, [360]);
  }
});

test('all can be done by keyboard, and a screen reader finds its way', async (t) => {
  const { hosts, relay } = await startRelay(t);
  const page = await canned(hosts, relay.http, () => status({ clients: { connected: 1, list: [client(5, 'web')] } }));
  await page.keyboard.press('Tab');
  await expect(page.getByRole('link', { name: 'To what is wrong' })).toBeFocused();
  await page.keyboard.press('Enter');
  await expect(page.locator('#verdict')).toBeFocused();

  const rows = page.locator('#channel-table').getByRole('rowheader');
  await expect(rows).toHaveText(['chat:42', 'chat:7']);
  await page.getByRole('button', { name: 'bytes' }).focus();
  await page.keyboard.press('Enter');
  await expect(rows).toHaveText(['chat:7', 'chat:42']);
  await expect(page.getByRole('button', { name: 'bytes' })).toBeFocused();
  await expect(page.getByRole('button', { name: 'bytes' })).toHaveAttribute('aria-pressed', 'true');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Tab');
  await page.keyboard.type('42');
  await expect(rows).toHaveText(['chat:42']);

  await page.getByRole('slider', { name: 'Moment' }).focus();
  await page.keyboard.press('ArrowLeft');
  await expect(page.locator('#moment-text')).toHaveText(/^\d\d:\d\d:\d\d$/);
  await page.keyboard.press('End');
  await expect(page.locator('#moment-text')).toHaveText('now');
  for (const landmark of ['banner', 'main', 'navigation', 'contentinfo']) await expect(page.getByRole(landmark)).toBeVisible();
  await expect(page.getByRole('img', { name: /^Messages in the last ten minutes. from Redis: \d+\/s, highest/ })).toBeVisible();
  await expect(page.getByRole('table', { name: /^Clients/ })).toBeVisible();
});

test('who hears the page is told of a problem once', async (t) => {
  const { hosts, relay } = await startRelay(t);
  let made = status;
  const page = await canned(hosts, relay.http, () => made());
  await well(page);
  const announced = page.locator('#announce');
  await expect(announced).toBeEmpty();
  made = () => status({ clients: { connected: 1, list: [client(5, 'web', { queued_bytes: 1.2 * 2 ** 20, queued_seconds: 8 })] } });
  await expect(announced).toHaveText('client web (pid 75, uid 1000) has taken nothing for 8 s: 1.2 MiB wait');
  const text = await announced.textContent();
  made = () => status({ clients: { connected: 1, list: [client(5, 'web', { queued_bytes: 1.3 * 2 ** 20, queued_seconds: 9 })] } });
  await expect(problem(page, '9 s: 1.3 MiB')).toBeVisible();
  assert.equal(await announced.textContent(), text);
  made = status;
  await expect(announced).toHaveText('All is well');
});

test('a browser that gives the token as a password sees the page, and others nothing', async (t) => {
  const { hosts } = await startRelay(t);
  const relay = await hosts.addRelay(['--http.token_file', fileURLToPath(new URL('token.txt', import.meta.url))]);
  const page = await visit(hosts, relay.http, { httpCredentials: { username: 'anybody', password: 'a token for tests' } });
  await well(page);
  await expect(page.locator('#link')).toHaveText('live');
  const stranger = await (await openStranger(t)).newPage();
  const response = await stranger.goto(relay.http);
  assert.equal(response.status(), 401);
});

async function openStranger(t) {
  const browser = await openBrowser();
  t.after(() => browser.close());
  return browser.newContext({ httpCredentials: { username: 'anybody', password: 'a guess' } });
}
