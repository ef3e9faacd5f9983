// A server of answers. Any number of them, in Node.js or in Python (server.py), make one service, each behind
// the relay of its host: a page may ask on one and read on another.

import express from 'express';
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { begin, finish, follow, stop } from './answers.js';
import { answer } from './model.js';

const { HOST = '127.0.0.1', PORT = 3020, REDIS_SOCKET = 'relay.sock' } = process.env;
const PING = 2000; // ms; a page that hears nothing for some of these connects again

const app = express();
app.use(express.static(`${import.meta.dirname}/public`), express.json());
app.param('id', (_request, response, next, id) => (/^[\w-]{1,64}$/.test(id) ? next() : response.sendStatus(404)));

// Put your own login here: who may ask, and who may read or stop which answer.

app.post('/answers', async ({ body }, response) => {
  const id = randomUUID();
  await begin(id, body?.question, answer);
  response.status(201).json({ id });
});

app.post('/answers/:id/stop', async ({ params }, response) => {
  await stop(params.id);
  response.sendStatus(204);
});

// The parts of an answer as server-sent events, with their IDs: from the first, or behind the one named.
app.get('/answers/:id/events', async ({ params, query }, response) => {
  const after = /^\d+-\d+$/.test(query.after) ? query.after : '0-0';
  const send = (...lines) => response.write(`${lines.join('\n')}\n\n`);
  const leave = await follow(params.id, after, (id, part) => send(`id: ${id}`, `data: ${part}`));
  response.set({ 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' });
  if (!leave) return response.end('event: gone\ndata:\n\n');
  send('event: server', `data: Node.js, port ${PORT}`);
  const ping = setInterval(() => send('event: ping', 'data:'), PING);
  response.on('close', () => {
    clearInterval(ping);
    leave();
  });
});

app.use((error, _request, response, _next) => {
  const mistake = /^INVALID \S+ (.*)$/s.exec(error.message)?.[1]; // INVALID answer:… /question: length must be >= 1
  response.status(mistake ? 422 : 503);
  response.json({ error: mistake ?? `not reachable at the moment, try again (${error.message})` });
});

const http = createServer(app);
http.listen(PORT, HOST, () => console.log(`tokens: http://${HOST}:${PORT} behind ${REDIS_SOCKET}`));

// A new version of this server may be started in its place: what is being written here is written to its end,
// what is being read here is read elsewhere.
process.once('SIGTERM', async () => {
  http.close();
  http.closeAllConnections();
  await finish(25_000);
  process.exit();
});
