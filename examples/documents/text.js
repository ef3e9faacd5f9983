// The text of a document: its edits are in the channel's history. Now and then they are folded into a
// snapshot, a plain key in Redis, so that the history may forget them.
//
// An edit is an update of Yjs: any order and any repetition of the same edits makes the same text.

import { fromBase64, toBase64 } from 'lib0/buffer';
import * as Y from 'yjs';
import { redis, relay } from './relay.js';

// FOLD is how many edits make a snapshot worth while: far less than the history keeps (relay.yaml).
export const FOLD = 500;

const NOTHING = { after: '0-0', update: toBase64(Y.encodeStateAsUpdate(new Y.Doc())) };

// isEdit says whether Yjs understands an edit. One that it does not would make the text unreadable.
export function isEdit(edit) {
  try {
    Y.decodeUpdate(fromBase64(edit));
    return true;
  } catch {
    return false;
  }
}

// read returns the text as one update, and as a vector that says which edits are in it (both base64).
export async function read(channel) {
  const snapshot = JSON.parse(await redis.get(`snapshot:${channel}`)) ?? NOTHING;
  const entries = await relay.xRange(channel, `(${snapshot.after}`, '+');
  const edits = entries.map(({ message }) => JSON.parse(message.payload).edit);
  const merged = Y.mergeUpdates([snapshot.update, ...edits].map(fromBase64));
  const update = toBase64(merged);
  if (entries.length >= FOLD) {
    await redis.set(`snapshot:${channel}`, JSON.stringify({ after: entries.at(-1).id, update }));
  }
  return { update, vector: toBase64(Y.encodeStateVectorFromUpdate(merged)) };
}
