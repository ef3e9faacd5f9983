// The programs of docs/history.md, as they are written there. The worker in Python runs with
// each redis-py of redis-py-versions.txt, at the same time, through idle times and restarts.
//
// RELAY_LONG=1 has the worker idle for ten minutes instead of three read timeouts of redis-py 8.

import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { createClient } from 'redis';
import { Daemon } from '../node/daemon.js';
import { Hosts, metric } from '../node/hosts.js';
import { until } from '../node/wait.js';

const here = fileURLToPath(new URL('.', import.meta.url));
const root = join(here, '../../..');
const python = join(root, '.cache/clients/migration/bin/python');
const versions = readFileSync(join(here, 'redis-py-versions.txt'), 'utf8').trim().split('\n');

const IDLE = (process.env.RELAY_LONG ? 600 : 16) * 1000;
const AWAY = 15_000;

// What the page leaves to the reader: where the last ID is kept, and what is done with a message.
const OF_THE_READER = `
import os

def load_last_id():
    return open("last").read() if os.path.exists("last") else None

def save_last_id(last):
    with open("last.new", "w") as file:
        file.write(last)
    os.replace("last.new", "last")
    with open("saved", "a") as file:
        print(last, file=file)

def handle(message):
    with open("handled", "a") as file:
        print(message["id"], file=file)
`;

let hosts, scratch, client, workers;
const published = [];

before(async () => {
  hosts = await Hosts.start({ config: join(root, 'examples/migration/relay.yaml'), relays: 1 });
  scratch = mkdtempSync('/tmp/rr-');
  symlinkSync(join(here, 'node_modules'), join(scratch, 'node_modules'));
  client = createClient({ socket: { path: hosts.relays[0].socket } }).on('error', () => {});
  await client.connect();
  workers = versions.map((version) => new Worker(version));
  await Promise.all(workers.map((worker) => worker.start()));
});
after(async () => {
  client?.destroy();
  await Promise.all((workers ?? []).map((worker) => worker.stop('SIGKILL')));
  await hosts?.close();
  rmSync(scratch, { recursive: true, force: true });
});

test('the page reads back the last messages, the oldest first', async () => {
  await say(60);
  const path = join(scratch, 'page.mjs');
  const show = 'const show = (id, message) => console.log(message.id);\n';
  writeFileSync(path, show + program('js page') + 'await relay.close();\n');
  const { stdout } = await promisify(execFile)('node', [path], { timeout: 300_000 });
  assert.deepEqual(stdout.trim().split('\n'), published.slice(-50));
  await everybodyHasAll();
});

test('an idle worker keeps its connection', async () => {
  const before = await accepted();
  await pause(IDLE);
  assert.equal(await accepted() - before, 0, 'connections made while idle');
  await say(3);
  await everybodyHasAll();
});

test('a relay that is away', async () => {
  await hosts.relays[0].stop('SIGKILL');
  await pause(AWAY);
  await hosts.relays[0].start();
  await say(3);
  await everybodyHasAll();
});

test('a Redis that is away', async () => {
  await hosts.redis.stop('SIGKILL');
  await pause(AWAY);
  await hosts.redis.start();
  await say(3);
  await everybodyHasAll();
});

test('a Redis and a relay that restart, and a worker that was killed meanwhile', async () => {
  for (const worker of workers) await worker.stop('SIGKILL');
  await say(3);
  await hosts.relays[0].stop('SIGTERM');
  await hosts.redis.stop('SIGTERM');
  for (const worker of workers) await worker.start();
  await hosts.redis.start();
  await hosts.relays[0].start();
  await say(3);
  await everybodyHasAll();
});

// program returns the code of the page's block with the info string.
function program(info) {
  const [, code] = readFileSync(join(root, 'docs/history.md'), 'utf8').match(new RegExp(`^\`\`\`${info}\n(.*?)^\`\`\`$`, 'ms'));
  return code.replaceAll('/run/relay/relay.sock', hosts.relays[0].socket);
}

// Worker is the page's worker with one redis-py.
class Worker extends Daemon {
  #folder;

  constructor(version) {
    const folder = mkdtempSync(join(scratch, 'worker-'));
    writeFileSync(join(folder, 'worker.py'), OF_THE_READER + program('python worker'));
    const env = { ...process.env, PYTHONPATH: join(root, '.cache/clients/redis-py', version) };
    super(python, ['-B', '-u', 'worker.py'], async () => true, { cwd: folder, env });
    this.version = version;
    this.#folder = folder;
  }

  get handled() {
    return this.#lines('handled');
  }

  get saved() {
    return this.#lines('saved');
  }

  #lines(file) {
    const path = join(this.#folder, file);
    return existsSync(path) ? readFileSync(path, 'utf8').split('\n').slice(0, -1) : [];
  }
}

// say publishes messages, each once the one before is acknowledged. One whose fate is not known is
// looked up in the history.
async function say(count) {
  for (let i = 0; i < count; i++) {
    const id = `m${published.length + 1}`;
    const text = { type: 'message', id, roomId: '42', userId: 'ada', message: 'Hello', timestamp: Date.now() };
    await until(`acknowledgement of ${id}`, async () => {
      const said = await client.xRevRange('chat:42', '+', '-', { COUNT: 1 });
      if (said.length > 0 && JSON.parse(said[0].message.payload).id === id) return true;
      await client.publish('chat:42', JSON.stringify(text));
      return true;
    });
    published.push(id);
  }
}

// everybodyHasAll waits until each worker has handled all, and has saved that: one that is killed between the two
// handles its last message again.
async function everybodyHasAll() {
  for (const worker of workers) {
    await until(`last message at redis-py ${worker.version}`, async () => {
      assert.ok(worker.isRunning, `the worker with redis-py ${worker.version} has ended:\n${worker.output}`);
      return worker.saved.length >= published.length;
    });
    assert.deepEqual(worker.handled, published, `redis-py ${worker.version}`);
  }
}

// accepted is how many connections the relay has accepted.
const accepted = () => metric(hosts.relays[0], 'clients_accepted_total');
