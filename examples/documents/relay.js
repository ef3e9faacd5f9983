// The connections of a server: to the relay for messages, to Redis itself for keys.

import { createClient } from 'redis';

// What cannot be sent now fails now, and the page that it came from brings it again.
const options = { disableOfflineQueue: true };
const toRelay = { ...options, socket: { path: process.env.REDIS_SOCKET ?? 'relay.sock', reconnectStrategy: 200 } };
const toRedis = { ...options, url: process.env.REDIS_URL ?? 'redis://127.0.0.1:6379' };

export const relay = await connect('relay', toRelay);
export const listener = await connect('relay', toRelay); // a connection that subscribes does nothing else
export const redis = await connect('redis', toRedis);

function connect(name, options) {
  const client = createClient(options);
  client.on('error', (error) => console.error(`${name}: ${error.message}`)); // and it connects again
  return client.connect();
}
