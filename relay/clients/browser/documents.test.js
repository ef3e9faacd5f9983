// The documents example: two servers, each behind the relay of its own host.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { after, afterEach, before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { PATIENCE } from '../node/wait.js';
import { lay } from './cable.js';
import { expect, startHosts } from './harness.js';

const cwd = fileURLToPath(new URL('../../../examples/documents', import.meta.url));

let hosts, one, two;
const opened = []; // pages, until the end of the test

before(async () => {
  hosts = await startHosts({ config: `${cwd}/relay.yaml`, relays: 2 });
  [one, two] = await Promise.all(hosts.relays.map((relay) => hosts.serve(relay, 'node', ['server.js'], { cwd })));
});
afterEach(leave);
after(() => hosts.close());

// open is a user's page of a document on a server, ready to be written in.
async function open(url, name, user) {
  const page = await hosts.visit(`${url}/?document=${name}&user=${user}`);
  opened.push(page);
  await expect(text(page)).toBeEnabled();
  return page;
}

async function leave() {
  for (const page of opened.splice(0)) await page.context().close();
}

// both opens a document on both servers.
const both = (name) => Promise.all([open(one.url, name, 'ann'), open(two.url, name, 'bob')]);

const text = (page) => page.getByLabel('Text');
const write = (page, words) => text(page).pressSequentially(words, { timeout: 5 * PATIENCE });
const reads = (page, words) => expect(text(page)).toHaveValue(words);
const shows = (page, status) => expect(page.getByRole('status')).toHaveText(status);

// agree waits until the pages show one text, saved, with all the words in it, and returns it.
async function agree(pages, words) {
  await Promise.all(pages.map((page) => shows(page, 'saved')));
  let agreed;
  await expect(async () => {
    const texts = await Promise.all(pages.map((page) => text(page).inputValue()));
    assert.deepEqual(new Set(texts).size, 1, texts.join('\n---\n'));
    [agreed] = texts;
    for (const word of words) assert.ok(agreed.includes(word), `${word} in ${agreed}`);
  }).toPass({ timeout: PATIENCE });
  return agreed;
}

test('both see what the other writes, and where', async () => {
  const [ann, bob] = await both('seen');
  await write(ann, 'Hello\nworld');
  await reads(bob, 'Hello\nworld');
  await expect(bob.getByText('ann is at line 2, column 6')).toBeVisible();
  await write(bob, 'Oh. '); // at the beginning, where bob's caret has stayed
  await reads(ann, 'Oh. Hello\nworld');
  await expect(ann.getByText('bob is at line 1, column 5')).toBeVisible();
  await write(ann, '!'); // where ann left off
  await reads(bob, 'Oh. Hello\nworld!');
});

test('an emoji that replaces its neighbour stays whole', async () => {
  const [ann, bob] = await both('emoji');
  for (const words of ['a😀b', 'a😁b', 'a😁😁b', 'a😁b']) { // the two share a half
    await text(ann).fill(words);
    await reads(bob, words);
  }
});

test('what two write at the same time is one text, and a late joiner reads it', async () => {
  const [ann, bob] = await both('together');
  const [hers, his] = ['a', 'b'].map((letter) => letter.repeat(100));
  await Promise.all([write(ann, hers), write(bob, his)]);
  const agreed = await agree([ann, bob], []);
  assert.equal([...agreed].sort().join(''), hers + his);
  const late = await open(two.url, 'together', 'late');
  await reads(late, agreed);
});

test('a late joiner reads what the history has forgotten from the snapshot', async () => {
  const [ann, bob] = await both('long');
  const words = 'lorem ipsum dolor sit amet '.repeat(20); // 540 edits
  await write(ann, words);
  await reads(bob, words);
  await expect(() => assert.match(hosts.redis.ask('get', 'snapshot:document:long'), /"after"/)).toPass({ timeout: PATIENCE });
  // Each of the two servers makes a snapshot: the first 500 edits are in the one that is kept, whichever it is.
  const [after] = JSON.parse(hosts.redis.ask('--json', 'xrange', 'history:{document:long}', '-', '+', 'count', '500')).at(-1);
  assert.equal(hosts.redis.ask('xtrim', 'history:{document:long}', 'minid', after), '499');
  await leave();
  await one.stop('SIGKILL');
  await one.start();
  await reads(await open(one.url, 'long', 'late'), words);
});

