// A relay's status page for the demo's frames: the relay forbids all frames, the mirror lets the demo's page alone have
// one. Requests are handed on as they are, so that the relay itself refuses what it would refuse.

import { once } from 'node:events';
import { createServer, request as ask } from 'node:http';
import { pipeline } from 'node:stream';

// openMirror serves the page at address on a port of its own, of which browsers open six connections: each page
// keeps one. It resolves to that address. framers are the origins that may frame it.
export async function openMirror(address, framers) {
  const server = createServer((request, response) => {
    const { method, url, headers } = request;
    const onward = ask(new URL(url, address), { method, headers }, (answer) => {
      response.writeHead(answer.statusCode, framed(answer.headers, framers));
      pipeline(answer, response, () => {}); // either side may go away
    });
    onward.once('error', () => (response.headersSent ? response.destroy() : response.writeHead(502).end()));
    response.once('close', () => onward.destroy());
    onward.end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `http://127.0.0.1:${server.address().port}`;
}

function framed({ 'x-frame-options': _, ...headers }, framers) {
  const policy = headers['content-security-policy'];
  if (policy) headers['content-security-policy'] = policy.replace("frame-ancestors 'none'", `frame-ancestors ${framers.join(' ')}`);
  return headers;
}
