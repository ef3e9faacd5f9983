// The chat on this machine, as on two hosts: two relays, a server behind each. Ctrl-C ends it.
// Without a REDIS_URL, the first relay's embedded Redis serves both; nothing outlives the demo then.
//   RELAY_BIN=../../redis-relay node demo.js        (PORTS=3001,3002 REDIS_URL=redis://...)

import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const ports = (process.env.PORTS ?? '3001,3002').split(',');
const folder = mkdtempSync(join(tmpdir(), 'chat-'));
const children = [];

function end(code) {
  for (const child of children) child.kill();
  rmSync(folder, { recursive: true, force: true });
  process.exit(code);
}
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => end(0));

// run starts a program and resolves to the first match of what it prints. The demo ends with it.
function run(name, program, args, env, pattern) {
  const child = spawn(program, args, { cwd: new URL('.', import.meta.url), env: { ...process.env, ...env } });
  children.push(child);
  let output = '';
  return new Promise((resolve) => {
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (data) => {
        output += data;
        const match = pattern.exec(output);
        if (match) resolve(match);
      });
    }
    const stop = (why) => {
      console.error(`${name}: ${why}\n${output}`);
      if (output.includes('EADDRINUSE')) console.error('To take other ports: PORTS=4001,4002 make demo');
      end(1);
    };
    child.once('error', (error) => stop(error.message));
    child.once('exit', (code, signal) => stop(`ended with ${signal ?? code}`));
  });
}

let redis = process.env.REDIS_URL || 'embedded';
const servers = [];
const statusPages = [];
for (const port of ports) {
  const socket = join(folder, `relay-${port}.sock`);
  const relay = ['--config', 'relay.yaml', '--redis.url', redis, '--socket.path', socket, '--http.listen', '127.0.0.1:0'];
  const welcome = /^ +redis +([^\s,]+)[^]*^ +http +(\S+)/m;
  const [, url, statusPage] = await run('relay', process.env.RELAY_BIN, relay, {}, welcome);
  redis = url;
  statusPages.push(statusPage);
  servers.push(run('server', process.execPath, ['server.js'], { PORT: port, REDIS_SOCKET: socket }, /^chat: /m));
}
await Promise.all(servers);

console.log(`Two servers, each behind a relay, and one Redis: ${redis}

  http://127.0.0.1:${ports[0]}/?name=ann&room=lobby
  http://127.0.0.1:${ports[1]}/?name=bob&room=lobby

Open both, and talk. What passes through the relays is on their status pages:

  ${statusPages[0]}
  ${statusPages[1]}

Ctrl-C ends it.`);
