// The way to the relay: its Unix socket, and a Redis client that knows nothing of relays.

import { createAdapter, createShardedAdapter } from '@socket.io/redis-adapter';
import { createClient } from 'redis';

const path = process.env.REDIS_SOCKET ?? 'relay.sock';

// connect opens a connection. The client comes back by itself when the relay does.
export async function connect(options = {}) {
  const client = createClient({ socket: { path }, ...options });
  client.on('error', (error) => console.error(`relay: ${error.message}`));
  return client.connect();
}

// openAdapter makes what carries Socket.IO's own traffic between the servers. ADAPTER=sharded
// chooses shard channels, which a Redis Cluster spreads over its nodes.
export async function openAdapter() {
  const publisher = unattended(await connect(), 'publish');
  const subscriber = unattended(await connect(), 'subscribe', 'pSubscribe', 'sSubscribe', 'sUnsubscribe');
  return (process.env.ADAPTER === 'sharded' ? createShardedAdapter : createAdapter)(publisher, subscriber);
}

// unattended makes a failure of these commands a line in the log. The adapters do not look at how
// they end, and an error that nobody looks at, such as UPSTREAMDOWN, ends a Node.js process.
function unattended(client, ...commands) {
  for (const command of commands) {
    const carryOut = client[command].bind(client);
    client[command] = (...args) => carryOut(...args).catch((error) => console.error(`${command}: ${error.message}`));
  }
  return client;
}

// explain words an error for the user who caused it: what is wrong, and whether to try again.
export function explain(error) {
  const [, code, detail] = /^([A-Z]+) (?:chat:\S+ )?(.*)$/s.exec(error.message) ?? [];
  switch (code) {
    case 'INVALID': // INVALID chat:tea /text: length must be <= 500, but got 812
      return detail.replace('/', '');
    case 'RATELIMIT':
      return 'too many messages in this room, wait a moment';
    case 'TOOLARGE':
      return 'the message is too long';
    default:
      console.error(error);
      return 'the chat is not reachable at the moment, try again';
  }
}
