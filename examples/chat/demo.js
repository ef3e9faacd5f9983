// The chat on this machine, as on two hosts: two relays, a server behind each, and one page that shows it all, with
// buttons for what can go wrong. Ctrl-C ends it.
// Without a REDIS_URL, the first relay's embedded Redis serves both; nothing outlives the demo then.
//   RELAY_BIN=../../redis-relay node demo.js        (PORT=3000 PORTS=3001,3002 REDIS_URL=redis://...)

import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { makeIncidents } from './demo/incidents.js';
import { openLink } from './demo/link.js';
import { openMirror } from './demo/mirror.js';
import { listen, makePage, originsOf } from './demo/page.js';

const { RELAY_BIN, PORT = '3000', PORTS = '3001,3002', REDIS_URL } = process.env;
const folder = mkdtempSync(join(tmpdir(), 'chat-'));
const children = [];

function end(code) {
  for (const child of children) child.kill();
  rmSync(folder, { recursive: true, force: true });
  process.exit(code);
}
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => end(0));

function stop(name, why) {
  console.error(`${name}: ${why}`);
  if (why.includes('EADDRINUSE')) console.error('To take other ports: PORT=4000 PORTS=4001,4002 make demo');
  end(1);
}

// run starts a program and resolves to the first match of what it prints. The demo ends with it.
function run(name, program, args, env, pattern) {
  const child = spawn(program, args, { cwd: new URL('.', import.meta.url), env: { ...process.env, ...env } });
  children.push(child);
  let output = '';
  const ready = new Promise((resolve) => {
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (data) => {
        output = (output + data).slice(-10_000);
        const match = pattern.exec(output);
        if (match) resolve(match);
      });
    }
  });
  child.once('error', (error) => stop(name, error.message));
  child.once('exit', (code, signal) => stop(name, `ended with ${signal ?? code}\n${output}`));
  return ready;
}

// runRelay resolves to the relay's Redis and status page.
async function runRelay(redis, socket) {
  const args = ['--config', 'demo/relay.yaml', '--redis.url', redis, '--socket.path', socket, '--http.listen', '127.0.0.1:0'];
  const [, url, status] = await run('relay', RELAY_BIN, args, {}, /^ +redis +([^\s,]+)[^]*^ +http +(\S+)/m);
  return { url, status };
}

// runHost starts a relay and a chat server behind it; ready is the server's start.
async function runHost(port, name, redis, origins) {
  const socket = join(folder, `relay-${port}.sock`);
  const { url, status } = await runRelay(redis, socket);
  const ready = run('server', process.execPath, ['server.js'], { PORT: port, REDIS_SOCKET: socket }, /^chat: /m);
  const chat = `http://127.0.0.1:${port}/?name=${name}&room=lobby`;
  return { ready, url, socket, status, chat, frame: await openMirror(status, origins) };
}

const page = await listen(PORT).catch((error) => stop('page', error.message));
const origins = originsOf(page);
const [first, ...others] = PORTS.split(',');
const hosts = [await runHost(first, 'ann', REDIS_URL || 'embedded', origins)];
const { link, url } = await openLink(REDIS_URL || hosts[0].url); // all but the first relay go this way
for (const [i, port] of others.entries()) hosts.push(await runHost(port, ['bob', 'eve'][i] ?? `user-${i}`, url, origins));
await Promise.all(hosts.map(({ ready }) => ready));

page.on('request', makePage({
  origins, incidents: makeIncidents({ socket: hosts[0].socket, link }),
  hosts: hosts.map(({ chat, status, frame, socket }) => ({ chat, status, frame, socket })),
  program: /^\w/.test(relative('', RELAY_BIN)) ? `./${relative('', RELAY_BIN)}` : RELAY_BIN,
}));
console.log(`Open this, talk in both chats, and press a button:

  ${origins[0]}/

It shows two servers, each behind a relay, and one Redis: ${hosts[0].url}

${hosts.map(({ chat }) => `  ${chat}`).join('\n')}

What passes through the relays is on their status pages, too:

${hosts.map(({ status }) => `  ${status}`).join('\n')}

Ctrl-C ends it.`);
