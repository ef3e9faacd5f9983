// A chat server. Any number of them make one chat, each behind the relay of its own host.
//
// What must not be lost, the messages, takes the relay's history: XADD keeps a message and then
// broadcasts it, XREAD hears it. What may be lost, typing and who is here, is Socket.IO's own.

import express from 'express';
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';
import { Server } from 'socket.io';
import { connect, explain, openAdapter } from './relay.js';
import { readBack, readOn } from './rooms.js';

const { HOST = '127.0.0.1', PORT = 3000 } = process.env;

const app = express();
app.use(express.static(fileURLToPath(new URL('public', import.meta.url))));
const http = createServer(app);
const io = new Server(http, {
  adapter: await openAdapter(),
  pingInterval: 2000, // a network that is lost without a word is noticed within 5 s, on both sides
  pingTimeout: 3000,
});
const relay = await connect({ disableOfflineQueue: true }); // a user is told at once that it is away

io.on('connection', (socket) => {
  // Put your own login here: who it is must not be what the browser says.
  const { name } = socket.handshake.auth;
  socket.data.name = (typeof name === 'string' && name.slice(0, 32)) || 'somebody';

  // join resolves to what the browser has not seen yet. First it begins to hear, then it reads
  // back, so that nothing falls between; the browser shows what came both ways once.
  serve(socket, 'join', async ({ room, after }) => {
    const channel = channelOf(room);
    socket.join(channel);
    try {
      await listen(channel);
      return await readBack(relay, channel, after);
    } catch (error) {
      socket.leave(channel);
      throw error;
    }
  });

  serve(socket, 'leave', ({ room }) => socket.leave(channelOf(room)));

  // say resolves when the message is kept. The browser chose its id: said twice, it is shown once.
  serve(socket, 'say', ({ room, id, text }) => {
    const message = { type: 'message', id, room, from: socket.data.name, text, at: new Date().toISOString() };
    return relay.xAdd(channelOf(room), '*', { payload: JSON.stringify(message) });
  });

  serve(socket, 'typing', ({ room }) => {
    socket.to(channelOf(room)).volatile.emit('typing', { room, name: socket.data.name });
  });
});

// serve answers an event of a browser with {result}, or with {error} in words for its user.
function serve(socket, event, handler) {
  socket.on(event, async (request, acknowledge) => {
    const reply = typeof acknowledge === 'function' ? acknowledge : () => {};
    try {
      reply({ result: await handler(request) });
    } catch (error) {
      reply({ error: explain(error) });
    }
  });
}

// A room of Socket.IO has the name of its channel in Redis.
function channelOf(room) {
  if (!/^[\w-]{1,32}$/.test(room)) throw new Error('INVALID the name of a room is made of letters, digits, - and _');
  return `chat:${room}`;
}

// The channels that are listened to on behalf of this server's browsers, each with what ends it.
const listening = new Map();

function listen(channel) {
  if (!listening.has(channel)) {
    listening.set(channel, readOn(relay, channel, (entry) => io.local.to(channel).emit('message', entry)));
  }
  return listening.get(channel);
}

async function stopListening(channel) {
  const begun = listening.get(channel);
  listening.delete(channel);
  const end = await begun?.catch(() => {}); // whoever joined was told
  end?.();
}

// announce tells a room who is in it, on all servers.
async function announce(channel, audience = io) {
  try {
    const sockets = await io.in(channel).fetchSockets();
    const names = [...new Set(sockets.map(({ data }) => data.name))].sort();
    audience.to(channel).emit('people', { room: channel.replace('chat:', ''), names });
  } catch (error) {
    console.error(`${channel}: ${error.message}`); // the next announcement will do
  }
}

const rooms = io.of('/').adapter; // a socket's private room has no prefix
for (const event of ['join-room', 'leave-room']) {
  rooms.on(event, (room) => room.startsWith('chat:') && announce(room));
}
rooms.on('delete-room', (room) => room.startsWith('chat:') && stopListening(room));

// A server that dies cannot say that its people left.
setInterval(() => [...listening.keys()].forEach((channel) => announce(channel, io.local)), 5000);

http.listen(PORT, HOST, () => console.log(`chat: http://${HOST}:${PORT} behind ${process.env.REDIS_SOCKET ?? 'relay.sock'}`));
