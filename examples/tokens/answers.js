// Answers: written once, read by any number of pages, on any number of servers.
//
// The stream of an answer, on the channel answer:<id>, is a question, tokens and an end. Whoever writes it
// listens to stop:<id>: so that channel also tells whether somebody still does.

import { setTimeout as pause } from 'node:timers/promises';
import { createClient } from 'redis';

const path = process.env.REDIS_SOCKET ?? 'relay.sock';
const PATIENCE = 5000; // ms of silence, after which it is asked whether anybody still writes

async function connect() {
  const client = createClient({ socket: { path, reconnectStrategy: 200 }, disableOfflineQueue: true });
  client.on('error', (error) => console.error(`relay: ${error.message}`)); // and it connects again
  return client.connect();
}

const relay = await connect();
const listener = await connect(); // subscribes, and does nothing else
const reader = await connect(); // waits in XREAD, and does nothing else

const append = (id, part) => relay.xAdd(`answer:${id}`, '*', { payload: JSON.stringify(part) });

// Writing

const writing = new Map(); // id: {stop, ended}

// begin keeps the question and has the model's answer written. From here on nobody needs to wait for it.
export async function begin(id, question, model) {
  const abort = new AbortController();
  const stop = () => abort.abort();
  await append(id, { type: 'begin', question });
  await listener.subscribe(`stop:${id}`, stop);
  const ended = write(id, model(question, abort.signal), abort.signal)
    .then(() => listener.unsubscribe(`stop:${id}`, stop))
    .catch((error) => console.error(`answer ${id}: ${error.message}`));
  writing.set(id, { stop, ended });
  ended.then(() => writing.delete(id));
}

async function write(id, tokens, signal) {
  let reason = 'complete';
  try {
    let n = 0;
    for await (const text of tokens) {
      if (signal.aborted) break;
      await appendSurely(id, { type: 'token', n: n++, text });
    }
  } catch (error) { // of the model, also where it was stopped; or a token that the schema refuses
    if (!signal.aborted) console.error(`answer ${id}: ${error.message}`);
    reason = 'failed';
  }
  await appendSurely(id, { type: 'end', reason: signal.aborted ? 'stopped' : reason });
}

// appendSurely tries until the relay and Redis are there. A token that was kept although the answer got lost is
// kept twice then, under one number: readers take the first.
async function appendSurely(id, part) {
  for (;;) {
    try {
      return await append(id, part);
    } catch (error) {
      if (/^(INVALID|TOOLARGE|DENIED) /.test(error.message)) throw error;
      await pause(200);
    }
  }
}

// stop ends an answer, whoever writes it. If nobody does any more, there is still its end to be marked.
export async function stop(id) {
  const writers = await relay.publish(`stop:${id}`, '{"type":"stop"}');
  if (writers === 0) await append(id, { type: 'end', reason: 'stopped' });
}

// finish lets what is being written here come to its end, for so long, and stops the rest.
export async function finish(patience) {
  const all = [...writing.values()];
  const timer = setTimeout(() => all.forEach(({ stop }) => stop()), patience);
  await Promise.all(all.map(({ ended }) => ended));
  clearTimeout(timer);
}

// Reading

const followed = new Map(); // id: {last, followers, heard, doubts}

// follow hands over the parts of an answer behind an entry, those that are there and those to come, until the
// function that it returns is called. It resolves to nothing where there is no such answer.
export async function follow(id, after, hear) {
  if ((await relay.xLen(`answer:${id}`)) === 0) return undefined;
  const follower = { last: after, hear };
  if (!followed.has(id)) followed.set(id, { last: after, followers: new Set(), heard: Date.now(), doubts: 0 });
  const answer = followed.get(id);
  answer.followers.add(follower);
  if (isAfter(answer.last, after)) answer.last = after; // all are read for the one who lacks most
  return () => {
    answer.followers.delete(follower);
    if (answer.followers.size === 0 && followed.get(id) === answer) followed.delete(id);
  };
}

// readOn asks once for all answers that somebody follows here: they share one XREAD on one connection.
async function readOn() {
  while (followed.size === 0) await pause(50);
  const asked = new Map([...followed].map(([id, { last }]) => [`answer:${id}`, last]));
  const places = [...asked].map(([key, id]) => ({ key, id }));
  const streams = await reader.xRead(places, { BLOCK: 200, COUNT: 100 }); // briefly: who comes next waits for it
  for (const { name, messages } of streams ?? []) {
    const [answer, from] = [followed.get(name.slice('answer:'.length)), asked.get(name)];
    if (!answer) continue;
    for (const follower of answer.followers) {
      if (isAfter(from, follower.last)) continue; // it came meanwhile and lacks more: it is its turn next
      messages.forEach((entry) => tell(follower, entry));
    }
    Object.assign(answer, { heard: Date.now(), doubts: 0 });
    if (answer.last === from) answer.last = messages.at(-1).id;
  }
}

function tell(follower, { id, message }) {
  if (!isAfter(id, follower.last)) return;
  follower.last = id;
  follower.hear(id, message.payload);
}

// An entry's ID is <milliseconds>-<number within them>.
function isAfter(a, b) {
  const [[time, n], [otherTime, m]] = [a, b].map((id) => id.split('-').map(Number));
  return time === otherTime ? n > m : time > otherTime;
}

(async () => {
  for (;;) {
    try {
      await readOn();
    } catch (error) {
      console.error(`reading: ${error.message}`);
      await pause(200);
    }
  }
})();

// An answer whose writer has died is ended by a server where somebody waits for it: nobody listens to its stop
// channel, twice in a row.
setInterval(async () => {
  for (const [id, answer] of followed) {
    if (Date.now() - answer.heard < PATIENCE) continue;
    try {
      const { [`stop:${id}`]: writers } = await relay.pubSubNumSub([`stop:${id}`]);
      answer.doubts = writers === 0 ? answer.doubts + 1 : 0;
      if (answer.doubts === 2) await append(id, { type: 'end', reason: 'lost' });
    } catch (error) {
      console.error(`answer ${id}: ${error.message}`); // the next time will do
    }
  }
}, PATIENCE / 2);
