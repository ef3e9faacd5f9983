// The server of the demo's page: its files, what it shows, and its buttons.

import express from 'express';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';

// listen takes the page's port, 0 for any. It resolves to the server, which answers when it has an app.
export async function listen(port) {
  const server = createServer().listen(port, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

// originsOf are the page's, as people may write them.
export const originsOf = (server) => ['127.0.0.1', 'localhost'].map((host) => `http://${host}:${server.address().port}`);

// makePage returns what answers. hosts are [{chat, status, frame, socket}]: addresses of the chat, of the relay's status page
// and of its mirror, and the path of the relay's socket. program is how the relay is called in a terminal.
export function makePage({ origins, hosts, incidents, program }) {
  const app = express();
  app.disable('x-powered-by');
  app.use((request, response, next) => {
    const isOwn = origins.includes(`http://${request.headers.host}`); // no other site may press a button here
    const isAsked = request.method === 'GET' || origins.includes(request.headers.origin);
    if (!isOwn || !isAsked) return response.sendStatus(403);
    response.set({
      'Cache-Control': 'no-store',
      'Content-Security-Policy': "default-src 'self'; img-src data:; frame-src http://127.0.0.1:*; frame-ancestors 'none'",
      'X-Content-Type-Options': 'nosniff',
    });
    next();
  });
  app.use(express.static(fileURLToPath(new URL('public', import.meta.url))));
  app.get('/state', (request, response) => {
    const left = Object.fromEntries(Object.entries(incidents).map(([name, incident]) => [name, incident.left]));
    response.json({ hosts, program, incidents: left });
  });
  app.post('/incidents/:name/:step', (request, response) => {
    const { name, step } = request.params;
    if (!Object.hasOwn(incidents, name) || !['start', 'stop'].includes(step)) return response.sendStatus(404);
    incidents[name][step]();
    response.sendStatus(204);
  });
  return app;
}
