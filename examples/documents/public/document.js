// The page: a text area bound to a Yjs text, and the others' cursors.

import { fromBase64, toBase64 } from 'lib0/buffer';
import * as Y from 'yjs';

const query = new URLSearchParams(location.search);
const name = query.get('document') ?? 'notes';
const user = query.get('user') ?? 'ann';
const find = (selector) => document.querySelector(selector);
const area = find('textarea');

let doc; // the Yjs document, and its text
let text;
let made; // edits made here, and those of them that the server has kept
let saved;
let here; // the selection, as two relative positions: each stays behind the character before it
let socket;

// begin starts with an empty text; the server brings what there is.
function begin() {
  doc = new Y.Doc();
  text = doc.getText('text');
  made = saved = 0;
  here = [];
  text.observe((_, { origin }) => origin === 'others' && show());
  doc.on('update', (update, origin) => origin === 'here' && send({ type: 'edit', edit: toBase64(update), n: ++made }));
}

// Connection

const TOO_BIG = 1009; // the code with which a server closes a WebSocket that carries more than it takes

const handlers = {
  ping: tellCursor, // still here
  sync({ update, vector }) {
    Y.applyUpdate(doc, fromBase64(update), 'others');
    show();
    if (saved < made) send({ type: 'edit', edit: toBase64(Y.encodeStateAsUpdate(doc, fromBase64(vector))), n: made });
    area.disabled = false;
    look();
  },
  edit({ edit }) {
    Y.applyUpdate(doc, fromBase64(edit), 'others');
  },
  cursor({ userId, position }) {
    if (userId !== user) cursors.set(userId, { position, heard: Date.now() });
  },
  saved({ n }) {
    saved = n;
  },
  refused({ reason }) { // later edits stand on the refused one: begin again with what the server has
    find('[role=alert]').textContent = reason;
    begin();
    reconnect();
  },
};

// connect connects, and again when the connection ends or says nothing for 5 s. Each time both sides
// bring what the other lacks.
function connect() {
  const server = location.origin.replace(/^http/, 'ws');
  socket = new WebSocket(`${server}/?${new URLSearchParams({ document: name, user })}`);
  socket.onclose = ({ code }) => (code === TOO_BIG ? handlers.refused({ reason: 'too much at once' }) : reconnect());
  socket.onmessage = ({ data }) => {
    waitForMore();
    const message = JSON.parse(data);
    handlers[message.type](message);
    showStatus();
    showCursors();
  };
  waitForMore();
}

let silence;
function waitForMore() {
  clearTimeout(silence);
  silence = setTimeout(reconnect, 5000);
}

function reconnect() {
  clearTimeout(silence);
  socket.onclose = socket.onmessage = undefined; // it may take long to end
  socket.close();
  setTimeout(connect, 500);
  showStatus();
}

function send(message) {
  if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
  showStatus();
}

function showStatus() {
  const isOpen = socket.readyState === WebSocket.OPEN;
  const work = saved === made ? 'saved' : 'not saved yet';
  find('[role=status]').textContent = isOpen ? work : `reconnecting, ${work}`;
}

// Text

area.oninput = () => {
  find('[role=alert]').textContent = '';
  const [at, removed, inserted] = difference(text.toString(), area.value);
  const change = () => {
    text.delete(at, removed);
    text.insert(at, inserted);
  };
  doc.transact(change, 'here');
  look();
};

// difference finds the one place where two texts differ: [at, how much was removed, what was inserted].
// It never parts the two halves of an emoji.
function difference(before, after) {
  const isHalf = (string, i) => /[\uDC00-\uDFFF]/.test(string.charAt(i));
  const shorter = Math.min(before.length, after.length);
  let head = 0;
  while (head < shorter && before[head] === after[head]) head++;
  if (isHalf(before, head) || isHalf(after, head)) head--;
  let tail = 0;
  while (tail < shorter - head && before.at(-1 - tail) === after.at(-1 - tail)) tail++;
  if (tail > 0 && isHalf(after, after.length - tail)) tail--;
  return [head, before.length - head - tail, after.slice(head, after.length - tail)];
}

// show brings the area up to date. The caret stays where it was in the text, not at its number.
function show() {
  const [start = 0, end = 0] = here.map(toIndex);
  area.value = text.toString();
  area.setSelectionRange(start, end);
}

// Cursors

const cursors = new Map(); // userId: the others' newest

const toIndex = (position) => Y.createAbsolutePositionFromRelativePosition(position, doc)?.index ?? 0;

// look notes where the caret is, and tells it when it has moved: not more than 20 times a second.
let telling;
function look() {
  const before = JSON.stringify(here);
  here = [area.selectionStart, area.selectionEnd].map((i) => Y.createRelativePositionFromTypeIndex(text, i, -1));
  if (JSON.stringify(here) !== before) telling ??= setTimeout(tellCursor, 50);
}
document.addEventListener('selectionchange', look);

function tellCursor() {
  clearTimeout(telling);
  telling = undefined;
  if (here.length > 0) send({ type: 'cursor', position: Y.relativePositionToJSON(here[1]) });
}

// showCursors draws the cursors of those who were heard of lately.
function showCursors() {
  const others = [];
  for (const [userId, { position, heard }] of cursors) {
    if (Date.now() - heard > 6000) cursors.delete(userId);
    else others.push({ userId, ...toPlace(toIndex(Y.createRelativePositionFromJSON(position))) });
  }
  find('[aria-label=Others]').replaceChildren(...others.map(({ userId, line, column }) => {
    const li = document.createElement('li');
    li.textContent = `${userId} is at line ${line + 1}, column ${column + 1}`;
    return li;
  }));
  for (const old of document.querySelectorAll('.cursor')) old.remove();
  find('#paper').append(...others.map(({ userId, line, column }) => {
    const mark = document.createElement('span');
    mark.className = 'cursor';
    mark.dataset.user = userId;
    mark.style.translate = `calc(${column}ch - ${area.scrollLeft}px) ${line * 24 - area.scrollTop}px`;
    mark.style.top = mark.style.left = 0;
    return mark;
  }));
}
area.onscroll = showCursors;
setInterval(showCursors, 1000);

function toPlace(index) {
  const lines = area.value.slice(0, index).split('\n');
  return { line: lines.length - 1, column: lines.at(-1).length };
}

find('h1').textContent = `${name}, as ${user}`;
begin();
connect();