test('an edit that the relay refuses is taken back, and says why', async () => {
  const [ann, bob] = await both('refused');
  await write(ann, 'short');
  await shows(ann, 'saved');
  await text(ann).fill('long '.repeat(100_000));
  await expect(ann.getByRole('alert')).toContainText('INVALID document:refused /edit');
  await reads(ann, 'short');
  await write(ann, ' and sweet');
  await expect(bob.getByLabel('Text')).toHaveValue(/sweet/);
});

test('more at once than a server takes is taken back, and says why', async () => {
  const [ann, bob] = await both('big');
  await write(ann, 'short');
  await shows(ann, 'saved');
  await text(ann).fill('x'.repeat(1_000_000));
  await expect(ann.getByRole('alert')).toContainText('too much at once');
  await reads(ann, 'short');
  await write(ann, ' and sweet');
  await expect(bob.getByLabel('Text')).toHaveValue(/sweet/);
});

test('whatever address a WebSocket asks for, the server goes on', async () => {
  const [ann, bob] = await both('address');
  await ann.evaluate(() => new Promise((resolve) => {
    const socket = new WebSocket(`ws://${location.host}//`);
    socket.onopen = socket.onclose = resolve;
  }));
  await write(ann, 'still here');
  await reads(bob, 'still here');
});

test('who looks at another tab is still shown, though the browser slows down the timers of this one', async () => {
  const [ann, bob] = await both('hidden');
  await ann.addInitScript(() => {
    const { setInterval } = window;
    window.setInterval = (work) => setInterval(work, 60_000);
  });
  const [socket] = await Promise.all([ann.waitForEvent('websocket'), ann.reload()]);
  await expect(text(ann)).toBeEnabled();
  await write(ann, 'here');
  await expect(bob.getByText('ann is at line 1, column 5')).toBeVisible();
  for (let pings = 0; pings < 4;) { // after 6 s without a word bob sees ann no more, after 10 the server lets go
    const { payload } = await socket.waitForEvent('framereceived');
    if (JSON.parse(payload).type === 'ping') pings++;
  }
  await expect(bob.getByText('ann is at line 1, column 5')).toBeVisible();
});

// publish publishes through a relay, and returns when Redis has it all.
function publish(relay, channel, messages) {
  const bulk = (text) => `$${Buffer.byteLength(text)}\r\n${text}\r\n`;
  const commands = messages.map((message) => `*3\r\n${['PUBLISH', channel, message].map(bulk).join('')}`);
  execFileSync('redis-cli', ['-s', relay.socket, '--pipe'], { input: commands.join('') });
}

// stall has a page stand still, as where it computes for long, until the function that it resolves to is called: it
// waits for an answer.
async function stall(page) {
  const server = createServer().listen(0, '127.0.0.1').unref();
  await once(server, 'listening');
  const asked = once(server, 'request');
  const standing = page.evaluate((port) => {
    const request = new XMLHttpRequest();
    request.open('GET', `http://127.0.0.1:${port}`, false);
    request.send();
  }, server.address().port);
  const [, response] = await Promise.race([asked, standing]);
  return async () => {
    response.writeHead(200, { 'Access-Control-Allow-Origin': '*' }).end();
    await standing;
    server.close();
  };
}

