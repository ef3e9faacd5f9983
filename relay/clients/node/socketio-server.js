// One Socket.IO server process, as socketio.test.js asks for it by the environment: ADAPTER pubsub or
// sharded, CLIENT redis5, redis6, ioredis5 or ioredis6, NAME. Its server-side API is called over HTTP:
// POST {operation, ...arguments} is answered with the result as JSON, or with 500 and the error.

import { createAdapter, createShardedAdapter } from '@socket.io/redis-adapter';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';
import { Server } from 'socket.io';

const { ADAPTER, CLIENT, NAME, PORT, REDIS_SOCKET } = process.env;

// How long an adapter waits for answers, in milliseconds, where that can be chosen.
const TIMEOUT = 60_000;

// connect resolves when the client is ready: ioredis 5 must not subscribe sooner.
async function connect() {
  const library = await import(CLIENT);
  const isIORedis = CLIENT.startsWith('ioredis');
  const client = isIORedis
    ? new library.Redis(REDIS_SOCKET)
    : library.createClient({ socket: { path: REDIS_SOCKET } });
  client.on('error', (error) => console.error(error.message));
  await (isIORedis ? once(client, 'ready') : client.connect());
  return client;
}

const http = createServer(async (request, response) => {
  if (request.method === 'GET') return response.end();
  try {
    const { operation, ...args } = JSON.parse(await text(request));
    const result = await operations[operation](args);
    response.end(JSON.stringify(result ?? null));
  } catch (error) {
    response.writeHead(500).end(error.message);
  }
});
const open = ADAPTER === 'sharded' ? createShardedAdapter : createAdapter;
const [publisher, subscriber] = [await connect(), await connect()];
const io = new Server(http, { adapter: open(publisher, subscriber, { requestsTimeout: TIMEOUT }) });

// among chooses sockets as io.to(rooms).except(rooms) does.
function among({ rooms = [], except = [] }) {
  let chosen = except.length ? io.except(except) : io;
  if (rooms.length) chosen = chosen.to(rooms);
  return chosen;
}

const operations = {
  serverCount: () => io.of('/').adapter.serverCount(),
  fetchSockets: async (where) => (await among(where).timeout(TIMEOUT).fetchSockets()).map(({ data }) => data.name).sort(),
  emit: ({ event, ...where }) => void among(where).emit(event),
  emitVolatile: ({ event, ...where }) => void among(where).volatile.emit(event),
  emitWithAck: async ({ event, ...where }) => (await among(where).timeout(TIMEOUT).emitWithAck(event)).sort(),
  socketsJoin: ({ room, ...where }) => among(where).socketsJoin(room),
  socketsLeave: ({ room, ...where }) => among(where).socketsLeave(room),
  disconnectSockets: (where) => among(where).disconnectSockets(),
  ping: async () => void (await subscriber.ping()), // comes behind all that the adapter has subscribed to
  serverSideEmit: async () => (await io.serverSideEmitWithAck('who')).sort(),
};

io.on('who', (reply) => reply(NAME));
io.on('connection', (socket) => {
  socket.data.name = socket.handshake.auth.name;
  socket.join(socket.handshake.auth.rooms);
});

http.listen(PORT, '127.0.0.1');
