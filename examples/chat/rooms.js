// What is said in a room: read back, and read on.

import { setTimeout as pause } from 'node:timers/promises';
import { connect } from './relay.js';

const toEntry = ({ id, message }) => ({ entry: id, ...JSON.parse(message.payload) });

// readBack returns what was said after an entry, or, without one, the last 50 messages.
export async function readBack(relay, channel, after) {
  const messages = after
    ? await relay.xRange(channel, `(${after}`, '+')
    : (await relay.xRevRange(channel, '+', '-', { COUNT: 50 })).reverse();
  return messages.map(toEntry);
}

// readOn hands over what is said from now on, in order and without a gap, whatever restarts. It
// resolves when it has begun, to a function that ends it.
export async function readOn(relay, channel, hear) {
  const [newest] = await relay.xRevRange(channel, '+', '-', { COUNT: 1 });
  let last = newest?.id ?? '0';
  const reader = await connect({ disableOfflineQueue: true }); // its own: it waits in XREAD until somebody speaks

  (async () => {
    while (reader.isOpen) {
      try {
        const streams = await reader.xRead({ key: channel, id: last }, { BLOCK: 0 });
        for (const message of streams?.[0].messages ?? []) {
          hear(toEntry(message));
          last = message.id;
        }
      } catch (error) {
        if (!reader.isOpen) return;
        console.error(`${channel}: ${error.message}`);
        await pause(200);
      }
    }
  })();
  return () => reader.destroy();
}