// stalled opens a document and lets a user's cursor fly through it while something is stalled, from
// another host. It returns how many cursors reached ann's browser, when she sees the newest.
async function stalled(name, count, whileStalled) {
  const [ann, bob] = await both(name);
  await ann.addInitScript(() => { // a page that has heard nothing for 5 s connects again: this one has patience
    const { setTimeout } = window;
    window.setTimeout = (work, delay) => setTimeout(work, delay === 5000 ? 10 * 60_000 : delay);
  });
  const cursors = [];
  const [socket] = await Promise.all([ann.waitForEvent('websocket'), ann.reload()]);
  socket.on('framereceived', ({ payload }) => {
    const message = JSON.parse(payload);
    if (message.type === 'cursor') cursors.push(message);
  });
  await write(bob, 'x'.repeat(40));
  await expect(ann.getByText('bob is at line 1, column 41')).toBeVisible();

  const { position } = cursors.findLast(({ userId }) => userId === 'bob'); // behind the last character
  const padding = 'p'.repeat(4096);
  const messages = Array.from({ length: count }, (_, i) => {
    const item = { ...position.item, clock: position.item.clock - (count - 1 - i) % 40 };
    return JSON.stringify({ type: 'cursor', userId: 'zoe', position: { ...position, item }, padding });
  });
  await whileStalled(ann, () => {
    for (let i = 0; i < count; i += 500) publish(hosts.relays[1], `document:${name}`, messages.slice(i, i + 500));
  });
  await expect(ann.getByText('zoe is at line 1, column 41')).toBeVisible();
  return cursors.length;
}

test('a stalled browser sees the newest cursor, and is spared those before', async () => {
  const reached = await stalled('browser', 4000, async (ann, fly) => {
    const goOn = await stall(ann);
    fly();
    await goOn();
  });
  assert.ok(reached < 2000, `${reached} cursors`); // what the sockets hold, and the newest
});

test('a stalled server gets the newest cursor, and is spared those before', async () => {
  const reached = await stalled('server', 2000, async (ann, fly) => {
    one.signal('SIGSTOP');
    fly();
    one.signal('SIGCONT');
  });
  assert.ok(reached < 500, `${reached} cursors`);
});

test('a server is killed', async () => {
  const [ann, bob] = await both('killed');
  await write(ann, 'before ');
  await reads(bob, 'before ');
  await one.stop('SIGKILL');
  await write(ann, 'from-ann ');
  await shows(ann, 'reconnecting, not saved yet');
  await write(bob, 'from-bob ');
  await shows(bob, 'saved');
  await one.start();
  await agree([ann, bob], ['before', 'from-ann', 'from-bob']);
  await write(ann, 'after');
  await agree([ann, bob], ['after']);
});

test('a relay is killed and started again', async () => {
  const [ann, bob] = await both('relay');
  const cem = await open(one.url, 'relay', 'cem'); // who only reads
  await write(ann, 'before ');
  await agree([ann, bob, cem], ['before']);
  const [relay] = hosts.relays;
  await relay.stop('SIGKILL');
  await write(ann, 'from-ann ');
  await shows(ann, 'reconnecting, not saved yet');
  await write(bob, 'from-bob ');
  await shows(bob, 'saved');
  await relay.start();
  await agree([ann, bob, cem], ['before', 'from-ann', 'from-bob']);
  await write(bob, 'after');
  await agree([ann, bob, cem], ['after']);
});

test('Redis is killed and started again', async () => {
  const [ann, bob] = await both('redis');
  await write(ann, 'before ');
  await agree([ann, bob], ['before']);
  await hosts.redis.stop('SIGKILL');
  await write(ann, 'from-ann ');
  await shows(ann, 'reconnecting, not saved yet');
  await write(bob, 'from-bob ');
  await hosts.redis.start();
  await agree([ann, bob], ['before', 'from-ann', 'from-bob']);
  await reads(await open(two.url, 'redis', 'late'), await agree([ann], []));
});

test('a browser is offline for ten seconds', async () => {
  const cable = await lay(one.url);
  try {
    const [ann, bob] = await Promise.all([open(cable.url, 'offline', 'ann'), open(two.url, 'offline', 'bob')]);
    await write(ann, 'before ');
    await expect(bob.getByText('ann is at')).toBeVisible();
    cable.pull();
    const end = pause(10_000);
    await write(ann, 'from-ann ');
    await write(bob, 'from-bob ');
    await shows(ann, 'reconnecting, not saved yet');
    await expect(bob.getByText('ann is at')).toBeHidden(); // nobody is shown who is not there
    await end;
    cable.plug();
    await agree([ann, bob], ['before', 'from-ann', 'from-bob']);
    await expect(bob.getByText('ann is at')).toBeVisible();
  } finally {
    cable.close();
  }
});
