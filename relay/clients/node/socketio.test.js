// Socket.IO with four server processes behind two relays. Its adapters count the servers by PUBSUB NUMSUB
// (or SHARDNUMSUB) and wait for so many answers: a wrong count is an answer that lacks somebody, or none.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { io as connectTo } from 'socket.io-client';
import { Hosts, metric } from './hosts.js';
import { isRelay } from './target.js';
import { Inbox, PATIENCE, until, within } from './wait.js';

const config = fileURLToPath(new URL('../../../relay.yaml', import.meta.url));
const cwd = fileURLToPath(new URL('.', import.meta.url));

// An adapter that has counted wrong waits for an answer that does not come: a minute, as socketio-server.js has it, or
// 5 s, after which it fails. What is counted right is there long before, on a busy machine, too.
const PROMPT = 15_000;

const NAMES = ['a', 'b', 'c', 'd']; // of the servers, and of the user on each
const ROOMS = { a: ['all', 'ab', 'ac'], b: ['all', 'ab'], c: ['all', 'ac'], d: ['all'] };

for (const ADAPTER of ['pubsub', 'sharded']) {
  for (const CLIENT of ['redis5', 'redis6', 'ioredis5', 'ioredis6']) {
    describe(`Socket.IO, ${ADAPTER} adapter on ${CLIENT}`, () => {
      let hosts, servers, users;

      before(async () => {
        hosts = await Hosts.start({ config, relays: isRelay ? 2 : 0 });
        const doors = isRelay ? hosts.relays : [{ socket: hosts.redisSocket }];
        servers = await Promise.all(NAMES.map((NAME, i) => {
          const env = { ADAPTER, CLIENT, NAME };
          return hosts.serve(doors[i % doors.length], 'node', ['socketio-server.js'], { cwd, env });
        }));
        users = await Promise.all(servers.map((server, i) => visit(server, NAMES[i])));
        await everywhere('serverCount', {}, NAMES.length);
        await settled();
      });
      after(async () => {
        users?.forEach((user) => user.close());
        await hosts?.close();
      });

      // everywhere waits until each server has the result: joining and leaving take their way through Redis.
      async function everywhere(operation, args, result, among = servers) {
        for (const server of among) {
          let got;
          await until(`${operation} ${JSON.stringify(args)} of ${JSON.stringify(result)}`, async () => {
            got = await call(server, operation, args);
            return isDeepEqual(got, result);
          }).catch((error) => {
            throw new Error(`${error.message}; the last: ${JSON.stringify(got)}\n${hosts.output}`);
          });
        }
      }

      // gets checks that the server gets the result at once, not by and by. A relay that is late for a count, by the
      // 200 ms that the others give it, is counted as one listener, and as a missing answer: such a count says nothing,
      // and is taken again.
      async function gets(server, operation, args, result) {
        const deadline = Date.now() + PATIENCE;
        for (;;) {
          const before = await missing();
          const got = await call(server, operation, args);
          if (isDeepEqual(got, result)) return;
          if ((await missing()) === before || Date.now() > deadline) return assert.deepEqual(got, result, operation);
        }
      }

      // missing is how many answers were too late for a count.
      async function missing() {
        const relays = hosts.relays.filter((relay) => relay.isRunning);
        const counts = await Promise.all(relays.map((relay) => metric(relay, 'fleet_answers_missing_total')));
        return counts.reduce((sum, count) => sum + count, 0);
      }

      // settled waits until the servers' subscriptions are confirmed: the adapters do not wait for them.
      const settled = () => everywhere('ping', {}, null);

      // hear checks that the users named hear the event once and the others do not.
      async function hear(event, names) {
        await call(servers[0], 'emit', { event: 'barrier' });
        for (const [i, user] of users.entries()) {
          const heard = [];
          while (heard.at(-1) !== 'barrier') heard.push(...(await user.inbox.take()));
          assert.deepEqual(heard, names.includes(NAMES[i]) ? [event, 'barrier'] : ['barrier'], `user ${NAMES[i]}`);
        }
      }

      test('every server counts four servers', async () => {
        for (const server of servers) await gets(server, 'serverCount', {}, 4);
      });

      test('fetchSockets finds the sockets of all servers', async () => {
        for (const server of servers) {
          await gets(server, 'fetchSockets', {}, NAMES);
          await gets(server, 'fetchSockets', { rooms: ['ac'] }, ['a', 'c']);
          await gets(server, 'fetchSockets', { rooms: ['all'], except: ['ab'] }, ['c', 'd']);
        }
      });

      test('serverSideEmit is acknowledged by all other servers', async () => {
        for (const [i, server] of servers.entries()) {
          const others = NAMES.filter((name) => name !== NAMES[i]);
          await gets(server, 'serverSideEmit', {}, others);
        }
      });

      test('a broadcast is acknowledged by all users it is for', async () => {
        for (const server of servers) {
          await gets(server, 'emitWithAck', { event: 'all?' }, NAMES);
          await gets(server, 'emitWithAck', { event: 'ac?', rooms: ['ac'] }, ['a', 'c']);
        }
        for (const user of users) user.inbox.rest();
      });

      test('rooms, except and volatile reach whom they should, once', async () => {
        await call(servers[0], 'emit', { event: 'to ac', rooms: ['ac'] });
        await hear('to ac', ['a', 'c']);
        await call(servers[0], 'emit', { event: 'except ab', rooms: ['all'], except: ['ab'] });
        await hear('except ab', ['c', 'd']);
        await call(servers[0], 'emitVolatile', { event: 'volatile' });
        await hear('volatile', NAMES);
      });

      test('socketsJoin and socketsLeave reach the sockets of all servers', async () => {
        await call(servers[1], 'socketsJoin', { rooms: ['ac'], room: 'new' });
        await everywhere('fetchSockets', { rooms: ['new'] }, ['a', 'c']);
        await settled();
        await call(servers[0], 'emit', { event: 'to new', rooms: ['new'] });
        await hear('to new', ['a', 'c']);
        await call(servers[3], 'socketsLeave', { rooms: ['ab'], room: 'new' });
        await everywhere('fetchSockets', { rooms: ['new'] }, ['c']);
      });

      test('a server that is killed is not counted, and is again when it is back', async () => {
        await servers[3].stop('SIGKILL');
        const rest = servers.slice(0, 3);
        await everywhere('serverCount', {}, 3, rest);
        for (const server of rest) await gets(server, 'fetchSockets', {}, ['a', 'b', 'c']);
        await servers[3].start();
        await everywhere('serverCount', {}, 4);
        await everywhere('fetchSockets', {}, NAMES);
      });

      const needsRelay = { skip: isRelay ? false : 'TARGET=redis: there is no relay' };
      test('the servers of a relay that is killed are not counted, and are again when it is back', needsRelay, async () => {
        await hosts.relays[1].stop('SIGKILL'); // of b and d
        const rest = [servers[0], servers[2]];
        await everywhere('serverCount', {}, 2, rest);
        for (const server of rest) await gets(server, 'fetchSockets', {}, ['a', 'c']);
        await hosts.relays[1].start();
        await everywhere('serverCount', {}, 4);
        await everywhere('fetchSockets', {}, NAMES);
      });
    });
  }
}

// visit connects a user, who hears what is emitted and acknowledges it with the own name.
async function visit(server, name) {
  const user = connectTo(server.url, { auth: { name, rooms: ROOMS[name] }, transports: ['websocket'], forceNew: true });
  user.inbox = new Inbox();
  user.onAny((event, acknowledge) => {
    user.inbox.push(event);
    acknowledge?.(name);
  });
  await within(`connection of ${name}`, new Promise((resolve) => user.once('connect', resolve)));
  return user;
}

// call carries out an operation of socketio-server.js, promptly.
async function call(server, operation, args = {}) {
  const request = fetch(server.url, { method: 'POST', body: JSON.stringify({ operation, ...args }) });
  const response = await within(`prompt answer to ${operation}`, request, PROMPT);
  if (!response.ok) throw new Error(`${operation}: ${await response.text()}`);
  return response.json();
}

function isDeepEqual(a, b) {
  return JSON.stringify(a) === JSON.stringify(b);
}
