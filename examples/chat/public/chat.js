// The chat in the browser: one room at a time.

const socket = io({ transports: ['websocket'], autoConnect: false, auth: (send) => send({ name }) });
const $ = (selector) => document.querySelector(selector);
const [door, say] = [$('#door'), $('#say')];

let name; // who I am
let room; // where I am; nowhere when undefined
let caughtUp = false; // whether everything up to last has been shown
let last; // the newest entry of that kind: from there on the server is asked after a loss

// The address holds name and room, so that a refresh brings both back.
const address = new URLSearchParams(location.search);
for (const key of ['name', 'room']) if (address.has(key)) door.elements[key].value = address.get(key);
if (address.has('name') && address.has('room')) enter();

door.addEventListener('submit', (event) => {
  event.preventDefault();
  enter();
});

function enter() {
  name = door.elements.name.value;
  room = door.elements.room.value;
  last = undefined;
  history.replaceState(null, '', `?${new URLSearchParams({ name, room })}`);
  show(`#${room}`);
  socket.disconnect().connect();
}

$('#leave').addEventListener('click', () => {
  socket.emit('leave', { room });
  room = undefined;
  history.replaceState(null, '', `?${new URLSearchParams({ name })}`);
  show();
});

// show turns to the room, or to the door.
function show(title) {
  door.hidden = Boolean(title);
  $('#inside').hidden = !title;
  $('#room').textContent = title;
  for (const part of ['#messages', '#people', '#typing', '[role=alert]']) $(part).replaceChildren();
}

// join asks for what was said since last, also after every loss of the connection.
function join() {
  const wanted = room;
  if (!wanted) return;
  socket.timeout(5000).emit('join', { room, after: last }, (late, answer) => {
    if (room !== wanted || !socket.connected) return;
    if (late || answer.error) {
      alertUser(late ? 'the chat does not answer, trying again' : answer.error);
      setTimeout(join, 1000);
      return;
    }
    answer.result.forEach(add);
    last = answer.result.at(-1)?.entry ?? last;
    caughtUp = true;
    alertUser('');
    status('connected');
  });
}

socket.on('connect', join);
socket.on('disconnect', () => {
  caughtUp = false;
  status('reconnecting');
});
socket.on('connect_error', () => status('reconnecting'));

socket.on('message', (message) => {
  if (message.room !== room) return;
  add(message);
  $('#typing').replaceChildren();
  if (caughtUp) last = message.entry;
});

// add shows a message at its place, once.
function add({ id, entry, from, text }) {
  const list = $('#messages');
  if (list.querySelector(`[data-id="${CSS.escape(id)}"]`)) return;
  const item = document.createElement('li');
  Object.assign(item.dataset, { id, entry });
  item.classList.toggle('mine', from === name);
  item.append(Object.assign(document.createElement('b'), { textContent: `${from}: ` }), text);
  const next = [...list.children].find((other) => isAfter(other.dataset.entry, entry));
  list.insertBefore(item, next ?? null);
  item.scrollIntoView({ block: 'nearest' });
}

// An entry's ID is <milliseconds>-<number within them>.
function isAfter(a, b) {
  const [[time, n], [otherTime, m]] = [a, b].map((id) => id.split('-').map(Number));
  return time === otherTime ? n > m : time > otherTime;
}

// A message stays in the box until the server has it. Sent again, it keeps its id.
let draft = {};
say.addEventListener('submit', (event) => {
  event.preventDefault();
  const input = say.elements.text;
  if (draft.text !== input.value) draft = { id: `${Date.now()}-${Math.random()}`, text: input.value };
  const sent = draft;
  socket.timeout(5000).emit('say', { room, ...sent }, (late, answer) => {
    if (late) return alertUser('Not confirmed: no answer. Send it again; it will be shown once.');
    if (answer.error) return alertUser(`Not sent: ${answer.error}`);
    alertUser('');
    if (draft === sent) draft = {};
    if (input.value === sent.text) input.value = '';
  });
});

let told = 0; // when the others were last told that I am typing
say.elements.text.addEventListener('input', () => {
  if (Date.now() - told < 1000) return;
  told = Date.now();
  socket.volatile.emit('typing', { room });
});

let quiet; // ends the line about who is typing
socket.on('typing', ({ room: where, name: who }) => {
  if (where !== room) return;
  $('#typing').textContent = `${who} is typing`;
  clearTimeout(quiet);
  quiet = setTimeout(() => $('#typing').replaceChildren(), 3000);
});

socket.on('people', ({ room: where, names }) => {
  if (where === room) $('#people').textContent = names.join(', ');
});

function status(text) {
  document.body.classList.toggle('connected', text === 'connected');
  $('[role=status]').textContent = text;
}

function alertUser(text) {
  $('[role=alert]').textContent = text;
}
