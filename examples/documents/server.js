// A server of documents that several people write at the same time. Any number of them make one
// service, each behind the relay of its own host.
//
// Everything about a document is on its channel. An edit is kept (XADD) before anybody sees it; a cursor
// is only told (PUBLISH).

import express from 'express';
import { createServer } from 'node:http';
import { WebSocketServer } from 'ws';
import { Page } from './page.js';
import { listener, relay } from './relay.js';
import { FOLD, isEdit, read } from './text.js';

const { HOST = '127.0.0.1', PORT = 3010 } = process.env;
const folder = import.meta.dirname;

const app = express();
app.use(express.static(`${folder}/public`));
for (const name of ['yjs', 'lib0']) { // Yjs runs in the browser, too
  app.use(`/modules/${name}`, express.static(`${folder}/node_modules/${name}`, { extensions: ['js'] }));
}
const http = createServer(app);

const documents = new Map(); // channel: what is open on this server

class Document {
  #edits = 0; // heard, since the start

  constructor(channel) {
    this.channel = channel;
    this.pages = new Set();
    this.hear = this.hear.bind(this);
    this.listening = listener.subscribe(channel, this.hear);
    this.listening.catch(() => documents.delete(channel)); // the next page tries again
  }

  // hear is called with what is said on the channel, by pages of this server, too.
  hear(message) {
    const { type, userId } = JSON.parse(message);
    if (type === 'cursor') {
      for (const page of this.pages) page.sendCursor(userId, message);
      return;
    }
    for (const page of this.pages) page.send(message);
    if (++this.#edits % FOLD === 0) read(this.channel).catch(report); // several servers may do so: it is the same text
  }

  // join shows the document to a page. First it listens, then it reads: nothing falls between.
  async join(page) {
    this.pages.add(page);
    try {
      await this.listening;
      page.send(JSON.stringify({ type: 'sync', ...(await read(this.channel)) }));
    } catch (error) {
      report(error);
      page.close();
    }
  }

  leave(page) {
    this.pages.delete(page);
    if (this.pages.size > 0) return;
    if (documents.get(this.channel) === this) documents.delete(this.channel);
    listener.unsubscribe(this.channel, this.hear).catch(report);
  }
}

function find(channel) {
  if (!documents.has(channel)) documents.set(channel, new Document(channel));
  return documents.get(channel);
}

new WebSocketServer({ server: http, maxPayload: 1 << 20 }).on('connection', (socket, request) => {
  // Put your own login here: who it is must not be what the browser says.
  const query = new URLSearchParams(request.url.split('?')[1]); // never throws, whatever the address
  const page = new Page(socket, query.get('user'));
  const document = find(`document:${query.get('document')}`);
  socket.on('error', report);
  socket.on('close', () => document.leave(page));
  socket.on('message', (data) => say(document.channel, page, data));
  document.join(page);
});

// say passes on what a page says. The relay checks it by the schema.
async function say(channel, page, data) {
  try {
    const { n, ...message } = JSON.parse(data);
    const payload = JSON.stringify({ ...message, userId: page.user });
    if (message.type === 'cursor') await relay.publish(channel, payload);
    else if (isEdit(message.edit)) await keep(channel, page, payload, n);
    else throw new Error(`${page.user} sent what is no edit`);
  } catch (error) {
    report(error); // of a cursor: the next one will do
  }
}

async function keep(channel, page, payload, n) {
  try {
    await relay.xAdd(channel, '*', { payload });
    page.send(JSON.stringify({ type: 'saved', n }));
  } catch (error) {
    if (/^(INVALID|TOOLARGE|DENIED) /.test(error.message)) {
      page.send(JSON.stringify({ type: 'refused', reason: error.message }));
    } else {
      page.close(); // it comes back, and brings what is not saved
    }
    throw error;
  }
}

// The relay was away: what was said meanwhile was not heard.
listener.on('ready', () => {
  for (const document of documents.values()) {
    for (const page of document.pages) document.join(page);
  }
});

setInterval(() => {
  for (const document of documents.values()) {
    for (const page of document.pages) page.check();
  }
}, 2000);

function report(error) {
  console.error(error.message);
}

http.listen(PORT, HOST, () => console.log(`documents: http://${HOST}:${PORT}`));
